"""Which part of a frame is looked at."""

from __future__ import annotations

from calibtui.tui.pictures.canvas import WHOLE, Region

MARGIN = 0.35
"""What is shown around a box that is looked at, as a share of its longer side."""

SMALLEST = 1 / 64
"""The smallest part of a frame's width or height that is shown: no closer, there would be no pixels left."""


def around(box: Region, aspect: float) -> Region:
    """A box with a margin, in a part of the frame with the frame's own proportions, so that nothing is stretched.
    `aspect`: width ÷ height of the frame, in px."""
    wide, high = box[2] - box[0], box[3] - box[1]
    margin = MARGIN * max(wide * aspect, high)
    side = max(wide + 2 * margin / aspect, high + 2 * margin, SMALLEST)
    return _centred((box[0] + box[2]) / 2, (box[1] + box[3]) / 2, min(1.0, side))


def scaled(region: Region, by: float) -> Region:
    """The same middle, `by` times as much of the frame."""
    side = min(1.0, max(SMALLEST, (region[2] - region[0]) * by))
    return _centred((region[0] + region[2]) / 2, (region[1] + region[3]) / 2, side)


def moved(region: Region, right: float, down: float) -> Region:
    """As large a part, further on by shares of itself, as far as the frame goes."""
    side = region[2] - region[0]
    return _centred((region[0] + region[2]) / 2 + right * side, (region[1] + region[3]) / 2 + down * side, side)


def is_whole(region: Region) -> bool:
    return region == WHOLE


def _centred(x: float, y: float, side: float) -> Region:
    """A part of `side` of the frame's width and height, around a point as nearly as it fits."""
    if side >= 1:
        return WHOLE
    left, upper = (max(0.0, min(1 - side, value - side / 2)) for value in (x, y))
    return left, upper, left + side, upper + side
