"""Numbers as people read them: always the same width for the same kind, so that columns stay still."""

from __future__ import annotations

import math
import time

from calibtui.core.money import MICRO

BLOCKS = "▁▂▃▄▅▆▇█"
EIGHTHS = " ▏▎▍▌▋▊▉█"


def count(number: int) -> str:
    """12 345 as "12,345"."""
    return f"{number:,}"


def euros(micro: int) -> str:
    """micro-EUR as "€12.34"; below one cent with four places, so that a cheap run doesn't look free."""
    value = abs(micro) / MICRO
    sign = "−" if micro < 0 else ""
    return f"{sign}€{value:,.4f}" if 0 < value < 0.01 else f"{sign}€{value:,.2f}"


def duration(seconds: float | None) -> str:
    """ "47 s", "12 min", "3 h 05 min", "2 d 4 h"; "–" where it is unknown."""
    if seconds is None or not math.isfinite(seconds):
        return "–"
    whole = max(0, round(seconds))
    if whole < 90:
        return f"{whole} s"
    if whole < 5400:
        return f"{round(whole / 60)} min"
    if whole < 172_800:
        return f"{whole // 3600} h {whole % 3600 // 60:02} min"
    return f"{whole // 86_400} d {whole % 86_400 // 3600} h"


def moment(at: float | None) -> str:
    """UTC seconds as local "2026-11-22 14:03"; "–" where it is None."""
    return "–" if at is None else time.strftime("%Y-%m-%d %H:%M", time.localtime(at))


def clock(at: float) -> str:
    """UTC seconds as local "14:03:21"."""
    return time.strftime("%H:%M:%S", time.localtime(at))


def percent(part: float, whole: float) -> str:
    """ " 42 %" in five cells; "100 %" only where nothing is missing."""
    if whole <= 0:
        return "  – %"
    share = 100 * part / whole
    return f"{99 if part < whole and share > 99 else round(share):3} %"


def sparkline(values: tuple[float, ...], width: int) -> str:
    """The newest `width` values as blocks, the highest of them full; blanks where there are none yet."""
    newest = values[-width:] if width > 0 else ()
    top = max(newest, default=0.0)
    blocks = "".join(BLOCKS[min(7, int(value / top * 7.999))] if top > 0 else BLOCKS[0] for value in newest)
    return blocks.rjust(width)


def bar(share: float, width: int) -> tuple[str, str]:
    """A bar of `width` cells as (filled, rest); eighths of a cell, so that slow progress shows."""
    eighths = round(min(1.0, max(0.0, share)) * width * 8)
    full, part = divmod(eighths, 8)
    filled = "█" * full + (EIGHTHS[part] if part else "")
    return filled, " " * (width - len(filled))
