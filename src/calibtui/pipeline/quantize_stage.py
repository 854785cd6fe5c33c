"""The INT8 model: statistics of the calibration set, ranges from them, Q/DQ by the target's scheme."""

from __future__ import annotations

import resource
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from calibtui.core.digests import digest_of, file_digest
from calibtui.core.errors import ConfigurationError
from calibtui.core.summary import QuantizationSummary, SearchSummary, TrialLine
from calibtui.detector.detector import Detector
from calibtui.pipeline.calibration import Calibrated, CalibrationFrame, calibrate
from calibtui.pipeline.context import Context, workers
from calibtui.pipeline.detection_pass import layout_digest
from calibtui.pipeline.top_level import on_top_level
from calibtui.quantization.collector import Calibrator
from calibtui.quantization.cpu import cpu_features
from calibtui.quantization.multiply_adds import multiply_adds
from calibtui.quantization.prepare import PreparedModel, prepare_model
from calibtui.quantization.presets import preset
from calibtui.quantization.provenance import Provenance, versions
from calibtui.quantization.quantize import QuantizedModel, quantize
from calibtui.quantization.ranges import ranges
from calibtui.quantization.schemes import PRECISE, Scheme
from calibtui.quantization.tensors import tensors_to_observe
from calibtui.store.artifacts import ModelRow


@dataclass(frozen=True, slots=True)
class Int8Model:
    """The INT8 model of a set and how it is run to judge it: see `open_session` for `simulate` and `precise`."""

    path: Path
    digest: str
    simulate: bool
    precise: bool
    calibration_digests: frozenset[str]
    record: Mapping[str, Any]
    summary: QuantizationSummary

    @property
    def arithmetic(self) -> str:
        """What besides the file decides what comes out."""
        return f"simulate={self.simulate} precise={self.precise}"


def quantize_model(context: Context, detector: Detector, manifest: Mapping[str, Any]) -> Int8Model:
    """Makes the INT8 model of the set, or takes the one that was made of exactly the same."""
    scheme = scheme_of(context)
    key = model_key(context, detector, manifest, scheme)
    known = known_model(context, key, manifest, scheme)
    if known is not None:
        return known
    started = time.monotonic()
    context.tell("quantize", 0, manifest["size"], "preparing the model")
    prepared = prepared_model(context, detector)
    calibrated = statistics_of(context, detector, manifest, scheme, prepared)
    settings = context.settings.quantization
    context.tell("quantize", manifest["size"], manifest["size"], f"ranges by {settings.calibrator}")
    found = ranges(calibrated.statistics, settings.calibrator, percentile=settings.percentile, scheme=scheme)
    options = {"percentile": settings.percentile} if settings.calibrator == "percentile" else {}
    target = context.state / "models" / f"{detector.path.stem}.{key[:12]}.int8.onnx"
    provenance = Provenance(manifest["digest"], settings.calibrator, manifest["size"], options)
    made = quantize(prepared, found, scheme, target, provenance=provenance)
    record = {
        **facts_of(made, prepared, settings.calibrator, manifest),
        "seconds": time.monotonic() - started,
        "inference_seconds": calibrated.inference_seconds,
    }
    return kept_model(context, key, made, record, manifest)


def facts_of(
    made: QuantizedModel, prepared: PreparedModel, calibrator: str, manifest: Mapping[str, Any]
) -> dict[str, Any]:
    """What a model's row says besides the time it took."""
    counts = multiply_adds(prepared.load())
    in_integers = sum(counts.get(name, 0) for name in made.quantized) / max(1, sum(counts.values()))
    return {
        "target": made.scheme.target,
        "calibrator": calibrator,
        "frames": manifest["size"],
        "peak_rss_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "float_layers": sorted(made.in_float),
        "int8_multiply_adds": in_integers,
        "why": [*made.scheme.why, *prepared.notes],
        "versions": versions(),
    }


def kept_model(
    context: Context, key: str, made: QuantizedModel, record: dict[str, Any], manifest: Mapping[str, Any]
) -> Int8Model:
    """Writes the row of an INT8 model whose file is there."""
    row = ModelRow(key, "int8", made.digest, made.path.relative_to(context.state).as_posix(), record)
    context.store.artifacts.add_model(row, context.run)
    return _int8(context, row, manifest, made.scheme)


