"""What every provider's batch API comes to: hand requests in, ask how far they are, fetch what came of each.

A custom id is the id of the call in the ledger. It holds letters, digits, "-" and "_" alone and at most 64 of them,
which is what the strictest API takes.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import BinaryIO, Protocol

from calibtui.core.errors import CalibtuiError
from calibtui.gateway.dialects.dialect import Dialect, ParsedReply
from calibtui.gateway.errors import Trouble


@dataclass(frozen=True, slots=True)
class BatchLimits:
    """The most of one batch."""

    requests: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class FileShape:
    """The bytes before the first request of a file, between two of them, and after the last."""

    head: bytes
    separator: bytes
    tail: bytes


class BatchState(StrEnum):
    """working: ask again · ended: results can be fetched · refused: taken by the provider, then turned down as a whole,
    nothing charged · full: the same, because more waits there already than may · gone: the provider knows it no more,
    so nobody knows what it cost."""

    WORKING = "working"
    ENDED = "ended"
    REFUSED = "refused"
    FULL = "full"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class BatchFailure:
    """One request without a completion. `kind`: expired, cancelled, unreadable, or the class of its error. `charged`:
    whether it may have been generated, and so cost money."""

    kind: str
    message: str
    charged: bool = False
    trouble: Trouble | None = None


UNANSWERED = BatchFailure("unreadable", "the results have no line for this request", charged=True)


@dataclass(frozen=True, slots=True)
class BatchStatus:
    """`done` of `total` requests, 0 where not told; `message`: the provider's own words on a refusal;
    `unanswered`: what a request is that an ended batch has no answer to."""

    state: BatchState
    done: int = 0
    total: int = 0
    message: str = ""
    unanswered: BatchFailure = UNANSWERED


@dataclass(frozen=True, slots=True)
class BatchAnswer:
    custom_id: str
    outcome: ParsedReply | BatchFailure


@dataclass(frozen=True, slots=True)
class Found:
    """Whether a batch of ours is at the provider: its id there, None where it isn't. `certain` False where one that is
    still being worked on may be it."""

    remote_id: str | None
    certain: bool = True


class BatchUnavailableError(CalibtuiError):
    """The provider gave no answer, or one that asks for patience. `maybe_taken`: whether what was sent may have
    arrived."""

    exit_code = 4

    def __init__(self, message: str, *, maybe_taken: bool) -> None:
        super().__init__(message, "Run the same command again later: what was handed in stays handed in.")
        self.maybe_taken = maybe_taken


class QueueFullError(BatchUnavailableError):
    """More waits at the provider, or is asked of it in a minute, than may: nothing of what was sent has arrived."""

    def __init__(self, message: str) -> None:
        super().__init__(message, maybe_taken=False)


class BatchApi(Protocol):
    """The batch API of one model's provider, through one key. `dialect`: how requests are worded, and replies read.

    Every method raises JudgeFailedError or BudgetExhaustedError for an answer that the next try would get as well,
    QueueFullError where less, or later, would do, and BatchUnavailableError for any other trouble.
    """

    limits: BatchLimits
    shape: FileShape
    dialect: Dialect

    def line(self, custom_id: str, image: bytes) -> bytes:
        """One request, with the JPEG `image`, as it stands in the file."""
        ...

    async def submit(self, batch_id: str, file: BatchFile) -> str:
        """The provider's id of the batch, which bears ours as a mark where the API has room for one."""
        ...

    async def find(self, batch_id: str, *, requests: int, since: float) -> Found:
        """A batch of so many requests, handed in after `since` (UTC seconds), whose id over there was never learned."""
        ...

    async def poll(self, remote_id: str) -> BatchStatus: ...

    def results(self, remote_id: str) -> AsyncIterator[BatchAnswer]:
        """What came of each request, in any order; of an ended batch."""
        ...

    async def cancel(self, remote_id: str) -> None:
        """Asks for no more answers; those that are there can still be fetched once it has ended."""
        ...

    async def close(self) -> None: ...


class BatchFile:
    """The requests of one batch, on disk and not in memory: up to hundreds of megabytes. In a file without a name in
    `folder`, so that a killed process leaves nothing behind."""

    def __init__(self, shape: FileShape, limits: BatchLimits, folder: Path) -> None:
        self._shape, self._limits = shape, limits
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - closed by close()
        self._ended = False
        self.requests = 0
        self._size = self._file.write(shape.head)

    @property
    def size(self) -> int:
        """In bytes, once it is whole."""
        return self._size + len(self._shape.tail)

    def takes(self, line: bytes) -> bool:
        """Whether the line still fits. A lone one always does: it is the provider's to refuse."""
        size = self._size + len(self._shape.separator) + len(line) + len(self._shape.tail)
        return not self.requests or (self.requests < self._limits.requests and size <= self._limits.size_bytes)

    def add(self, line: bytes) -> None:
        if self.requests:
            self._size += self._file.write(self._shape.separator)
        self._size += self._file.write(line)
        self.requests += 1

    def open(self) -> BinaryIO:
        """The whole file from its beginning, each time it is sent; nothing can be added any more."""
        if not self._ended:
            self._file.write(self._shape.tail)
            self._file.flush()
            self._ended = True
        copy = os.fdopen(os.dup(self._file.fileno()), "rb")
        copy.seek(0)
        return copy

    def close(self) -> None:
        self._file.close()
