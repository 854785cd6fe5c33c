"""The guard of the similar-frame cache: two pictures show the same only if no 8 × 8 block of them differs.

A whole-picture measure can't decide this. Descriptors and perceptual hashes call two frames that differ by a defect of
a few pixels the same, and the defect is what the judge is asked about. So the two signatures are brought to one
exposure by a gain and an offset, and then the *worst* block decides, not the mean.

**What is promised.** A change of the luminance that adds up to area × contrast ≥ 4.5 levels × 64 px = 288 px·levels
within one block of the frame's own 8 × 8 grid is never called the same, after the gain is taken out. 17 px at a
contrast of 17 are seen wherever they lie in one block; a round dot of 6 px (28 px) from a contrast of 11 in the middle
of a block and 41 on the corner of four. What is fainter is not seen: a 3 px dot, a hairline scratch at low contrast.
The half level that each stored mean may be off by counts against the hit, so rounding swallows nothing. Cb and Cr are
held to twice the bound, since encoders are coarser there; so a stain that differs in colour alone is seen from 576
px·levels. A JPEG is judged by what it stores: a defect that its encoder has flattened is as faint as that.

**What is taken for exposure** and therefore not seen: one linear map of the grey levels of the *whole* frame, within
GAIN_BOUND and OFFSET_BOUND. The fit starts from "nothing has changed" and gives no weight to blocks that disagree with
the majority (Tukey's biweight: Beaton and Tukey, Technometrics 1974; its constant 4.685 and the MAD as the scale:
Huber and Ronchetti, Robust Statistics, 2nd ed., chapter 7), so a defect neither drags it nor is explained by it. The
gain is the ratio of the two spreads (reduced major axis), which is the same in both directions, and it is drawn to 1
where the picture has no texture to measure it by. Where half of the frame changed there is no majority, and a fit
between the two halves is refused: half of all blocks must lie within MAJORITY_BOUND of it. A frame of fewer than 64
blocks has too few to tell an exposure by, and is compared as it is.

A shift by one pixel is a miss wherever there is an edge, and so is a highlight or shadow that one exposure of the two
clips: the safe side.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from calibtui.scoring.similar.signature import BLOCK, Signature

THRESHOLD = 4.5
"""Grey levels by which the mean of a block may change."""
GAIN_BOUND = 1.18
"""A gain over this, or under its inverse, is no re-capture."""
OFFSET_BOUND = 20.0
"""Grey levels: the largest change of black."""
CAST_BOUND = 4.0
"""Levels of Cb and Cr by which the whole frame may change its tint."""

MAJORITY_BOUND = 1.5
"""Grey levels that half of all blocks must be within, after the fit."""

_ROUNDING = 0.5
_COLOUR_SHARE = 0.5
_FIT_BLOCKS = 4096
_FEWEST_BLOCKS = 64
_ITERATIONS = 6
_TUKEY = 4.685
_MAD_TO_SIGMA = 1.4826
_LEAST_SCALE = 0.5
_FLAT_VARIANCE = 4.0
"""Grey levels²: a picture whose block means vary by less says little about the gain."""

Levels = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Comparison:
    """`hit`: the two show the same. `largest_change`: an upper bound of what any block's mean changed by, grey levels,
    a change of colour counted half (NaN where it was not computed); `gain` and `offset`: the exposure of the second
    beside the first; `why`: one clause for a log."""

    hit: bool
    largest_change: float
    gain: float
    offset: float
    why: str


def missed(why: str) -> Comparison:
    """A miss before any block was compared."""
    return Comparison(False, float("nan"), float("nan"), float("nan"), why)


def same_view(a: Signature, b: Signature, threshold: float = THRESHOLD) -> Comparison:
    """Whether `a` and `b` show the same, by the rule of this module. Never raises for two signatures."""
    if (a.width, a.height, a.orientation) != (b.width, b.height, b.orientation):
        return missed(f"{_size(a)} beside {_size(b)}")
    if a.planes.shape != b.planes.shape:
        return missed("one has colour and the other has none")
    first, second = a.planes.astype(np.float32), b.planes.astype(np.float32)
    gain, offset = _exposure(first[0], second[0])
    if not 1 / GAIN_BOUND <= gain <= GAIN_BOUND or abs(offset) > OFFSET_BOUND:
        return Comparison(False, float("nan"), gain, offset, f"another exposure: gain {gain:.2f}, offset {offset:+.1f}")
    change = np.abs(second[0] - (gain * first[0] + offset))
    if float(np.median(_sampled(change))) > MAJORITY_BOUND:
        return Comparison(False, float(change.max()), gain, offset, "no one exposure explains half of the picture")
    for before, after in zip(first[1:] - 128, second[1:] - 128, strict=True):
        tint = after - gain * before
        cast = float(np.clip(np.median(_sampled(tint)), -CAST_BOUND, CAST_BOUND))
        np.maximum(change, _COLOUR_SHARE * np.abs(tint - cast), out=change)
    return _verdict(change, gain, offset, threshold)


def _verdict(change: Levels, gain: float, offset: float, threshold: float) -> Comparison:
    """A change is counted in the levels of the brighter exposure, so that a gain below 1 hides nothing."""
    row, column = np.unravel_index(int(np.argmax(change)), change.shape)
    worst = (float(change[row, column]) + _ROUNDING * (1 + gain)) * max(1.0, 1 / gain)
    # A comparison with NaN is false, so whatever went wrong above is a miss.
    hit = worst <= threshold
    place = f"the block at x {column * BLOCK}, y {row * BLOCK} px changed by up to {worst:.1f} levels"
    return Comparison(hit, worst, gain, offset, f"at most {threshold:g} levels: {place}" if hit else place)


def _exposure(first: Levels, second: Levels) -> tuple[float, float]:
    """(gain, offset) of second ≈ gain × first + offset, over the blocks that agree with the majority."""
    x, y = _sampled(first), _sampled(second)
    if len(x) < _FEWEST_BLOCKS:
        return 1.0, 0.0
    gain, offset = 1.0, float(np.median(y - x))
    for _ in range(_ITERATIONS):
        weight = _biweight(y - np.float32(gain) * x - np.float32(offset))
        total = float(weight.sum())
        middle_x, middle_y = float(weight @ x) / total, float(weight @ y) / total
        spread_x = float(weight @ (x - middle_x) ** 2) / total + _FLAT_VARIANCE
        spread_y = float(weight @ (y - middle_y) ** 2) / total + _FLAT_VARIANCE
        before, gain = gain, sqrt(spread_y / spread_x)
        offset = middle_y - gain * middle_x
        if abs(gain - before) < 1e-4:
            break
    return gain, offset


def _biweight(residual: Levels) -> Levels:
    """(N,) weights in [0, 1]; 0 beyond 4.685 robust standard deviations. At least half of them are above 0."""
    size = np.abs(residual)
    scale = max(_MAD_TO_SIGMA * float(np.median(size)), _LEAST_SCALE)
    inside = np.minimum(size / np.float32(_TUKEY * scale), 1)
    weight: Levels = (1 - inside**2) ** 2
    return weight


def _sampled(plane: Levels) -> Levels:
    """At most _FIT_BLOCKS blocks spread over the plane. The stride is odd and not a divisor of the row's length, so
    that the sample isn't the same few columns of each row."""
    values = plane.ravel()
    stride = -(-len(values) // _FIT_BLOCKS)
    while stride > 1 and (stride % 2 == 0 or plane.shape[1] % stride == 0):
        stride += 1
    return values[::stride]


def _size(signature: Signature) -> str:
    turned = f", orientation {signature.orientation}" if signature.orientation != 1 else ""
    return f"{signature.width}x{signature.height} px{turned}"
