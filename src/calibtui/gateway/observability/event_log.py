"""What happened, one JSON object a line, for grep, jq and log collectors.

    log = open_log(settings.state)
    log.hide(endpoint.secrets)
    log.event("run_started", run=run, command=command)

Every line has `at` (UTC, RFC 3339) and `event`. The file is kept small by rotation, and no line holds a secret.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import UTC, datetime
from logging.handlers import RotatingFileHandler
from pathlib import Path
from threading import Lock
from typing import Any, Protocol

from calibtui.core.errors import CalibtuiError
from calibtui.core.files import unwritable_named
from calibtui.core.money import eur
from calibtui.core.scores import CallRecord, FailedScore, Score
from calibtui.gateway.observability.log_fields import line_of
from calibtui.gateway.secrets import Redactor, Secret

FILE = "calibtui.log"
MOST_BYTES = 5 << 20
BACKUPS = 4


class LineWriter(Protocol):
    """Where finished lines go. `lost`: how many in a row could not be written."""

    lost: int

    def write(self, line: str) -> None: ...

    def close(self) -> None: ...


class Log:
    """Writes events from any thread. A line that can't be written never ends a run: it is counted, and the next line
    that can be says how many were `lost`."""

    def __init__(self, handler: LineWriter | None = None) -> None:
        self._handler = handler
        self._secrets: tuple[Secret, ...] = ()
        self._redact = Redactor(())
        self._lock = Lock()

    def hide(self, secrets: Iterable[Secret]) -> None:
        """Masks these, besides whatever is shaped like a key, in every later line."""
        with self._lock:
            self._secrets = (*self._secrets, *secrets)
            self._redact = Redactor(self._secrets)

    def event(self, name: str, **fields: Any) -> None:
        """One line; `fields` may hold text of strangers, exceptions' words, nested mappings and lists."""
        handler = self._handler
        if handler is None:
            return
        at = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        with self._lock:
            lost = {"lost": handler.lost} if handler.lost else {}
            handler.write(line_of({"at": at, "event": name, **lost, **fields}, self._redact))

    def line(self, text: str) -> None:
        """A line that another process of ours has finished, secrets hidden and all."""
        if self._handler is not None:
            with self._lock:
                self._handler.write(text)

    def failures(self, records: Iterable[CallRecord | Score | FailedScore]) -> None:
        """An event for each call and each frame among `records` that failed."""
        if self._handler is None:
            return
        for record in records:
            if isinstance(record, FailedScore):
                self.event(
                    "frame_failed",
                    frame=record.frame_uri,
                    digest=record.digest,
                    error_class=record.error,
                    reply=record.reply,
                )
            elif isinstance(record, CallRecord) and record.status != "ok":
                self._call_failed(record)

    def error(self, name: str, error: CalibtuiError, **fields: Any) -> None:
        """`name` with what the error says and what to do about it."""
        self.event(name, error=type(error).__name__, message=error.message, hint=error.hint, **fields)

    def close(self) -> None:
        if self._handler is not None:
            self._handler.close()
            self._handler = None

    def _call_failed(self, call: CallRecord) -> None:
        self.event(
            "call_failed",
            call=call.call_id,
            digest=call.digest,
            provider=call.provider,
            model=call.requested_model,
            status=call.status,
            attempts=call.attempts,
            latency_ms=round(call.latency_ms, 1),
            cost_eur=eur(call.cost_micro_eur),
            measured=call.measured,
        )


def open_log(state: Path, *, most_bytes: int = MOST_BYTES, backups: int = BACKUPS) -> Log:
    """The log of the workspace whose state directory this is: calibtui.log, and calibtui.log.1 and on for what is
    older.

    One process at a time may have it open: rotation renames files. Raises WorkspaceUnwritableError.
    """
    path = state / FILE
    with unwritable_named(path):
        state.mkdir(parents=True, exist_ok=True)
        return Log(_Handler(path, most_bytes, backups))


def silent_log() -> Log:
    """For who doesn't keep one."""
    return Log()


class _Handler(RotatingFileHandler):
    """Without a logger: loggers are global by name, and a process may have several workspaces."""

    def __init__(self, path: Path, most_bytes: int, backups: int) -> None:
        super().__init__(path, maxBytes=most_bytes, backupCount=backups, encoding="ascii")
        self.lost = 0
        self._failed = False

    def write(self, line: str) -> None:
        self._failed = False
        self.handle(logging.LogRecord("calibtui", logging.INFO, "", 0, line, None, None))
        self.lost = self.lost + 1 if self._failed else 0

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the name is logging's
        """The standard one prints a traceback over whatever is on the terminal."""
        self._failed = True
