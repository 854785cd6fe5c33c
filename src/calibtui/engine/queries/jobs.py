"""What came of a job."""

from __future__ import annotations

import json

from calibtui.core.errors import ConfigurationError
from calibtui.core.progress import Progress
from calibtui.core.text import one_line
from calibtui.engine.queries.registry import QueryContext, answers
from calibtui.engine.wire.runs import JobEnd, JobOutcome
from calibtui.engine.wire.snapshot import Job
from calibtui.store.jobs import JobRow


@answers(JobOutcome)
def job_outcome(context: QueryContext, query: JobOutcome) -> JobEnd:
    """Raises ConfigurationError for a name that no job ever had."""
    row = context.store.jobs.job(query.job)
    if row is None:
        raise ConfigurationError(f"There is no job {query.job}.", "`calibtui status` lists the newest.")
    return JobEnd(job=job_told(row), summary=row.summary, result=row.result)


def job_told(row: JobRow, state: str | None = None, progress: Progress | None = None) -> Job:
    """The job as the wire tells it; `state` where it is another than the stored one, `progress` of a running one."""
    return Job(
        name=row.name,
        run=row.run,
        title=row.title,
        stages=row.stages,
        state=state or row.state,
        priority=row.priority,
        by=row.asked_by,
        queued_at=row.queued_at,
        started_at=row.started_at,
        ended_at=row.ended_at,
        exit_code=row.exit_code,
        error=row.error,
        hint=row.hint,
        kind=str(json.loads(row.task)["kind"]) if row.task else "",
        done=progress.done if progress else 0,
        total=progress.total if progress else 0,
        said=one_line(f"{progress.stage}: {progress.note}".rstrip(": ")) if progress else "",
    )
