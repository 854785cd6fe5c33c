"""A crew of Ray actors, on this machine or on others that share no file with it: kit and files travel by Ray's object
store, jobs and results by its calls.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
import signal
import socket
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from types import ModuleType
from typing import Any, Generic

from calibtui.core.errors import CalibtuiError, ConfigurationError
from calibtui.core.progress import StopFlag
from calibtui.pipeline.workers.kit import Done, Job, Kit, Result
from calibtui.pipeline.workers.ray_files import stored
from calibtui.quantization.provenance import versions

ASKED_S = 0.2
"""How often is looked whether somebody wants it to stop, s."""
FREE_WITHIN_S = 300.0
"""A cluster on which no CPU gets free for so long is said to be taken, s."""
REACHED_WITHIN_S = 10.0
LOST = 1
"""Workers that one job may lose, as their nodes go, until it is held to be what ends them."""
_HINT = "What was measured is kept; the same command goes on."


@dataclass(frozen=True, slots=True)
class _Given(Generic[Job]):
    """A job in hand; `lost`: how many workers were lost with it."""

    place: int
    job: Job
    lost: int = 0


class RayCluster(Generic[Job, Result]):
    """`size` 0: an actor for each CPU of the cluster. Actors join as they get a CPU, and where one is lost, another
    does
    its job: one is enough to go on."""

    def __init__(self, kit: Kit[Job, Result], address: str, size: int, stop: StopFlag) -> None:
        """Raises ConfigurationError where Ray isn't installed, or nothing answers at `address`."""
        self._ray = _installed()
        self._address = address
        self._kit, self._stop = kit, stop
        _connect(self._ray, address)
        self.size = size or max(1, int(self._ray.cluster_resources().get("CPU", 1)))
        self._actors: list[Any] = []
        self._idle: list[Any] = []
        self._joining: dict[Any, Any] = {}
        self._busy: dict[Any, Any] = {}

    def finished(self, jobs: Iterable[Job]) -> Iterator[Done[Result]]:
        given: dict[Any, _Given[Job]] = {}
        rest: Iterator[_Given[Job]] = (_Given(place, job) for place, job in enumerate(jobs))
        following = next(rest, None)
        if following is not None and not self._actors:
            self._start()
        asked = time.monotonic()
        while following is not None or given:
            self._stop.raise_if_set()
            while following is not None and self._idle:
                actor = self._idle.pop()
                reference = actor.do.remote(following.job)
                self._busy[reference] = actor
                given[reference] = following
                following = next(rest, None)
            if not self._busy and time.monotonic() - asked > FREE_WITHIN_S:
                raise ConfigurationError(
                    f"No CPU of the Ray cluster at {self._address} got free within {FREE_WITHIN_S:.0f} s.",
                    "See `ray status`; other jobs may hold them all.",
                )
            ready, _ = self._ray.wait([*self._busy, *self._joining], timeout=ASKED_S)
            for reference in ready:
                if reference in self._joining:
                    self._join(reference)
                    continue
                actor, job = self._busy.pop(reference), given.pop(reference, None)
                try:
                    result, seconds = self._received(reference)
                except self._ray.exceptions.RayError as error:
                    self._check_left(error)
                    if job is not None:
                        rest = itertools.chain([_again(job, error)], rest)
                        following = following or next(rest)
                    continue
                self._idle.append(actor)
                if job is not None:
                    yield Done(job.place, result, seconds)

    def close(self) -> None:
        with contextlib.suppress(Exception):  # whatever is left of a cluster that is gone
            for actor in self._actors:
                self._ray.kill(actor)
        self._ray.shutdown()

    def _start(self) -> None:
        kit = self._ray.put(self._kit.carried(lambda files: stored(self._ray, files)))
        remote = self._ray.remote(num_cpus=1)(Actor)
        self._actors = [remote.remote(kit) for _ in range(self.size)]
        self._joining = {actor.about.remote(): actor for actor in self._actors}

    def _join(self, reference: Any) -> None:
        """Raises ConfigurationError for a worker whose libraries would compute something else."""
        actor = self._joining.pop(reference)
        try:
            node, theirs = self._received(reference)
        except self._ray.exceptions.RayError as error:
            self._check_left(error)
            return
        if theirs != (ours := versions()):
            other = next(name for name in ours if theirs.get(name) != ours[name])
            raise ConfigurationError(
                f"The Ray node {node} has {other} {theirs.get(other)}, this machine has {ours[other]}.",
                "Install the same versions on every node: figures of different ones don't compare.",
            )
        self._idle.append(actor)

    def _check_left(self, error: Exception) -> None:
        if not (self._idle or self._busy or self._joining):
            raise _lost(error) from error

    def _received(self, reference: Any) -> Any:
        """Raises what the worker raised, RayError where it is lost."""
        try:
            return self._ray.get(reference)
        except self._ray.exceptions.RayTaskError as error:
            raise _cause(error) from error


