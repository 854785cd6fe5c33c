"""Findings about all ranges at once: another calibrator reads better ones from the same statistics."""

from __future__ import annotations

from calibtui.quantization.activation_ranges import through_activations
from calibtui.quantization.diagnosis.evidence import Evidence
from calibtui.quantization.diagnosis.findings import Finding
from calibtui.quantization.ranges import ranges

PERCENTILES = (99.9999, 99.999, 99.99, 99.9)
BETTER = 0.05
"""Of the whole error: what another calibrator must gain to be worth a word."""


def other_calibrators(evidence: Evidence) -> list[Finding]:
    """The best of the other calibrators, where it gains something.

    Tried with the costliest layers in float: while they ruin the outputs, no ranges show a difference.
    """
    culprits = evidence.effects.culprits
    left_out = culprits.layers if culprits else ()
    before = evidence.trials.without(left_out)
    tried = {name: evidence.trials.without(left_out, found) for name, found in _candidates(evidence).items()}
    best = min(tried, key=tried.__getitem__, default=None)
    if best is None or before - tried[best] < BETTER * evidence.whole:
        return []
    beside = f", with {len(left_out)} costly layers in float," if left_out else ""
    finding = Finding(
        "range",
        f"The same frames give better ranges by {best}: output error {tried[best]:.3f}{beside} instead of "
        f"{before:.3f}.",
        f"Write [quantization] {best}.",
    )
    return [finding.measured(before, tried[best], evidence.whole)]


def behind_activations(evidence: Evidence) -> list[Finding]:
    """Levels spent on what a SiLU makes nothing of, where ranges chosen behind it take error away."""
    chosen = through_activations(evidence.ranges, evidence.statistics, evidence.graph, evidence.scheme)
    changed = {name: bounds for name, bounds in chosen.items() if bounds != evidence.ranges[name]}
    if not changed:
        return []
    after = evidence.trials.without((), changed)
    if evidence.whole - after < BETTER * evidence.whole:
        return []
    finding = Finding(
        "range",
        f"{len(changed)} convolutions are rounded over values that the SiLU behind them makes nothing of: with ranges "
        f"chosen behind it the output error is {after:.3f} instead of {evidence.whole:.3f}.",
        "Let them be searched: [quantization] max_map_drop = 0.6.",
        tensors=tuple(sorted(changed)),
    )
    return [finding.measured(evidence.whole, after, evidence.whole)]


def _candidates(evidence: Evidence) -> dict[str, dict[str, tuple[float, float]]]:
    """Ranges by what the settings would say, those in use left out."""
    statistics, scheme = evidence.statistics, evidence.scheme
    made = {'calibrator = "minmax"': ranges(statistics, "minmax", percentile=100.0, scheme=scheme)}
    if statistics.histograms:
        for percentile in PERCENTILES:
            found = ranges(statistics, "percentile", percentile=percentile, scheme=scheme)
            made[f'calibrator = "percentile", percentile = {percentile:g}'] = found
        made['calibrator = "mse"'] = ranges(statistics, "mse", percentile=100.0, scheme=scheme)
    return {name: found for name, found in made.items() if found != dict(evidence.ranges)}
