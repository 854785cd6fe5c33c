"""Which crew the settings ask for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from calibtui.pipeline.context import Context, workers
from calibtui.pipeline.workers.alone import Alone
from calibtui.pipeline.workers.kit import Crew, Job, Kit, Result
from calibtui.pipeline.workers.processes import Processes


@contextmanager
def opened_crew(context: Context, kit: Kit[Job, Result]) -> Iterator[Crew[Job, Result]]:
    """As [trials] has it; all of its workers are gone when the block ends. Raises ConfigurationError for a cluster
    that can't be had."""
    settings = context.settings.trials
    crew: Crew[Job, Result]
    if settings.ray:
        from calibtui.pipeline.workers.ray_cluster import RayCluster

        crew = RayCluster(kit, settings.ray, settings.workers, context.stop)
    elif (size := settings.workers or workers()) > 1:
        crew = Processes(kit, size, context.stop)
    else:
        crew = Alone(kit, context.stop)
    try:
        yield crew
    finally:
        crew.close()
