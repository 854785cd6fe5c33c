"""Bringing a detector's layers to the top level of its graph, where quantization looks for them."""

from __future__ import annotations

from pathlib import Path

import onnx
from google.protobuf.message import DecodeError

from calibtui.pipeline.context import Context
from calibtui.quantization.branches import (
    Inside,
    fold_constant_branches,
    layers_inside,
    layers_outside,
    refused_branches,
)
from calibtui.quantization.check import Feeds, compare, run_once

MOST_NAMED = 3
"""Nodes that a sentence names."""


def on_top_level(context: Context, model: Path, feeds: Feeds) -> Path:
    """`model` itself, or where If, Loop or Scan nodes or functions have layers inside a version of it, kept in the
    state directory, in which functions and the branches of constant conditions are folded away; the run's notes say
    what was done and what stays in float. `feeds`: what the model is fed for one frame.

    Raises ModelError where no layer is, or comes to be, on the top level.
    """
    try:
        graph = onnx.load(str(model), load_external_data=False)
    except (DecodeError, OSError, ValueError):
        return model  # what prepares it says what is wrong with the file
    before = layers_inside(graph)
    if not before:
        return model
    folded = context.state / "models" / f"{model.stem}.folded.onnx"
    fold_constant_branches(model, folded)
    graph = onnx.load(str(folded), load_external_data=False)
    after = layers_inside(graph)
    if after == before or compare(run_once(model, feeds), run_once(folded, feeds)) is not None:
        folded.unlink()
        folded, graph, after = model, onnx.load(str(model), load_external_data=False), before
    if after and not layers_outside(graph):
        raise refused_branches(model, after)
    _note(context, model, [inside for inside in before if inside not in after], after, layers_outside(graph))
    return folded


def _note(context: Context, model: Path, gone: list[Inside], left: tuple[Inside, ...], outside: int) -> None:
    if gone:
        conditional = any(not inside.function for inside in gone)
        context.note(
            f"The layers of {model.name} that were in {_listed(gone)} were brought to the top level of the graph"
            + (": the condition is a constant." if conditional else ".")
        )
    if left:
        count = sum(inside.layers for inside in left)
        context.note(
            f"{count} of the {count + outside} convolutions and matrix products of {model.name} stay in float: they "
            f"are in {_listed(left)}, and only the top level of the graph is quantized."
        )


def _listed(nodes: list[Inside] | tuple[Inside, ...]) -> str:
    named = [str(node) for node in nodes[:MOST_NAMED]]
    more = len(nodes) - len(named)
    return " and ".join([*named, f"{more} more"] if more else named)
