"""The calibration data reader that goes beside exported frames: its own source, with this detector's settings in it."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import resources
from pprint import pformat
from typing import Any

import numpy as np

from calibtui.detector.detector import Detector

FILE_NAME = "calibration_reader.py"
_BEGIN, _END = "SETTINGS: dict[str, Any] = {", "\n}\n"


def reader_source(detector: Detector, frames: Sequence[str]) -> str:
    """The file's text, for a detector and the frames' file names."""
    source = resources.files("calibtui.pipeline").joinpath(FILE_NAME).read_text(encoding="utf-8")
    begin = source.index(_BEGIN)
    end = source.index(_END, begin) + len(_END)
    settings = pformat(reader_settings(detector, frames), width=110, sort_dicts=False)
    return f"{source[:begin]}SETTINGS: dict[str, Any] = {settings}\n{source[end:]}"


def reader_settings(detector: Detector, frames: Sequence[str]) -> dict[str, Any]:
    """Plain values alone."""
    recipe, image = detector.layout.input, detector.inputs.image
    width, height = detector.input_size
    fed = detector.feed(np.zeros((1, 3, height, width), np.float32))
    return {
        "input": image.name,
        "dtype": np.dtype(image.dtype).name,
        "channels_last": image.channels_last,
        "batch": image.batch,
        "size": (width, height),
        "resize": recipe.resize or "letterbox",
        "align": recipe.align or "center",
        "pad": recipe.pad or 0,
        "scale": recipe.scale,
        "mean": tuple(recipe.mean or (0.0, 0.0, 0.0)),
        "std": tuple(recipe.std or (1.0, 1.0, 1.0)),
        "channels": recipe.channels or "rgb",
        "extras": {name: (str(fed[name].dtype), fed[name].tolist()) for name in detector.inputs.extra_names},
        "frames": tuple(frames),
    }
