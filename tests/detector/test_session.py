"""Files that can't be opened are named with the reason; options reach the arithmetic."""

from __future__ import annotations

import numpy as np
import pytest
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

from calibtui.core.errors import ModelError
from calibtui.detector.session import open_session


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ModelError, match=r"nowhere\.onnx doesn't exist"):
        open_session(tmp_path / "nowhere.onnx")


def test_a_directory_is_no_model(tmp_path):
    with pytest.raises(ModelError, match="not a file"):
        open_session(tmp_path)


def test_an_empty_file_is_called_empty(tmp_path):
    (tmp_path / "m.onnx").touch()
    with pytest.raises(ModelError, match="empty"):
        open_session(tmp_path / "m.onnx")


@pytest.mark.parametrize("content", [b"not a model at all", b"\x80\x02PK\x03\x04" * 50, b"\x00" * 4096])
def test_other_files_are_refused_by_name(tmp_path, content):
    (tmp_path / "m.onnx").write_bytes(content)
    with pytest.raises(ModelError, match=r"m\.onnx"):
        open_session(tmp_path / "m.onnx")


def test_a_truncated_model_is_refused_by_name(write_model):
    path = write_model({"o": np.ones((1, 7, 336), np.float32)})
    path.write_bytes(path.read_bytes()[:-300])
    with pytest.raises(ModelError, match=r"model\.onnx"):
        open_session(path)


def test_bytes_open_like_a_file(write_model):
    path = write_model({"o": np.ones((1, 7, 336), np.float32)})
    assert open_session(path.read_bytes()).get_outputs()[0].name == "o"


def test_warnings_about_old_files_don_t_reach_the_terminal(write_model, capfd):
    open_session(write_model({"o": np.ones((1, 7, 336), np.float32)}, listed=True, opset=9))
    assert capfd.readouterr().err == ""


class _Frames(CalibrationDataReader):
    def __init__(self, frames):
        self._frames = iter(frames)

    def get_next(self):
        return next(self._frames, None)


def test_simulation_computes_the_quantized_graph_in_float(tmp_path):
    """Optimised, the graph multiplies integers; simulated, it gives the float product of the rounded values."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    rng = np.random.default_rng(0)
    weight = rng.normal(size=(8, 3, 3, 3)).astype(np.float32)
    graph = helper.make_graph(
        [helper.make_node("Conv", ["x", "w"], ["y"], pads=[1, 1, 1, 1])],
        "conv",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, (1, 3, 16, 16))],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, (1, 8, 16, 16))],
        [numpy_helper.from_array(weight, "w")],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), tmp_path / "f.onnx")
    x = rng.random((1, 3, 16, 16), np.float32)
    quantize_static(
        tmp_path / "f.onnx",
        tmp_path / "q.onnx",
        _Frames([{"x": x}]),
        quant_format=QuantFormat.QDQ,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
    )
    exact = open_session(tmp_path / "f.onnx").run(None, {"x": x})[0]
    simulated = open_session(tmp_path / "q.onnx", simulate=True).run(None, {"x": x})[0]
    precise = open_session(tmp_path / "q.onnx", precise=True).run(None, {"x": x})[0]
    spread = exact.max() - exact.min()
    assert 0 < np.abs(simulated - exact).max() < 0.02 * spread
    assert np.abs(precise - exact).max() < 0.02 * spread
