"""How a job ended, from how its worker did."""

from __future__ import annotations

import json
import signal
import time
from dataclasses import asdict, replace

from calibtui.core.summary import RunSummary
from calibtui.engine.jobs.messages import Ended
from calibtui.store.jobs import JobRow

INTERRUPTED = 130
_WORDS = {"cancelled": "was cancelled", "interrupted": "was interrupted", "failed": "failed", "done": "is done"}


def ended_row(row: JobRow, ended: Ended | None, code: int, *, cancelled: bool) -> JobRow:
    """The job once it is over. `ended` None: the worker died without a word, with the return code `code`."""
    row = replace(row, ended_at=time.time())
    if ended is None:
        error = f"The process that ran the job died: {_cause(code)}."
        return replace(row, state="failed", exit_code=1, error=error, hint="Start it again: what was finished is kept.")
    summary = summary_text(ended.summary)
    if ended.exit_code == INTERRUPTED:
        state = "cancelled" if cancelled else "interrupted"
        return replace(row, state=state, exit_code=INTERRUPTED, error=ended.error, hint=ended.hint, summary=summary)
    state = "failed" if ended.exit_code else "done"
    row = replace(row, state=state, exit_code=ended.exit_code, error=ended.error, hint=ended.hint)
    return replace(row, summary=summary, result=ended.result)


def notice_of(row: JobRow) -> tuple[str, str]:
    """(level, text) for everyone attached."""
    level = {"failed": "error", "done": "information"}.get(row.state, "warning")
    return level, f"{row.title} {_WORDS[row.state]}{': ' + row.error if row.error else '.'}"


def summary_text(summary: RunSummary) -> str:
    """JSON that `calibtui.cli` can make the summary of again; figures that are no number stay none."""
    return json.dumps(asdict(summary), default=dict)


def _cause(code: int) -> str:
    if code >= 0:
        return f"it ended with {code}"
    try:
        return f"it was ended by {signal.Signals(-code).name}"
    except ValueError:
        return f"it was ended by signal {-code}"
