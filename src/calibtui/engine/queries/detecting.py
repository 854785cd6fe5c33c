"""What both models find on one frame, worked out beside everything else on one thread of low priority."""

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from calibtui.core.boxes import Detections as Found
from calibtui.core.errors import CalibtuiError
from calibtui.detector.detector import Detector
from calibtui.engine.queries.drawn_boxes import detection_boxes
from calibtui.engine.queries.evaluation_frames import evaluated_frames, float_digest
from calibtui.engine.queries.judged import float_detector
from calibtui.engine.queries.pictures import frame_facts
from calibtui.engine.queries.registry import QueryContext, answers
from calibtui.engine.queries.remembering import place_for, remembered
from calibtui.engine.wire.frames import Box, Detect, Detections
from calibtui.pool.images import open_rgb
from calibtui.quantization.cpu import cpu_features
from calibtui.quantization.presets import preset
from calibtui.quantization.schemes import PRECISE
from calibtui.store.browsing import FrameFacts, MadeModel

NICE = 15
KEPT = 512


@answers(Detect)
def detect(context: QueryContext, query: Detect) -> Detections:
    """Raises ConfigurationError for a frame or a model that there isn't, UnreadableImage, ModelError."""
    facts = frame_facts(context, query.digest)
    models = context.store.browsing.models("int8")
    newest = models[0] if models and (context.state / models[0].path).is_file() else None
    key = (query.digest, float_digest(context), newest.digest if newest else "", context.settings.model)
    return remembered(context, "detections", key, lambda: _beside(context, facts, newest), most=KEPT)


def _beside(context: QueryContext, facts: FrameFacts, newest: MadeModel | None) -> Detections:
    thread = place_for(
        context, "detection thread", lambda: ThreadPoolExecutor(1, "detect", initializer=_lower_priority)
    )
    return thread.submit(_detect, context, facts, newest).result()


def _detect(context: QueryContext, facts: FrameFacts, newest: MadeModel | None) -> Detections:
    detector = float_detector(context)
    pixels = open_rgb(context.settings.root / facts.uri)
    size = (facts.width, facts.height)
    classes = detector.classes or _annotated_classes(context)
    boxes: dict[str, tuple[Box, ...]] = {"float": detection_boxes(detector.detect(pixels), classes, size)}
    said = "" if newest is not None else "There is no INT8 model yet."
    if newest is not None:
        try:
            quantized = remembered(
                context, "int8 detector", (newest.digest, detector.path), lambda: _int8(context, detector, newest)
            )
            found: Found = quantized.detect(pixels)
            boxes["int8"] = detection_boxes(found, classes, size)
        except CalibtuiError as error:
            said = error.message
    return Detections(boxes=boxes, said=said)


def _int8(context: QueryContext, detector: Detector, newest: MadeModel) -> Detector:
    """Run as the evaluation runs it for its target."""
    path: Path = context.state / newest.path
    settings = context.settings.quantization
    scheme = preset(str(newest.record.get("target", settings.target)), settings, cpu_features())
    return detector.with_model(path, simulate=scheme.simulate, precise=PRECISE in scheme.session_config)


def _annotated_classes(context: QueryContext) -> tuple[str, ...]:
    try:
        return evaluated_frames(context).classes
    except CalibtuiError:
        return ()


def _lower_priority() -> None:
    """Of this thread alone, which Linux allows."""
    with suppress(OSError, AttributeError):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICE)
