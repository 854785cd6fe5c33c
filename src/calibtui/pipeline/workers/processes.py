"""A crew of processes of this machine, one a core."""

from __future__ import annotations

import itertools
import os
import pickle
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Generic

from calibtui.core.errors import CalibtuiError
from calibtui.core.progress import StopFlag
from calibtui.pipeline.workers.kit import Done, Job, Kit, Result
from calibtui.pipeline.workers.messages import Answer

ASKED_S = 0.2
"""How often is looked whether somebody wants it to stop, s."""
# Jobs compute on one thread each; the libraries below them would else take a thread a core in every process.
_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


@dataclass(frozen=True, slots=True)
class _Worker:
    process: subprocess.Popen[bytes]
    connection: Connection


class Processes(Generic[Job, Result]):
    """They are started with the first job, and end with this one, however it ends."""

    def __init__(self, kit: Kit[Job, Result], size: int, stop: StopFlag) -> None:
        self.size = size
        self._kit, self._stop = kit, stop
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - open as long as the processes are
        self._workers: dict[Connection, _Worker] = {}
        self._busy: dict[Connection, int] = {}
        self._numbers = itertools.count()

    def finished(self, jobs: Iterable[Job]) -> Iterator[Done[Result]]:
        places: dict[int, int] = {}
        rest = enumerate(jobs)
        while True:
            self._stop.raise_if_set()
            self._hand_out(rest, places)
            if not places:
                return
            for connection in wait(list(self._busy), ASKED_S):
                assert isinstance(connection, Connection)
                answer = self._answer(connection)
                place = places.pop(answer.number, None) if answer.number is not None else None
                if answer.error is not None and (place is not None or answer.number is None):
                    raise answer.error
                if place is not None:
                    yield Done(place, answer.result, answer.seconds)

    def close(self) -> None:
        for worker in self._workers.values():
            worker.process.kill()
        for worker in self._workers.values():
            worker.process.wait()
            worker.connection.close()
        self._workers.clear()
        self._busy.clear()
        self._said.close()

    def _hand_out(self, rest: Iterator[tuple[int, Job]], places: dict[int, int]) -> None:
        """A job to each worker that has none, for as long as there are any."""
        while len(self._busy) < (len(self._workers) or self.size):
            place, job = next(rest, (None, None))
            if place is None:
                return
            if not self._workers:
                self._start()
            worker = next(each for connection, each in self._workers.items() if connection not in self._busy)
            number = next(self._numbers)
            self._send(worker, pickle.dumps((number, job)))
            self._busy[worker.connection] = number
            places[number] = place

    def _start(self) -> None:
        for _ in range(self.size):
            worker = _started(self._said.fileno())
            self._workers[worker.connection] = worker
        kit = pickle.dumps(self._kit)
        for worker in self._workers.values():
            self._send(worker, kit)

    def _send(self, worker: _Worker, message: bytes) -> None:
        try:
            worker.connection.send_bytes(message)
        except OSError as error:
            raise self._lost(worker) from error

    def _answer(self, connection: Connection) -> Answer:
        try:
            answer: Answer = connection.recv()
        except (EOFError, OSError) as error:
            raise self._lost(self._workers[connection]) from error
        del self._busy[connection]
        return answer

    def _lost(self, worker: _Worker) -> CalibtuiError:
        """What is known of a worker's end, as one error."""
        try:
            code = worker.process.wait(5)
        except subprocess.TimeoutExpired:
            code = 0
        self._said.seek(0)
        lines = self._said.read().decode(errors="replace").strip().splitlines()
        how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"
        last = f": {lines[-1][:300]}" if lines and code >= 0 else ""
        return CalibtuiError(
            f"A worker process {how} in the middle of a trial{last}.",
            "What was measured is kept. Where memory is short, set a smaller [trials] workers; 1 starts none.",
        )


def _started(said: int) -> _Worker:
    ours, theirs = socket.socketpair()
    with theirs:
        command = [sys.executable, "-m", "calibtui.pipeline.workers.process", str(theirs.fileno())]
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=said,
            pass_fds=(theirs.fileno(),),
            env={**os.environ, **_ONE_THREAD},
            # A key pressed in the terminal is not for them, not even while they are being loaded.
            start_new_session=True,
        )
    return _Worker(process, Connection(ours.detach()))
