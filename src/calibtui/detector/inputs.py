"""What a model wants to be fed: its image input, whatever its layout and type, and the few known inputs beside it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from calibtui.core.errors import ModelError

_IMAGE_TYPES: dict[str, type[np.generic]] = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(uint8)": np.uint8,
}
_TYPES: dict[str, type[np.generic]] = {
    **_IMAGE_TYPES,
    "tensor(double)": np.float64,
    "tensor(int32)": np.int32,
    "tensor(int64)": np.int64,
    "tensor(bool)": np.bool_,
}
_CHANNELS = 3


def _width_height(width: int, height: int) -> NDArray[Any]:
    return np.array([[width, height]])


def _height_width(width: int, height: int) -> NDArray[Any]:
    return np.array([[height, width]])


def _ones(width: int, height: int) -> NDArray[Any]:
    return np.array([[1, 1]])


def _whole_picture(width: int, height: int) -> NDArray[Any]:
    return np.ones((1, height, width))


# Fed so that boxes come back in input px: the picture is said to be as large as the input and never rescaled.
_KNOWN_EXTRAS: dict[str, Callable[[int, int], NDArray[Any]]] = {
    "orig_target_sizes": _width_height,  # RT-DETR, D-FINE, DEIM
    "target_sizes": _height_width,  # DETR post-processors
    "im_shape": _height_width,  # PaddleDetection
    "image_shape": _height_width,
    "scale_factor": _ones,  # PaddleDetection
    "pixel_mask": _whole_picture,  # DETR of Transformers
}


@dataclass(frozen=True, slots=True)
class ImageInput:
    """The image input. `size` is (width, height) px, None for a side the file leaves open; `batch` the fixed batch
    size, 1 where it is open, 0 where there is no batch dimension."""

    name: str
    dtype: type[np.generic]
    channels_last: bool
    batch: int
    size: tuple[int | None, int | None]

    def as_fed(self, tensor: NDArray[np.float32]) -> NDArray[Any]:
        """(1, 3, h, w) float32 in this input's own layout and type; a fixed batch is filled with the one frame."""
        value: NDArray[Any] = tensor
        if self.dtype is np.uint8:
            value = np.rint(tensor).clip(0, 255)
        if self.channels_last:
            value = value.transpose(0, 2, 3, 1)
        if self.batch == 0:
            value = value[0]
        elif self.batch > 1:
            value = np.repeat(value, self.batch, axis=0)
        return np.ascontiguousarray(value, dtype=self.dtype)


@dataclass(frozen=True, slots=True)
class ModelInputs:
    """The image input and the constant inputs beside it, by name, as (name, dtype)."""

    image: ImageInput
    extras: tuple[tuple[str, type[np.generic]], ...] = ()

    @property
    def extra_names(self) -> tuple[str, ...]:
        return tuple(name for name, _ in self.extras)

    def feed(self, tensor: NDArray[np.float32]) -> dict[str, NDArray[Any]]:
        """Everything a run needs for one prepared frame (1, 3, h, w) float32."""
        height, width = tensor.shape[2:]
        fed = {self.image.name: self.image.as_fed(tensor)}
        for name, dtype in self.extras:
            fed[name] = _KNOWN_EXTRAS[name](width, height).astype(dtype)
        return fed


def find_inputs(session: ort.InferenceSession, name: str) -> ModelInputs:
    """The inputs of a detector. Weights that are listed as graph inputs are not among a session's inputs, so they
    need no care here. Raises ModelError for a file without a 3-channel image input, and for an input nobody knows how
    to fill."""
    declared = session.get_inputs()
    image = next((found for found in map(_as_image, declared) if found), None)
    if image is None:
        seen = "; ".join(f"{entry.name} {_shape(entry.shape)} {entry.type}" for entry in declared) or "none"
        raise ModelError(
            f"{name} has no image input of 3 channels: its inputs are {seen}.",
            "A detector here takes one RGB or BGR picture, (1, 3, h, w) or (1, h, w, 3), as float or uint8.",
        )
    extras = []
    for entry in declared:
        if entry.name == image.name:
            continue
        if entry.name not in _KNOWN_EXTRAS or entry.type not in _TYPES:
            raise ModelError(
                f"{name} wants an input {entry.name!r} {_shape(entry.shape)} {entry.type} beside the picture.",
                f"Export it without that input; those that can be filled are {', '.join(sorted(_KNOWN_EXTRAS))}.",
            )
        extras.append((entry.name, _TYPES[entry.type]))
    return ModelInputs(image, tuple(extras))


def _as_image(entry: ort.NodeArg) -> ImageInput | None:
    dtype = _IMAGE_TYPES.get(entry.type)
    dims = [side if isinstance(side, int) and side > 0 else None for side in entry.shape or ()]
    if dtype is None or entry.name in _KNOWN_EXTRAS or len(dims) not in (3, 4):
        return None
    batch = 0 if len(dims) == 3 else (dims[0] or 1)
    channels, *_ = plane = dims[-3:]
    last = plane[-1] == _CHANNELS and channels != _CHANNELS
    if not last and channels is None and dtype is np.uint8:
        last = plane[-1] is None  # raw pixels with every side left open: the TensorFlow convention
    if (plane[-1] if last else channels) not in (_CHANNELS, None):
        return None
    height, width = plane[:2] if last else plane[1:]
    return ImageInput(entry.name, dtype, last, batch, (width, height))


def _shape(shape: list[int | str | None]) -> str:
    return "(" + ", ".join("?" if side is None else str(side) for side in shape) + ")"
