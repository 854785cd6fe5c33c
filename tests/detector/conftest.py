"""Small ONNX files that answer with given arrays, in whatever layout a test asks for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from calibtui.detector.detector import Detector
from calibtui.workspace.settings import ModelSettings

TYPES = {
    np.dtype(np.float32): TensorProto.FLOAT,
    np.dtype(np.float16): TensorProto.FLOAT16,
    np.dtype(np.int64): TensorProto.INT64,
    np.dtype(np.int32): TensorProto.INT32,
    np.dtype(np.uint8): TensorProto.UINT8,
}


@pytest.fixture
def write_model(tmp_path: Path) -> Callable[..., Path]:
    """Writes a model whose outputs are constants, plus 0 × the mean of the picture, so that the picture is really read.

    `picture`: shape of the input; `opens`: outputs declared with open sides; `listed`: weights are graph inputs too.
    """

    def write(
        outputs: Mapping[str, np.ndarray],
        *,
        picture: tuple[int | str, ...] = (1, 3, 128, 128),
        picture_type: int = TensorProto.FLOAT,
        extras: Mapping[str, tuple[int, tuple[int, ...]]] | None = None,
        metadata: Mapping[str, str] | None = None,
        opens: bool = False,
        listed: bool = False,
        opset: int = 13,
        name: str = "model.onnx",
    ) -> Path:
        inputs = [helper.make_tensor_value_info("images", picture_type, picture)]
        inputs += [helper.make_tensor_value_info(key, kind, shape) for key, (kind, shape) in (extras or {}).items()]
        nodes = [
            helper.make_node("Cast", ["images"], ["as_float"], to=TensorProto.FLOAT),
            helper.make_node("ReduceMean", ["as_float"], ["mean"], keepdims=0),
            helper.make_node("Mul", ["mean", "nothing"], ["none"]),
        ]
        weights = [numpy_helper.from_array(np.float32(0), "nothing")]
        values = []
        for key, value in outputs.items():
            weights.append(numpy_helper.from_array(np.ascontiguousarray(value), f"weight_{key}"))
            nodes.append(helper.make_node("Cast", ["none"], [f"none_{key}"], to=TYPES[value.dtype]))
            nodes.append(helper.make_node("Add", [f"weight_{key}", f"none_{key}"], [f"sum_{key}" if opens else key]))
            shape = [f"{key}_{i}" for i in range(value.ndim)] if opens else value.shape
            if opens:
                # A shape that only the run knows, so that nobody can infer it from the file.
                weights.append(numpy_helper.from_array(np.array(value.shape, np.int64), f"shape_{key}"))
                nodes.append(helper.make_node("Cast", ["none"], [f"zero_{key}"], to=TensorProto.INT64))
                nodes.append(helper.make_node("Add", [f"shape_{key}", f"zero_{key}"], [f"sides_{key}"]))
                nodes.append(helper.make_node("Reshape", [f"sum_{key}", f"sides_{key}"], [key]))
            values.append(helper.make_tensor_value_info(key, TYPES[value.dtype], shape))
        if listed:
            inputs += [helper.make_tensor_value_info(w.name, w.data_type, w.dims) for w in weights]
        graph = helper.make_graph(nodes, "detector", inputs, values, weights)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=3 if listed else 8)
        helper.set_model_props(model, dict(metadata or {}))
        path = tmp_path / name
        onnx.save(model, str(path))
        return path

    return write


@pytest.fixture
def load() -> Callable[..., Detector]:
    """Opens a written model with settings."""

    def opened(path: Path, **settings: Any) -> Detector:
        return Detector.load(ModelSettings(onnx=path.name, **settings), path.parent)

    return opened
