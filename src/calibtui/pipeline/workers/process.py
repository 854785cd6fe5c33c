"""A worker process: `python -m calibtui.pipeline.workers.process DESCRIPTOR`.

It opens the kit that comes first on the socket and does the jobs that follow, until the socket ends, however that
comes: a process that nobody listens to any more is gone within the moment, also in the middle of a job.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from multiprocessing.connection import Connection
from queue import SimpleQueue
from threading import Thread

from calibtui.pipeline.workers.messages import Answer, Assignment, sendable


def main(descriptor: int) -> None:
    """Does jobs until it is ended."""
    # Ctrl+c is for whoever gives the jobs; a worker ends with its socket.
    for key in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(key, signal.SIG_IGN)
    connection = Connection(descriptor)
    received: SimpleQueue[Assignment] = SimpleQueue()
    try:
        kit = connection.recv()
        Thread(target=_listen, args=(connection, received), daemon=True).start()
        work = kit.opened()
        while True:
            number, job = received.get()
            connection.send(_answer(number, job, work))
    except (EOFError, OSError):
        os._exit(1)
    except Exception as error:
        connection.send(Answer(None, error=sendable(error)))


def _answer(number: int, job: object, work) -> Answer:  # type: ignore[no-untyped-def]
    started = time.monotonic()
    try:
        return Answer(number, work(job), time.monotonic() - started)
    except Exception as error:
        return Answer(number, error=sendable(error))


def _listen(connection: Connection, received: SimpleQueue[Assignment]) -> None:
    try:
        while True:
            received.put(connection.recv())
    except (EOFError, OSError):
        os._exit(1)


if __name__ == "__main__":
    main(int(sys.argv[1]))