def int8_of(
    context: Context, detector: Detector, manifest: Mapping[str, Any], search: Sequence[object] = ()
) -> Int8Model:
    """The INT8 model that was made of the set; `search`: what the search for it went by, empty where none was.

    Raises ConfigurationError where it is not there."""
    scheme = scheme_of(context)
    known = known_model(context, model_key(context, detector, manifest, scheme, search), manifest, scheme)
    if known is None:
        raise ConfigurationError(
            f"{context.root} has no INT8 model of the newest set and these settings.", "Run `calibtui quantize` first."
        )
    return known


def prepared_model(context: Context, detector: Detector) -> PreparedModel:
    """The float model made fit for quantization, kept in the state directory; checked on a picture of noise. Raises
    ModelError, see `on_top_level` and `prepare_model`."""
    width, height = detector.input_size
    noise = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    target = context.state / "models" / f"{detector.path.stem}.prepared.onnx"
    feeds = detector.feed(detector.prepare(noise)[0])
    source = on_top_level(context, detector.path, feeds)
    prepared = prepare_model(source, target, feeds)
    if source == detector.path:
        return prepared
    return replace(prepared, source=detector.path, source_digest=file_digest(detector.path))


def set_frames(context: Context, manifest: Mapping[str, Any]) -> list[CalibrationFrame]:
    """The set's frames in the manifest's order."""
    return [CalibrationFrame(each["uri"], context.path_of(each["uri"]), each["digest"]) for each in manifest["frames"]]


def scheme_of(context: Context) -> Scheme:
    """The target's preset under the settings, for this machine."""
    settings = context.settings.quantization
    return preset(settings.target, settings, cpu_features())


def model_key(
    context: Context, detector: Detector, manifest: Mapping[str, Any], scheme: Scheme, search: Sequence[object] = ()
) -> str:
    """Of everything that the INT8 model depends on."""
    settings = context.settings.quantization
    return digest_of(
        ({"search": list(search)} if search else {})
        | {
            "model": file_digest(detector.path),
            "layout": layout_digest(detector),
            "set": manifest["digest"],
            "calibrator": settings.calibrator,
            "percentile": settings.percentile if settings.calibrator == "percentile" else None,
            "scheme": scheme.describe(),
            "versions": versions(),
        }
    )


def statistics_of(
    context: Context,
    detector: Detector,
    manifest: Mapping[str, Any],
    scheme: Scheme,
    prepared: PreparedModel,
    *,
    histograms: bool | None = None,
) -> Calibrated:
    """Of the set's frames; with histograms where the calibrator of the settings needs them, or as told."""
    tensors = tensors_to_observe(prepared, scheme)
    if histograms is None:
        histograms = context.settings.quantization.calibrator != "minmax"
    calibrator = Calibrator(prepared, tensors, histograms=histograms, threads=workers())
    name = digest_of([prepared.digest, layout_digest(detector), manifest["digest"], list(tensors), histograms])
    saved = context.state / "calibration" / f"{name[:16]}.npz"
    return calibrate(context, calibrator, detector, set_frames(context, manifest), saved)


def known_model(context: Context, key: str, manifest: Mapping[str, Any], scheme: Scheme) -> Int8Model | None:
    """The stored model, where its file is still the one that was written."""
    row = context.store.artifacts.model(key)
    if row is None:
        return None
    path = context.state / row.path
    if not path.is_file() or file_digest(path) != row.digest:
        return None
    context.store.artifacts.add_model(row, context.run)
    return _int8(context, row, manifest, scheme)


def _int8(context: Context, row: ModelRow, manifest: Mapping[str, Any], scheme: Scheme) -> Int8Model:
    path = context.state / row.path
    if scheme.simulate:
        context.note(scheme.simulation_in_words())
    summary = QuantizationSummary(
        model=str(path),
        **{name: row.record[name] for name in ("target", "calibrator", "frames", "seconds", "inference_seconds")},
        peak_rss_mib=row.record["peak_rss_mib"],
        float_layers=tuple(row.record["float_layers"]),
        int8_multiply_adds=row.record.get("int8_multiply_adds"),
        search=_search_summary(row.record.get("search")),
    )
    return Int8Model(
        path=path,
        digest=row.digest,
        simulate=scheme.simulate,
        precise=PRECISE in scheme.session_config,
        calibration_digests=frozenset(frame["digest"] for frame in manifest["frames"]),
        record=row.record,
        summary=summary,
    )


def _search_summary(record: Mapping[str, Any] | None) -> SearchSummary | None:
    if record is None:
        return None
    trials = tuple(TrialLine(**trial) for trial in record["trials"])
    return SearchSummary(**{**record, "trials": trials})
