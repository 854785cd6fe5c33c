"""`calibtui diagnose`: what is wrong with the INT8 model that the settings and the newest set make.

A finished diagnosis is a file named by the digest of everything it was made of: asked again, it is read back.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibtui.core.digests import digest_of, file_digest
from calibtui.core.errors import ConfigurationError, ModelError
from calibtui.core.files import written_whole
from calibtui.core.progress import OnProgress, StopFlag
from calibtui.detector.detector import Detector
from calibtui.detector.layout import outputs_of_one_frame
from calibtui.pipeline.calibration import SAVE_EVERY_S, CalibrationFrame, calibrate
from calibtui.pipeline.context import Context, workers
from calibtui.pipeline.detection_pass import layout_digest
from calibtui.pipeline.frame_feed import prefetched
from calibtui.pipeline.quantize_stage import prepared_model, scheme_of, set_frames
from calibtui.pipeline.single_run import SingleRun, single_run
from calibtui.pool.images import open_rgb
from calibtui.quantization.collector import Calibrator
from calibtui.quantization.cpu import cpu_features
from calibtui.quantization.diagnosis.diagnosis import Subject, diagnose
from calibtui.quantization.diagnosis.document import SCHEMA, document_of, load_document, save_document
from calibtui.quantization.output_error import FloatAnswers
from calibtui.quantization.provenance import versions
from calibtui.quantization.ranges import ranges
from calibtui.quantization.schemes import Scheme
from calibtui.quantization.tensors import tensors_to_observe
from calibtui.selection.manifest import read_manifest
from calibtui.workspace.settings import Settings

FRAMES = 16
EFFECT_FRAMES = 4
"""Of those: enough to order layers whose effects differ by more than chance, at one inference a layer and frame."""


def diagnose_model(
    settings: Settings, *, frames: int = FRAMES, on_progress: OnProgress, stop: StopFlag
) -> dict[str, Any]:
    """The diagnosis as a document (see `quantization.diagnosis.document`) with `workspace`, `key`, `model`, `target`,
    `calibrator`, `set` and `notes` besides; `frames` of the set are sampled.

    Raises ConfigurationError where there is no set, ModelError where the model can't be quantized.
    """
    with single_run(settings, "diagnose", on_progress, stop) as run:
        return diagnosis_in(run, frames)


def diagnosis_in(run: SingleRun, frames: int) -> dict[str, Any]:
    """The same within a run that is under way."""
    if frames < 1:
        raise ConfigurationError(f"{frames} frames can't be diagnosed on.", "Ask for one or more.")
    context = run.context
    document = _found_or_made(context, frames)
    run.said = str(document["sentence"])
    return document | {"notes": list(context.notes)}


def _found_or_made(context: Context, frames: int) -> dict[str, Any]:
    manifest = newest_set(context)
    context.tell("diagnose", 0, 0, "opening the model")
    detector = Detector.load(context.model_settings(), context.root, threads=workers())
    settings, scheme = context.settings.quantization, scheme_of(context)
    key = _key(context, detector, manifest, scheme, frames)
    path = context.state / "diagnosis" / f"{key}.json"
    if settings.max_map_drop is not None:
        context.note("The diagnosis is of the model before the remedies that max_map_drop searches for.")
    known = _known(context, path)
    if known is not None:
        # What is newest is what is shown.
        path.touch()
        return known
    made = _diagnosed(context, detector, manifest, scheme, frames, Trying(path.with_suffix(".trials")))
    facts = {
        "workspace": str(context.root),
        "key": key,
        "model": str(detector.path),
        "target": scheme.target,
        "calibrator": settings.calibrator,
        "set": manifest["digest"],
        "notes": [],
    }
    save_document(path, made | facts)
    return made | facts


def newest_set(context: Context) -> dict[str, Any]:
    """The manifest of the set chosen last. Raises ConfigurationError where there is none."""
    newest = context.store.artifacts.newest_set()
    if newest is None:
        raise ConfigurationError(
            f"{context.root} has no calibration set yet.", "Run `calibtui select` or `calibtui --batch` first."
        )
    return read_manifest(Path(context.state / newest))


def _diagnosed(
    context: Context, detector: Detector, manifest: Mapping[str, Any], scheme: Scheme, frames: int, trying: Trying
) -> dict[str, Any]:
    settings = context.settings.quantization
    prepared = prepared_model(context, detector)
    tensors = tensors_to_observe(prepared, scheme)
    # Histograms also for minmax, so that what another calibrator would make of the same frames can be tried.
    calibrator = Calibrator(prepared, tensors, exact=settings.calibrator == "minmax", threads=workers())
    name = digest_of(["diagnosis", prepared.digest, layout_digest(detector), manifest["digest"], list(tensors)])
    saved = context.state / "calibration" / f"{name[:16]}-{settings.calibrator == 'minmax'}.npz"
    calibrated = calibrate(context, calibrator, detector, set_frames(context, manifest), saved, stage="diagnose")
    calibrated.statistics.save(saved)
    found = ranges(calibrated.statistics, settings.calibrator, percentile=settings.percentile, scheme=scheme)
    batch = detector.inputs.image.batch
    subject = Subject(
        prepared,
        scheme,
        calibrated.statistics,
        found,
        detector.feed,
        lambda outputs: outputs_of_one_frame(outputs, batch),
        trying.known,
    )
    sample = _sample(set_frames(context, manifest), frames)
    few = list(_prepared_frames(context, detector, sample[:EFFECT_FRAMES]))
    uris = {frame["digest"]: frame["uri"] for frame in manifest["frames"]}

    def on_step(done: int, total: int, note: str) -> None:
        if context.stop:
            trying.save()
        context.stop.raise_if_set()
        trying.save_now_and_then()
        context.tell("diagnose", done, total, note)

    diagnosis = diagnose(
        subject,
        _prepared_frames(context, detector, sample),
        FloatAnswers.of_detector(detector, few),
        cpu_features(),
        named=lambda digest: uris.get(digest, digest),
        threads=workers(),
        on_step=on_step,
    )
    saved.unlink(missing_ok=True)
    trying.path.unlink(missing_ok=True)
    return document_of(diagnosis)


class Trying:
    """Errors of the trials so far, in a file that is there while a diagnosis is under way: a rerun goes on with it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.known: dict[str, float] = {}
        self._saved_at = time.monotonic()
        with contextlib.suppress(OSError, ValueError):
            found = json.loads(path.read_bytes())
            self.known = {str(key): float(error) for key, error in found.items()} if isinstance(found, dict) else {}

    def save(self) -> None:
        with written_whole(self.path) as part:
            part.write_text(json.dumps(self.known), encoding="utf-8")
        self._saved_at = time.monotonic()

    def save_now_and_then(self) -> None:
        if time.monotonic() - self._saved_at > SAVE_EVERY_S:
            self.save()


