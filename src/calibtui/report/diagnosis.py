"""A diagnosis in the terminal: what it comes to, the causes with their remedies, the layers that cost most."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from calibtui.report.figures import UNKNOWN, counted
from calibtui.report.plain_text import plain

LAYERS_SHOWN = 12
FINDINGS_SHOWN = 10
_STRONG, _SOME = 0.25, 0.05


def diagnosis_report(document: Mapping[str, Any]) -> RenderableType:
    """Of a document of `quantization.diagnosis.document`; made for 80 columns and more."""
    frames = counted(document["frames"], "frame")
    parts: list[RenderableType] = [
        Text(plain(document["sentence"]), style="bold"),
        Text(f"Activations over {frames} of the calibration set, effects on the outputs over "
             f"{document['effect_frames']} of them; output error 0 is the float model, 1 nothing left of it."),
    ]  # fmt: skip
    if document["remedy"]:
        parts.append(Text(f"  {plain(document['remedy'], 4096)}", style="cyan"))
    parts += [Text(), _findings(document["findings"]), Text(), _layers(document["layers"])]
    if document["proofs"]:
        parts += [Text(), _proofs(document["error"], document["proofs"])]
    parts += [Text(f"! {plain(note)}", style="yellow") for note in document.get("notes", ())]
    return Group(*parts)


def _findings(findings: Sequence[Mapping[str, Any]]) -> RenderableType:
    if not findings:
        return Text("Nothing stands out: no layer, frame, range or kernel costs the outputs much by itself.")
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1), pad_edge=False, show_edge=False)
    table.add_column("Of the error", justify="right", no_wrap=True)
    table.add_column("Cause and remedy", overflow="fold")
    for finding in findings[:FINDINGS_SHOWN]:
        said = Text.assemble(plain(finding["sentence"]), "\n", ("→ " + plain(finding["remedy"], 2000), "cyan"))
        table.add_row(_effect(finding["effect"]), said)
    hidden = len(findings) - FINDINGS_SHOWN
    return Group(table, Text(f"… and {hidden} smaller ones: --json has all", style="italic")) if hidden > 0 else table


def _effect(effect: float | None) -> Text:
    if effect is None:
        return Text("not tried")
    style = "red" if effect >= _STRONG else "yellow" if effect >= _SOME else ""
    return Text(f"{100 * effect:.0f} %", style=style)


def _layers(layers: Sequence[Mapping[str, Any]]) -> RenderableType:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1), pad_edge=False, show_edge=False)
    table.add_column("Layer", overflow="fold", max_width=30)
    for heading in ("alone", "input dB", "weights", "output", "error dB", "used", "mult-adds"):
        table.add_column(heading, justify="right", no_wrap=True)
    worst = sorted(layers, key=lambda layer: -(layer["alone"] or 0.0))
    for layer in worst[:LAYERS_SHOWN]:
        table.add_row(
            Text(plain(layer["name"], 120)),
            _figure(layer["alone"], 3),
            *(_figure(layer[name], 0) for name in ("input_db", "weight_db", "output_db", "leaving_db")),
            _percent(layer["used"]),
            _percent(layer["share"]),
        )
    hidden = len(layers) - LAYERS_SHOWN
    more = f"… and {hidden} more layers. " if hidden > 0 else ""
    legend = (
        f"{more}alone: output error with this layer alone in INT8 · input, weights, output: signal over rounding · "
        "error: signal over the whole error behind the layer · used: share of the input range's steps"
    )
    return Group(table, Text(legend, style="italic"))


def _proofs(error: float, proofs: Sequence[Mapping[str, Any]]) -> RenderableType:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1), pad_edge=False, show_edge=False)
    for heading in ("Left in float", "of the multiply-adds", "output error"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_row("none", "0 %", _figure(error, 3))
    for proof in proofs:
        table.add_row(counted(len(proof["layers"]), "layer"), _percent(proof["share"]), _figure(proof["error"], 3))
    return table


def _figure(value: float | None, decimals: int) -> str:
    return UNKNOWN if value is None else f"{value:.{decimals}f}"


def _percent(share: float | None) -> str:
    return UNKNOWN if share is None else f"{100 * share:.1f} %"
