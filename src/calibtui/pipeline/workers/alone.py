"""No worker but this process: jobs one after the other."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from typing import Generic

from calibtui.core.progress import StopFlag
from calibtui.pipeline.workers.kit import Done, Job, Kit, Result


class Alone(Generic[Job, Result]):
    """A crew of one."""

    size = 1

    def __init__(self, kit: Kit[Job, Result], stop: StopFlag) -> None:
        self._kit, self._stop = kit, stop
        self._work: Callable[[Job], Result] | None = None

    def finished(self, jobs: Iterable[Job]) -> Iterator[Done[Result]]:
        for place, job in enumerate(jobs):
            self._stop.raise_if_set()
            if self._work is None:
                self._work = self._kit.opened()
            started = time.monotonic()
            result = self._work(job)
            yield Done(place, result, time.monotonic() - started)

    def close(self) -> None:
        self._work = None
