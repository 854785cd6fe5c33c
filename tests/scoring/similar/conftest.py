"""Pictures, encoded and seen through the guard."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from calibtui.scoring.similar.signature import Signature, signature_of_bytes

WIDTH, HEIGHT = 320, 256


def _encoded(pixels: np.ndarray, quality: int | None = None) -> bytes:
    """JPEG at `quality`, BMP without one; values are rounded and clipped to 0–255."""
    picture = Image.fromarray(np.clip(np.rint(pixels), 0, 255).astype(np.uint8))
    file = io.BytesIO()
    if quality is None:
        picture.save(file, "BMP")
    else:
        picture.save(file, "JPEG", quality=quality)
    return file.getvalue()


@pytest.fixture(scope="session")
def encoded() -> Callable[..., bytes]:
    return _encoded


@pytest.fixture(scope="session")
def seen() -> Callable[..., Signature]:
    """The signature of pixels (H, W) or (H, W, 3) after encoding."""

    def see(pixels: np.ndarray, quality: int | None = None) -> Signature:
        return signature_of_bytes(Path("frame"), _encoded(pixels, quality))

    return see


@pytest.fixture(scope="session")
def textures() -> dict[str, np.ndarray]:
    """(256, 320, 3) float64 surfaces with levels in about 40–215, so that a defect of 40 levels isn't clipped."""
    generator = np.random.default_rng(7)
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float64)
    streaks = np.repeat(generator.normal(0, 9, (HEIGHT, WIDTH // 16)), 16, axis=1)
    grain = Image.fromarray(generator.integers(0, 256, (32, 40), np.uint8)).resize((WIDTH, HEIGHT), Image.BICUBIC)
    surfaces = {
        "flat": np.full((HEIGHT, WIDTH), 120.0) + generator.normal(0, 1, (HEIGHT, WIDTH)),
        "woven": 125 + 35 * np.sin(x * 0.9) * np.sin(y * 0.7),
        "brushed": 140 + streaks,
        "cast": 60 + 0.5 * np.asarray(grain, np.float64) + generator.normal(0, 3, (HEIGHT, WIDTH)),
        "lit": 60 + 110 * np.exp(-((x - 200) ** 2 + (y - 90) ** 2) / 12000),
        "part": np.where((abs(x - 160) < 90) & (abs(y - 128) < 70), 170.0, 70.0) + generator.normal(0, 2, x.shape),
    }
    return {name: np.repeat(surface[..., None], 3, axis=2) for name, surface in surfaces.items()}


@pytest.fixture(scope="session")
def pool_frames(sample_data: Path) -> list[np.ndarray]:
    """(H, W, 3) uint8: frames of every station of the sample data."""
    paths = sorted((sample_data / "pool").rglob("*.jpg"))[::40]
    return [np.asarray(Image.open(path).convert("RGB")) for path in paths]
