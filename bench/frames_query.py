"""Pages of the pool from a store of 1,000,000 frames, all scored: beside the same page asked of DuckDB each time."""

from __future__ import annotations

import multiprocessing
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from calibtui.core.progress import StopFlag, silent
from calibtui.engine.queries import registry
from calibtui.engine.queries.registry import QueryContext
from calibtui.engine.wire.curation import Mark
from calibtui.engine.wire.exchange import Query
from calibtui.engine.wire.frames import Find, Frame, Frames
from calibtui.engine.wire.sets import Draft
from calibtui.pipeline.context import Context
from calibtui.pipeline.judges import configured_judge
from calibtui.scoring.payload import PayloadRecipe, payload_digests
from calibtui.store.store import Store
from calibtui.store.table import bulk
from calibtui.workspace.load import settings_from

DOCUMENT = {
    "pool": {"images": "nowhere"},
    "scoring": {"model": "m"},
    "providers": {
        "p": {
            "base_url": "http://127.0.0.1:9/v1",
            "models": {"m": {"eur_per_million_input": 1.0, "eur_per_million_output": 1.0}},
        }
    },
    "selection": {"size": 512},
}
REASONS = ("glare", "motion blur", "occlusion", "low contrast", "clutter", "small objects", "night", "rain")
FIRST_ROWS_S, PAGE_S = 0.3, 0.015
ROWS = 50


def run(quick: bool = False) -> dict[str, Any]:
    """CPU seconds, this process's threads together, since wall time on a shared machine is its neighbours'."""
    frames = 100_000 if quick else 1_000_000
    registry.load_all()
    with tempfile.TemporaryDirectory(prefix="calibtui-bench-") as folder:
        root = Path(folder)
        settings = settings_from(DOCUMENT, root, root / "calibtui.toml")
        # Another process, so that what it needs isn't taken for the memory of the columns.
        filling = multiprocessing.get_context("spawn").Process(target=fill_at, args=(root, frames))
        filling.start()
        filling.join()
        if filling.exitcode:
            raise RuntimeError("the store could not be filled")
        with Store(settings.state) as store:
            desk = _Desk(QueryContext(settings, settings, store, 1, "bench"))
            return {"name": f"frames query, {frames:,} frames", "rows": _measured(desk, frames)}


class _Desk:
    def __init__(self, context: QueryContext) -> None:
        self.context = context

    def ask(self, query: Query[Any]) -> Any:
        return registry.QUERIES[type(query)](self.context, query)

    def told(self) -> None:
        """Rows changed, as the engine says it."""
        c = self.context
        self.context = QueryContext(c.settings, c.written, c.store, c.data + 1, c.user, c.memory)


def _measured(desk: _Desk, frames: int) -> list[dict[str, Any]]:
    rows = []
    before = _resident_mib()
    opened = _seconds(lambda: desk.ask(Frames(limit=ROWS)))
    rows.append({"what": "the first page of all, once an engine", "value": opened, "unit": "s"})
    rows.append({"what": "memory more than before it", "value": _resident_mib() - before, "unit": "MiB"})
    bare = _median(lambda number: _bare_page(desk, number * 997 % frames), 3)
    rows.append({"what": "a page by SQL alone", "value": bare, "unit": "s"})
    page = _median(lambda number: desk.ask(Frames(limit=ROWS, offset=number * 9973 % frames)), 50)
    rows.append(_held("a page anywhere, order known", page, PAGE_S, bare))
    for sort in ("spread", "path", "size", "captured", "mark"):
        seconds = _seconds(lambda sort=sort: desk.ask(Frames(sort=sort, limit=ROWS)))
        rows.append(_held(f"sort by {sort} to first rows", seconds, FIRST_ROWS_S, bare))
    rows.append(_held("the other way round", _seconds(lambda: desk.ask(Frames(descending=False))), FIRST_ROWS_S, bare))
    for text in ("score>80", "path:line3 score:20..40", "reason:glare", "-reason:glare|blur", "selected", "7f3a"):
        seconds = _seconds(lambda text=text: desk.ask(Frames(filter=text, limit=ROWS)))
        rows.append(_held(f"filter {text} to first rows", seconds, FIRST_ROWS_S, bare))
    jump = _median(lambda number: desk.ask(Find(percentile=float(number))), 9)
    rows.append(_held("jump to a percentile", jump, FIRST_ROWS_S, bare))
    return [*rows, *_changing(desk, frames, bare)]