def _prepared_frames(
    context: Context, detector: Detector, frames: Sequence[CalibrationFrame]
) -> Iterator[NDArray[np.float32]]:
    """Read ahead in a thread, and held one at a time."""

    def load(frame: CalibrationFrame) -> NDArray[np.float32]:
        return detector.prepare(open_rgb(frame.path))[0]

    for _, tensor in prefetched(frames, load, workers=1, ahead=2):
        context.stop.raise_if_set()
        yield tensor


def _sample(frames: Sequence[CalibrationFrame], count: int) -> list[CalibrationFrame]:
    """`count` of them by a hash of their digests: the same ones for the same set, in whatever order it is written."""
    return sorted(frames, key=lambda frame: hashlib.sha256(f"diagnosis {frame.digest}".encode()).digest())[:count]


def _key(context: Context, detector: Detector, manifest: Mapping[str, Any], scheme: Scheme, frames: int) -> str:
    settings, model = context.settings.quantization, context.model_settings()
    features = cpu_features()
    return digest_of(
        {
            "schema": SCHEMA,
            "model": file_digest(detector.path),
            "layout": layout_digest(detector),
            "decoding": [model.score_min, model.nms_iou],
            "set": manifest["digest"],
            "calibrator": settings.calibrator,
            "percentile": settings.percentile if settings.calibrator == "percentile" else None,
            "scheme": scheme.describe(),
            "cpu": [features.architecture, features.vnni],
            "frames": [frames, EFFECT_FRAMES],
            "versions": versions(),
        }
    )


def _known(context: Context, path: Path) -> dict[str, Any] | None:
    try:
        return load_document(path)
    except FileNotFoundError:
        return None
    except ModelError as error:
        context.note(f"The diagnosis is made anew: {error.message}")
        return None
