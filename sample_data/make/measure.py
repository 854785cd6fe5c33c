"""Measures the detector in float and after INT8 quantization with careless and careful calibration sets.

    python sample_data/make/measure.py

Needs onnxruntime, pillow and pycocotools. Uses ONNX Runtime's own static quantizer (QDQ, uint8 activations, int8
weights per channel, convolutions only) and nothing of the product, so its figures are an independent reference.
"""

from __future__ import annotations

import contextlib
import csv
import io
import json
import random
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from onnxruntime.quantization import CalibrationMethod, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.calibrate import CalibrationDataReader
from PIL import Image
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
from training_set import PAD_TOP, SCALE, letterboxed

HERE = Path(__file__).resolve().parent.parent
MODEL = HERE / "detector.onnx"
SCORE_MIN, NMS_IOU, MAX_DETECTIONS = 0.01, 0.65, 100


@dataclass(frozen=True, slots=True)
class Setting:
    """One way to quantize: the calibration frames, how ranges are read from them, and which operators (None: all)."""

    name: str
    frames: list[Path]
    percentile: float | None = None
    operators: tuple[str, ...] | None = ("Conv",)


class Frames(CalibrationDataReader):
    """Feeds files to the calibrator, one a step."""

    def __init__(self, paths: Iterable[Path]) -> None:
        self._paths = iter(paths)

    def get_next(self) -> dict[str, NDArray[np.float32]] | None:
        path = next(self._paths, None)
        return None if path is None else {"images": tensor_of(path)}


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


def detections(output: NDArray[np.float32], image_id: int) -> Iterator[dict[str, object]]:
    """COCO results of one frame from output0 (1, 4 + C, N), best MAX_DETECTIONS."""
    boxes, scores = output[0, :4].T, output[0, 4:].T
    corners = np.concatenate((boxes[:, :2] - boxes[:, 2:] / 2, boxes[:, :2] + boxes[:, 2:] / 2), 1)
    corners = (corners - np.array([0, PAD_TOP, 0, PAD_TOP])) / SCALE
    found = []
    for label in range(scores.shape[1]):
        rows = np.flatnonzero(scores[:, label] >= SCORE_MIN)
        rows = rows[kept(corners[rows], scores[rows, label])]
        found += [(float(scores[row, label]), label, corners[row]) for row in rows]
    for score, label, (x1, y1, x2, y2) in sorted(found, key=lambda f: -f[0])[:MAX_DETECTIONS]:
        box = [float(v) for v in (x1, y1, x2 - x1, y2 - y1)]
        yield {"image_id": image_id, "category_id": label, "bbox": box, "score": score}


def accuracy(model: Path) -> tuple[float, float, list[float]]:
    """mAP50–95, mAP50 and per-class AP50–95 of `model` on eval.json, by pycocotools."""
    session = session_of(model)
    images = json.loads((HERE / "eval.json").read_text())["images"]
    results: list[dict[str, object]] = []
    for image in images:
        (output,) = session.run(None, {"images": tensor_of(HERE / "eval" / image["file_name"])})
        results += detections(output, image["id"])
    if not results:
        return 0.0, 0.0, []
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO(str(HERE / "eval.json"))
        judge = COCOeval(truth, truth.loadRes(results), "bbox")
        judge.evaluate()
        judge.accumulate()
        judge.summarize()
    per_class = [float(p[p > -1].mean()) for p in np.moveaxis(judge.eval["precision"][:, :, :, 0, 2], 2, 0)]
    return float(judge.stats[0]), float(judge.stats[1]), per_class


def quantized(setting: Setting, target: Path) -> None:
    """Writes the INT8 model of `setting`."""
    method = CalibrationMethod.MinMax if setting.percentile is None else CalibrationMethod.Percentile
    extra = {} if setting.percentile is None else {"CalibPercentile": setting.percentile}
    quantize_static(
        MODEL,
        target,
        Frames(setting.frames),
        quant_format=QuantFormat.QDQ,
        op_types_to_quantize=None if setting.operators is None else list(setting.operators),
        per_channel=True,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        calibrate_method=method,
        extra_options=extra,
    )


def settings() -> list[Setting]:
    """What is compared; `listing` is the pool in the order of a directory listing."""
    with (HERE / "pool.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    listing = sorted(HERE / row["path"] for row in rows)
    stations = sorted({row["station"] for row in rows})
    dealt = [random.Random(0).sample([HERE / r["path"] for r in rows if r["station"] == s], 26) for s in stations]
    balanced = [path for deal in zip(*dealt, strict=True) for path in deal][:128]
    chosen = [Setting("first 16 of the listing, minmax", listing[:16])]
    for count in (8, 32, 128):
        chosen += [
            Setting(f"random {count}, seed {s}, minmax", random.Random(s).sample(listing, count)) for s in (0, 1, 2)
        ]
    for percentile in (None, 99.9, 99.99, 99.999):
        method = "minmax" if percentile is None else f"percentile {percentile}"
        chosen.append(Setting(f"128 balanced by station, {method}", balanced, percentile))
    chosen.append(Setting("128 balanced by station, minmax, every operator", balanced, None, None))
    return chosen


def main() -> None:
    names = [c["name"] for c in json.loads((HERE / "eval.json").read_text())["categories"]]
    print("| model | mAP50–95 | mAP50 | " + " | ".join(names) + " |\n" + "|---" * (3 + len(names)) + "|")
    with tempfile.TemporaryDirectory() as scratch:
        target = Path(scratch) / "int8.onnx"
        for setting in (None, *settings()):
            if setting is not None:
                quantized(setting, target)
            every, half, per_class = accuracy(MODEL if setting is None else target)
            figures = " | ".join(f"{100 * v:.1f}" for v in (every, half, *per_class))
            print(f"| {'float' if setting is None else setting.name} | {figures} |", flush=True)


if __name__ == "__main__":
    main()
