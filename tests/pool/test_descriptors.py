"""The descriptor: unit length always, near for re-captures, far for other pictures, defined for flat ones."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image, ImageEnhance

from calibtui.pool.descriptors import DESCRIPTOR_SIZE, describe

Paint = Callable[..., Image.Image]


@pytest.mark.parametrize("level", [0, 1, 60, 128, 254, 255])
@pytest.mark.parametrize("size", [(1, 1), (7, 300), (640, 480)])
def test_a_flat_frame_has_a_finite_unit_vector(level: int, size: tuple[int, int]) -> None:
    vector = describe(Image.new("RGB", size, (level,) * 3))
    assert vector.shape == (DESCRIPTOR_SIZE,) and vector.dtype == np.float32
    assert np.isfinite(vector).all() and np.linalg.norm(vector) == pytest.approx(1, abs=1e-5)


def test_a_flat_frame_is_unlike_pictures_and_unlike_other_greys(paint: Paint) -> None:
    grey, dark = describe(Image.new("L", (64, 64), 128)), describe(Image.new("L", (64, 64), 20))
    assert grey @ dark < 0.5
    assert all(grey @ describe(paint(seed=seed)) < 0.5 for seed in range(10))


def test_noise_on_a_flat_frame_is_not_taken_for_a_picture() -> None:
    rng = np.random.default_rng(0)
    first, second = (
        describe(Image.fromarray(np.clip(rng.normal(128, 6, (720, 960)), 0, 255).astype(np.uint8))) for _ in range(2)
    )
    assert first @ second > 0.92


def jpeg_again(picture: Image.Image) -> Image.Image:
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=40)
    return Image.open(buffer)


@pytest.mark.parametrize(
    "change",
    [
        jpeg_again,
        lambda picture: ImageEnhance.Brightness(picture).enhance(1.15),
        lambda picture: ImageEnhance.Contrast(picture).enhance(0.85),
        lambda picture: picture.resize((picture.width // 2, picture.height // 2), Image.Resampling.BOX),
        lambda picture: picture.convert("YCbCr"),
    ],
)
def test_a_recapture_stays_above_the_similarity_of_duplicates(
    paint: Paint, change: Callable[[Image.Image], Image.Image]
) -> None:
    for seed in range(6):
        picture = paint(960, 720, seed)
        assert describe(picture) @ describe(change(picture)) >= 0.92


def test_different_pictures_stay_below_it(paint: Paint) -> None:
    vectors = np.stack([describe(paint(seed=seed)) for seed in range(20)])
    assert (vectors @ vectors.T)[np.triu_indices(20, 1)].max() < 0.8


def test_colour_and_mirroring_are_seen(paint: Paint) -> None:
    picture = paint()
    red, green, blue = picture.split()
    assert describe(picture) @ describe(Image.merge("RGB", (blue, red, green))) < 0.97
    assert describe(picture) @ describe(picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)) < 0.7


def test_the_same_pixels_give_the_same_vector(paint: Paint) -> None:
    assert np.array_equal(describe(paint()), describe(paint()))
