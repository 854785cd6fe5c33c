"""open_rgb: every format, depth and rotation becomes upright RGB; what can't be read says why."""

from __future__ import annotations

import os
import struct
import warnings
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from calibtui.pool.images import UnreadableImage, fitted, open_rgb, thumbnail

# pytest puts its own warning filters in place of the product's.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:PIL", "ignore::RuntimeWarning:PIL")

RED, GREEN = (255, 0, 0), (0, 255, 0)


def corner_marked(orientation: int) -> Image.Image:
    """A 48 × 32 upright picture with a red top-left quarter, stored the way `orientation` says."""
    upright = Image.new("RGB", (48, 32), GREEN)
    upright.paste(RED, (0, 0, 24, 16))
    stored = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    return upright.transpose(stored[orientation]) if orientation in stored else upright


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.webp", "a.tif"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_rotation_is_applied_in_every_format_that_has_it(tmp_path: Path, name: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    corner_marked(orientation).save(tmp_path / name, exif=exif)
    pixels = open_rgb(tmp_path / name)
    assert pixels.shape == (32, 48, 3)
    assert pixels[4, 4, 0] > 200 and pixels[4, 4, 1] < 60
    assert pixels[28, 44, 1] > 200 and pixels[4, 44, 1] > 200 and pixels[28, 4, 1] > 200


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.bmp", "a.tiff", "a.webp"])
def test_the_five_formats_are_read_whatever_the_extension_says(photo: Callable[..., Path], name: str) -> None:
    path = photo(name)
    disguised = path.rename(path.with_suffix(".JPG"))
    pixels = open_rgb(disguised)
    assert pixels.shape == (240, 320, 3) and pixels.dtype == np.uint8


@pytest.mark.parametrize("name", ["deep.png", "deep.tif"])
def test_sixteen_bit_grey_is_scaled_linearly_and_never_clipped(tmp_path: Path, name: str) -> None:
    ramp = np.linspace(0, 65535, 4096).astype(np.uint16).reshape(64, 64)
    Image.fromarray(ramp).save(tmp_path / name)
    pixels = open_rgb(tmp_path / name)
    assert np.array_equal(pixels[..., 0], np.floor(ramp / 257 + 0.5).astype(np.uint8))
    assert np.array_equal(pixels[..., 0], pixels[..., 2])


def test_sixteen_bit_colour_png_is_read(tmp_path: Path) -> None:
    rows = b"".join(b"\0" + struct.pack(">3H", 65535, 32896, 0) * 4 for _ in range(4))

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 4, 4, 16, 2, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + body)
    assert open_rgb(tmp_path / "a.png")[0, 0].tolist() == [255, 128, 0]


@pytest.mark.parametrize(
    ("mode", "name", "expected"),
    [
        ("L", "a.jpg", (77, 77, 77)),
        ("1", "a.png", (255, 255, 255)),
        ("LA", "a.png", (77, 77, 77)),
        ("RGBA", "a.png", (200, 100, 50)),
        ("RGBA", "a.webp", (200, 100, 50)),
        ("CMYK", "a.jpg", (255, 255, 255)),
        ("CMYK", "a.tif", (255, 255, 255)),
    ],
)
def test_grey_bilevel_alpha_and_cmyk_become_rgb(
    tmp_path: Path, mode: str, name: str, expected: tuple[int, int, int]
) -> None:
    colours = {"L": 77, "1": 1, "LA": (77, 0), "RGBA": (200, 100, 50, 128), "CMYK": (0, 0, 0, 0)}
    options = {"lossless": True} if name.endswith("webp") else {}
    Image.new(mode, (16, 16), colours[mode]).save(tmp_path / name, **options)
    assert np.abs(open_rgb(tmp_path / name)[8, 8].astype(int) - expected).max() <= 2


@pytest.mark.parametrize("transparency", [None, 0, b"\x00\x80"])
def test_a_palette_keeps_its_colours_whatever_is_transparent(tmp_path: Path, transparency: int | bytes | None) -> None:
    image = Image.new("P", (8, 8), 0)
    image.putpalette([10, 20, 30, 40, 50, 60])
    image.putpixel((7, 7), 1)
    image.save(tmp_path / "a.png", **({} if transparency is None else {"transparency": transparency}))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pixels = open_rgb(tmp_path / "a.png")
    assert pixels[0, 0].tolist() == [10, 20, 30] and pixels[7, 7].tolist() == [40, 50, 60]


def test_the_first_frame_of_an_animation_is_the_frame(tmp_path: Path) -> None:
    first, second = Image.new("RGB", (16, 16), RED), Image.new("RGB", (16, 16), GREEN)
    for name in ("a.webp", "a.tif", "a.png"):
        first.save(tmp_path / name, save_all=True, append_images=[second])
        assert open_rgb(tmp_path / name)[8, 8, 0] > 200


def test_a_multi_picture_jpeg_is_a_jpeg_and_drafts_like_one(tmp_path: Path, paint: Callable[..., Image.Image]) -> None:
    path = tmp_path / "stereo.jpg"
    paint(640, 480).save(path, "MPO", save_all=True, append_images=[paint(640, 480, 1)])
    assert open_rgb(path).shape == (480, 640, 3)
    assert open_rgb(path, at_most=(320, 320)).shape == (240, 320, 3)


