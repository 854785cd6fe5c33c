"""One model over the evaluation frames: its detections, how long it took, kept so that the same question isn't asked
twice."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibtui.core.boxes import Detections
from calibtui.core.digests import digest_of
from calibtui.core.files import written_whole
from calibtui.detector.detector import Detector
from calibtui.detector.preparation import Placement
from calibtui.pipeline.context import Context, workers
from calibtui.pipeline.detected_shapes import shape_arrays, with_shapes
from calibtui.pipeline.evaluation_set import EvaluationFrame
from calibtui.pipeline.frame_feed import prefetched
from calibtui.pool.images import open_rgb

Prepared = tuple[NDArray[np.float32], Placement]


@dataclass(frozen=True, slots=True)
class DetectionPass:
    """`detections` in the order of the frames; `seconds` of the whole pass, `inference_seconds` of them inside the
    model;
    `ms_per_frame` is the median of one inference."""

    detections: tuple[Detections, ...]
    seconds: float
    inference_seconds: float
    ms_per_frame: float


def layout_digest(detector: Detector) -> str:
    """Of everything besides the model's file and the settings of suppression that detections depend on."""
    layout = detector.layout
    told = {"decoder": layout.decoder, "input": asdict(layout.input), "classes": layout.classes}
    return digest_of(told | ({"y_first": True} if layout.y_first else {}))


def detect_all(
    context: Context,
    detectors: Mapping[str, Detector],
    frames: Sequence[EvaluationFrame],
    *,
    stage: str = "evaluate",
    shapes: bool = False,
) -> dict[str, DetectionPass]:
    """Runs every detector, by name, over every frame. They share one layout, so a frame is decoded and prepared once.

    `shapes`: with masks or keypoints.
    """

    def begun(number: int) -> None:
        context.stop.raise_if_set()
        context.tell(stage, number, len(frames), " and ".join(detectors))

    found = detect_over(
        detectors,
        lambda place: open_rgb(frames[place].path),
        [frame.size for frame in frames],
        readers=workers(),
        shapes=shapes,
        begun=begun,
    )
    context.tell(stage, len(frames), len(frames), " and ".join(detectors))
    return found


def detect_over(
    detectors: Mapping[str, Detector],
    pixels: Callable[[int], NDArray[np.uint8]],
    sizes: Sequence[tuple[int, int]],
    *,
    readers: int,
    shapes: bool = False,
    begun: Callable[[int], None] = lambda _: None,
) -> dict[str, DetectionPass]:
    """The same over frames of those (width, height) px, whose `pixels` by their place are (H, W, 3) uint8 RGB.

    `begun` is told each place when its turn comes. `readers` threads read ahead, and one turns outputs into
    detections, beside the inference.
    """
    first = next(iter(detectors.values()))
    found: dict[str, list[Future[Detections]]] = {name: [] for name in detectors}
    times: dict[str, list[float]] = {name: [] for name in detectors}
    started = time.perf_counter()

    def load(place: int) -> Prepared:
        return first.prepare(pixels(place))

    with ThreadPoolExecutor(1, thread_name_prefix="finish") as finishing:
        for place, (tensor, placement) in prefetched(range(len(sizes)), load, workers=readers):
            begun(place)
            for name, detector in detectors.items():
                before = time.perf_counter()
                outputs = detector.infer(tensor)
                times[name].append(time.perf_counter() - before)
                found[name].append(finishing.submit(detector.finish, outputs, placement, sizes[place], shapes=shapes))
        detections = {name: tuple(each.result() for each in futures) for name, futures in found.items()}
    seconds = time.perf_counter() - started
    return {
        name: DetectionPass(
            detections[name], seconds, sum(times[name]), 1000 * float(np.median(times[name])) if times[name] else 0.0
        )
        for name in detectors
    }


def save_pass(path: Path, done: DetectionPass) -> None:
    """Writes a pass as .npz, whole or not at all."""
    found = done.detections
    arrays: dict[str, Any] = {
        "counts": np.array([len(each) for each in found], np.int64),
        "boxes": np.concatenate([each.boxes for each in found] or [np.zeros((0, 4), np.float32)]),
        "scores": np.concatenate([each.scores for each in found] or [np.zeros(0, np.float32)]),
        "classes": np.concatenate([each.classes for each in found] or [np.zeros(0, np.int64)]),
        "times": np.array([done.seconds, done.inference_seconds, done.ms_per_frame]),
        **shape_arrays(found),
    }
    with written_whole(path) as part, part.open("wb") as file:
        np.savez_compressed(file, **arrays)


def load_pass(path: Path) -> DetectionPass | None:
    """The pass in `path`, or None where there is none that can be read: it is only ever a saving of time."""
    try:
        with np.load(path, allow_pickle=False) as data:
            ends = np.cumsum(data["counts"])[:-1]
            parts = (np.split(data[name], ends) for name in ("boxes", "scores", "classes"))
            plain = [Detections(*row) for row in zip(*parts, strict=True)]
            detections = tuple(with_shapes(plain, data))
            seconds, inference, median_ms = (float(value) for value in data["times"])
    except (OSError, ValueError, KeyError):
        return None
    return DetectionPass(detections, seconds, inference, median_ms)
