"""Which function answers which question, and which carries out which command on the store.

A module of this package registers its functions as it is imported, by the class of the wire:

    @answers(Frames)
    def frame_page(context: QueryContext, query: Frames) -> FramePage: ...

    @does(Mark)
    def mark(context: QueryContext, command: Mark) -> Done: ...

They run in a thread pool, several at a time, so they may wait for the store but should not compute for seconds without
giving up the interpreter's lock. What they raise as CalibtuiError goes to the client as a refusal. After every command
the engine takes it that the rows changed: `data` of the snapshot grows. Commands that need the jobs or the ledger
(start, pause, set-cap, …) are the engine's own and are not registered here.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, MutableMapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from calibtui.engine.wire.exchange import Command, Done, Query
from calibtui.engine.wire.snapshot import Totals
from calibtui.store.store import Store
from calibtui.workspace.settings import Settings


@dataclass(frozen=True, slots=True)
class QueryContext:
    """`settings` with every knob as it is turned, `written` as calibtui.toml says; `data` is the snapshot's, `user` the
    OS user who asks. `memory` is the engine's, for what takes long to make anew; it is lost when the engine ends, and
    shared by the threads that answer."""

    settings: Settings
    written: Settings
    store: Store
    data: int
    user: str = ""
    memory: MutableMapping[Any, Any] = field(default_factory=dict)

    @property
    def state(self) -> Path:
        return self.settings.state

    def job_log(self, job: str) -> Path:
        """The text file with what a job said: a line an event, "HH:MM:SS text", UTC. It may not be there."""
        return job_log(self.state, job)


QUERIES: dict[type[Query[Any]], Callable[[QueryContext, Any], Any]] = {}
COMMANDS: dict[type[Command], Callable[[QueryContext, Any], Done]] = {}

KNOBS: list[Callable[[Store], Sequence[str]]] = []
"""Functions that tell the turned knobs as texts of `--set`, such as `selection.size=64`."""
TOTALS: list[Callable[[QueryContext], Totals]] = []
"""The function, if any, that counts the snapshot's totals; called at most once a second, so it must be cheap."""

Asked = TypeVar("Asked", bound=Query[Any])
Told = TypeVar("Told", bound=Command)


def answers(
    query: type[Asked],
) -> Callable[[Callable[[QueryContext, Asked], Any]], Callable[[QueryContext, Asked], Any]]:
    """Registers the decorated function as the one that answers `query`."""

    def register(function: Callable[[QueryContext, Asked], Any]) -> Callable[[QueryContext, Asked], Any]:
        QUERIES[query] = function
        return function

    return register


def does(command: type[Told]) -> Callable[[Callable[[QueryContext, Told], Done]], Callable[[QueryContext, Told], Done]]:
    """Registers the decorated function as the one that carries out `command`."""

    def register(function: Callable[[QueryContext, Told], Done]) -> Callable[[QueryContext, Told], Done]:
        COMMANDS[command] = function
        return function

    return register


def load_all() -> None:
    """Imports every module of this package, so that all of them have registered."""
    package = importlib.import_module("calibtui.engine.queries")
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"{package.__name__}.{module.name}")


def job_log(state: Path, job: str) -> Path:
    """Where the engine writes what a job says; `state` is the state directory."""
    return state / "jobs" / f"{job}.log"
