"""Multiply-adds of one frame, node by node."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from calibtui.quantization.multiply_adds import int8_share, multiply_adds


def test_a_convolution_counts_every_output_element_times_its_window(prepared):
    counts = multiply_adds(prepared.load())
    assert counts["Conv:stem"] == 16 * 16 * 16 * 3 * 9
    assert counts["Conv:head"] == 16 * 16 * 7 * 16


def product_model() -> onnx.ModelProto:
    weights = [
        numpy_helper.from_array(np.zeros((8, 1, 3, 3), np.float32), "depthwise"),
        numpy_helper.from_array(np.zeros((8, 4, 2, 2), np.float32), "up"),
        numpy_helper.from_array(np.zeros((5, 7), np.float32), "table"),
    ]
    nodes = [
        helper.make_node("Conv", ["image", "depthwise"], ["a"], name="dw", group=8, pads=[1, 1, 1, 1]),
        helper.make_node("ConvTranspose", ["a", "up"], ["b"], name="up", strides=[2, 2]),
        helper.make_node("MatMul", ["rows", "table"], ["c"], name="product"),
        helper.make_node("Relu", ["c"], ["d"], name="relu"),
    ]
    inputs = [
        helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 8, 6, 6]),
        helper.make_tensor_value_info("rows", TensorProto.FLOAT, [1, 3, 5]),
    ]
    outputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in ("b", "d")]
    graph = helper.make_graph(nodes, "products", inputs, outputs, weights)
    return onnx.shape_inference.infer_shapes(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]))


def test_depthwise_transposed_and_matrix_products_count_what_they_compute():
    assert multiply_adds(product_model()) == {"dw": 8 * 36 * 9, "up": 8 * 36 * 4 * 4, "product": 3 * 7 * 5}


def test_the_share_in_int8_is_by_multiply_adds_and_not_by_nodes():
    assert int8_share({"large": 90, "small": 10}, ["small"]) == pytest.approx(0.9)
    assert int8_share({"large": 90, "small": 10}, ["not counted"]) == 1
    assert int8_share({}, []) == 1
