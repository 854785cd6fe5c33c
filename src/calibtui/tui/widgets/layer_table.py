"""The layers of the newest diagnosis, those that do most harm first."""

from __future__ import annotations

from calibtui.engine.wire.models import Layer, Layers
from calibtui.tui.text import cut, cut_path, padded
from calibtui.tui.widgets.bars import bar_spans
from calibtui.tui.widgets.lines import Line
from calibtui.tui.widgets.points import decimals, share
from calibtui.tui.widgets.row_list import RowList

_FIXED = 42
"""Cells of everything but the name: operator, state, bar, effect, share, SQNR."""


class LayerTable(RowList[Layer]):
    HELP = """\
How much each layer of the model does to its outputs, worst first. Effect is its share of the error at the outputs; work
its share of the multiply-adds, which is what leaving it in float costs; dB the signal to quantization noise of its
output, less is worse. Enter leaves the layer in float, or quantizes it again; D measures all this of the newest set."""

    def __init__(self, id: str | None = None) -> None:
        super().__init__(_line, _heading, empty="…", id=id)

    def show_layers(self, layers: Layers) -> None:
        rows = sorted(layers.layers, key=lambda one: -1.0 if one.effect is None else one.effect, reverse=True)
        self.show(rows, empty=layers.said or "There is no diagnosis of the layers yet.")


def _names(width: int) -> int:
    return max(6, width - _FIXED)


def _heading(width: int) -> Line:
    names = padded("layer", _names(width))
    return [(cut(f"{names} {padded('op', 9)} {padded('now', 6)} {'effect':>13} {'work':>5} {'dB':>5}", width), "muted")]


def _line(layer: Layer, width: int) -> Line:
    names = _names(width)
    return [
        (padded(cut_path(layer.name, names), names) + " ", "plain"),
        (padded(layer.op, 9) + " ", "muted"),
        ("float  " if layer.in_float else "INT8   ", "good" if layer.in_float else "muted"),
        *bar_spans(layer.effect or 0.0, 6, "accent"),
        (share(layer.effect).rjust(7), "strong" if layer.effect is not None else "muted"),
        (share(layer.share).rjust(6), "muted"),
        (decimals(layer.sqnr_db, 0).rjust(6), "muted"),
    ]
