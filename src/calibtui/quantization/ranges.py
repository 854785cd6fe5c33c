"""From statistics to a range a tensor, as the calibrator asked for reads them."""

from __future__ import annotations

from calibtui.core.errors import ModelError, SettingsError
from calibtui.quantization.entropy import entropy_range
from calibtui.quantization.mse import mse_range
from calibtui.quantization.percentile import percentile_range
from calibtui.quantization.schemes import Scheme
from calibtui.quantization.statistics import Statistics

Range = tuple[float, float]
CALIBRATORS = ("minmax", "percentile", "entropy", "mse")


def ranges(statistics: Statistics, calibrator: str, *, percentile: float, scheme: Scheme) -> dict[str, Range]:
    """(low, high) of every tensor of `statistics`; `percentile` in percent, read by the percentile calibrator alone.

    Nothing is clipped off a detector's answers (`statistics.heads`), whatever the calibrator: nearly all of their
    elements are background, and the few that aren't, which every one of these measures would give up first, are the
    detections.

    Raises SettingsError for an unknown calibrator or a percentile outside (0, 100], ModelError where the statistics
    hold no frame, or no histograms for a calibrator that needs them.
    """
    if calibrator not in CALIBRATORS:
        raise SettingsError(
            f"[quantization] calibrator: {calibrator!r} is not one.", f"Choose one of {', '.join(CALIBRATORS)}."
        )
    if not 0 < percentile <= 100:
        raise SettingsError(f"[quantization] percentile: {percentile} is not in (0, 100].", "99.999 is the default.")
    if calibrator != "minmax" and not statistics.histograms:
        raise ModelError(
            f"These statistics hold extremes only, and {calibrator} needs histograms.",
            "Calibrate again with histograms.",
        )
    return {name: _range(statistics, name, calibrator, percentile, scheme) for name in statistics.tensors}


def _range(statistics: Statistics, name: str, calibrator: str, percentile: float, scheme: Scheme) -> Range:
    extremes = statistics.extremes(name)
    if calibrator == "minmax" or name in statistics.heads:
        return extremes
    histogram = statistics.histograms[name]
    symmetric = scheme.symmetric_activations
    match calibrator:
        case "percentile":
            return percentile_range(histogram, extremes, percentile, symmetric=symmetric)
        case "entropy":
            return entropy_range(histogram, extremes, scheme.levels, symmetric=symmetric)
        case _:
            return mse_range(histogram, extremes, scheme.levels, symmetric=symmetric)
