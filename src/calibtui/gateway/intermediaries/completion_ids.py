"""One completion answers one frame: the same completion id for two frames is a stored answer, and neither is believed.

A gateway's cache that doesn't see images gives itself away so even where it sends no mark of a hit.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import blake2b


@dataclass(frozen=True, slots=True)
class SharedCompletion:
    """Frames, by digest in the order they came, whose scores can't be told apart from one another's."""

    completion_id: str
    frames: tuple[str, str]


class CompletionIds:
    """What each completion id was received for. `known`: (completion id, frame digest) of calls stored earlier.

    Holds 16 bytes of an id and a reference to its frame, so a million frames fit. An empty id is no evidence: some
    servers send none.
    """

    def __init__(self, known: Iterable[tuple[str, str]] = ()) -> None:
        self._frames: dict[bytes, str] = {}
        for completion_id, frame in known:
            if completion_id:
                self._frames.setdefault(_short(completion_id), frame)

    def received(self, completion_id: str, frame: str) -> SharedCompletion | None:
        """Enters an answer; the pair to quarantine where the same id has answered another frame before."""
        if not completion_id:
            return None
        first = self._frames.setdefault(_short(completion_id), frame)
        return None if first == frame else SharedCompletion(completion_id, (first, frame))


def _short(completion_id: str) -> bytes:
    return blake2b(completion_id.encode("utf-8", "surrogatepass"), digest_size=16).digest()
