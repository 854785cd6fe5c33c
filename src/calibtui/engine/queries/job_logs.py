"""What a job says as it goes, from its log file."""

from __future__ import annotations

from pathlib import Path

from calibtui.core.errors import ConfigurationError
from calibtui.core.text import one_line
from calibtui.engine.queries.registry import QueryContext, answers
from calibtui.engine.wire.runs import Log, LogLines

MOST_LINES = 2000
MOST_BYTES = 1 << 20


@answers(Log)
def log_lines(context: QueryContext, query: Log) -> LogLines:
    """Whole lines alone; offsets are bytes. Without a job's name, of the newest job. Raises ConfigurationError for a
    name that no job ever had."""
    job = query.job or _newest(context)
    if not job:
        return LogLines(lines=(), next=0)
    if context.store.jobs.job(job) is None:
        raise ConfigurationError(f"There is no job {job[:60]!r}.", "`calibtui status` lists the newest.")
    limit = max(1, min(query.limit, MOST_LINES))
    return _read(context.job_log(job), query.offset, limit)


def _newest(context: QueryContext) -> str:
    jobs = context.store.jobs
    waiting = jobs.unfinished()
    started = [job for job in waiting if job.started_at is not None] or waiting or jobs.newest(1)
    return started[0].name if started else ""


def _read(path: Path, offset: int, limit: int) -> LogLines:
    try:
        size = path.stat().st_size
        begin = max(0, size - MOST_BYTES) if offset < 0 else min(offset, size)
        with path.open("rb") as file:
            file.seek(begin)
            data = file.read(MOST_BYTES)
    except OSError:
        return LogLines(lines=(), next=max(0, offset))
    whole = data[: data.rfind(b"\n") + 1].splitlines(keepends=True)
    if offset < 0:
        # What precedes the first line end may be the rest of a line.
        whole = whole[1:] if begin else whole
        lines, end = whole[-limit:], begin + data.rfind(b"\n") + 1
    else:
        lines = whole[:limit]
        end = begin + sum(map(len, lines))
    return LogLines(lines=tuple(one_line(line.decode("utf-8", "replace").rstrip("\r\n")) for line in lines), next=end)
