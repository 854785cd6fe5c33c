"""Real picture files for the pool's tests."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

Paint = Callable[..., Image.Image]


@pytest.fixture
def paint() -> Paint:
    """paint(width, height, seed) -> an RGB picture with structure at several scales."""

    def _paint(width: int = 320, height: int = 240, seed: int = 0) -> Image.Image:
        rng = np.random.default_rng(seed)
        total = np.zeros((height, width, 3))
        for cells in (3, 9, 40):
            coarse = Image.fromarray(rng.integers(0, 255, (cells, cells, 3), np.uint8))
            total += np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC), float)
        return Image.fromarray((total / 3).astype(np.uint8))

    return _paint


@pytest.fixture
def photo(tmp_path: Path, paint: Paint) -> Callable[..., Path]:
    """photo(name, width, height, seed, **save options) -> the path of a written picture."""

    def _photo(name: str = "a.jpg", width: int = 320, height: int = 240, seed: int = 0, **options: object) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        paint(width, height, seed).save(path, **options)
        return path

    return _photo
