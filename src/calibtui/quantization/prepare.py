"""Making a detector's file fit for quantization, without changing what it computes."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import onnx
from google.protobuf.message import DecodeError
from onnx import version_converter
from onnxruntime.quantization.shape_inference import quant_pre_process

from calibtui.core.digests import file_digest
from calibtui.core.errors import ModelError
from calibtui.core.files import written_whole
from calibtui.quantization.check import Feeds, compare, random_feeds, run_once
from calibtui.quantization.graph import graph_of
from calibtui.quantization.half_precision import is_half, widen
from calibtui.quantization.measured_shapes import measure_shapes

# Per-channel DequantizeLinear exists from 13 on; 17 is what onnxruntime's optimizer and the other targets handle best.
OPSET = 17
PER_CHANNEL_OPSET = 13
WEIGHTED = ("Conv", "ConvTranspose", "Gemm", "MatMul")


@dataclass(frozen=True, slots=True)
class PreparedModel:
    """A float model that computes what `source` does. `notes`: what could not be done, one sentence each. Digests are
    hex SHA-256; `inputs` and `outputs` are the graph's names."""

    path: Path
    source: Path
    digest: str
    source_digest: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    notes: tuple[str, ...] = ()

    def load(self) -> onnx.ModelProto:
        """The model itself."""
        return onnx.load(str(self.path))

    def rewritten(self, model: onnx.ModelProto, target: Path) -> PreparedModel:
        """`model`, made from this one, written to `target`. Raises WorkspaceUnwritableError."""
        with written_whole(target) as part:
            part.write_bytes(model.SerializeToString(deterministic=True))
        return replace(self, path=target, digest=file_digest(target))


def prepare_model(source: Path, target: Path, feeds: Feeds | None = None) -> PreparedModel:
    """Writes `source` to `target` with weights as constants, opset ≥ 17, fused and optimized, every shape inferred or
    measured, every node named. Each way is checked on `feeds`, what the model is fed for one frame, else on one random
    input; where the outputs differ, a less invasive way is taken and said.

    Raises ModelError for a file that isn't ONNX, has nothing to quantize, can't be run, or can't be brought to opset
    13.
    """
    model = _read(source)
    feeds = random_feeds(source) if feeds is None else feeds
    notes: list[str] = []
    if is_half(model):
        widen(model)
        notes.append("its half-precision weights were widened to float32, which INT8 is made from")
        expected = run_once(model.SerializeToString(), feeds)
    else:
        expected = run_once(source, feeds)
    for said, way in _ways():
        try:
            ready = way(model)
        except OSError:  # a full disk is no reason to try another way
            raise
        except Exception as error:  # converters and optimizers raise whatever they like
            notes.append(f"{said} failed: {_first_line(error)}")
            continue
        trouble = _write_checked(ready, model, target, feeds, expected)
        if trouble is None:
            return _described(source, target, tuple(notes))
        notes.append(f"{said} was given up: {trouble}")
    target.unlink(missing_ok=True)
    raise ModelError(
        f"{source} can't be prepared for quantization: {notes[-1]}",
        f"Export it again with opset {OPSET} or later and its weights as initializers.",
    )


def _read(source: Path) -> onnx.ModelProto:
    try:
        model = onnx.load(str(source))
    except FileNotFoundError as error:
        raise ModelError(f"{source} does not exist.", "Check [model] onnx.") from error
    except (DecodeError, onnx.checker.ValidationError, OSError, ValueError) as error:
        raise ModelError(
            f"{source} is not an ONNX model: {_first_line(error)}", "Export the detector again."
        ) from error
    if not any(node.op_type in WEIGHTED for node in model.graph.node):
        raise ModelError(f"{source} has no convolution or matrix product to quantize.", "Check [model] onnx.")
    if any(node.op_type in ("QuantizeLinear", "QLinearConv", "ConvInteger") for node in model.graph.node):
        raise ModelError(f"{source} is quantized already.", "Name the float model in [model] onnx.")
    _weights_out_of_inputs(model)
    return model