def _changing(desk: _Desk, frames: int, bare: float) -> list[dict[str, Any]]:
    """What a mark and fresh scores cost."""
    digest = desk.ask(Frames(limit=1, offset=frames // 2)).rows[0].digest

    def mark(number: int) -> None:
        command = Mark(digests=(digest,), mark=("pinned", "")[number % 2])
        registry.COMMANDS[Mark](desk.context, command)
        desk.told()
        desk.ask(Frames(limit=ROWS))

    marked = _median(mark, 6)

    def scored(number: int) -> None:
        _score_some(desk.context, number)
        desk.told()
        time.sleep(0.01)
        desk.ask(Frames(limit=ROWS))

    live = _seconds(lambda: [scored(number) for number in range(20)]) / 20
    page = desk.ask(Frames(limit=ROWS)).rows
    desk.ask(Frame(digest=page[-1].digest))
    while (keeper := desk.context.memory.get("descriptor sketch")) is not None and keeper.made is None:
        time.sleep(0.1)
    detail = _median(lambda number: desk.ask(Frame(digest=page[number].digest)), 5)
    drafted = _seconds(lambda: desk.ask(Draft(overrides=())))
    return [
        _held("space: the mark, the draft and the page", marked, FIRST_ROWS_S, bare),
        {"what": "a page while scores pour in, mean of 20", "value": live, "unit": "s", "ratio": live / bare},
        {"what": "a frame in full, its neighbours looked for", "value": detail, "unit": "s", "ratio": detail / bare},
        {"what": "the draft's view", "value": drafted, "unit": "s", "ratio": drafted / bare},
    ]


def _resident_mib() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() >> 20


def _held(what: str, seconds: float, limit: float, bare: float) -> dict[str, Any]:
    ratio = seconds / bare
    target = f"≤ {1000 * limit:g} ms"
    return {"what": what, "value": seconds, "unit": "s", "ratio": ratio, "target": target, "ok": seconds <= limit}


def _seconds(work: Callable[[], Any]) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started


def _median(work: Callable[[int], Any], times: int) -> float:
    return float(np.median([_seconds(lambda number=number: work(number)) for number in range(times)]))


def _bare_page(desk: _Desk, offset: int) -> None:
    desk.context.store.browsing._rows(
        "SELECT f.uri, f.digest, s.difficulty, s.reasons FROM frames AS f LEFT JOIN scores AS s USING (digest) "
        "WHERE f.role = 'pool' AND present ORDER BY s.difficulty DESC NULLS LAST, f.uri LIMIT ? OFFSET ?",
        [ROWS, offset],
    )


def fill_at(root: Path, frames: int) -> None:
    settings = settings_from(DOCUMENT, root, root / "calibtui.toml")
    with Store(settings.state) as store:
        fill(settings, store, frames)


def fill(settings: Any, store: Store, frames: int) -> None:
    """An indexed and scored pool; the files named do not exist."""
    draw = np.random.default_rng(0)
    digests = [row.tobytes().hex() for row in draw.integers(0, 256, (frames, 32), np.uint8)]
    uris = [f"pool/line{number % 9}/camera{number % 4}/{number:07}.jpg" for number in range(frames)]
    with store.frames._transaction() as cursor:
        bulk(cursor, "INSERT INTO frames BY NAME SELECT * FROM incoming", _frame_rows(uris, digests, draw))
        for first in range(0, frames, 50_000):
            vectors = draw.standard_normal((min(50_000, frames - first), 256), np.float32)
            vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
            rows = {
                "digest": digests[first : first + 50_000],
                "version": pa.array([1] * len(vectors), pa.int32()),
                "vector": pa.FixedSizeListArray.from_arrays(vectors.ravel(), 256).cast(pa.list_(pa.float32())),
            }
            bulk(cursor, "INSERT INTO descriptors BY NAME SELECT * FROM incoming", pa.table(rows))
    context = Context(settings, store, "bench", silent, StopFlag())
    identity = configured_judge(context, _no_detector, settings.scoring, ()).questions.identity
    payloads = payload_digests(digests, PayloadRecipe(settings.scoring.max_px, settings.scoring.jpeg_quality))
    with store.frames._transaction() as cursor:
        scored = frames - frames // 50
        rows = _score_rows(identity, uris[:scored], digests[:scored], payloads[:scored], draw)
        bulk(cursor, "INSERT INTO scores BY NAME SELECT * FROM incoming", rows)


def _frame_rows(uris: list[str], digests: list[str], draw: np.random.Generator) -> pa.Table:
    count = len(uris)
    return pa.table(
        {
            "role": pa.repeat("pool", count),
            "uri": uris,
            "digest": digests,
            "size_bytes": draw.integers(10**5, 10**6, count),
            "mtime_ns": draw.integers(10**18, 2 * 10**18, count),
            "width": draw.choice([1280, 1920], count).astype(np.int32),
            "height": draw.choice([720, 1080], count).astype(np.int32),
            "format": pa.repeat("JPEG", count),
            "reason": pa.nulls(count, pa.string()),
            "columns": pa.repeat("{}", count),
            "present": pa.array(np.ones(count, bool)),
        }
    )


def _score_rows(
    identity: Any, uris: list[str], digests: list[str], payloads: list[str], draw: np.random.Generator
) -> pa.Table:
    count = len(uris)
    reasons = [list(pair) for pair in zip(draw.choice(REASONS, count), draw.choice(REASONS, count), strict=True)]
    text = {
        "prompt_digest": identity.prompt_digest,
        "model": identity.model,
        "parameters_digest": identity.parameters_digest,
        "prompt": identity.prompt,
        "answered_model": "m",
        "provider": "p",
        "run": "r1",
    }
    return pa.table(
        {
            "payload_digest": payloads,
            **{name: pa.repeat(value, count) for name, value in text.items()},
            "pass": pa.array(np.ones(count, np.int32)),
            "frame_uri": uris,
            "digest": digests,
            "difficulty": draw.beta(2, 5, count),
            "reasons": pa.array(reasons, pa.list_(pa.string())),
            "input_tokens": np.full(count, 900),
            "output_tokens": np.full(count, 40),
            "cost_micro_eur": np.full(count, 2500),
            "budget_node": pa.nulls(count, pa.string()),
            "latency_ms": np.full(count, 200.0),
            "scored_at": np.arange(count, dtype=np.float64),
        }
    )


def _score_some(context: QueryContext, number: int) -> None:
    """Seventy-five more of the frames that are not scored: a quarter of a second's worth."""
    rows = context.memory["bench unscored"] if "bench unscored" in context.memory else _unscored(context)
    part = rows[75 * number : 75 * (number + 1)]
    within = Context(context.settings, context.store, "bench", silent, StopFlag())
    identity = configured_judge(within, _no_detector, context.settings.scoring, ()).questions.identity
    uris, digests = [row.uri for row in part], [row.digest for row in part]
    payloads = payload_digests(digests, PayloadRecipe())
    with context.store.frames._transaction() as cursor:
        table = _score_rows(identity, uris, digests, payloads, np.random.default_rng(number))
        bulk(cursor, "INSERT INTO scores BY NAME SELECT * FROM incoming", table)


def _unscored(context: QueryContext) -> Any:
    page = registry.QUERIES[Frames](context, Frames(filter="-scored", limit=1000))
    rows = list(page.rows)
    for offset in (1000,):
        rows += registry.QUERIES[Frames](context, Frames(filter="-scored", limit=1000, offset=offset)).rows
    return context.memory.setdefault("bench unscored", rows)


def _no_detector() -> Any:
    raise AssertionError("a judge over the network needs no detector")
