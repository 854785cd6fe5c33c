"""Jobs that measure something beside the stages: looked at before they are queued, and agreed to where they cost."""

from __future__ import annotations

from typing import TYPE_CHECKING

from calibtui.core.errors import EngineRefusedError
from calibtui.engine.jobs.cost import confirmation, question_cost
from calibtui.engine.wire.exchange import Done
from calibtui.engine.wire.runs import Task
from calibtui.pipeline.asked import Measuring
from calibtui.pipeline.measuring import asks_judge, check_measuring, sample_asked
from calibtui.store.store import Store
from calibtui.workspace.settings import Settings

if TYPE_CHECKING:
    from calibtui.engine.server.service import Service

_TITLES = {
    "diagnose": "Diagnosis of the INT8 model",
    "coverage": "Coverage of activation ranges",
    "ablate": "Ablation",
    "stability": "Stability of the scores",
}


async def begin_task(service: Service, command: Task, by: str) -> Done:
    """Queues it. Raises ConfigurationError for what can't be measured so, EngineRefusedError for what has a price and
    nobody agreed to."""
    settings, _ = await service.in_thread(service.settings.with_overrides, command.overrides)
    asked = Measuring(command.kind, command.options)
    check_measuring(settings, asked)
    if not command.confirmed and (sentence := await service.in_thread(_cost, settings, service.store, asked)):
        raise EngineRefusedError("confirmation", "This costs money.", "", sentence)
    title = _TITLES[command.kind]
    row = await service.jobs.submit(
        title, (), command.overrides, priority=0, by=by, careful=command.careful, asked=asked
    )
    held = " It begins once somebody resumes." if service.jobs.paused_by is not None else ""
    return Done(said=f"{title} is queued.{held}", job=row.name, run=row.run)


def _cost(settings: Settings, store: Store, asked: Measuring) -> str:
    """The sentence to agree to, "" for what costs nothing."""
    if not asks_judge(settings, asked):
        return ""
    if asked.kind == "stability":
        return question_cost(settings, store, asked.options.get("model") or None, sample_asked(asked))
    return confirmation(settings, store, ("score",))
