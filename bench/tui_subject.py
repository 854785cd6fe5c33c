"""What bench/tui.py runs in a terminal: Textual's hello app, or the workbench over snapshots that stand still or
change.

`python -m bench.tui_subject hello|still|live`. The engine is one in memory, so that only the workbench is measured.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

EVERY_S = 0.25
THEMES = Path(__file__).resolve().parent.parent / "themes"


def hello() -> None:
    from textual.app import App, ComposeResult
    from textual.widgets import Static

    class Hello(App[None]):
        def compose(self) -> ComposeResult:
            yield Static("Hello, world")

    Hello().run()


def workbench(live: bool) -> None:
    from calibtui.engine.client.client import Engine
    from calibtui.tui.app import run_workbench

    async def connect() -> Engine:
        return Replay(live)

    with tempfile.TemporaryDirectory() as config:
        run_workbench(connect, workspace="/data/line3", themes=THEMES, config=Path(config))


class Replay:
    """A run of 80,000 frames at 38 a second, told four times a second; or its first moment."""

    def __init__(self, live: bool) -> None:
        self._live = live

    async def snapshots(self) -> AsyncIterator[Any]:
        number = 0
        while True:
            yield moment(number)
            await asyncio.sleep(EVERY_S if self._live else 3600)
            number += 1

    async def ask(self, query: Any) -> Any:
        from calibtui.engine.wire.curation import Changes

        return Changes(changes=())

    async def do(self, command: Any) -> Any:
        raise AssertionError("nothing is done here")

    async def close(self) -> None:
        return


def moment(number: int) -> Any:
    """The state after `number` quarters of a second: every figure moves that moves in a real run."""
    from calibtui.engine.wire.exchange import WIRE
    from calibtui.engine.wire.snapshot import Budget, Job, Scoring, Snapshot, Stage, Totals, Viewer

    done, at = 12_000 + round(9.5 * number), 1_795_350_000.0 + number / 4
    spent, rate, left = 2400 * done, 38 + number % 7 / 10, (80_000 - done) / 38
    waiting = tuple(Stage(name=name, state="queued") for name in ("select", "quantize", "evaluate"))
    return Snapshot(
        wire=WIRE, version="0", workspace="/data/line3", number=number, data=number, at=at, engine_started_at=0.0,
        stages=(Stage(name="pool", state="done", said="80,000 frames"),
                Stage(name="score", state="running", done=done, total=80_000, rate=rate, seconds_left=left), *waiting),
        jobs=(Job(name="j", run="r", title="everything", stages=("score",), state="running", priority=0, by="marco",
                  queued_at=0.0, started_at=0.0),),
        scoring=Scoring(
            run="r", model="gpt-4o", prompt="difficulty@1", done=done, total=80_000, failed=number // 40,
            in_flight=28 + number % 5, exact_hits=done // 12, similar_hits=done // 50, calls=done, retries=number // 9,
            rate=rate, seconds_left=left, spent=spent, held=32 * 2400, forecast=192_000_000 + number % 9 * 10_000,
            forecast_low=190_000_000, forecast_high=194_000_000, latency_ms_p50=800.0 + number % 13,
            rates=tuple(30.0 + (number // 4 + second) * 7 % 11 for second in range(60)),
            errors=(("rate_limit", number // 9), ("bad_reply", number // 40))),
        budgets=(Budget(node="team", cap=600_000_000, spent=spent + 200_000_000, held=32 * 2400),
                 Budget(node="team/marco", cap=200_000_000, spent=spent, held=32 * 2400, user="marco"),
                 Budget(node="team/giulia", cap=200_000_000, spent=40_000_000, held=0, user="giulia")),
        totals=Totals(frames=80_000, scored=done, failed=number // 40, selected=512,
                      histogram=tuple(done * (bin_ + 1) * (21 - bin_) // 1771 for bin_ in range(20))),
        viewers=(Viewer(user="marco", terminal="pts/3", since=0.0, me=True),),
        next_step="Scoring runs. Meanwhile look at the hardest frames so far: 2.",
    )  # fmt: skip


if __name__ == "__main__":
    hello() if sys.argv[1] == "hello" else workbench(live=sys.argv[1] == "live")
