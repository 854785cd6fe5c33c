"""What a crew and its processes tell each other, pickled, over a socket that nobody else has."""

from __future__ import annotations

import pickle
import traceback
from dataclasses import dataclass
from typing import Any

Assignment = tuple[int, Any]
"""A job's number and the job."""


@dataclass(frozen=True, slots=True)
class Answer:
    """`number`: of the job, None where the kit couldn't be opened. `error`: what the job raised."""

    number: int | None
    result: Any = None
    seconds: float = 0.0
    error: Exception | None = None


def sendable(error: Exception) -> Exception:
    """The same error, with where it was raised as a note; in words where it can't be pickled."""
    error.add_note("In a worker:\n" + traceback.format_exc())
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:  # an exception may hold anything
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error
