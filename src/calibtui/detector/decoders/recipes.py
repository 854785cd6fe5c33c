"""How each family's training pipeline prepares a picture: what holds where neither the file nor the user says."""

from __future__ import annotations

from calibtui.workspace.settings import InputSettings

_IMAGENET_MEAN = (0.485, 0.456, 0.406)
_IMAGENET_STD = (0.229, 0.224, 0.225)
_NONE = (0.0, 0.0, 0.0)
_ONE = (1.0, 1.0, 1.0)


def _recipe(**changes: object) -> InputSettings:
    usual: dict[str, object] = {
        "resize": "letterbox",
        "align": "center",
        "mean": _NONE,
        "std": _ONE,
        "scale": 1 / 255,
        "channels": "rgb",
        "pad": 114,
    }
    return InputSettings(**(usual | changes))  # type: ignore[arg-type]


YOLO = _recipe()
"""Ultralytics, YOLOv5, YOLOv7: RGB / 255, letterboxed in the middle on grey 114."""
KERAS_YOLOV3 = _recipe(pad=128)
"""keras-yolo3, which the ONNX model zoo's YOLOv3 were made with: letterboxed in the middle on grey 128."""
YOLOX = _recipe(align="top-left", scale=1.0, channels="bgr")
"""YOLOX since 0.2: BGR 0–255, letterboxed at the top left on grey 114."""
NANODET = _recipe(scale=1.0, channels="bgr", pad=0, mean=(103.53, 116.28, 123.675), std=(57.375, 57.12, 58.395))
"""NanoDet: BGR with ImageNet's mean and deviation, letterboxed in the middle on black."""
NANODET_PLUS = _recipe(
    resize="stretch", scale=1.0, channels="bgr", pad=0, mean=(103.53, 116.28, 123.675), std=(57.375, 57.12, 58.395)
)
"""NanoDet-Plus: its configurations set keep_ratio to false."""
IMAGENET = _recipe(resize="stretch", mean=_IMAGENET_MEAN, std=_IMAGENET_STD)
"""DETR, RF-DETR, PicoDet and many SSDs: RGB with ImageNet's mean and deviation, stretched."""
MMDETECTION = _recipe(align="top-left", mean=_IMAGENET_MEAN, std=_IMAGENET_STD, pad=0)
"""MMDetection's usual pipeline: RGB with ImageNet's mean and deviation, letterboxed at the top left on black."""
UNIT = _recipe(resize="stretch")
"""RT-DETR, D-FINE, torchvision (which normalises inside the graph): RGB / 255, stretched."""
FASTESTDET = _recipe(resize="stretch", channels="bgr")
"""FastestDet: BGR / 255, stretched."""
RAW_PIXELS = _recipe(resize="stretch", scale=1.0)
"""Graphs with their normalisation inside: RGB 0–255, stretched."""