def _weights_out_of_inputs(model: onnx.ModelProto) -> None:
    """Until IR 3 every initializer had to be listed as an input; left there it is not a constant, and the per-channel
    scales that replace it make an invalid graph.
    """
    constants = {tensor.name for tensor in model.graph.initializer}
    inputs = [info for info in model.graph.input if info.name not in constants]
    del model.graph.input[:]
    model.graph.input.extend(inputs)
    model.ir_version = max(model.ir_version, 8)


def _ways() -> Iterator[tuple[str, Callable[[onnx.ModelProto], onnx.ModelProto]]]:
    yield f"optimizing at opset {OPSET}", lambda model: _pre_processed(_at_opset(model, OPSET), optimize=True)
    yield f"shape inference at opset {OPSET}", lambda model: _pre_processed(_at_opset(model, OPSET), optimize=False)
    yield (
        f"optimizing at opset {PER_CHANNEL_OPSET}",
        lambda model: _pre_processed(_at_opset(model, PER_CHANNEL_OPSET), optimize=True),
    )
    yield (
        f"shape inference at opset {PER_CHANNEL_OPSET}",
        lambda model: _pre_processed(_at_opset(model, PER_CHANNEL_OPSET), optimize=False),
    )


def _at_opset(model: onnx.ModelProto, opset: int) -> onnx.ModelProto:
    versions = [entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")]
    if not versions or versions[0] >= opset:
        return model
    return version_converter.convert_version(model, opset)


def _pre_processed(model: onnx.ModelProto, *, optimize: bool) -> onnx.ModelProto:
    with tempfile.TemporaryDirectory(prefix="calibtui-prepare-") as folder, _quiet():
        before, after = Path(folder) / "before.onnx", Path(folder) / "after.onnx"
        onnx.save(model, str(before))
        quant_pre_process(str(before), str(after), skip_optimization=not optimize, skip_symbolic_shape=True)
        return onnx.load(str(after))


def _write_checked(
    ready: onnx.ModelProto, model: onnx.ModelProto, target: Path, feeds: Feeds, expected: Feeds
) -> str | None:
    """Writes `ready`; returns what is wrong with it, None where it computes what the source does."""
    _name_nodes(ready)
    _keep_metadata(ready, model)
    try:
        measure_shapes(ready, feeds)
    except Exception as error:  # an invalid graph is one more reason to take the next way
        return _first_line(error)
    with written_whole(target) as part:
        onnx.save(ready, str(part))
    try:
        onnx.checker.check_model(str(target))
        return compare(expected, run_once(target, feeds))
    except Exception as error:  # as above
        return _first_line(error)


def _name_nodes(model: onnx.ModelProto) -> None:
    """Nodes are told apart by name when some stay in float: each gets one that is its own."""
    taken: set[str] = set()
    for place, node in enumerate(model.graph.node):
        if not node.name or node.name in taken:
            node.name = f"{node.op_type}_{place}"
        while node.name in taken:
            node.name += "_"
        taken.add(node.name)


def _keep_metadata(ready: onnx.ModelProto, model: onnx.ModelProto) -> None:
    present = {entry.key for entry in ready.metadata_props}
    for entry in model.metadata_props:
        if entry.key not in present:
            ready.metadata_props.add(key=entry.key, value=entry.value)


def _described(source: Path, target: Path, notes: tuple[str, ...]) -> PreparedModel:
    graph = graph_of(onnx.load(str(target), load_external_data=False)).model.graph
    return PreparedModel(
        target,
        source,
        file_digest(target),
        file_digest(source),
        tuple(info.name for info in graph.input),
        tuple(info.name for info in graph.output),
        notes,
    )


@contextmanager
def _quiet() -> Iterator[None]:
    """onnxruntime's pre-processing prints tracebacks of what it survives; what matters comes back as an exception."""
    logger = logging.getLogger("onnxruntime.quantization.shape_inference")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(level)


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0][:300] if lines else type(error).__name__
