"""The detector's accuracy on the evaluation frames, in ONNX Runtime and by pycocotools."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from PIL import Image
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
from stations import HEIGHT, WIDTH
from training_set import PAD_TOP, SCALE_X, SCALE_Y, letterboxed

HERE = Path(__file__).resolve().parent.parent
SCORE_MIN, NMS_IOU, MAX_DETECTIONS = 0.01, 0.65, 100
Result = dict[str, object]


@dataclass(frozen=True, slots=True)
class Accuracy:
    """Fractions in [0, 1].

    `average` is mAP50–95, `half` mAP50, `per_class` AP50–95 by name, `per_group` mAP50–95 of the frames without a
    condition ("easy"), of those with one ("hard"), and of each station's.
    """

    average: float
    half: float
    per_class: dict[str, float]
    per_group: dict[str, float]


def tensor_of(path: Path) -> NDArray[np.float32]:
    """(1, 3, S, S) float32 in [0, 1]."""
    with Image.open(path) as image:
        pixels = letterboxed(image)
    return np.ascontiguousarray(pixels.transpose(2, 0, 1)[None], np.float32) / 255.0


def session_of(model: Path) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def kept(boxes: NDArray[np.float32], scores: NDArray[np.float32]) -> NDArray[np.int64]:
    """Indices that greedy suppression at NMS_IOU keeps, best first; boxes (M, 4) x1, y1, x2, y2."""
    order, chosen = np.argsort(-scores, kind="stable"), []
    area = (boxes[:, 2:] - boxes[:, :2]).clip(0).prod(1)
    while len(order):
        best, rest = order[0], order[1:]
        chosen.append(best)
        corner = np.minimum(boxes[best, 2:], boxes[rest, 2:]) - np.maximum(boxes[best, :2], boxes[rest, :2])
        shared = corner.clip(0).prod(1)
        order = rest[shared / (area[best] + area[rest] - shared + 1e-9) <= NMS_IOU]
    return np.array(chosen, np.int64)


def detections(output: NDArray[np.float32], image_id: int) -> Iterator[Result]:
    """COCO results of one frame from output0 (1, 4 + C, N), best MAX_DETECTIONS."""
    boxes, scores = output[0, :4].T, output[0, 4:].T
    corners = np.concatenate((boxes[:, :2] - boxes[:, 2:] / 2, boxes[:, :2] + boxes[:, 2:] / 2), 1)
    corners = (corners - np.array([0, PAD_TOP, 0, PAD_TOP])) / np.array([SCALE_X, SCALE_Y, SCALE_X, SCALE_Y])
    corners = corners.clip(0, np.array([WIDTH, HEIGHT, WIDTH, HEIGHT]))
    found = []
    for label in range(scores.shape[1]):
        rows = np.flatnonzero(scores[:, label] >= SCORE_MIN)
        rows = rows[kept(corners[rows], scores[rows, label])]
        found += [(float(scores[row, label]), label, corners[row]) for row in rows]
    for score, label, (x1, y1, x2, y2) in sorted(found, key=lambda f: -f[0])[:MAX_DETECTIONS]:
        box = [float(v) for v in (x1, y1, x2 - x1, y2 - y1)]
        yield {"image_id": image_id, "category_id": label, "bbox": box, "score": score}


def answers(model: Path, images: list[dict[str, object]]) -> list[Result]:
    """COCO results of `model` on all evaluation frames."""
    session = session_of(model)
    results: list[Result] = []
    for image in images:
        (output,) = session.run(None, {"images": tensor_of(HERE / "eval" / str(image["file_name"]))})
        results += detections(output, image["id"])
    return results


def judged(truth: COCO, results: list[Result], image_ids: list[int]) -> tuple[float, float, list[float]]:
    """mAP50–95, mAP50 and AP50–95 by class on some frames; zeros where nothing at all was found."""
    if not results:
        return 0.0, 0.0, [0.0] * len(truth.getCatIds())
    judge = COCOeval(truth, truth.loadRes(results), "bbox")
    judge.params.imgIds = image_ids
    judge.evaluate()
    judge.accumulate()
    judge.summarize()
    precision = np.moveaxis(judge.eval["precision"][:, :, :, 0, 2], 2, 0)
    return float(judge.stats[0]), float(judge.stats[1]), [float(p.mean()) for p in precision]


def accuracy(model: Path) -> Accuracy:
    """The figures of `model` on eval.json."""
    content = json.loads((HERE / "eval.json").read_text())
    images = content["images"]
    groups = {"easy": [i["id"] for i in images if not i["conditions"]]}
    groups["hard"] = [i["id"] for i in images if i["conditions"]]
    for station in sorted({i["station"] for i in images}):
        groups[station] = [i["id"] for i in images if i["station"] == station]
    results = answers(model, images)
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO(str(HERE / "eval.json"))
        average, half, by_class = judged(truth, results, [i["id"] for i in images])
        per_group = {name: judged(truth, results, ids)[0] for name, ids in groups.items()}
    names = [c["name"] for c in content["categories"]]
    return Accuracy(average, half, dict(zip(names, by_class, strict=True)), per_group)
