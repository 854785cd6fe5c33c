"""The signature of a frame: block means of any format, bounded, and the same after storing."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from calibtui.pool.decoding import UnreadableImage
from calibtui.scoring.similar import signature as module
from calibtui.scoring.similar.signature import Signature, signature_of, signature_of_bytes

PATH = Path("frame")


def same(a: Signature, b: Signature) -> bool:
    about = [(each.width, each.height, each.orientation, each.planes.shape) for each in (a, b)]
    return about[0] == about[1] and np.array_equal(a.planes, b.planes)


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def test_a_plane_holds_the_mean_of_each_block(seen: Callable) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (24, 40)).astype(np.float64)
    means = pixels.reshape(3, 8, 5, 8).mean((1, 3))
    for quality, tolerance in ((None, 0.51), (100, 1.1)):
        signature = seen(pixels, quality)
        assert signature.planes.shape == (1, 3, 5)
        assert abs(signature.planes[0] - means).max() <= tolerance


def test_a_jpeg_and_a_bitmap_of_one_picture_agree_to_the_edge(seen: Callable) -> None:
    """Sizes that are no multiple of 8 leave blocks that the edge cuts."""
    y, x = np.mgrid[0:61, 0:83]
    pixels = np.repeat((60 + x + y)[..., None], 3, axis=2).astype(np.float64)
    a, b = seen(pixels, 98), seen(pixels)
    assert a.planes.shape == b.planes.shape == (3, 8, 11)
    inner = np.abs(a.planes.astype(int) - b.planes)[:, :7, :10]
    assert inner.max() <= 1


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "WEBP"])
def test_every_format_has_the_same_signature(kind: str, pool_frames: list[np.ndarray]) -> None:
    image = Image.fromarray(pool_frames[0])
    options = {"lossless": True} if kind == "WEBP" else {}
    found = signature_of_bytes(PATH, saved(image, kind, **options))
    assert same(found, signature_of_bytes(PATH, saved(image, "PNG")))


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "CMYK"])
def test_every_mode_has_a_signature(mode: str, pool_frames: list[np.ndarray]) -> None:
    image = Image.fromarray(pool_frames[0]).convert(mode)
    found = signature_of_bytes(PATH, saved(image, "TIFF" if mode == "CMYK" else "PNG"))
    assert found.planes.shape == (1 if mode in ("1", "L", "LA") else 3, 32, 40)


def test_sixteen_bit_grey_is_scaled_and_not_clipped() -> None:
    samples = np.full((16, 16), 40_000, np.uint16)
    found = signature_of_bytes(PATH, saved(Image.fromarray(samples), "PNG"))
    assert found.planes.ravel().tolist() == [156] * 4


def test_a_cmyk_jpeg_is_decoded_whole(pool_frames: list[np.ndarray]) -> None:
    data = saved(Image.fromarray(pool_frames[0]).convert("CMYK"), "JPEG", quality=95)
    assert signature_of_bytes(PATH, data).planes.shape == (3, 32, 40)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF"])
def test_the_orientation_is_kept_beside_pixels_as_they_are_stored(kind: str, pool_frames: list[np.ndarray]) -> None:
    """A TIFF is turned by its decoder, so there it is part of the pixels."""
    exif = Image.Exif()
    exif[0x0112] = 6
    found = signature_of_bytes(PATH, saved(Image.fromarray(pool_frames[0]), kind, exif=exif))
    if kind == "TIFF":
        assert (found.width, found.height, found.orientation) == (256, 320, 1)
        assert found.planes.shape == (3, 40, 32)
    else:
        assert (found.width, found.height, found.orientation) == (320, 256, 6)
        assert found.planes.shape == (3, 32, 40)


def test_storing_gives_it_back_and_always_the_same_bytes(pool_frames: list[np.ndarray], seen: Callable) -> None:
    for frame in (*pool_frames[:3], pool_frames[0][..., 0], pool_frames[0][:5, :3]):
        signature = seen(frame, 90)
        stored = signature.to_bytes()
        assert same(Signature.from_bytes(stored), signature)
        assert stored == seen(frame, 90).to_bytes()


def test_a_stored_signature_is_small(pool_frames: list[np.ndarray], seen: Callable) -> None:
    """Under half a byte a block and plane for frames as cameras give them."""
    signature = seen(pool_frames[0], 90)
    assert len(signature.to_bytes()) < signature.planes.size / 2


def _header(
    count: int = 1, orientation: int = 1, width: int = 16, height: int = 16, version: int | None = None
) -> bytes:
    number = module.SIGNATURE_VERSION if version is None else version
    return struct.pack(">4sBBBxII", b"CTSV", number, count, orientation, width, height)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"CTSV",
        b"XXXX" + _header()[4:] + zlib.compress(bytes(4)),
        _header(version=99) + zlib.compress(bytes(4)),
        _header(count=2) + zlib.compress(bytes(8)),
        _header(orientation=9) + zlib.compress(bytes(4)),
        _header(width=0) + zlib.compress(b""),
        _header(width=2**32 - 1, height=2**32 - 1) + zlib.compress(bytes(4)),
        _header(),
        _header() + b"not deflated",
        _header() + zlib.compress(bytes(3)),
        _header() + zlib.compress(bytes(5)),
        _header() + zlib.compress(bytes(4))[:-3],
        _header() + zlib.compress(bytes(50_000_000)),
    ],
)
def test_bytes_that_are_no_signature_are_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="signature"):
        Signature.from_bytes(data)


@pytest.mark.parametrize("data", [b"", b"no picture", b"\xff\xd8\xff\xe0 cut"])
def test_what_is_no_picture_is_unreadable(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "frame.jpg"
    path.write_bytes(data)
    with pytest.raises(UnreadableImage):
        signature_of(path)


def test_a_truncated_jpeg_is_unreadable(tmp_path: Path, encoded: Callable, pool_frames: list[np.ndarray]) -> None:
    path = tmp_path / "frame.jpg"
    path.write_bytes(encoded(pool_frames[0], 90)[:4000])
    with pytest.raises(UnreadableImage, match="truncated"):
        signature_of(path)


def test_a_frame_of_too_many_blocks_is_refused_before_it_is_decoded(
    monkeypatch: pytest.MonkeyPatch, encoded: Callable
) -> None:
    monkeypatch.setattr(module, "BLOCK_LIMIT", 15)
    data = encoded(np.zeros((32, 32)), 90)
    with pytest.raises(UnreadableImage, match="32x32 px is more than a signature holds"):
        signature_of_bytes(PATH, data[:-12])
