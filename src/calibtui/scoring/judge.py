"""What the run loop knows of a judge: frames go in, records come out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from calibtui.core.scores import CallRecord, FailedScore, Score
from calibtui.gateway.client import OnCall

Record = Score | FailedScore | CallRecord


@dataclass(frozen=True, slots=True)
class FrameToScore:
    """A readable frame without a stored score. `pass_number` is 1 for the first pass."""

    uri: str
    path: Path
    digest: str
    pass_number: int = 1


class Judge(Protocol):
    """`prepare` is the part that keeps a core busy, and runs in a thread ahead of `ask`, which waits for an answer."""

    def prepare(self, frame: FrameToScore) -> object:
        """What `ask` needs of the frame. An exception of ours becomes a FailedScore."""
        ...

    async def ask(self, frame: FrameToScore, prepared: object, on_call: OnCall) -> Score | FailedScore:
        """`on_call` is told of each paid request as soon as it is over. Raises BudgetExhaustedError and
        JudgeFailedError."""
        ...

    async def close(self) -> None: ...
