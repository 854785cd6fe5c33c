"""From ranges and a scheme to an INT8 file."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import onnx
import onnxruntime as ort

from calibtui.core.digests import digest_of, file_digest
from calibtui.core.errors import ModelError
from calibtui.core.files import written_whole
from calibtui.quantization.channel_scales import ChannelBounds, counted_range, divide_by_steps, widen_pairs
from calibtui.quantization.float_layers import exact_inputs, feed_exactly, keep_float
from calibtui.quantization.graph import graph_of
from calibtui.quantization.prepare import PreparedModel
from calibtui.quantization.products import Kind, products, write_products
from calibtui.quantization.provenance import Provenance, stamp, versions, write_record
from calibtui.quantization.qdq import qdq_model
from calibtui.quantization.schemes import Scheme
from calibtui.quantization.sessions import session_options
from calibtui.quantization.tensors import nodes_in_float

Range = tuple[float, float]


@dataclass(frozen=True, slots=True)
class QuantizedModel:
    """An INT8 file and its record. `quantized`: nodes computed on integers; `in_float`: name to reason of those of the
    scheme's operators that are not. `digest`: hex SHA-256 of the file."""

    path: Path
    record: Path
    digest: str
    scheme: Scheme
    quantized: tuple[str, ...]
    in_float: Mapping[str, str]


def quantize(
    prepared: PreparedModel,
    ranges: Mapping[str, Range],
    scheme: Scheme,
    target: Path,
    *,
    provenance: Provenance,
    float_nodes: Collection[str] = (),
    by_channel: Mapping[str, ChannelBounds] | None = None,
    kinds: Collection[Kind] = (),
) -> QuantizedModel:
    """Writes `prepared` as a Q/DQ model with the activation `ranges` to `target`, and its provenance beside it.
    `by_channel`: bounds of tensors that get a scale a channel, as far as they may have one. `kinds`: of convolutions
    that
    are written as `products`.

    The same inputs give the same bytes. Raises ModelError for a range that is missing, for a scheme that quantizes
    nothing and for a model that onnxruntime then refuses; WorkspaceUnwritableError.
    """
    model = prepared.load()
    graph = graph_of(model)
    in_float = nodes_in_float(graph, scheme, float_nodes)
    # The quantizer takes the nodes that it folds away out of this same graph, so their names are read first.
    quantized = tuple(n.name for n in model.graph.node if n.op_type in scheme.op_types and n.name not in in_float)
    if not quantized:
        raise ModelError(f"Nothing of {prepared.source} is left to quantize.", "Keep fewer layers in float.")
    metadata = [(entry.key, entry.value) for entry in model.metadata_props]
    unrounded = products(graph, scheme, kinds, in_float)
    exact = exact_inputs(graph, scheme, in_float, unrounded)
    steps = divide_by_steps(model, by_channel or {}, scheme, in_float, unrounded)
    made = qdq_model(model, {**ranges, **dict.fromkeys(steps, counted_range())}, scheme, tuple(sorted(in_float)))
    widen_pairs(made, steps)
    write_products(made, unrounded.values())
    feed_exactly(made, exact)
    keep_float(made, in_float)
    _restore(made, metadata)
    channels = {name: [bound.tolist() for bound in (by_channel or {})[name]] for name in sorted(steps)}
    facts = _facts(prepared, ranges, scheme, provenance, in_float)
    if unrounded:
        facts["products"] = sorted(each.node for each in unrounded.values())
    if channels:
        facts["channel_ranges_digest"] = digest_of(channels)
    stamp(made, facts)
    with written_whole(target) as part:
        part.write_bytes(made.SerializeToString(deterministic=True))
        _proven(part, target, scheme)
    digest = file_digest(target)
    listed = {name: list(bounds) for name, bounds in sorted(ranges.items())}
    record = write_record(
        target, {**facts, "digest": digest, "ranges": listed, "channel_ranges": channels, "why": list(scheme.why)}
    )
    return QuantizedModel(target, record, digest, scheme, quantized, in_float)


def _restore(made: onnx.ModelProto, metadata: list[tuple[str, str]]) -> None:
    present = {entry.key for entry in made.metadata_props}
    for key, value in metadata:
        if key not in present:
            made.metadata_props.add(key=key, value=value)


def _facts(
    prepared: PreparedModel,
    ranges: Mapping[str, Range],
    scheme: Scheme,
    provenance: Provenance,
    in_float: Mapping[str, str],
) -> dict[str, object]:
    return {
        "set": provenance.set_digest,
        "calibrator": provenance.calibrator,
        "frames": provenance.frames,
        "options": dict(provenance.options),
        "scheme": scheme.describe(),
        "float_layers": dict(sorted(in_float.items())),
        "ranges_digest": digest_of({name: list(bounds) for name, bounds in ranges.items()}),
        "float_model": prepared.source_digest,
        "prepared_model": prepared.digest,
        "versions": versions(),
    }


def _proven(path: Path, target: Path, scheme: Scheme) -> None:
    """A file that the checker or the engine refuses is never left behind."""
    try:
        onnx.checker.check_model(str(path))
        options = session_options(optimize=not scheme.simulate, config=scheme.session_config)
        ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # neither library's exceptions share a base
        raise ModelError(
            f"onnxruntime refuses the INT8 model for {target}: {str(error).splitlines()[0][:300]}",
            "Try per_channel = false, or leave the layer it names in float.",
        ) from error
