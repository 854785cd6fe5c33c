"""How figures are written for people: the same in the terminal and on the page. A figure that isn't known is an en
dash."""

from __future__ import annotations

import math

from calibtui.core import quantities
from calibtui.core.money import eur

UNKNOWN = "–"
MINUS = "\N{MINUS SIGN}"


def ap_points(fraction: float) -> str:
    """An AP in [0, 1] as points, 0.8432 → "84.3"."""
    return UNKNOWN if math.isnan(fraction) else f"{100 * fraction:.1f}"


def signed_points(points: float) -> str:
    """A difference in percentage points with its sign, "+0.4", "−1.3"; one that rounds to nothing is "0.0"."""
    if math.isnan(points):
        return UNKNOWN
    text = f"{abs(points):.1f}"
    if text == "0.0":
        return text
    return f"{'+' if points > 0 else MINUS}{text}"


def span(low: float, high: float) -> str:
    """An interval of percentage points with signs, "−2.2 to −0.4"."""
    return f"{signed_points(low)} to {signed_points(high)}"


def difficulty(value: float | None) -> str:
    """A difficulty in [0, 1], "0.78"."""
    return UNKNOWN if value is None or math.isnan(value) else f"{value:.2f}"


def file_size(size_bytes: int) -> str:
    """See `quantities.file_size`."""
    return quantities.file_size(size_bytes, UNKNOWN)


def milliseconds(ms: float) -> str:
    """See `quantities.milliseconds`."""
    return quantities.milliseconds(ms, UNKNOWN)


def times(ratio: float) -> str:
    """A ratio, "1.83×"."""
    return UNKNOWN if math.isnan(ratio) or math.isinf(ratio) or ratio <= 0 else f"{ratio:.2f}×"


def duration(seconds: float) -> str:
    """ "3.2 s", "4 min 12 s", "2 h 05 min"."""
    if math.isnan(seconds) or seconds < 0:
        return UNKNOWN
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    minutes = round(seconds / 60)
    return f"{minutes // 60} h {minutes % 60:02d} min"


def money(micro: int) -> str:
    """micro-EUR as EUR, with as many decimals as keep an amount from being shown as nothing."""
    decimals = 2 if micro == 0 or abs(micro) >= 1_000_000 else 4 if abs(micro) >= 1_000 else 6
    return f"{eur(micro):,.{decimals}f} EUR"


def counted(number: int, noun: str) -> str:
    """ "1 frame", "1,200 frames"."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}{'es' if noun.endswith('s') else 's'}"


def counted_retries(retries: int) -> str:
    """ "1 retry", "3 retries"."""
    return f"{retries:,} {'retry' if retries == 1 else 'retries'}"


def short_digest(digest: str) -> str:
    """The algorithm and the first 12 hex digits, enough to tell two sets apart by eye."""
    algorithm, colon, digits = digest.rpartition(":")
    return f"{algorithm}{colon}{digits[:12]}"
