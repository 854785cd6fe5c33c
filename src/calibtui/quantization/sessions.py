"""Sessions of onnxruntime as this room runs them: quiet, not spinning, on as many threads as asked."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from pathlib import Path

import onnx
import onnxruntime as ort
from onnx import TensorProto, helper

_QUIET = 3


def session_options(
    threads: int = 1, *, optimize: bool = True, config: Iterable[tuple[str, str]] = ()
) -> ort.SessionOptions:
    """`threads` inside an operator; spinning is off, because waiting threads burn the CPU time that others need."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = _QUIET
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    for key, value in config:
        options.add_session_config_entry(key, value)
    level = ort.GraphOptimizationLevel
    options.graph_optimization_level = level.ORT_ENABLE_ALL if optimize else level.ORT_DISABLE_ALL
    return options


def session_of(model: Path | bytes, threads: int = 1, *, optimize: bool = True) -> ort.InferenceSession:
    """A CPU session of a file, or of a serialized model."""
    given = str(model) if isinstance(model, Path) else model
    return ort.InferenceSession(given, session_options(threads, optimize=optimize), providers=["CPUExecutionProvider"])


def session_exposing(model: onnx.ModelProto, tensors: Collection[str], threads: int = 1) -> ort.InferenceSession:
    """A CPU session of `model` (left as it is) whose outputs are also the float `tensors`."""
    made = onnx.ModelProto()
    made.CopyFrom(model)
    given = {info.name for info in made.graph.output}
    wanted = [name for name in tensors if name not in given]
    made.graph.output.extend(helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in wanted)
    return session_of(made.SerializeToString(), threads)
