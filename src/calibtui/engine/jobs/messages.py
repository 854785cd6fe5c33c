"""What the engine and a worker process tell each other, pickled, over a socket that nobody else has."""

from __future__ import annotations

import contextlib
import copyreg
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from threading import Lock
from types import MappingProxyType
from typing import Any

from prometheus_client.metrics_core import Metric

from calibtui.core.progress import Progress
from calibtui.core.summary import BudgetLine, RunSummary
from calibtui.pipeline.asked import Measuring


def _read_only(content: dict[Any, Any]) -> MappingProxyType[Any, Any]:
    return MappingProxyType(content)


# Read-only mappings are all over the settings and the frames, and pickle knows nothing of them.
copyreg.pickle(MappingProxyType, lambda mapping: (_read_only, (dict(mapping),)))


@dataclass(frozen=True, slots=True)
class Assignment:
    """What a worker is to do: `stages` of the workspace `root`, or what is `asked`, as the run `run`. `overrides`:
    texts
    of `--set`."""

    root: Path
    run: str
    command: str
    stages: tuple[str, ...]
    overrides: tuple[str, ...]
    confirmed: bool
    paused: bool
    asked: Measuring | None = None


@dataclass(frozen=True, slots=True)
class Call:
    """A call of a method of a table of the store, which is the engine's."""

    number: int
    table: str
    method: str
    arguments: tuple[Any, ...]
    named: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer to the call, or order, of that number; `error` is raised where it was asked."""

    number: int
    value: Any = None
    error: BaseException | None = None


@dataclass(frozen=True, slots=True)
class StageMoved:
    """`state`: running, done, failed or interrupted."""

    stage: str
    state: str


@dataclass(frozen=True, slots=True)
class LogLine:
    """A finished line of the workspace's log."""

    text: str


@dataclass(frozen=True, slots=True)
class Report:
    """How far a worker is. `progress`: the newest of each stage, the newest of all last. `total`: frames × passes that
    scoring is about, 0 until known. `forecast`: expected micro-EUR of the rest with the ends of its interval.
    `budgets`: of the open ledger, None while there is none; `held`: micro-EUR that this run holds."""

    progress: tuple[Progress, ...] = ()
    families: Sequence[Metric] = ()
    total: int = 0
    forecast: tuple[int, int, int] | None = None
    latency_ms_p50: float | None = None
    budgets: tuple[BudgetLine, ...] | None = None
    held: int = 0
    notes: tuple[str, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class Ended:
    """The run's end. `exit_code` as of the headless command; `result`: JSON text of what was measured."""

    summary: RunSummary
    exit_code: int
    error: str = ""
    hint: str = ""
    result: str = ""


@dataclass(frozen=True, slots=True)
class Order:
    """What the engine tells a worker: "stop", "pause" or "resume"."""

    what: str


@dataclass(frozen=True, slots=True)
class CapOrder:
    """Sets a cap in the worker's open ledger; answered with a Reply whose value is False where it has none.
    `repeat`: only where the ledger, opened in between, has another cap."""

    number: int
    node: str
    eur: str
    who: str
    why: str
    repeat: bool = False


class Channel:
    """One end of the socket. `send` from any thread; one thread receives."""

    def __init__(self, descriptor: int) -> None:
        self._connection = Connection(descriptor)
        self._sending = Lock()

    def send(self, message: object) -> None:
        """Raises OSError where the other end is gone."""
        with self._sending:
            self._connection.send(message)

    def receive(self) -> Any:
        """The next message. Raises EOFError, or OSError, where the other end is gone."""
        return self._connection.recv()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._connection.close()
