"""Layers inside the graphs that If, Loop and Scan nodes carry, or in functions of the file's own, and those that can be
had out of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import onnx
import onnxruntime as ort
from onnx import AttributeProto

from calibtui.core.errors import ModelError
from calibtui.core.files import written_whole
from calibtui.quantization.prepare import WEIGHTED
from calibtui.quantization.sessions import session_options

_Functions = Mapping[tuple[str, str], onnx.FunctionProto]


@dataclass(frozen=True, slots=True)
class Inside:
    """A node of the top level, of the operator `kind`, whose own graphs hold `layers` convolutions and matrix
    products. `name`: of the node, or of the tensor it makes where it has none. `function`: it calls one of the file's
    own."""

    kind: str
    name: str
    layers: int
    function: bool = False

    def __str__(self) -> str:
        part = "the function" if self.function else "a branch" if self.kind == "If" else "the body"
        return f"{part} of the {self.kind} node {self.name!r}"


def layers_inside(model: onnx.ModelProto) -> tuple[Inside, ...]:
    """The nodes of the top level that have layers inside, in graph order."""
    functions = {(function.domain, function.name): function for function in model.functions}
    found = []
    for node in model.graph.node:
        layers = _layers_within(node, functions)
        if layers:
            called = (node.domain, node.op_type) in functions
            found.append(Inside(node.op_type, node.name or node.output[0], layers, called))
    return tuple(found)


def layers_outside(model: onnx.ModelProto) -> int:
    """How many convolutions and matrix products the top level has."""
    return sum(node.op_type in WEIGHTED for node in model.graph.node)


def refused_branches(model: Path, inside: tuple[Inside, ...]) -> ModelError:
    """For a model none of whose layers is on the top level."""
    return ModelError(
        f"{model} can't be quantized: its layers are in {' and '.join(map(str, inside))}, "
        "and only the top level of the graph is quantized.",
        "Export it again with a fixed input size and without control flow (torch.onnx.export from eval mode, tracing "
        "rather than scripting), or fold what is constant with onnxsim, so that the layers come to the top level.",
    )


def fold_constant_branches(source: Path, target: Path) -> None:
    """Writes the model in `source` to `target` with every If gone whose condition is a constant, also one that follows
    from the input's fixed sides; its taken branch is on the top level then, and so is what functions of the file's own
    hold. The work is onnxruntime's own, of the level at which it only computes constants and drops or joins nodes
    without changing results.

    Raises ModelError where onnxruntime can't load `source`.
    """
    options = session_options()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_BASIC
    with written_whole(target) as part:
        options.optimized_model_filepath = str(part)
        try:
            ort.InferenceSession(str(source), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime's exceptions share no base class of their own
            raise ModelError(
                f"{source} can't be loaded by onnxruntime.", "Check the file with onnx.checker, or export it again."
            ) from error
        written, original = onnx.load(str(part)), onnx.load(str(source), load_external_data=False)
        _as_declared(written, original)
        onnx.save(written, str(part))


def _as_declared(written: onnx.ModelProto, original: onnx.ModelProto) -> None:
    """onnxruntime lists every domain that it knows, and forgets some metadata."""
    used = {node.domain for node in written.graph.node} | {entry.domain for entry in original.opset_import}
    kept = [entry for entry in written.opset_import if entry.domain in used]
    del written.opset_import[:], written.metadata_props[:]
    written.opset_import.extend(kept)
    written.metadata_props.extend(original.metadata_props)


def _graphs_of(node: onnx.NodeProto) -> Iterator[onnx.GraphProto]:
    for attribute in node.attribute:
        if attribute.type == AttributeProto.GRAPH:
            yield attribute.g
        yield from attribute.graphs


def _layers_within(node: onnx.NodeProto, functions: _Functions) -> int:
    """In the graphs that `node` carries and the function that it calls."""
    bodies: list[Iterable[onnx.NodeProto]] = [graph.node for graph in _graphs_of(node)]
    called = functions.get((node.domain, node.op_type))
    if called is not None:
        bodies.append(called.node)
    return sum((inner.op_type in WEIGHTED) + _layers_within(inner, functions) for body in bodies for inner in body)
