"""Detectors whose layers are inside If and Loop nodes, as scripted exports have them: quantized where the branch can
be had out, and refused in words where it can't."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper, numpy_helper

from calibtui.core.digests import file_digest
from calibtui.core.errors import ModelError
from calibtui.core.progress import StopFlag
from calibtui.detector.detector import Detector
from calibtui.pipeline.context import Context
from calibtui.pipeline.quantize_stage import prepared_model
from calibtui.pipeline.top_level import on_top_level
from calibtui.quantization.branches import layers_inside, layers_outside
from calibtui.store.store import Store
from calibtui.workspace.settings import ModelSettings, PoolSettings, Settings

FLAG = numpy_helper.from_array(np.array(True), "flag")
CONSTANTS = [numpy_helper.from_array(np.array(value), name) for value, name in ((1, "second"), (3, "three"))]
LEVEL = numpy_helper.from_array(np.float32(-1), "level")


def condition(kind: str, picture: str) -> tuple[list[onnx.NodeProto], list[onnx.TensorProto]]:
    """Nodes and weights that make the tensor "flag", which is true."""
    match kind:
        case "an initializer":
            return [], [FLAG]
        case "a Constant node":
            return [helper.make_node("Constant", [], ["flag"], value=FLAG)], []
        case "the input's own shape":
            nodes = [
                helper.make_node("Shape", [picture], ["sides"]),
                helper.make_node("Gather", ["sides", "second"], ["channels"]),
                helper.make_node("Equal", ["channels", "three"], ["flag"]),
            ]
            return nodes, CONSTANTS
    nodes = [
        helper.make_node("ReduceMean", [picture], ["brightness"], keepdims=0),
        helper.make_node("Greater", ["brightness", "level"], ["flag"]),
    ]
    return nodes, [LEVEL]


def output_only(output: onnx.ValueInfoProto, nodes: list[onnx.NodeProto], weights: list[onnx.TensorProto]):
    return helper.make_graph(nodes, "part", [], [output], weights)


def inside_if(detector: onnx.ModelProto, kind: str, *, first: int = 0) -> onnx.ModelProto:
    """`detector` with all its nodes but the `first` in a branch that is taken; the other gives nothing but zeros."""
    graph = detector.graph
    output, picture = graph.output[0], graph.input[0].name
    nothing = numpy_helper.from_array(np.zeros((1, 1, 1), np.float32), "zeros")
    inner = helper.make_tensor_value_info(f"{output.name}_inside", TensorProto.FLOAT, None)
    taken = list(graph.node)[first:]
    for node in taken:
        node.output[:] = [inner.name if name == output.name else name for name in node.output]
    zeros = helper.make_tensor_value_info("zeros_outside", TensorProto.FLOAT, None)
    node = helper.make_node(
        "If",
        ["flag"],
        [output.name],
        name="If_1",
        then_branch=output_only(inner, taken, list(graph.initializer)),
        else_branch=output_only(zeros, [helper.make_node("Identity", ["zeros"], [zeros.name])], [nothing]),
    )
    nodes, weights = condition(kind, picture)
    outside = [*nodes, *list(graph.node)[:first], node]
    return rebuilt(detector, outside, [*weights, *(graph.initializer if first else [])])


def inside_loop(detector: onnx.ModelProto) -> onnx.ModelProto:
    """`detector` as the body of a loop that is gone through once."""
    graph = detector.graph
    count = helper.make_tensor_value_info("round", TensorProto.INT64, [])
    going = helper.make_tensor_value_info("going", TensorProto.BOOL, [])
    onward = helper.make_tensor_value_info("onward", TensorProto.BOOL, [])
    carried = helper.make_tensor_value_info("carried", TensorProto.FLOAT, None)
    inner = helper.make_tensor_value_info("made_inside", TensorProto.FLOAT, None)
    for node in graph.node:
        node.output[:] = [inner.name if name == graph.output[0].name else name for name in node.output]
    nodes = [*graph.node, helper.make_node("Identity", ["going"], ["onward"])]
    body = helper.make_graph(nodes, "body", [count, going, carried], [onward, inner], graph.initializer)
    start = numpy_helper.from_array(np.zeros((1, 1, 1), np.float32), "start")
    once = numpy_helper.from_array(np.array(1), "once")
    loop = helper.make_node("Loop", ["once", "flag", "start"], [graph.output[0].name], name="Loop_1", body=body)
    return rebuilt(detector, [loop], [once, FLAG, start])


def rebuilt(
    detector: onnx.ModelProto,
    nodes: list[onnx.NodeProto],
    weights: list[onnx.TensorProto],
    opsets: Sequence[onnx.OperatorSetIdProto] = (),
    functions: Sequence[onnx.FunctionProto] = (),
) -> onnx.ModelProto:
    """Of those nodes and weights, with the inputs, outputs and metadata of `detector`."""
    named = {weight.name: weight for weight in weights}
    graph = helper.make_graph(nodes, "scripted", detector.graph.input, detector.graph.output, list(named.values()))
    imports = [*detector.opset_import, *opsets]
    model = helper.make_model(graph, opset_imports=imports, functions=list(functions), ir_version=detector.ir_version)
    model.metadata_props.extend(detector.metadata_props)
    onnx.checker.check_model(model)
    return model


@pytest.fixture
def original(sample_data) -> onnx.ModelProto:
    return onnx.load(str(sample_data / "detector.onnx"))


@pytest.fixture
def context(tmp_path):
    settings = Settings(tmp_path, tmp_path / "calibtui.toml", PoolSettings(("pool",)))
    with Store(settings.state) as store:
        yield Context(settings, store, "run", lambda _: None, StopFlag())


def picture_of(model: onnx.ModelProto) -> dict[str, np.ndarray]:
    sides = [dim.dim_value or 1 for dim in model.graph.input[0].type.tensor_type.shape.dim]
    return {model.graph.input[0].name: np.random.default_rng(0).random(sides, np.float32)}


def run(path: Path, feeds: dict[str, np.ndarray]) -> np.ndarray:
    return ort.InferenceSession(str(path), providers=["CPUExecutionProvider"]).run(None, feeds)[0]


def saved(model: onnx.ModelProto, context: Context) -> Path:
    path = context.root / "scripted.onnx"
    onnx.save(model, str(path))
    return path


def inside_functions(detector: onnx.ModelProto) -> onnx.ModelProto:
    """`detector` as one function that calls another for all but its first node."""
    graph, opsets = detector.graph, list(detector.opset_import)
    picture, output, weights = graph.input[0].name, graph.output[0].name, [each.name for each in graph.initializer]
    first, *rest = graph.node
    inner = helper.make_function("own", "Rest", [picture, *first.output, *weights], [output], rest, opsets)
    call = helper.make_node("Rest", [picture, *first.output, *weights], [output], domain="own")
    own = helper.make_opsetid("own", 1)
    outer = helper.make_function("own", "Whole", [picture, *weights], [output], [first, call], [*opsets, own])
    node = helper.make_node("Whole", [picture, *weights], [output], domain="own", name="Whole_1")
    return rebuilt(detector, [node], list(graph.initializer), [own], [inner, outer])


@pytest.mark.parametrize("kind", ["an initializer", "a Constant node", "the input's own shape"])
def test_the_branch_of_a_constant_condition_comes_to_the_top_level_and_computes_the_same_to_the_bit(
    context, original, kind
):
    feeds, layers = picture_of(original), layers_outside(original)
    path = saved(inside_if(original, kind), context)
    folded = on_top_level(context, path, feeds)
    model = onnx.load(str(folded))
    assert layers_outside(model) == layers
    assert not layers_inside(model)
    np.testing.assert_array_equal(run(folded, feeds), run(path, feeds))
    assert context.notes == [
        "The layers of scripted.onnx that were in a branch of the If node 'If_1' were brought to the top level of the "
        "graph: the condition is a constant."
    ]


def test_such_a_detector_is_prepared_like_any_other_and_stays_the_one_that_was_named(context, original, sample_data):
    metadata = {entry.key: entry.value for entry in original.metadata_props}
    path = saved(inside_if(original, "a Constant node"), context)
    plain = prepared_model(context, Detector.load(ModelSettings(str(sample_data / "detector.onnx")), context.root))
    expected = sorted(node.op_type for node in plain.load().graph.node)
    prepared = prepared_model(context, Detector.load(ModelSettings(path.name), context.root))
    model = prepared.load()
    assert sorted(node.op_type for node in model.graph.node) == expected
    assert metadata.items() <= {entry.key: entry.value for entry in model.metadata_props}.items()
    assert (prepared.source, prepared.source_digest) == (path, file_digest(path))


def test_a_branch_that_depends_on_the_picture_is_refused_by_its_node_s_name(context, original):
    detector = Detector.load(ModelSettings(saved(inside_if(original, "the picture"), context).name), context.root)
    with pytest.raises(ModelError) as refused:
        prepared_model(context, detector)
    assert "a branch of the If node 'If_1', and only the top level of the graph is quantized" in refused.value.message
    assert "fixed input size" in refused.value.hint and "onnxsim" in refused.value.hint
    assert not list((context.state / "models").glob("*folded*"))


def test_functions_of_the_file_s_own_are_taken_apart_and_compute_the_same_to_the_bit(context, original):
    feeds, layers = picture_of(original), layers_outside(original)
    path = saved(inside_functions(original), context)
    folded = on_top_level(context, path, feeds)
    assert layers_outside(onnx.load(str(folded))) == layers
    np.testing.assert_array_equal(run(folded, feeds), run(path, feeds))
    assert context.notes == [
        "The layers of scripted.onnx that were in the function of the Whole node 'Whole_1' were brought to the top "
        "level of the graph."
    ]


def test_layers_in_a_loop_are_refused_by_its_name(context, original):
    path = saved(inside_loop(original), context)
    with pytest.raises(ModelError, match="the body of the Loop node 'Loop_1'"):
        on_top_level(context, path, picture_of(original))


def test_layers_of_a_branch_beside_others_on_the_top_level_stay_in_float_and_a_note_says_so(context, original):
    layers = layers_outside(original)
    path = saved(inside_if(original, "the picture", first=len(original.graph.node) // 2), context)
    outside = layers_outside(onnx.load(str(path)))
    assert 0 < outside < layers
    assert on_top_level(context, path, picture_of(original)) == path
    assert context.notes == [
        f"{layers - outside} of the {layers} convolutions and matrix products of scripted.onnx stay in float: they are "
        "in a branch of the If node 'If_1', and only the top level of the graph is quantized."
    ]


def test_a_detector_without_branches_is_taken_as_it_is(context, original, sample_data):
    assert on_top_level(context, sample_data / "detector.onnx", picture_of(original)) == sample_data / "detector.onnx"
    assert context.notes == []
