"""Findings about ranges: stretched by a frame or by a few channels, shared by what differs in size, or cut short."""

from __future__ import annotations

from calibtui.quantization.diagnosis.evidence import Evidence
from calibtui.quantization.diagnosis.findings import Finding
from calibtui.quantization.diagnosis.layer_causes import float_layers
from calibtui.quantization.diagnosis.layers import outlier_channels
from calibtui.quantization.diagnosis.metering import TensorFigures
from calibtui.quantization.diagnosis.sharing import SharedScale, shared_scales
from calibtui.quantization.diagnosis.stretching import Stretch, stretches
from calibtui.quantization.percentile import percentile_range

FRAMES_NAMED, SHARED_NAMED, CHANNELS_NAMED, CLIPPED_NAMED = 3, 4, 4, 3
CLIPPED = 1e-3
"""Share of an activation's elements outside its range that is worth a word."""
PERCENTILES = (99.99, 99.9)
CURED = 0.5
"""Of a tensor's effect: what a percentile must take away to be the remedy."""


def stretching_frames(evidence: Evidence) -> list[Finding]:
    """Frames that widen ranges on their own, each tried without."""
    found = stretches(evidence.statistics, evidence.ranges)
    return [_stretching(evidence, each) for each in found[:FRAMES_NAMED]]


def _stretching(evidence: Evidence, stretch: Stretch) -> Finding:
    tensors = sorted(stretch.times, key=lambda name: -stretch.times[name])
    others = f" and {len(tensors) - 1} more" if len(tensors) > 1 else ""
    name = evidence.named(stretch.frame)
    whole = evidence.ranges[tensors[0]] == evidence.statistics.extremes(tensors[0])
    clip = '; or clip it with calibrator = "percentile"' if whole else ""
    finding = Finding(
        "frame",
        f"The frame {name} alone stretches the range of {tensors[0]} {stretch.worst:.1f}×{others}: all other frames "
        "are left with that much fewer steps.",
        f'Leave it out of the calibration set: [selection] exclude = ["{name}"]{clip}.',
        layers=evidence.touching(stretch.times),
        tensors=tuple(tensors),
        frames=(stretch.frame,),
        weight=0.1 * stretch.worst,
    )
    trials = evidence.trials
    if not finding.layers:
        return finding
    return finding.measured(trials.alone(finding.layers), trials.alone(finding.layers, stretch.without), evidence.whole)


def shared_ranges(evidence: Evidence) -> list[Finding]:
    """Joints of boxes and scores under one scale, the smallest part first that has the fewest steps left."""
    found = sorted(shared_scales(evidence.graph, evidence.figures), key=lambda each: each.steps)
    return [_shared(evidence, each) for each in found[:SHARED_NAMED]]


def _shared(evidence: Evidence, shared: SharedScale) -> Finding:
    producer = evidence.graph.producers.get(shared.tensor)
    rounded = evidence.trials.rounded
    blamed = tuple(name for name in dict.fromkeys((shared.node, producer.name if producer else "")) if name in rounded)
    remedy = f"Leave it in float: {float_layers(blamed)}." if blamed else "Quantize the parts before they are joined."
    finding = Finding(
        "shared scale",
        f"{shared.node} puts {shared.large} (up to {shared.large_peak:.4g}) and {shared.small} (up to "
        f"{shared.small_peak:.4g}) under the one scale of {shared.tensor}: {shared.small} is left with "
        f"{shared.steps:.1f} of 255 steps.",
        remedy,
        layers=blamed,
        tensors=(shared.tensor, shared.large, shared.small),
        weight=1.0 / max(shared.steps, 0.1),
    )
    return finding.measured(evidence.trials.alone(blamed), 0.0, evidence.whole) if blamed else finding


def outlying_channels(evidence: Evidence) -> list[Finding]:
    """Channels that tower over the rest of what a layer reads, in the layers that cost most."""
    costly = sorted(evidence.layers, key=lambda each: -evidence.alone.get(each.name, 0.0))
    tensors = dict.fromkeys(each.reads for each in costly if each.outliers)
    return [_outlying(evidence, evidence.figures[tensor]) for tensor in list(tensors)[:CHANNELS_NAMED]]


def _outlying(evidence: Evidence, figures: TensorFigures) -> Finding:
    channels = outlier_channels(figures.peaks)
    others = sorted(float(peak) for place, peak in enumerate(figures.peaks) if place not in channels)
    middle = others[len(others) // 2]
    width = max(figures.range_high - figures.range_low, 1e-30)
    readers = tuple(each.name for each in evidence.layers if each.reads == figures.name)
    which = ", ".join(str(channel) for channel in channels[:4])
    one = len(channels) == 1
    finding = Finding(
        "outlier channels",
        f"{'Channel' if one else 'Channels'} {which} of {figures.name} reach{'es' if one else ''} "
        f"{figures.peaks.max():.4g} where the middle channel reaches {middle:.4g}: that one is left with "
        f"{255 * middle / width:.0f} of 255 steps.",
        f"Leave {', '.join(readers)} in float: {float_layers(readers)}.",
        layers=readers,
        tensors=(figures.name,),
        weight=0.01 * float(figures.peaks.max()) / max(middle, 1e-30),
    )
    return _tried(evidence, finding, figures.name)


def _tried(evidence: Evidence, finding: Finding, tensor: str) -> Finding:
    """The finding with a percentile as its remedy where one cures most of it, else with leaving its layers in float."""
    trials, layers = evidence.trials, finding.layers
    before = trials.alone(layers)
    histogram = evidence.statistics.histograms.get(tensor)
    tried: dict[float, float] = {}
    if histogram is not None and tensor not in evidence.statistics.heads:
        extremes = evidence.statistics.extremes(tensor)
        symmetric = evidence.scheme.symmetric_activations
        for percentile in PERCENTILES:
            clipped = percentile_range(histogram, extremes, percentile, symmetric=symmetric)
            tried[percentile] = trials.alone(layers, {tensor: clipped})
    best = min(tried, key=tried.__getitem__, default=None)
    if best is None or tried[best] > CURED * before:
        return finding.measured(before, 0.0, evidence.whole)
    made = Finding(
        finding.kind,
        finding.sentence,
        f'Clip it: calibrator = "percentile", percentile = {best:g}.',
        finding.layers,
        finding.tensors,
        weight=finding.weight,
    )
    return made.measured(before, tried[best], evidence.whole)


def clipped_tensors(evidence: Evidence) -> list[Finding]:
    """Activations that lie outside their ranges, each tried with its whole range."""
    cut = sorted((each for each in evidence.figures.values() if each.clipped >= CLIPPED), key=lambda e: -e.clipped)
    return [_cut(evidence, each) for each in cut[:CLIPPED_NAMED]]


def _cut(evidence: Evidence, figures: TensorFigures) -> Finding:
    layers = evidence.touching({figures.name})
    finding = Finding(
        "clipping",
        f"{100 * figures.clipped:.2g} % of {figures.name} lie outside its range {figures.range_low:.4g} … "
        f"{figures.range_high:.4g}; they reach {figures.low:.4g} … {figures.high:.4g}.",
        'Widen it: a higher percentile, calibrator = "minmax", or frames that show such values (calibtui coverage).',
        layers=layers,
        tensors=(figures.name,),
        weight=figures.clipped,
    )
    if not layers:
        return finding
    wide = {figures.name: (min(figures.low, figures.range_low), max(figures.high, figures.range_high))}
    return finding.measured(evidence.trials.alone(layers), evidence.trials.alone(layers, wide), evidence.whole)
