"""Shapes that no inference from the file tells, because height, width or the batch is left open: measured in one run.

They stand in the prepared file's metadata, not in its value infos: those would bind onnxruntime to this one size.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper

from calibtui.quantization.sessions import session_of

KEY = "calibtui.shapes"
_PREFIX = "calibtui.shape."


def measure_shapes(model: onnx.ModelProto, feeds: Mapping[str, NDArray[Any]]) -> None:
    """Runs `model` once on `feeds` and puts the shape of every tensor that has an open side into its metadata."""
    unknown = _open_tensors(model)
    if not unknown:
        return
    fed = {name: list(feeds[name].shape) for name in unknown if name in feeds}
    computed = [name for name in unknown if name not in fed]
    session = session_of(_telling_shapes(model, computed))
    found = session.run([f"{_PREFIX}{place}" for place in range(len(computed))], dict(feeds))
    measured = fed | {name: shape.tolist() for name, shape in zip(computed, found, strict=True)}
    model.metadata_props.add(key=KEY, value=json.dumps(measured, sort_keys=True))


def measured_shapes(model: onnx.ModelProto) -> dict[str, tuple[int, ...]]:
    """What `measure_shapes` wrote; empty where it wrote nothing."""
    for entry in model.metadata_props:
        if entry.key == KEY:
            return {name: tuple(shape) for name, shape in json.loads(entry.value).items()}
    return {}


def is_closed(info: onnx.ValueInfoProto) -> bool:
    """Whether every dimension of a tensor is a number."""
    tensor = info.type.tensor_type
    return tensor.HasField("shape") and all(side.HasField("dim_value") for side in tensor.shape.dim)


def _open_tensors(model: onnx.ModelProto) -> list[str]:
    """Inputs and results of top-level nodes that are tensors, and whose shape the file doesn't say in full."""
    known = [*model.graph.input, *model.graph.value_info, *model.graph.output]
    typed = {info.name: info for info in known if info.type.tensor_type.elem_type}
    made = [info.name for info in model.graph.input]
    made += [name for node in model.graph.node for name in node.output if name]
    return [name for name in made if name in typed and not is_closed(typed[name])]


def _telling_shapes(model: onnx.ModelProto, tensors: list[str]) -> bytes:
    """`model` with the tensors' shapes as its only outputs: a shape is small, the tensors together are not."""
    telling = onnx.ModelProto()
    telling.CopyFrom(model)
    del telling.graph.output[:]
    for place, name in enumerate(tensors):
        result = f"{_PREFIX}{place}"
        telling.graph.node.append(helper.make_node("Shape", [name], [result], name=result))
        telling.graph.output.append(helper.make_tensor_value_info(result, TensorProto.INT64, [None]))
    return bytes(telling.SerializeToString())
