"""Exports trained weights to ONNX in the YOLOv8 layout, with the metadata that such exports carry.

    python sample_data/make/export.py --weights /tmp/detector.pt --onnx sample_data/detector.onnx

Input `images` (1, 3, 256, 256) float32 RGB / 255, letterboxed on grey 114; output `output0` (1, 4 + classes, anchors).
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from model import STRIDES, Detector
from stations import CLASSES
from training_set import INPUT_PX

OPSET = 17
TOLERANCE = 1e-3
"""Largest difference allowed between PyTorch and ONNX Runtime: px in the boxes, and far less in the scores."""


def export(weights: Path, target: Path) -> None:
    """Writes `target`; raises AssertionError where ONNX Runtime and PyTorch disagree on a random picture."""
    model = Detector(len(CLASSES))
    model.load_state_dict(torch.load(weights, weights_only=True))
    model.eval()
    picture = torch.rand(1, 3, INPUT_PX, INPUT_PX, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        expected = model(picture).numpy()
    model.fold()
    torch.onnx.export(
        model,
        (picture,),
        str(target),
        input_names=["images"],
        output_names=["output0"],
        opset_version=OPSET,
        dynamo=False,
    )
    described(target)
    session = onnxruntime.InferenceSession(target, providers=["CPUExecutionProvider"])
    (answer,) = session.run(None, {"images": picture.numpy()})
    np.testing.assert_allclose(answer, expected, rtol=0, atol=TOLERANCE)


def described(path: Path) -> None:
    """Adds names, stride, imgsz and task to the file's metadata, written as the Ultralytics exporter writes them."""
    proto = onnx.load(path)
    metadata = {
        "names": str(dict(enumerate(CLASSES))),
        "stride": str(max(STRIDES)),
        "imgsz": str([INPUT_PX, INPUT_PX]),
        "task": "detect",
        "batch": "1",
        "license": "Apache-2.0",
    }
    onnx.helper.set_model_props(proto, metadata)
    onnx.checker.check_model(proto, full_check=True)
    onnx.save(proto, path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--onnx", type=Path, required=True)
    chosen = parser.parse_args()
    export(chosen.weights, chosen.onnx)


if __name__ == "__main__":
    main()
