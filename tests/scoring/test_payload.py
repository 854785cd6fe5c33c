"""A frame becomes the same bytes every time, and is named without being read."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from calibtui.core.errors import CalibtuiError
from calibtui.scoring.payload import PayloadRecipe, build_payload, payload_digest


def frame(path: Path, size: tuple[int, int] = (1920, 1080), **save: object) -> Path:
    noise = np.random.default_rng(1).integers(0, 255, (27, 48, 3), np.uint8)
    Image.fromarray(noise).resize(size, Image.Resampling.BICUBIC).save(path, **save)
    return path


def decoded(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.bmp", "a.tiff", "a.webp"])
def test_the_same_frame_gives_the_same_bytes(tmp_path: Path, name: str) -> None:
    path = frame(tmp_path / name)
    assert build_payload(path, PayloadRecipe()) == build_payload(path, PayloadRecipe())


def test_a_later_pass_is_the_same_picture_in_other_bytes_that_are_its_own(tmp_path: Path) -> None:
    """So that a cache of whole requests never answers it with the first pass's answer."""
    path = frame(tmp_path / "a.jpg")
    passes = [build_payload(path, PayloadRecipe(), number) for number in (1, 2, 3)]
    assert len(set(passes)) == 3
    assert len({decoded(data).tobytes() for data in passes}) == 1
    assert build_payload(path, PayloadRecipe(), 2) == passes[1]


@pytest.mark.parametrize(
    ("size", "expected"),
    [((1920, 1080), (768, 432)), ((1080, 1920), (432, 768)), ((320, 256), (320, 256)), ((3000, 10), (768, 3))],
)
def test_the_longer_side_is_bounded_the_aspect_kept_and_nothing_enlarged(
    tmp_path: Path, size: tuple[int, int], expected: tuple[int, int]
) -> None:
    assert decoded(build_payload(frame(tmp_path / "a.jpg", size), PayloadRecipe(768))).size == expected


def test_a_payload_is_an_rgb_jpeg_without_metadata(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x010E] = "made by somebody"
    path = frame(tmp_path / "a.jpg", exif=exif, comment=b"secret place", icc_profile=b"x" * 200)
    data = build_payload(path, PayloadRecipe())
    image = decoded(data)
    assert (image.format, image.mode) == ("JPEG", "RGB")
    assert b"somebody" not in data
    assert b"secret place" not in data
    assert not image.getexif()
    assert "icc_profile" not in image.info


def test_a_frame_that_lies_on_its_side_is_sent_upright(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    assert decoded(build_payload(frame(tmp_path / "a.jpg", exif=exif), PayloadRecipe())).size == (432, 768)


def test_what_is_sent_still_looks_like_the_frame(tmp_path: Path) -> None:
    path = frame(tmp_path / "a.png")
    sent = np.asarray(decoded(build_payload(path, PayloadRecipe())), np.float32)
    exact = np.asarray(Image.open(path).resize((768, 432), Image.Resampling.LANCZOS), np.float32)
    assert np.abs(sent - exact).mean() < 4


def test_a_recipe_is_followed(tmp_path: Path) -> None:
    path = frame(tmp_path / "a.jpg")
    assert max(decoded(build_payload(path, PayloadRecipe(max_px=200))).size) == 200
    assert len(build_payload(path, PayloadRecipe(quality=30))) < len(build_payload(path, PayloadRecipe(quality=90)))


def test_a_file_that_is_no_frame_is_an_error_by_name(tmp_path: Path) -> None:
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 nothing")
    with pytest.raises(CalibtuiError, match=r"broken\.jpg"):
        build_payload(tmp_path / "broken.jpg", PayloadRecipe())


def test_the_digest_depends_on_the_frame_and_on_every_part_of_the_recipe() -> None:
    recipe = PayloadRecipe()
    others = [replace(recipe, max_px=512), replace(recipe, quality=90), replace(recipe, version=recipe.version + 1)]
    digests = {payload_digest("a" * 64, r) for r in (recipe, *others)} | {payload_digest("b" * 64, recipe)}
    assert len(digests) == 5


def test_the_digest_is_the_same_on_every_machine() -> None:
    """Fails when stored scores would no longer be found: raise PIPELINE_VERSION only when the payload's bytes
    change."""
    digest = payload_digest("a" * 64, PayloadRecipe(768, 85, 1))
    assert digest == "435b242bcef60129f5ecab868f4dcb7ce631eedca21dc275f08d5ea26e4ee150"
