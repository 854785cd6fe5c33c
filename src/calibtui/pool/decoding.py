"""From a file's bytes to an upright Pillow image, with every way in which that can fail turned into one reason.

A frame is hostile input: its size is bounded before it is read, its pixel count before it is decoded, and only the five
formats of the product are tried, so no other decoder of Pillow is ever reached.
"""

from __future__ import annotations

import contextlib
import os
import stat
import warnings
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from calibtui.core.errors import ConfigurationError

FORMATS = ("JPEG", "PNG", "BMP", "TIFF", "WEBP")
FILE_LIMIT = 512 * 1024 * 1024
"""Bytes of the largest file that is read into memory."""
PIXEL_LIMIT = 200_000_000
"""Pixels of the largest picture that is decoded."""

_ORIENTATION_TAG = 0x0112
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_PADDING = 512

# Pillow warns above this bound and refuses above twice this; `opened` refuses what lies between.
Image.MAX_IMAGE_PIXELS = PIXEL_LIMIT
# What Pillow says of a damaged file would land on stderr without the file's name; the reason says it with.
warnings.filterwarnings("ignore", module=r"PIL\.")


class UnreadableImage(ConfigurationError):  # noqa: N818 - says what the file is, and reads so in an except clause
    """A file that is no readable frame. `reason` is one plain-text clause, fit for a row of the index."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path} can't be read as a frame: {reason}.", "Repair, replace or remove the file.")
        self.path = path
        self.reason = reason


def read_bytes(path: Path) -> bytes:
    """The whole file, read once. Raises UnreadableImage: missing, no permission, not a regular file, empty, over
    FILE_LIMIT."""
    try:
        # Without O_NONBLOCK a named pipe would hang here until somebody writes to it.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            about = os.fstat(descriptor)
            if not stat.S_ISREG(about.st_mode):
                raise UnreadableImage(path, "not a regular file")
            if about.st_size > FILE_LIMIT:
                size, limit = about.st_size >> 20, FILE_LIMIT >> 20
                raise UnreadableImage(path, f"{size} MiB, more than the {limit} MiB that are read")
            data = file.read(about.st_size)
    except FileNotFoundError as error:
        raise UnreadableImage(path, "the file is missing") from error
    except IsADirectoryError as error:
        raise UnreadableImage(path, "a directory, not a file") from error
    except OSError as error:
        raise UnreadableImage(path, f"can't be opened: {error.strerror}") from error
    if not data:
        raise UnreadableImage(path, "the file is empty (0 bytes)")
    return data


@contextlib.contextmanager
def failures_named(path: Path) -> Iterator[None]:
    """Turns whatever Pillow raises over hostile bytes into UnreadableImage with a reason."""
    try:
        yield
    except UnreadableImage:
        raise
    except UnidentifiedImageError as error:
        raise UnreadableImage(path, "not a JPEG, PNG, BMP, TIFF or WebP picture") from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise UnreadableImage(path, f"a decompression bomb: more than {PIXEL_LIMIT // 1_000_000} Mpx") from error
    except MemoryError as error:
        raise UnreadableImage(path, "too large for the memory that is free") from error
    # Pillow's decoders raise nearly every built-in exception over crafted bytes; each means the same here.
    except Exception as error:
        text = " ".join(str(error).split())[:120] or type(error).__name__
        raise UnreadableImage(path, f"truncated or damaged: {text}") from error


def opened(path: Path, data: bytes) -> Image.Image:
    """The picture behind `data`, header read, pixels not yet. Raises UnreadableImage for a bomb and for no picture at
    all."""
    with failures_named(path):
        image = Image.open(BytesIO(data), formats=FORMATS)
        width, height = image.size
        if width * height > PIXEL_LIMIT:
            raise UnreadableImage(
                path, f"a decompression bomb: {width}x{height} px is more than {PIXEL_LIMIT // 1_000_000} Mpx"
            )
        if is_jpeg(image) and _is_zero_filled(data):
            raise UnreadableImage(path, "truncated or damaged: the file ends in zeros, before the picture does")
    return image


def is_jpeg(image: Image.Image) -> bool:
    """True for a JPEG, and for the multi-picture JPEG (MPO) that phones and stereo cameras write."""
    return image.format in ("JPEG", "MPO")


def format_of(image: Image.Image) -> str:
    """One of FORMATS."""
    return "JPEG" if is_jpeg(image) else str(image.format)


def orientation_of(image: Image.Image) -> int:
    """The EXIF orientation, 1 to 8, that is still to be applied to the loaded pixels; 1 where there is none or it is
    damaged."""
    if image.format == "TIFF":  # Pillow turns a TIFF itself while loading, and reports its size as turned.
        return 1
    try:
        value = image.getexif().get(_ORIENTATION_TAG, 1)
    except Exception:  # A damaged EXIF block doesn't make the pixels unreadable, and it raises anything.
        return 1
    return value if value in _UPRIGHT else 1


def turned_size(size: tuple[int, int], orientation: int) -> tuple[int, int]:
    """`size` (width, height) with the sides swapped where `orientation` lies on its side."""
    return (size[1], size[0]) if orientation >= 5 else size


def upright(image: Image.Image, orientation: int) -> Image.Image:
    """`image` turned and mirrored as its EXIF orientation says."""
    return image.transpose(_UPRIGHT[orientation]) if orientation in _UPRIGHT else image


def eight_bit(path: Path, image: Image.Image) -> Image.Image:
    """`image` in 8 bits a channel. 16-bit grey is scaled linearly, 0–65535 to 0–255, rounded: nothing is clipped and
    nothing stretched, so frames of one camera stay comparable. Raises UnreadableImage for 32-bit samples, whose white
    level no format defines."""
    if image.mode.startswith("I;16"):
        order = ">u2" if image.mode.endswith("B") else "<u2"
        samples = np.frombuffer(image.tobytes(), order).astype(np.uint32)
        grey = ((samples * 255 + 32767) // 65535).astype(np.uint8)
        return Image.fromarray(grey.reshape(image.height, image.width))
    if image.mode in ("I", "F"):
        raise UnreadableImage(path, "32-bit samples, whose white level is undefined; convert it to 8 or 16 bits")
    return image


def rgb(path: Path, image: Image.Image) -> Image.Image:
    """`image` as 8-bit RGB. Alpha is dropped, not composited, and a palette's transparent entry keeps its colour: what
    OpenCV's imread hands to the training pipelines. CMYK goes by Pillow's plain conversion, without colour profiles."""
    image = eight_bit(path, image)
    image.info.pop("transparency", None)  # Pillow would warn of it on stderr, frame by frame.
    return image if image.mode == "RGB" else image.convert("RGB")


def _is_zero_filled(data: bytes) -> bool:
    """True for a JPEG whose copy was cut short after the space had been allocated: libjpeg decodes zeros without a
    word."""
    return data.endswith(bytes(_PADDING)) and not data.rstrip(b"\0").endswith(b"\xff\xd9")