@pytest.mark.parametrize("at_most", [(768, 768), (640, 640), (100, 100), (5000, 5000), (200, 1000)])
def test_a_draft_is_never_smaller_than_what_fits(photo: Callable[..., Path], at_most: tuple[int, int]) -> None:
    path = photo("a.jpg", 1920, 1080)
    height, width, _ = open_rgb(path, at_most=at_most).shape
    wanted = fitted((1920, 1080), at_most)
    assert width >= wanted[0] and height >= wanted[1]
    assert width <= 1920


def test_a_draft_is_taken_where_it_pays_and_only_when_asked_for(photo: Callable[..., Path]) -> None:
    path = photo("a.jpg", 1920, 1080)
    assert open_rgb(path).shape == (1080, 1920, 3)
    assert open_rgb(path, at_most=(768, 768)).shape == (540, 960, 3)


def test_the_bound_of_a_draft_is_that_of_the_upright_frame(tmp_path: Path, paint: Callable[..., Image.Image]) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    paint(1600, 800).save(tmp_path / "a.jpg", exif=exif)
    assert open_rgb(tmp_path / "a.jpg", at_most=(200, 4000)).shape == (400, 200, 3)


def test_a_thumbnail_keeps_the_aspect_and_never_enlarges(photo: Callable[..., Path]) -> None:
    assert thumbnail(photo("a.jpg", 1920, 1080), 160).size == (160, 90)
    assert thumbnail(photo("b.png", 40, 20), 160).size == (40, 20)
    assert thumbnail(photo("c.png", 4000, 3), 100).size == (100, 1)


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.webp", "a.bmp", "a.tif"])
@pytest.mark.parametrize("kept", [0.02, 0.5, 0.95])
def test_a_truncated_file_is_refused_and_never_grey_below(photo: Callable[..., Path], name: str, kept: float) -> None:
    path = photo(name, 640, 480)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * kept)])
    with pytest.raises(UnreadableImage) as caught:
        open_rgb(path)
    assert caught.value.reason and str(path) in caught.value.message


def test_a_copy_cut_short_in_preallocated_space_is_refused(photo: Callable[..., Path]) -> None:
    path = photo("a.jpg", 640, 480)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2] + bytes(len(data) - len(data) // 2))
    with pytest.raises(UnreadableImage, match="ends in zeros"):
        open_rgb(path)


def test_padding_after_the_end_of_a_picture_does_no_harm(photo: Callable[..., Path]) -> None:
    path = photo("a.jpg")
    path.write_bytes(path.read_bytes() + bytes(4096))
    assert open_rgb(path).shape == (240, 320, 3)


def bomb(path: Path, width: int, height: int) -> Path:
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunk = b"IHDR" + header
    data = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk))
    body = zlib.compress(bytes(1000))
    path.write_bytes(
        data + struct.pack(">I", len(body)) + b"IDAT" + body + struct.pack(">I", zlib.crc32(b"IDAT" + body))
    )
    return path


@pytest.mark.parametrize("size", [(16000, 16000), (60000, 60000)])
def test_a_decompression_bomb_is_refused_by_its_header(tmp_path: Path, size: tuple[int, int]) -> None:
    with pytest.raises(UnreadableImage, match="decompression bomb"):
        open_rgb(bomb(tmp_path / "a.png", *size))


def test_what_is_no_frame_says_what_it_is(tmp_path: Path) -> None:
    (tmp_path / "empty.jpg").touch()
    (tmp_path / "text.jpg").write_text("hello")
    Image.new("RGB", (4, 4)).save(tmp_path / "a.gif")
    Image.new("F", (4, 4)).save(tmp_path / "float.tif")
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "directory.jpg").mkdir()
    reasons = {
        "empty.jpg": "empty",
        "text.jpg": "not a JPEG",
        "a.gif": "not a JPEG",
        "float.tif": "32-bit samples",
        "pipe.jpg": "not a regular file",
        "directory.jpg": "a directory",
        "gone.jpg": "missing",
    }
    for name, reason in reasons.items():
        with pytest.raises(UnreadableImage) as caught:
            open_rgb(tmp_path / name)
        assert reason in caught.value.reason, name


def test_a_file_over_the_limit_is_refused_unread(tmp_path: Path) -> None:
    with (tmp_path / "a.jpg").open("wb") as file:
        file.truncate(600 << 20)
    with pytest.raises(UnreadableImage, match="600 MiB"):
        open_rgb(tmp_path / "a.jpg")


def test_random_damage_never_raises_anything_else(photo: Callable[..., Path]) -> None:
    rng = np.random.default_rng(0)
    for name in ("a.jpg", "a.png", "a.webp", "a.tif", "a.bmp"):
        path = photo(name, 64, 48)
        data = path.read_bytes()
        for _ in range(40):
            bad = bytearray(data)
            for place in rng.integers(0, min(len(bad), 300), 4):
                bad[place] = rng.integers(0, 256)
            path.write_bytes(bad)
            try:
                open_rgb(path)
            except UnreadableImage as error:
                assert "\n" not in error.reason
