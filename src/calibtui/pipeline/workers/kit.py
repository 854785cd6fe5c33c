"""What workers are given: once all that a kind of measurement needs, then jobs one by one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from calibtui.pipeline.workers.files import Files

Job = TypeVar("Job")
JobGiven = TypeVar("JobGiven", contravariant=True)
Result = TypeVar("Result")
ResultGiven = TypeVar("ResultGiven", covariant=True)

Carry = Callable[[Files], Files]
"""Files of this machine to where every machine has them."""


class Kit(Protocol[JobGiven, ResultGiven]):
    """Pickled whole, so it holds values and no open session; files are in `Files`.

    A job's result depends on kit and job alone, and is computed on one thread: so it is the same in whichever
    process, however many there are.
    """

    def opened(self) -> Callable[[JobGiven], ResultGiven]:
        """What does the jobs of one worker, one after the other."""

    def carried(self, carry: Carry) -> Any:
        """The same kit for machines that see no file of this one."""


@dataclass(frozen=True, slots=True)
class Done(Generic[Result]):
    """`place` of the job among those given, from 0; `seconds` that it took where it was done."""

    place: int
    result: Result
    seconds: float


class Crew(Protocol[JobGiven, Result]):
    """Workers with one kit. `size`: how many there are."""

    @property
    def size(self) -> int: ...

    def finished(self, jobs: Iterable[JobGiven]) -> Iterator[Done[Result]]:
        """Jobs as they are done, in whatever order; none is begun while nobody asks for the next one. Whoever stops
        asking leaves what is under way to itself.

        Raises what a job raised, InterruptedByUser when asked to stop, CalibtuiError where a worker is lost.
        """

    def close(self) -> None:
        """Ends all workers, also in the middle of a job."""


def in_order(finished: Iterable[Done[Result]]) -> Iterator[Done[Result]]:
    """The same in the order of the jobs."""
    waiting: dict[int, Done[Result]] = {}
    place = 0
    for done in finished:
        waiting[done.place] = done
        while place in waiting:
            yield waiting.pop(place)
            place += 1
