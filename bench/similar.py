"""What recognising a frame that was scored before costs: a signature, a comparison, and the search for candidates.

CPU time on one thread; the search beside a bare matrix product of the same size in the same run.
"""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from calibtui.pool.descriptors import DESCRIPTOR_SIZE
from calibtui.scoring.similar.candidates import ScoredIndex
from calibtui.scoring.similar.guard import same_view
from calibtui.scoring.similar.signature import Signature, signature_of_bytes

Row = dict[str, Any]
_PATH = Path("frame.jpg")
_COMPARISON_MS = 2.0
_DECODES = 1.25
_PRODUCTS = 1.5


def run(quick: bool = False) -> dict[str, Any]:
    """Rows of measured figures; `ratio` is to the bare decode or the bare product, `ok` None where nothing is
    promised."""
    rows = [*_guard(20 if quick else 100), *_search(20_000 if quick else 80_000, 200 if quick else 1000)]
    return {"name": "similar", "rows": rows}


def _guard(repeats: int) -> list[Row]:
    frame, again = _frame(0), _frame(1)
    decode = _cpu(lambda: _bare_decode(frame), repeats)
    sign = _cpu(lambda: signature_of_bytes(_PATH, frame), repeats)
    a, b = signature_of_bytes(_PATH, frame), signature_of_bytes(_PATH, again)
    stored = a.to_bytes()
    compare = _cpu(lambda: same_view(a, b), repeats)
    read = _cpu(lambda: Signature.from_bytes(stored), repeats)
    ratio = sign / decode
    return [
        _row("bare 1/8 draft decode of a 1080p JPEG (Pillow)", decode * 1e3, "CPU ms"),
        _row("signature of a 1080p JPEG", sign * 1e3, "CPU ms", ratio, f"≤ {_DECODES:g}× decode", ratio <= _DECODES),
        _row("stored signature of a 1080p frame", len(stored) / 1000, "kB"),
        _row("reading a stored signature", read * 1e3, "CPU ms"),
        _row(
            "guard, two 1080p colour frames", compare * 1e3, "CPU ms", None,
            f"≤ {_COMPARISON_MS:g} CPU ms", compare * 1e3 <= _COMPARISON_MS,
        ),
    ]  # fmt: skip


def _search(scored: int, queries: int) -> list[Row]:
    """Frames that come in groups, as a camera's do: a query has about as many candidates as its group is large."""
    generator = np.random.default_rng(0)
    centres = generator.normal(size=(scored // 20, DESCRIPTOR_SIZE))

    def drawn(count: int) -> np.ndarray:
        values = centres[generator.integers(0, len(centres), count)]
        values = values + generator.normal(0, 0.2, values.shape)
        return (values / np.linalg.norm(values, axis=1, keepdims=True)).astype(np.float32)

    vectors, asked = drawn(scored), drawn(queries)
    index = ScoredIndex(DESCRIPTOR_SIZE)
    index.append([str(number) for number in range(scored)], vectors)
    product = _cpu(lambda: asked @ vectors.T, 3)
    search = _cpu(lambda: index.nearest(asked), 3)
    ratio, size = search / product, f"{queries:,} look-ups in {scored:,} × {DESCRIPTOR_SIZE}"
    return [
        _row(f"bare numpy product, {size}", product, "CPU s"),
        _row(f"{size}", search, "CPU s", ratio, f"≤ {_PRODUCTS:g}× the product", ratio <= _PRODUCTS),
    ]


def _frame(seed: int) -> bytes:
    """A 1080p surface; the seed changes only the sensor's noise."""
    coarse = np.random.default_rng(5).integers(40, 210, (68, 120, 3), np.uint8)
    surface = np.asarray(Image.fromarray(coarse).resize((1920, 1080), Image.Resampling.BICUBIC), np.float32)
    noise = np.random.default_rng(seed).normal(0, 2, surface.shape)
    file = io.BytesIO()
    Image.fromarray(np.clip(surface + noise, 0, 255).astype(np.uint8)).save(file, "JPEG", quality=88)
    return file.getvalue()


def _bare_decode(data: bytes) -> None:
    image = Image.open(io.BytesIO(data))
    image.draft("YCbCr", (image.width // 8, image.height // 8))
    image.load()


def _cpu(work: Callable[[], object], repeats: int) -> float:
    """The least CPU time of a few runs, s: other load on the machine only ever adds to it."""
    times = []
    for _ in range(repeats):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return min(times)


def _row(
    what: str, value: float, unit: str, ratio: float | None = None, target: str = "", ok: bool | None = None
) -> Row:
    shown = None if ratio is None else round(ratio, 3)
    return {"what": what, "value": round(value, 4), "unit": unit, "ratio": shown, "target": target, "ok": ok}
