"""Findings about single layers: those that cost most, and those whose weights don't survive."""

from __future__ import annotations

import glob
import json
import math
from collections.abc import Iterable
from dataclasses import replace

from calibtui.quantization.diagnosis.evidence import Evidence
from calibtui.quantization.diagnosis.findings import Finding
from calibtui.quantization.diagnosis.layers import LayerFigures

WEAK_WEIGHTS_DB = 20.0
WEAK_CHANNEL_DB = 12.0
WEIGHTS_NAMED = 4


def float_layers(names: Iterable[str], patterns: Iterable[str] = ()) -> str:
    """The line of calibtui.toml that leaves nodes in float besides what `patterns` name; names are globs there, so
    brackets in them are escaped."""
    listed = [*patterns, *(glob.escape(name) for name in names)]
    return f"float_layers = {json.dumps(listed, ensure_ascii=False)}"


def costly_layers(evidence: Evidence) -> list[Finding]:
    """The layers whose leaving out restores the outputs for what they cost, as the proofs found them."""
    culprits = evidence.effects.culprits
    if culprits is None:
        return []
    by_name = {each.name: each for each in evidence.layers}
    found = []
    for name in culprits.layers:
        alone = evidence.alone[name]
        layer = by_name.get(name)
        share = f" ({layer.part}, {100 * layer.share:.1f} % of the multiply-adds)" if layer else ""
        finding = Finding(
            "layer",
            f"{name}{share} alone costs an output error of {alone:.3f}{_why(layer)}.",
            f"Leave {name} in float: {float_layers([name])}.",
            layers=(name,),
            tensors=tuple(filter(None, (layer.reads, layer.gives))) if layer else (),
            weight=alone,
        )
        found.append(finding.measured(alone, 0.0, evidence.whole))
    return found


def _why(layer: LayerFigures | None) -> str:
    """The weakest of what the layer works with, where it is weak."""
    if layer is None:
        return ""
    parts = {
        f"its input {layer.reads} keeps": layer.input_db,
        "its weights keep": layer.weight_db,
        f"its output {layer.gives} keeps": layer.output_db,
    }
    known = {what: decibels for what, decibels in parts.items() if not math.isnan(decibels)}
    if not known:
        return ""
    weakest = min(known, key=known.__getitem__)
    said = f": {weakest} {known[weakest]:.0f} dB of signal when rounded"
    if layer.outliers and weakest.startswith("its input"):
        said += f", because {_channels(layer.outliers)} stretch{'es' if len(layer.outliers) == 1 else ''} its range"
    return said


def _channels(channels: tuple[int, ...]) -> str:
    shown = ", ".join(str(channel) for channel in channels[:4])
    return f"channel {shown}" if len(channels) == 1 else f"channels {shown}{' …' if len(channels) > 4 else ''}"


def weak_weights(evidence: Evidence) -> list[Finding]:
    """Layers whose rounded weights are far from the float ones, those aside that are named for their effect."""
    weak = [
        each for each in evidence.layers if each.weight_db < WEAK_WEIGHTS_DB or each.worst_channel_db < WEAK_CHANNEL_DB
    ]
    if not weak:
        return []
    if evidence.scheme.per_channel and evidence.effects.culprits:
        weak = [each for each in weak if each.name not in evidence.effects.culprits.layers]
    weak.sort(key=lambda each: -evidence.alone.get(each.name, 0.0))
    if not evidence.scheme.per_channel:
        return [_one_scale_for_all(evidence, weak)]
    return [_weights_of(evidence, each) for each in weak[:WEIGHTS_NAMED]]


def _one_scale_for_all(evidence: Evidence, weak: list[LayerFigures]) -> Finding:
    worst = min(weak, key=lambda each: each.worst_channel_db)
    finding = Finding(
        "weights",
        f"One scale for all channels of a layer's weights leaves {len(weak)} layers with channels that hardly survive; "
        f"the worst of {worst.name} keeps {worst.worst_channel_db:.0f} dB.",
        "Give every output channel its own scale: per_channel = true.",
        layers=tuple(each.name for each in weak),
        weight=1.0,
    )
    after = evidence.trials.under(replace(evidence.scheme, per_channel=True)).without(())
    return finding.measured(evidence.whole, after, evidence.whole)


def _weights_of(evidence: Evidence, layer: LayerFigures) -> Finding:
    before = evidence.alone.get(layer.name, math.nan)
    finding = Finding(
        "weights",
        f"The weights of {layer.name} keep {layer.weight_db:.0f} dB when rounded, its worst output channel "
        f"{layer.worst_channel_db:.0f} dB.",
        f"Leave {layer.name} in float: {float_layers([layer.name])}.",
        layers=(layer.name,),
        weight=0.1,
    )
    return finding.measured(before, 0.0, evidence.whole) if not math.isnan(before) else finding
