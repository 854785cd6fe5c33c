"""An engine in memory, with the answers a test gives it and books of what it was asked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

from calibtui.core.errors import EngineGoneError, EngineRefusedError
from calibtui.engine.wire.curation import Changes, RecentChanges
from calibtui.engine.wire.exchange import WIRE, Command, Done, Query
from calibtui.engine.wire.money import Audit, Books, Money, Spend
from calibtui.engine.wire.runs import Diff, Difference, Log, LogLines, Run, RunDetail, RunLine, RunLines, Runs
from calibtui.engine.wire.snapshot import Budget, Job, Scoring, Snapshot, Stage, Totals, Viewer

AT = 1_795_350_000.0


def snapshot(number: int = 1, **changes: Any) -> Snapshot:
    """A workspace in the middle of scoring; `changes` replace its fields."""
    fields: dict[str, Any] = {
        "wire": WIRE,
        "version": "0.1.0",
        "workspace": "/data/line3/pcb",
        "number": number,
        "data": 1,
        "at": AT,
        "engine_started_at": AT - 100,
        "stages": (
            Stage(name="pool", state="done", done=80_000, total=80_000, said="80,000 frames, 12 unreadable"),
            Stage(name="score", state="running", done=12_345 + number, total=80_000, rate=38.2, seconds_left=1771.0,
                  said="asking gpt-4o"),
            Stage(name="select", state="outdated", said="512 hardest"),
            Stage(name="quantize", state="queued"),
            Stage(name="evaluate", state="never"),
        ),
        "jobs": (
            Job(name="j1", run="r1", title="score, select, quantize", stages=("score", "select", "quantize"),
                state="running", priority=0, by="marco", queued_at=AT - 90, started_at=AT - 80),
        ),
        "scoring": Scoring(
            run="r1", model="gpt-4o", prompt="difficulty@1", done=12_345 + number, total=80_000, failed=17,
            in_flight=32, exact_hits=1042, similar_hits=310, calls=11_010, retries=31, rate=38.2, seconds_left=1771.0,
            spent=31_220_000, held=120_000, forecast=196_000_000, forecast_low=191_000_000, forecast_high=201_000_000,
            latency_ms_p50=812.0, rates=tuple(30 + (i * 7 % 11) for i in range(60)),
            errors=(("rate_limit", 28), ("bad_reply", 17), ("upstream", 3)),
        ),
        "budgets": (
            Budget(node="team", cap=600_000_000, spent=231_220_000, held=120_000, period="month"),
            Budget(node="team/marco", cap=200_000_000, spent=191_220_000, held=120_000, user="marco", warned=95),
            Budget(node="team/giulia", cap=200_000_000, spent=40_000_000, held=0, user="giulia"),
        ),
        "totals": Totals(frames=80_000, unreadable=12, duplicates=340, scored=12_345 + number, failed=17, pinned=4,
                         excluded=9, picked=12, selected=512,
                         histogram=tuple((i * i * 7) % 900 + 40 * i for i in range(20))),
        "viewers": (
            Viewer(user="marco", terminal="pts/3", since=AT - 60, me=True),
            Viewer(user="giulia", terminal="pts/5", since=AT - 30),
        ),
        "next_step": "Scoring runs. Meanwhile look at the hardest frames so far: 2.",
    }  # fmt: skip
    return Snapshot(**{**fields, **changes})


RUNS = tuple(
    RunLine(run=f"2026-11-{22 - i:02}-{i:04x}", command=("batch", "score", "quantize")[i % 3],
            state=("running", "done", "failed", "interrupted")[i % 4], started_at=AT - i * 86_400,
            ended_at=None if i == 0 else AT - i * 86_400 + 3600, stages=(("score", "done"), ("select", "done")),
            spent=i * 1_234_567, said=f"{12_000 - i} scored, 512 selected")
    for i in range(40)
)  # fmt: skip

LOG = tuple(f"14:03:{number:02} score: {100 * number:,}/80,000" for number in range(60))


class MemoryEngine:
    """`answers`: query type → what it is answered with, or a function of the query."""

    def __init__(self, *snapshots: Snapshot) -> None:
        self.asked: list[Query[Any]] = []
        self.done: list[Command] = []
        self.refusals: dict[type[Command], EngineRefusedError] = {}
        self._queue: asyncio.Queue[Snapshot | None] = asyncio.Queue()
        for each in snapshots or (snapshot(),):
            self._queue.put_nowait(each)
        self.answers: dict[type, Callable[[Any], Any]] = {
            Log: lambda query: LogLines(lines=LOG[-query.limit :], next=0),
            RecentChanges: lambda query: Changes(changes=()),
            Money: lambda query: Books(
                budgets=snapshot().budgets,
                spending=(Spend(node="team/marco", model="gpt-4o", prompt="difficulty@1", run="r1", calls=11_010,
                                input_tokens=12_000_000, output_tokens=660_000, spent=31_220_000),
                          Spend(node="team/giulia", model="gpt-4o", prompt="difficulty@1", run="r0", calls=20_010,
                                input_tokens=22_000_000, output_tokens=960_000, spent=40_000_000)),
                audit=(Audit(at=AT - 7200, by="giulia", node="team/marco", before=150_000_000, after=200_000_000,
                             why="the new camera needs a second pass"),),
                unsettled=2, unsettled_held=9_000),
            Runs: lambda query: _matching(query),
            Run: lambda query: RunDetail(line=next(line for line in RUNS if line.run == query.run),
                                         summary='{\n  "schema": 1\n}', settings={"selection.size": "512"}),
            Diff: lambda query: Difference(lines=(("selection.size", "64", "512"), ("mAP int8", "0.41", "0.52"))),
        }  # fmt: skip

    def send(self, item: Snapshot | None) -> None:
        """None: the engine goes away."""
        self._queue.put_nowait(item)

    async def ask(self, query: Query[Any]) -> Any:
        self.asked.append(query)
        return self.answers[type(query)](query)

    async def do(self, command: Command) -> Done:
        refusal = self.refusals.get(type(command))
        if refusal is not None and not getattr(command, "confirmed", False):
            raise refusal
        self.done.append(command)
        return Done(said=f"Done: {type(command).__name__}.")

    async def snapshots(self) -> AsyncIterator[Snapshot]:
        while True:
            item = await self._queue.get()
            if item is None:
                raise EngineGoneError("The engine went away.")
            yield item

    async def close(self) -> None:
        return


def _matching(query: Runs) -> RunLines:
    words = query.filter.split()
    found = tuple(
        line for line in RUNS if all(word in f"{line.run} {line.command} {line.state} {line.said}" for word in words)
    )
    return RunLines(total=len(found), runs=found[query.offset : query.offset + query.limit])
