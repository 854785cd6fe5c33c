"""The practice judge measures what it says it measures, and its difficulty follows."""

from __future__ import annotations

import io
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter

from calibtui.practice.measures import Measures, PictureError, measure
from calibtui.practice.verdict import SYMPTOMS, verdict

VOCABULARY = {"blur", "low contrast", "dark", "glare", "fine structures", "clutter"}
EASY = Measures(mean=128, spread=150, sharpness=2.5, edges=0.01, fineness=0.4, glare=0.0, dark=0.0)


def encoded(image: Image.Image, kind: str = "PNG") -> bytes:
    data = io.BytesIO()
    image.save(data, kind)
    return data.getvalue()


def scene(seed: int = 0) -> Image.Image:
    """Large, sharp shapes on an even background."""
    rng = np.random.default_rng(seed)
    pixels = np.full((240, 320), 110, np.uint8)
    for _ in range(6):
        y, x = rng.integers(20, 180), rng.integers(20, 260)
        pixels[y : y + 40, x : x + 40] = rng.integers(180, 230)
    return Image.fromarray(pixels)


def shaded(image: Image.Image, gain: float, offset: float = 0.0) -> Image.Image:
    return image.point([min(255, max(0, int(value * gain + offset))) for value in range(256)])


def test_a_plain_sharp_scene_is_easy_and_has_no_reason() -> None:
    measures, width, height = measure(encoded(scene()))
    difficulty, reasons = verdict(measures)
    assert (width, height) == (320, 240)
    assert difficulty <= 20
    assert reasons == ()


@pytest.mark.parametrize(
    ("spoilt", "reason"),
    [
        (scene().filter(ImageFilter.GaussianBlur(8)), "blur"),
        (shaded(scene(), 0.1, 100), "low contrast"),
        (shaded(scene(), 0.12), "dark"),
        (shaded(scene(), 1.0, 90), "glare"),
        (Image.fromarray(np.random.default_rng(0).integers(0, 255, (240, 320), np.uint8)), "clutter"),
        (Image.fromarray((np.indices((240, 320)).sum(0) % 2 * 60 + 90).astype(np.uint8)).resize((320, 240)), None),
        (Image.fromarray(np.random.default_rng(0).integers(100, 160, (240, 320), np.uint8)), "fine structures"),
    ],
)
def test_what_spoils_a_picture_makes_it_harder_and_is_named(spoilt: Image.Image, reason: str | None) -> None:
    before, _ = verdict(measure(encoded(scene()))[0])
    after, reasons = verdict(measure(encoded(spoilt))[0])
    if reason is not None:
        assert after > before
        assert reason in reasons
    assert set(reasons) <= VOCABULARY


def test_more_blur_is_never_easier() -> None:
    blurred = [scene().filter(ImageFilter.GaussianBlur(radius)) for radius in (0, 0.5, 1, 2, 3)]
    sharpness = [measure(encoded(image))[0].sharpness for image in blurred]
    assert sharpness == sorted(sharpness, reverse=True)
    difficulties = [verdict(replace(EASY, sharpness=value))[0] for value in sharpness]
    assert difficulties == sorted(difficulties)


@pytest.mark.parametrize("symptom", SYMPTOMS, ids=[f"{s.reason} by {s.measure}" for s in SYMPTOMS])
def test_difficulty_never_falls_while_one_symptom_grows(symptom: object) -> None:
    ends = (symptom.none, symptom.full)  # type: ignore[attr-defined]
    for base in (EASY, replace(EASY, mean=30, edges=0.3)):
        rising = [verdict(replace(base, **{symptom.measure: v}))[0] for v in np.linspace(*ends, 20)]  # type: ignore[attr-defined]
        assert rising == sorted(rising)
        assert rising[-1] > rising[0]


def test_difficulty_stays_within_0_and_100_whatever_is_measured() -> None:
    for value in (-1e9, 0.0, 1e9):
        difficulty, reasons = verdict(Measures(**{field.name: value for field in fields(Measures)}))
        assert 0 <= difficulty <= 100
        assert len(reasons) == len(set(reasons))


def test_the_same_picture_gets_the_same_verdict() -> None:
    data = encoded(scene(), "JPEG")
    assert measure(data) == measure(data)


def test_a_frame_and_its_larger_copy_get_nearly_the_same_verdict() -> None:
    small, large = scene().resize((640, 480)), scene().resize((1280, 960))
    assert abs(verdict(measure(encoded(small))[0])[0] - verdict(measure(encoded(large))[0])[0]) <= 15


def test_the_sample_pool_is_spread_over_the_scale_with_a_hard_tail(sample_data: Path) -> None:
    files = sorted((sample_data / "pool").rglob("*.jpg"))[::12]
    if not files:
        pytest.skip("the sample pool is not rendered")
    difficulties = [verdict(measure(file.read_bytes())[0])[0] for file in files]
    assert np.percentile(difficulties, 10) <= 25
    assert np.percentile(difficulties, 95) >= 50
    assert len(set(difficulties)) >= len(files) // 3


@pytest.mark.parametrize(
    "data",
    [b"", b"GIF89a", b"\xff\xd8\xff\xe0" + b"\0" * 100, encoded(scene(), "JPEG")[:900], encoded(scene(), "BMP")],
    ids=["empty", "gif", "damaged", "truncated", "another format"],
)
def test_what_is_no_picture_is_refused(data: bytes) -> None:
    with pytest.raises(PictureError):
        measure(data)


def test_a_decompression_bomb_is_refused_unread() -> None:
    with pytest.raises(PictureError, match="more than"):
        measure(encoded(Image.new("1", (9000, 9000))))


def test_a_picture_too_small_to_measure_is_refused() -> None:
    with pytest.raises(PictureError, match="too few"):
        measure(encoded(Image.new("L", (8, 8))))
