"""Real detectors on real annotated frames reach the mAP that was measured for them elsewhere, recognised by
themselves."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from calibtui.detector.detector import Detector
from calibtui.workspace.settings import ModelSettings

POINTS = 0.5


def mean_average_precision(detector: Detector, folder: Path) -> float:
    """mAP 50–95 in points by the COCO protocol."""
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO(str(folder / "eval.json"))
        results = []
        for entry in truth.dataset["images"]:
            with Image.open(folder / "eval" / entry["file_name"]) as picture:
                image = np.asarray(ImageOps.exif_transpose(picture).convert("RGB"))
            found = detector.detect(image)
            for (x1, y1, x2, y2), score, label in zip(
                found.boxes.tolist(), found.scores.tolist(), found.classes.tolist(), strict=True
            ):
                box = [x1, y1, x2 - x1, y2 - y1]
                results.append({"image_id": entry["id"], "bbox": box, "score": score, "category_id": label})
        evaluation = COCOeval(truth, truth.loadRes(results), "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return float(evaluation.stats[0]) * 100


@pytest.mark.shared
@pytest.mark.parametrize(
    ("model", "decoder", "nms_iou", "expected"),
    [
        ("coco128/yolox_nano_416.onnx", "yolox", 0.65, 34.1),
        ("coco128/nanodet_m_320.onnx", "nanodet", 0.6, 29.2),
        ("deeppcb/pcb_tiny_320.onnx", "yolov8", 0.6, 60.1),
    ],
)
def test_known_detectors_reach_their_map(shared_data, model, decoder, nms_iou, expected):
    detector = Detector.load(ModelSettings(onnx=model, nms_iou=nms_iou), shared_data, threads=2)
    assert detector.layout.decoder == decoder
    assert abs(mean_average_precision(detector, (shared_data / model).parent) - expected) <= POINTS
