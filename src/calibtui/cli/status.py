"""`calibtui status`."""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import msgspec

from calibtui.cli.engines import current, engine_of, with_engine
from calibtui.core.money import eur
from calibtui.core.text import one_line
from calibtui.engine.client.places import Place
from calibtui.engine.client.socket import SocketEngine
from calibtui.engine.wire.runs import Headless
from calibtui.engine.wire.snapshot import Job, Snapshot
from calibtui.pipeline.status import Status, read_status
from calibtui.workspace.load import load_settings

SHOWN = 20
_LIVE = ("running", "paused", "queued")


def run(arguments: argparse.Namespace) -> int:
    directory = Path(arguments.dir)
    place = engine_of(directory)
    if place is None:
        status, snapshot = read_status(load_settings(directory)), None
    else:
        status, snapshot = _asked(place)
    if arguments.json:
        engine = _engine_json(place, snapshot) if place and snapshot else None
        print(json.dumps({**status.as_json(), "engine": engine}))
        return 0
    for line in [*_lines(status), *(_engine_lines(place, snapshot) if place and snapshot else ())]:
        print(one_line(line))
    return 0


def _asked(place: Place) -> tuple[Status, Snapshot]:
    async def work(engine: SocketEngine) -> tuple[Status, Snapshot]:
        sheet = await engine.ask(Headless(what="status"))
        return msgspec.convert(json.loads(sheet.text), Status), await current(engine)

    return with_engine(place, work)


def _engine_json(place: Place, snapshot: Snapshot) -> dict[str, Any]:
    return {
        "process": place.pid,
        "started_at": snapshot.engine_started_at,
        "paused": snapshot.paused,
        "viewers": _others(snapshot),
        "jobs": [
            {"name": job.name, "title": job.title, "state": job.state, "run": job.run}
            for job in snapshot.jobs
            if job.state in _LIVE
        ],
        "stages": {stage.name: stage.state for stage in snapshot.stages},
    }


def _engine_lines(place: Place, snapshot: Snapshot) -> list[str]:
    since = time.strftime("%Y-%m-%d %H:%M", time.localtime(snapshot.engine_started_at))
    paused = f", paused by {snapshot.paused_by}" if snapshot.paused else ""
    lines = [f"  engine    process {place.pid} since {since}, {_others(snapshot)} watching{paused}"]
    lines += [f"  job       {_job(job, snapshot)}" for job in snapshot.jobs if job.state in _LIVE]
    lines += [f"  warning   {warning}" for warning in snapshot.warnings]
    return lines


def _others(snapshot: Snapshot) -> int:
    return sum(not viewer.me for viewer in snapshot.viewers)


def _job(job: Job, snapshot: Snapshot) -> str:
    stage = next((each for each in snapshot.stages if each.name in job.stages and each.state == "running"), None)
    far = f", {stage.name} {stage.done:,}/{stage.total:,}" if stage is not None and job.state == "running" else ""
    return f"{job.title}  {job.state}{far}"


def _lines(status: Status) -> list[str]:
    lines = [
        status.workspace,
        f"  pool      {status.frames:,} frames, {status.duplicates:,} of them duplicates",
        f"  scores    {status.scores:,}, spent {eur(status.spent):.4f} EUR",
        f"  set       {status.calibration_set or 'none yet'}",
        f"  model     {status.model or 'none yet'}",
    ]
    for run in status.runs:
        when = time.strftime("%Y-%m-%d %H:%M", time.localtime(run.started_at))
        lines.append(f"  run       {run.id}  {when}  {run.state:<11} {run.command}")
    if status.unreadable:
        lines.append(f"  not readable: {len(status.unreadable):,}")
        lines += [f"    {uri}: {reason}" for uri, reason in status.unreadable[:SHOWN]]
        if len(status.unreadable) > SHOWN:
            lines.append(f"    and {len(status.unreadable) - SHOWN:,} more; --json has them all")
    return lines
