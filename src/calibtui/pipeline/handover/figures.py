"""Size and latency of the float and the INT8 model on this machine, measured side by side."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from calibtui.detector.session import open_session, run_session
from calibtui.quantization.cpu import cpu_name

RUNS, FEWEST = 20, 5
WARM_UP = 2
SECONDS = 30.0
"""A slow model is run less often than RUNS, but never less than FEWEST times."""


def measured(models: Mapping[str, Path], feed: dict[str, NDArray[Any]], threads: int) -> dict[str, Any]:
    """`size_bytes`, `median_ms` and `quartiles_ms` of each model by name, with the CPU, the threads and the runs.

    The models take turns, so that whatever else the machine does meets all of them. `feed` is one frame's inputs.
    Raises ModelError for a file that can't be run.
    """
    sessions = {name: open_session(path, threads=threads) for name, path in models.items()}
    times: dict[str, list[float]] = {name: [] for name in models}
    for _ in range(WARM_UP):
        for name, session in sessions.items():
            run_session(session, feed, str(models[name]))
    started = time.perf_counter()
    for number in range(RUNS):
        if number >= FEWEST and time.perf_counter() - started > SECONDS:
            break
        for name, session in sessions.items():
            before = time.perf_counter()
            run_session(session, feed, str(models[name]))
            times[name].append(1000 * (time.perf_counter() - before))
    return {
        "cpu": cpu_name(),
        "threads": threads,
        "runs": min(len(row) for row in times.values()),
        "runtime": f"onnxruntime {ort.__version__}, CPU, all graph optimisations, waiting threads don't spin",
        **{name: {"size_bytes": path.stat().st_size, **_spread(times[name])} for name, path in models.items()},
    }


def _spread(times: list[float]) -> dict[str, Any]:
    low, median, high = (round(float(value), 3) for value in np.percentile(times, (25, 50, 75)))
    return {"median_ms": median, "quartiles_ms": [low, high]}