class Actor:
    """What runs on the cluster; `kit` as it was carried there."""

    def __init__(self, kit: Any) -> None:
        self._kit = kit
        self._work: Callable[[Any], Any] | None = None

    def about(self) -> tuple[str, dict[str, str]]:
        """The node's name and the versions of what computes on it. Raises what opening the kit raises."""
        self._opened()
        return socket.gethostname(), dict(versions())

    def do(self, job: Any) -> tuple[Any, float]:
        """A job's result, and the seconds that it took."""
        started = time.monotonic()
        result = self._opened()(job)
        return result, time.monotonic() - started

    def _opened(self) -> Callable[[Any], Any]:
        # Not before the first call: Ray tells what a call raises as it is, but not what a beginning does. And an actor
        # that is begun anew after its node was lost is given a job at once.
        if self._work is None:
            self._work = self._kit.opened()
        return self._work


def _again(job: _Given[Job], error: Exception) -> _Given[Job]:
    """The job for another worker. Raises CalibtuiError where it has lost too many."""
    if job.lost >= LOST:
        raise _lost(error) from error
    return replace(job, lost=job.lost + 1)


def _installed() -> ModuleType:
    try:
        import ray
        import ray.exceptions
    except ImportError as error:
        raise ConfigurationError(
            f"[trials] ray is set, and Ray can't be imported: {error}.", "Install it: pip install 'calibtui[ray]'."
        ) from error
    return ray  # type: ignore[no-any-return]


def _connect(ray: ModuleType, address: str) -> None:
    handlers = _handlers()
    try:
        _reach(address)
        ray.init(
            address=address,
            namespace="calibtui",
            log_to_driver=False,
            configure_logging=False,
            logging_level=logging.ERROR,
        )
    except Exception as error:  # Ray raises whatever its parts do
        line = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ConfigurationError(
            f"[trials] ray: no Ray cluster is to be had at {address!r}: {line[:300]}",
            'Write "auto" on a machine of the cluster, "ray://host:10001" from another one, or "" for this machine.',
        ) from error
    finally:
        _restore(handlers)


def _reach(address: str) -> None:
    """Ray itself tries for minutes to reach an address where nobody is. Raises OSError."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if host and port.isdecimal():
        socket.create_connection((host.strip("[]"), int(port)), REACHED_WITHIN_S).close()


def _handlers() -> dict[signal.Signals, Any]:
    """Ray puts handlers of its own over those that make a run stop at a safe point."""
    return {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}


def _restore(handlers: dict[signal.Signals, Any]) -> None:
    with contextlib.suppress(ValueError):  # only the main thread may, and only there Ray did
        for number, handler in handlers.items():
            signal.signal(number, handler)


def _cause(error: Any) -> Exception:
    cause = getattr(error, "cause", None)
    if isinstance(cause, CalibtuiError):
        return cause
    return RuntimeError(f"A worker on the Ray cluster failed: {error}")


def _lost(error: Any) -> CalibtuiError:
    text = str(error)
    if "No module named" in text:
        line = next(line for line in text.splitlines() if "No module named" in line)
        return ConfigurationError(
            f"A Ray worker could not begin: {line.strip()[:200]}.", "Install calibtui of this version on every node."
        )
    line = " ".join(text.split())[:300]
    return CalibtuiError(f"A worker on the Ray cluster is lost: {line}", _HINT)
