"""Reads the frames beside this file for onnxruntime's `quantize_static`, prepared as the detector wants them.

    from calibration_reader import FrameReader
    quantize_static("detector.onnx", "detector.int8.onnx", FrameReader())

Needs numpy, Pillow and onnxruntime, and nothing else.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from onnxruntime.quantization import CalibrationDataReader
from PIL import Image, ImageOps

SETTINGS: dict[str, Any] = {
    "input": "images",
    "dtype": "float32",
    "channels_last": False,
    "batch": 1,
    "size": (640, 640),
    "resize": "letterbox",
    "align": "center",
    "pad": 114,
    "scale": 1.0,
    "mean": (0.0, 0.0, 0.0),
    "std": (1.0, 1.0, 1.0),
    "channels": "rgb",
    "extras": {},
    "frames": (),
}
"""How a frame becomes the input: a pixel p is (p × scale − mean) / std; `extras` are constant inputs beside it, as
(type, value); `frames` are file names in the folder `frames`."""


class FrameReader(CalibrationDataReader):  # type: ignore[misc]
    """One frame after another; `rewind` begins anew. `folder` holds the files that SETTINGS name."""

    def __init__(self, folder: Path | str | None = None, settings: dict[str, Any] | None = None) -> None:
        self._folder = Path(folder) if folder is not None else Path(__file__).resolve().parent / "frames"
        self._settings = settings or SETTINGS
        self.rewind()

    def rewind(self) -> None:
        self._left = iter(self._settings["frames"])

    def get_next(self) -> dict[str, Any] | None:
        """The inputs of the next frame by name; None after the last."""
        name = next(self._left, None)
        if name is None:
            return None
        with Image.open(self._folder / name) as picture:
            tensor = prepared(np.asarray(ImageOps.exif_transpose(picture).convert("RGB")), self._settings)
        extras = {key: np.array(value, dtype) for key, (dtype, value) in self._settings["extras"].items()}
        return {self._settings["input"]: as_fed(tensor, self._settings), **extras}


def prepared(pixels: np.ndarray, settings: dict[str, Any]) -> np.ndarray:
    """(H, W, 3) uint8 RGB to (1, 3, h, w) float32."""
    input_w, input_h = settings["size"]
    frame_h, frame_w = pixels.shape[:2]
    if settings["resize"] == "stretch":
        width, height, left, top = input_w, input_h, 0, 0
    else:
        ratio = min(input_w / frame_w, input_h / frame_h)
        width, height = min(input_w, max(1, round(frame_w * ratio))), min(input_h, max(1, round(frame_h * ratio)))
        corner = settings["align"] == "top-left"
        left, top = (0, 0) if corner else ((input_w - width) // 2, (input_h - height) // 2)
    canvas = np.full((input_h, input_w, 3), settings["pad"], np.uint8)
    picture = Image.fromarray(pixels)
    if (width, height) != (frame_w, frame_h):
        picture = picture.resize((width, height), Image.Resampling.BILINEAR, reducing_gap=3.0)
    canvas[top : top + height, left : left + width] = np.asarray(picture)
    planes = canvas[..., ::-1] if settings["channels"] == "bgr" else canvas
    scale, mean, std = (np.asarray(settings[name], np.float64) for name in ("scale", "mean", "std"))
    return (planes * (scale / std) - mean / std).astype(np.float32).transpose(2, 0, 1)[None]


def as_fed(tensor: np.ndarray, settings: dict[str, Any]) -> np.ndarray:
    """(1, 3, h, w) float32 in the input's own layout and type."""
    if settings["dtype"] == "uint8":
        tensor = np.rint(tensor).clip(0, 255)
    if settings["channels_last"]:
        tensor = tensor.transpose(0, 2, 3, 1)
    if settings["batch"] == 0:
        tensor = tensor[0]
    elif settings["batch"] > 1:
        tensor = np.repeat(tensor, settings["batch"], axis=0)
    return np.ascontiguousarray(tensor, dtype=settings["dtype"])
