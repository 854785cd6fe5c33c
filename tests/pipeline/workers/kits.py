"""Kits whose jobs are small, and whose workers can be watched, broken and lost."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from calibtui.core.errors import ModelError
from calibtui.pipeline.workers.files import Files


@dataclass(frozen=True)
class Squares:
    """Of numbers; the process that computed one writes its number into the directory `seen`."""

    seen: Path

    def opened(self) -> Callable[[int], int]:
        def square(number: int) -> int:
            (self.seen / str(os.getpid())).touch()
            # The first of all jobs is the last to be done.
            time.sleep(0.3 if number == 0 else 0.01)
            return number * number

        return square

    def carried(self, carry) -> Squares:
        return self


@dataclass(frozen=True)
class Troubled:
    """Does what the job says: "refuse", "crash", "die", "die once" or "hang" (once it has touched `touched`)."""

    touched: Path

    def opened(self) -> Callable[[str], str]:
        def work(job: str) -> str:
            if job == "refuse":
                raise ModelError("The model is not to the worker's taste.", "Give it another.")
            if job == "crash":
                raise ZeroDivisionError("in the worker")
            if job == "die" or (job == "die once" and not self.touched.exists()):
                self.touched.touch()
                os.kill(os.getpid(), signal.SIGKILL)
            if job == "hang":
                self.touched.with_suffix(f".{os.getpid()}").touch()
                time.sleep(600)
            return job

        return work

    def carried(self, carry) -> Troubled:
        return self


@dataclass(frozen=True)
class Unopened:
    """Can't be opened."""

    def opened(self) -> Callable[[int], int]:
        raise ModelError("This machine won't do.", "Take another.")

    def carried(self, carry) -> Unopened:
        return self


@dataclass(frozen=True)
class Lengths:
    """Of files by their place."""

    files: Files

    def opened(self) -> Callable[[int], int]:
        return lambda place: len(self.files.read(place))

    def carried(self, carry) -> Lengths:
        return replace(self, files=carry(self.files))
