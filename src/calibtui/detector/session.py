"""Opening an ONNX file with onnxruntime, quietly, and saying plainly why it can't be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from calibtui.core.errors import ModelError

_ERRORS_ONLY = 3


def open_session(
    model: Path | bytes, *, threads: int = 1, simulate: bool = False, precise: bool = False
) -> ort.InferenceSession:
    """A CPU session of `threads` intra-op threads that don't spin while they wait.

    `simulate` turns graph optimisation off, so that Q/DQ pairs are computed in float, as written, on any CPU. `precise`
    sets `session.x64quantprecision`, which keeps u8×s8 products from saturating on x64 CPUs without VNNI. Raises
    ModelError where the file is missing, isn't ONNX, or isn't a graph that onnxruntime runs.
    """
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = _ERRORS_ONLY
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    if precise:
        options.add_session_config_entry("session.x64quantprecision", "1")
    if simulate:
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    name = "the model in memory" if isinstance(model, bytes) else str(model)
    source = model if isinstance(model, bytes) else _readable(model)
    try:
        return ort.InferenceSession(source, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's exceptions share no base class of their own
        raise _unusable(name, error) from error


def run_session(session: ort.InferenceSession, feed: dict[str, NDArray[Any]], name: str) -> dict[str, NDArray[Any]]:
    """All outputs by name; half-precision ones as float32. Raises ModelError, naming `name`, where the run fails."""
    names = [output.name for output in session.get_outputs()]
    try:
        values = session.run(names, feed)
    except Exception as error:  # as above
        raise ModelError(
            f"{name} could not be run on an input of {_shapes(feed)}: {_first_line(error)}.",
            "Set model.input.size to a size the model takes, or export it again with a fixed input size.",
        ) from error
    return {key: _as_array(value) for key, value in zip(names, values, strict=True)}


def _readable(path: Path) -> str:
    if not path.exists():
        raise ModelError(f"The model {path} doesn't exist.", "Set model.onnx to the detector's ONNX file.")
    if not path.is_file():
        raise ModelError(f"The model {path} is not a file.", "Set model.onnx to the detector's ONNX file.")
    try:
        with path.open("rb") as file:
            empty = not file.read(1)
    except OSError as error:
        raise ModelError(f"The model {path} can't be read: {error.strerror}.", "Check its permissions.") from error
    if empty:
        raise ModelError(f"The model {path} is empty.", "Export or copy the ONNX file again.")
    return str(path)


def _unusable(name: str, error: Exception) -> ModelError:
    kind = type(error).__name__
    if kind == "InvalidProtobuf":
        return ModelError(
            f"{name} is not an ONNX file, or a damaged one.",
            "Export or copy it again; PyTorch, TensorRT and TFLite files have to be exported to ONNX first.",
        )
    return ModelError(
        f"{name} can't be loaded by onnxruntime: {_first_line(error)}.",
        "Check the file with onnx.checker; files with external data need it beside them; "
        "operators of other vendors have to be exported as standard ones.",
    )


def _first_line(error: Exception) -> str:
    text = str(error).strip().splitlines() or [type(error).__name__]
    return text[0][:300].rstrip(". ")


def _shapes(feed: dict[str, NDArray[Any]]) -> str:
    return ", ".join(f"{name} {tuple(value.shape)}" for name, value in feed.items())


def _as_array(value: object) -> NDArray[Any]:
    array = np.asarray(value)
    return array.astype(np.float32) if array.dtype in (np.float16, np.float64) else array
