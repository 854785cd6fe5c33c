"""The commands that an engine knows, and how it carries out those that are its own."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import msgspec

from calibtui.core.errors import ConfigurationError, EngineRefusedError
from calibtui.engine.jobs.cost import confirmation
from calibtui.engine.queries.registry import COMMANDS
from calibtui.engine.server.tasks import begin_task
from calibtui.engine.wire.exchange import Command, Done
from calibtui.engine.wire.money import SetCap
from calibtui.engine.wire.runs import Cancel, Pause, Rerun, Resume, Start, Stop, Task
from calibtui.engine.wire.snapshot import STAGES
from calibtui.pipeline.asked import asked_of
from calibtui.pipeline.money import set_cap_in

if TYPE_CHECKING:
    from calibtui.engine.server.service import Service

OWN: tuple[type[Command], ...] = (Start, Task, Rerun, Pause, Resume, Cancel, Stop, SetCap)


def all_commands() -> tuple[type[Command], ...]:
    return (*OWN, *COMMANDS)


async def carry_out(service: Service, command: Command, by: str) -> Done:
    """One of OWN. Raises CalibtuiError."""
    if isinstance(command, Start):
        return await _start(service, command, by)
    if isinstance(command, Task):
        return await begin_task(service, command, by)
    if isinstance(command, Rerun):
        return await _rerun(service, command, by)
    if isinstance(command, SetCap):
        return await _set_cap(service, command, by)
    if isinstance(command, Pause):
        await service.jobs.pause(by)
        return Done(said="Paused for everyone; requests in flight are still answered.")
    if isinstance(command, Resume):
        await service.jobs.resume()
        return Done(said="Going on.")
    if isinstance(command, Cancel):
        row = await service.jobs.cancel(command.job, by)
        when = "ends at its next safe point" if row.state == "running" else "is out of the queue"
        return Done(said=f"{row.title} {when}.", job=row.name)
    assert isinstance(command, Stop)
    return _stop(service, command)


async def _start(service: Service, command: Start, by: str) -> Done:
    stages = _in_order(command.stages)
    settings, _ = await service.in_thread(service.settings.with_overrides, command.overrides)
    if not command.confirmed:
        sentence = await service.in_thread(confirmation, settings, service.store, stages)
        if sentence:
            raise EngineRefusedError("confirmation", "This costs money.", "", sentence)
    title = _title(stages)
    row = await service.jobs.submit(
        title, stages, command.overrides, priority=command.priority, by=by, careful=command.careful
    )
    held = " It begins once somebody resumes." if service.jobs.paused_by is not None else ""
    return Done(said=f"{title} is queued.{held}", job=row.name, run=row.run)


async def _rerun(service: Service, command: Rerun, by: str) -> Done:
    earlier = await service.in_thread(_earlier, service, command.run)
    again = msgspec.structs.replace(earlier, confirmed=command.confirmed)
    return await (_start(service, again, by) if isinstance(again, Start) else begin_task(service, again, by))


def _earlier(service: Service, run: str) -> Start | Task:
    """What began an earlier run. Raises ConfigurationError where nobody knows it."""
    job = service.store.jobs.of_run(run)
    if job is not None and job.task:
        asked = asked_of(job.task)
        return Task(kind=asked.kind, options=dict(asked.options), overrides=job.overrides)
    if job is not None:
        return Start(stages=job.stages, overrides=job.overrides)
    stages = service.store.jobs.stages_of(run)
    if not stages:
        raise ConfigurationError(f"There is no run {run} with stages to run again.", "See the list of runs.")
    return Start(stages=stages)


async def _set_cap(service: Service, command: SetCap, by: str) -> Done:
    settings, _ = await service.in_thread(service.settings.read)
    if not command.why.strip():
        raise ConfigurationError("A cap is not changed without a reason.", "Say why; it goes into the audit trail.")
    if command.node not in settings.budgets:
        raise ConfigurationError(f"There is no budget {command.node!r}.", "calibtui.toml declares them in [budgets].")
    if not command.confirmed:
        sentence = f"The cap of {command.node} becomes {command.eur} EUR: {command.why}"
        raise EngineRefusedError("confirmation", "A cap is money.", "", sentence)
    change = (command.node, command.eur, by, command.why)
    if not await service.jobs.set_cap(*change):
        await service.in_thread(set_cap_in, service.store, settings, *change)
        # A ledger that was being opened meanwhile may have read the old cap.
        await service.jobs.set_cap(*change, repeat=True)
    return Done(said=f"The cap of {command.node} is {command.eur} EUR now.")


def _stop(service: Service, command: Stop) -> Done:
    running = service.jobs.running()
    if running and not command.confirmed:
        titles = ", ".join(job.title for job in running)
        sentence = f"{titles} is running; stopping interrupts it at its next safe point. What is done is kept."
        raise EngineRefusedError("confirmation", "A job is running.", "Confirm it to stop all the same.", sentence)
    service.keep(asyncio.create_task(service.end(requeue=False)))
    return Done(said="The engine ends at the next safe point." if running else "The engine ends.")


def _in_order(stages: tuple[str, ...]) -> tuple[str, ...]:
    unknown = [stage for stage in stages if stage not in STAGES]
    if unknown or not stages:
        said = f"{unknown[0]!r} is no stage." if unknown else "No stage is named."
        raise EngineRefusedError("usage", said, f"There are {', '.join(STAGES)}.")
    return tuple(stage for stage in STAGES if stage in stages)


_TITLES = {"pool": "Indexing", "score": "Scoring", "select": "Selection", "quantize": "Quantization"}


def _title(stages: tuple[str, ...]) -> str:
    if stages == STAGES:
        return "The whole pipeline"
    names: list[Any] = [_TITLES.get(stage, "Evaluation") for stage in stages]
    join = " and " if len(names) == 2 else " to "
    return names[0] if len(names) == 1 else f"{names[0]}{join}{names[-1].lower()}"
