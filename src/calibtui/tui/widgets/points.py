"""How figures are written on screens: fractions as points, and "n/a" for what is not known."""

from __future__ import annotations

import math

from calibtui.core import quantities

UNKNOWN = "n/a"
MINUS = "\N{MINUS SIGN}"


def known(value: float | None) -> bool:
    return value is not None and math.isfinite(value)


def points(fraction: float | None) -> str:
    """A fraction as points with one decimal, 0.8432 → "84.3"."""
    return f"{100 * fraction:.1f}" if fraction is not None and math.isfinite(fraction) else UNKNOWN


def signed(difference: float | None) -> str:
    """A difference in points with its sign, "+0.4", "−1.3"; one that rounds to nothing is "0.0"."""
    if difference is None or not math.isfinite(difference):
        return UNKNOWN
    text = f"{abs(difference):.1f}"
    if text == "0.0":
        return text
    return f"{'+' if difference > 0 else MINUS}{text}"


def change(before: float | None, after: float | None) -> float | None:
    """after − before of two fractions, in points; None where either is not known."""
    if before is None or after is None or not known(before) or not known(after):
        return None
    return 100 * (after - before)


def share(fraction: float | None) -> str:
    """A fraction as whole percent, "81 %"."""
    return f"{100 * fraction:.0f} %" if fraction is not None and math.isfinite(fraction) else UNKNOWN


def decimals(value: float | None, places: int = 2) -> str:
    """A difficulty or a similarity, "0.78"."""
    return f"{value:.{places}f}" if value is not None and math.isfinite(value) else UNKNOWN


def file_size(size_bytes: int) -> str:
    """See `quantities.file_size`."""
    return quantities.file_size(size_bytes, UNKNOWN)


def milliseconds(ms: float) -> str:
    """See `quantities.milliseconds`."""
    return quantities.milliseconds(ms, UNKNOWN)


def counted(number: int, noun: str) -> str:
    """ "1 frame", "1,200 frames", "3 classes", "2 boxes"."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}{'es' if noun.endswith(('s', 'x')) else 's'}"


def short_digest(digest: str) -> str:
    """The first 12 hex digits, enough to tell two sets apart by eye."""
    return digest.rpartition(":")[2][:12]
