"""No defect above the documented limit (288 px·levels in one 8 × 8 block) is ever swallowed."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pytest
from PIL import Image

from calibtui.scoring.similar.guard import same_view

LIMIT = 288
QUALITIES = (None, 95, 85, 75, 60, 50)
CONTRASTS = (-80, -40, -25, -15, -8, 8, 15, 25, 40, 80)


@dataclass(frozen=True)
class Defect:
    kind: str
    mask: np.ndarray  # (H, W) float64 in [0, 1]


def dot(shape: tuple[int, int], generator: np.random.Generator) -> Defect:
    size, (row, column) = int(generator.integers(6, 21)), _place(shape, generator)
    y, x = np.mgrid[0 : shape[0], 0 : shape[1]]
    return Defect(f"dot of {size} px", (np.hypot(y - row, x - column) <= size / 2).astype(float))


def pit(shape: tuple[int, int], generator: np.random.Generator) -> Defect:
    """A soft edge, so most of it is fainter than its middle."""
    size, (row, column) = int(generator.integers(6, 21)), _place(shape, generator)
    y, x = np.mgrid[0 : shape[0], 0 : shape[1]]
    return Defect(f"pit of {size} px", np.exp(-((y - row) ** 2 + (x - column) ** 2) / (2 * (size / 3) ** 2)))


def scratch(shape: tuple[int, int], generator: np.random.Generator) -> Defect:
    length, width = int(generator.integers(6, 21)), int(generator.integers(1, 4))
    (row, column), angle = _place(shape, generator), generator.uniform(0, np.pi)
    y, x = np.mgrid[0 : shape[0], 0 : shape[1]]
    along = (x - column) * np.cos(angle) + (y - row) * np.sin(angle)
    across = (y - row) * np.cos(angle) - (x - column) * np.sin(angle)
    return Defect(f"scratch of {length}x{width} px", ((abs(along) <= length / 2) & (abs(across) <= width / 2)) * 1.0)


def _place(shape: tuple[int, int], generator: np.random.Generator) -> tuple[float, float]:
    """Every third one on the corner of four blocks, where each of them gets the least of it."""
    row, column = generator.uniform(12, shape[0] - 12), generator.uniform(12, shape[1] - 12)
    corner = generator.integers(3) == 0
    return (8 * round(row / 8) - 0.5, 8 * round(column / 8) - 0.5) if corner else (row, column)


def damaged_frames(
    frames: dict[str, np.ndarray], seed: int, count: int
) -> Iterator[tuple[str, np.ndarray, np.ndarray, float]]:
    """What it is, the frame, the damaged frame, and the largest |area × contrast| in one block, px·levels."""
    generator = np.random.default_rng(seed)
    names = sorted(frames)
    for number in range(count):
        name = names[number % len(names)]
        frame = np.clip(np.rint(frames[name]), 0, 255)
        defect = (dot, pit, scratch)[number // len(names) % 3](frame.shape[:2], generator)
        contrast = float(generator.choice(CONTRASTS))
        damaged = np.clip(np.rint(frame + contrast * defect.mask[..., None]), 0, 255)
        yield f"{defect.kind} at {contrast:+.0f} on {name}", frame, damaged, largest_sum(frame, damaged)


def largest_sum(frame: np.ndarray, damaged: np.ndarray) -> float:
    change = (damaged - frame) @ (0.299, 0.587, 0.114)
    rows, columns = change.shape[0] // 8, change.shape[1] // 8
    return float(abs(change.reshape(rows, 8, columns, 8).sum((1, 3))).max())


def coding_error(data: bytes) -> float:
    """px·levels by which a JPEG's rounding of a block's mean may move it; 0 for a BMP."""
    image = Image.open(io.BytesIO(data))
    return image.quantization[0][0] * 4.0 if image.format == "JPEG" else 0.0


@pytest.fixture(scope="module")
def frames(textures: dict[str, np.ndarray], pool_frames: list[np.ndarray]) -> dict[str, np.ndarray]:
    """Quarters of them: enough blocks for a fit, and a fourth of the time."""
    whole = textures | {f"pool frame {number}": pixels for number, pixels in enumerate(pool_frames)}
    return {name: pixels[64:192, 80:240].astype(np.float64) for name, pixels in whole.items()}


@pytest.mark.parametrize("quality", QUALITIES)
def test_no_defect_above_the_limit_is_swallowed(
    frames: dict[str, np.ndarray], seen: Callable, encoded: Callable, quality: int | None
) -> None:
    """Dots, pits and scratches of 6–20 px; what JPEG's own rounding of a block's mean may hide is granted to it."""
    held = 0
    for what, frame, damaged, size in damaged_frames(frames, seed=quality or 1, count=252):
        allowed = LIMIT + 2 * coding_error(encoded(frame, quality))
        if size >= allowed:
            held += 1
            comparison = same_view(seen(frame, quality), seen(damaged, quality))
            assert not comparison.hit, f"{what}, {size:.0f} px·levels, quality {quality}: {comparison}"
    assert held > 100


def test_no_defect_hides_behind_a_re_capture(frames: dict[str, np.ndarray], seen: Callable, encoded: Callable) -> None:
    """The damaged picture has another exposure, another quality and new sensor noise, and none of it covers the
    defect up; noise of 2 levels a pixel moves a block by up to a level, which is 64 px·levels."""
    held = 0
    generator = np.random.default_rng(11)
    for what, frame, damaged, size in damaged_frames(frames, seed=3, count=252):
        gain, offset = generator.uniform(0.9, 1.1), generator.uniform(-6, 6)
        again = gain * damaged + offset + generator.normal(0, 2, damaged.shape)
        clean = gain * frame + offset
        size = min(size, largest_sum(np.clip(clean, 0, 255), np.clip(gain * damaged + offset, 0, 255)))
        allowed = LIMIT + coding_error(encoded(frame, 90)) + coding_error(encoded(again, 75)) + 64
        if size >= allowed:
            held += 1
            comparison = same_view(seen(frame, 90), seen(again, 75))
            assert not comparison.hit, f"{what}, {size:.0f} px·levels, ×{gain:.2f} {offset:+.1f}: {comparison}"
    assert held > 100


@pytest.mark.parametrize(("area", "contrast"), [(64, 5), (32, 9), (16, 18), (8, 36), (4, 72)])
@pytest.mark.parametrize("sign", [1, -1])
def test_the_limit_itself_is_kept(
    textures: dict[str, np.ndarray], seen: Callable, area: int, contrast: int, sign: int
) -> None:
    for name in ("flat", "woven", "brushed", "cast", "lit"):
        before = np.rint(textures[name])
        after = before.copy()
        block = after[104:112, 160:168].reshape(64, 3)
        block[:area] += sign * contrast
        after[104:112, 160:168] = block.reshape(8, 8, 3)
        assert area * contrast >= LIMIT
        assert not same_view(seen(before), seen(after)).hit, name


def test_what_is_well_under_the_limit_is_not_seen(textures: dict[str, np.ndarray], seen: Callable) -> None:
    """The other side of the statement: a 3 px dot at a contrast of 20 passes, as the documentation says."""
    before = np.rint(textures["cast"])
    after = before.copy()
    after[106:109, 162:165] += 20
    assert same_view(seen(before), seen(after)).hit


def test_a_stain_that_differs_in_colour_alone_is_seen(seen: Callable) -> None:
    before = np.full((128, 128, 3), 128.0)
    after = before.copy()
    # R and B move against each other so that the luminance stays: 0.299 × 38 ≈ 0.114 × 100.
    after[40:56, 40:56] += (38, 0, -100)
    assert abs(np.array((38, 0, -100)) @ (0.299, 0.587, 0.114)) < 0.1
    for quality in (None, 85, 60):
        assert not same_view(seen(before, quality), seen(after, quality)).hit


@pytest.mark.parametrize("share", [0.1, 0.3, 0.5])
def test_a_change_of_a_large_part_is_not_taken_for_exposure(
    textures: dict[str, np.ndarray], seen: Callable, share: float
) -> None:
    for name, before in textures.items():
        after = before.copy()
        after[: int(share * len(after))] += 6
        assert not same_view(seen(before), seen(after)).hit, name
        assert not same_view(seen(before, 75), seen(after, 75)).hit, name


def test_many_small_defects_do_not_drag_the_fit_to_themselves(textures: dict[str, np.ndarray], seen: Callable) -> None:
    chosen = np.random.default_rng(5).random((32, 40)) < 0.2
    for name, before in textures.items():
        after = before + 6 * np.kron(chosen, np.ones((8, 8)))[..., None]
        comparison = same_view(seen(before), seen(after))
        assert not comparison.hit, name
        assert abs(comparison.gain - 1) < 0.03, name


def test_a_spot_that_grew_on_a_plain_surface_is_not_explained_by_a_gain(seen: Callable) -> None:
    """The only thing with contrast in the picture is the defect, so it alone could tell a gain."""
    plain = np.full((256, 320, 3), 120.0) + np.random.default_rng(2).normal(0, 1, (256, 320, 3))
    before, after = plain.copy(), plain.copy()
    before[96:112, 96:112] -= 60
    after[96:112, 96:112] -= 68
    for quality in (None, 90, 75):
        comparison = same_view(seen(before, quality), seen(after, quality))
        assert not comparison.hit
        assert abs(comparison.gain - 1) < 0.03


def test_a_large_dark_defect_leaves_the_fitted_exposure_alone(textures: dict[str, np.ndarray], seen: Callable) -> None:
    before = textures["cast"]
    after = before * 0.92 + 5
    after[60:180, 60:200] -= 50
    comparison = same_view(seen(before), seen(after))
    assert not comparison.hit
    assert comparison.gain == pytest.approx(0.92, abs=0.02)
    assert comparison.gain * 125 + comparison.offset == pytest.approx(0.92 * 125 + 5, abs=0.5)


@pytest.mark.parametrize(("gain", "offset"), [(1.3, 0), (0.7, 0), (1.0, 30), (1.0, -30)])
def test_an_exposure_beyond_the_bounds_is_a_miss(
    textures: dict[str, np.ndarray], seen: Callable, gain: float, offset: float
) -> None:
    before = 60 + 0.5 * textures["cast"]
    comparison = same_view(seen(before), seen(gain * before + offset))
    assert not comparison.hit
    assert "exposure" in comparison.why
