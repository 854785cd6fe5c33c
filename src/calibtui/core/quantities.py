"""Sizes and times as people read them: the same in the terminal, on the page and in the workbench."""

from __future__ import annotations

import math


def file_size(size_bytes: int, unknown: str) -> str:
    """Decimal units, "11.7 MB"; `unknown` for a size of 0 or less."""
    if size_bytes <= 0:
        return unknown
    size = float(size_bytes)
    for unit in ("B", "kB", "MB"):
        if size < 999.5:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"


def milliseconds(ms: float, unknown: str) -> str:
    """Three significant figures, "12.4 ms"; `unknown` for a time of 0 or less, and for none that is finite."""
    if not math.isfinite(ms) or ms <= 0:
        return unknown
    decimals = 0 if ms >= 99.95 else 1 if ms >= 9.995 else 2
    return f"{ms:,.{decimals}f} ms"
