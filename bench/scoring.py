"""Scoring frames of 60 KB through everything that is durable, beside bare aiohttp that keeps nothing.

`python -m bench scoring`. Ours is the run loop with its judge, ledger, score store and group commits, on pictures that
are payloads already; bare is one session.post and one json.loads a frame. Both ask the same upstream, which runs in a
process of its own, in the same run and by turns.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from calibtui.core.progress import StopFlag
from calibtui.core.scores import CallRecord, FailedScore, Score, ScoreKey
from calibtui.gateway.dialects.dialect import ChatRequest
from calibtui.gateway.dialects.openai import OpenAi
from calibtui.gateway.money.charging import Payer
from calibtui.gateway.money.ledger import Ledger
from calibtui.scoring.judge import FrameToScore, Record
from calibtui.scoring.prompts import load_prompt
from calibtui.scoring.run import score_frames
from calibtui.scoring.sink import LedgerSink
from calibtui.scoring.vlm import VlmJudge, vlm_judge
from calibtui.store.scores import Scored
from calibtui.store.store import Store
from calibtui.workspace.settings import BudgetSettings, PriceSettings, ProviderSettings, ScoringSettings

Row = dict[str, Any]
CROWD = 64
LATENCY_S = 0.2
LEAST_OF_IDEAL = 0.85
LEAST_OF_BARE = 0.60
MOST_ADDED_MS = 10.0
IMAGE = os.urandom(60_000)
NODE = "team/marco"
BUDGETS = {node: BudgetSettings(node, 1_000_000) for node in ("team", NODE)}


def run(quick: bool = False) -> dict[str, Any]:
    """{"name", "rows": [{"what", "value", "unit", "ratio", "target", "ok"}]}."""
    turns, near, far = (1, 2000, 1280) if quick else (3, 5000, 5000)
    with tempfile.TemporaryDirectory(prefix="calibtui-bench-") as directory:
        root = Path(directory)
        with _upstream(0.0) as url:
            trios = [
                (_bare(root, url, near), _calls(root, url, near), _ours(root, url, near, paid=True))
                for _ in range(turns)
            ]
        with _upstream(LATENCY_S) as url:
            bare, ours = _bare(root, url, far), _ours(root, url, far, paid=True)
            free = _ours(root, url, far, paid=False)
    return {"name": "scoring", "rows": [*_near_rows(trios), *_far_rows(bare, ours, free)]}


@dataclass
class _Measured:
    """`asked_ms`: of each frame, from the call of the judge to its score."""

    frames: int
    seconds: float
    cpu_s: float
    asked_ms: list[float] = field(default_factory=list)

    @property
    def rate(self) -> float:
        return self.frames / self.seconds


class _PreparedJudge:
    """A VlmJudge whose pictures are payloads already."""

    def __init__(self, judge: VlmJudge) -> None:
        self._judge = judge
        self.asked_ms: list[float] = []

    def prepare(self, frame: FrameToScore) -> object:
        return IMAGE

    async def ask(self, frame: FrameToScore, prepared: object, on_call: Any) -> Score | FailedScore:
        started = time.perf_counter()
        score = await self._judge.ask(frame, prepared, on_call)
        self.asked_ms.append((time.perf_counter() - started) * 1000)
        return score

    async def close(self) -> None:
        await self._judge.close()


@contextlib.contextmanager
def _upstream(latency_s: float) -> Iterator[str]:
    command = [sys.executable, "-m", "bench.loopback_upstream", str(latency_s)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None and process.stdout is not None
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}/v1"
        finally:
            process.stdin.close()


def _settings(url: str) -> tuple[ScoringSettings, dict[str, ProviderSettings]]:
    provider = ProviderSettings("loopback", url, models={"judge-1": PriceSettings(2.3, 9.2)})
    return ScoringSettings(model="judge-1", concurrency=CROWD), {"loopback": provider}


def _bare(root: Path, url: str, frames: int) -> _Measured:
    async def go() -> None:
        prompt = load_prompt(root, "difficulty@1")
        template = OpenAi(ChatRequest("judge-1", prompt.system, prompt.user, 120, 0.0, prompt.schema)).template()
        left = iter(range(frames))
        connector = aiohttp.TCPConnector(limit=CROWD)
        async with aiohttp.ClientSession(connector=connector) as session:

            async def worker() -> None:
                for _ in left:
                    body = template.build(IMAGE)
                    headers = {"Content-Type": "application/json"}
                    async with session.post(f"{url}/chat/completions", data=body, headers=headers) as reply:
                        json.loads(json.loads(await reply.read())["choices"][0]["message"]["content"])

            await asyncio.gather(*(worker() for _ in range(CROWD)))

    started, cpu = time.perf_counter(), time.process_time()
    asyncio.run(go())
    return _Measured(frames, time.perf_counter() - started, time.process_time() - cpu)


def _ours(root: Path, url: str, frames: int, *, paid: bool) -> _Measured:
    with tempfile.TemporaryDirectory(dir=root) as state, Store(Path(state)) as store:
        started, cpu = time.perf_counter(), time.process_time()
        asked = asyncio.run(_score(store, root, url, frames, paid))
        seconds, cpu = time.perf_counter() - started, time.process_time() - cpu
        assert store.scores.count() == frames
        assert not paid or len(store.ledger.unsettled()) == 0
    return _Measured(frames, seconds, cpu, asked)


def _calls(root: Path, url: str, frames: int) -> _Measured:
    """The judge and its ledger alone: no run loop, and no score is kept."""

    async def go(store: Store) -> None:
        settings, providers = _settings(url)
        async with Ledger.open(store.ledger, BUDGETS) as ledger:
            judge = vlm_judge(settings, providers, load_prompt(root, "difficulty@1"), {}, payer=Payer(ledger, NODE))
            left = iter(range(frames))

            async def worker() -> None:
                for number in left:
                    frame = FrameToScore(f"{number}.jpg", root, f"{number:064x}")
                    assert isinstance(await judge.ask(frame, IMAGE, lambda _: None), Score)

            await asyncio.gather(*(worker() for _ in range(CROWD)))
            await judge.close()

    with tempfile.TemporaryDirectory(dir=root) as state, Store(Path(state)) as store:
        started, cpu = time.perf_counter(), time.process_time()
        asyncio.run(go(store))
        return _Measured(frames, time.perf_counter() - started, time.process_time() - cpu)


async def _score(store: Store, root: Path, url: str, frames: int, paid: bool) -> list[float]:
    settings, providers = _settings(url)
    prompt = load_prompt(root, "difficulty@1")
    pool = [FrameToScore(f"{n}.jpg", root / f"{n}.jpg", f"{n:064x}") for n in range(frames)]
    async with Ledger.open(store.ledger, BUDGETS) as ledger:
        payer = Payer(ledger, NODE) if paid else None
        judge = vlm_judge(settings, providers, prompt, {}, payer=payer)
        timed = _PreparedJudge(judge)
        keys = {frame.digest: judge.key(frame.digest) for frame in pool}
        sink = LedgerSink(lambda records: ledger.keep(_scored(keys, records)), ledger.durable, lambda _: None)
        try:
            outcome = await score_frames(pool, timed, sink, concurrency=CROWD, stop=StopFlag())
        finally:
            await sink.close()
            await timed.close()
    assert outcome.scored == frames, outcome
    return timed.asked_ms


def _scored(keys: dict[str, ScoreKey], records: Sequence[Record]) -> Scored:
    scores = [(keys[record.digest], record) for record in records if isinstance(record, Score)]
    return Scored("bench", scores, (), [record for record in records if isinstance(record, CallRecord)])


def _near_rows(trios: list[tuple[_Measured, _Measured, _Measured]]) -> list[Row]:
    bare, calls, ours = (
        _Measured(
            side[0].frames,
            statistics.median(one.seconds for one in side),
            statistics.median(one.cpu_s for one in side),
        )
        for side in zip(*trios, strict=True)
    )
    ratio = statistics.median(ours.rate / bare.rate for bare, _, ours in trios)
    target = f"≥ {LEAST_OF_BARE:.2f} of bare"
    rows = [
        _row("bare aiohttp, upstream that takes no time", bare.rate, "frames/s"),
        _row("judge and durable ledger alone", calls.rate, "frames/s", calls.rate / bare.rate),
        _row("scoring with ledger and store", ours.rate, "frames/s", ratio, target, ratio >= LEAST_OF_BARE),
    ]
    names = ("bare aiohttp", "judge and durable ledger alone", "scoring with ledger and store")
    for name, one in zip(names, (bare, calls, ours), strict=True):
        rows.append(_row(f"CPU a frame, {name}", one.cpu_s / one.frames * 1e6, "µs", one.cpu_s / bare.cpu_s))
    return rows


def _far_rows(bare: _Measured, ours: _Measured, free: _Measured) -> list[Row]:
    ideal = CROWD / LATENCY_S
    of_ideal = ours.rate / ideal
    p50, without = statistics.median(ours.asked_ms), statistics.median(free.asked_ms)
    crowd = f"{LATENCY_S * 1000:g} ms upstream, {CROWD} at once"
    target = f"≥ {LEAST_OF_IDEAL:.2f} of {ideal:g}/s"
    within = f"≤ {MOST_ADDED_MS:g} ms"
    return [
        _row(f"bare aiohttp, {crowd}", bare.rate, "frames/s", bare.rate / ideal),
        _row(
            f"scoring with ledger and store, {crowd}",
            ours.rate,
            "frames/s",
            of_ideal,
            target,
            of_ideal >= LEAST_OF_IDEAL,
        ),
        _row(f"a call without the ledger, p50, {crowd}", without, "ms"),
        _row(
            "what the ledger adds to it, p50",
            p50 - without,
            "ms",
            p50 / without,
            within,
            p50 - without <= MOST_ADDED_MS,
        ),
    ]


def _row(
    what: str, value: float, unit: str, ratio: float | None = None, target: str | None = None, ok: bool | None = None
) -> Row:
    return {"what": what, "value": value, "unit": unit, "ratio": ratio, "target": target, "ok": ok}
