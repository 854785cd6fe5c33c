"""How long `calibtui --help` takes beside a bare interpreter that imports argparse."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from typing import Any

ALLOWANCE_MS = 100.0


def run(quick: bool = False) -> dict[str, Any]:
    """Median wall times of alternating runs, ms; the target is 1.5 × the bare interpreter + 100 ms."""
    repeats = 5 if quick else 15
    bare, ours = [], []
    for _ in range(repeats):
        bare.append(_milliseconds("-c", "import argparse"))
        ours.append(_milliseconds("-m", "calibtui", "--help"))
    floor, help_ms = statistics.median(bare), statistics.median(ours)
    limit = 1.5 * floor + ALLOWANCE_MS
    return {
        "name": "startup",
        "rows": [
            {"what": "python -c 'import argparse'", "value": floor, "unit": "ms"},
            {
                "what": "calibtui --help",
                "value": help_ms,
                "unit": "ms",
                "ratio": help_ms / floor,
                "target": f"≤ 1.5× + 100 ms = {limit:.0f} ms",
                "ok": help_ms <= limit,
            },
        ],
    }


def _milliseconds(*arguments: str) -> float:
    started = time.perf_counter()
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
    return 1000 * (time.perf_counter() - started)
