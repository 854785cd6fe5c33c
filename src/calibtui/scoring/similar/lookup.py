"""From a new frame and its candidates to the scored frame it repeats, or to none."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from calibtui.core.errors import CalibtuiError
from calibtui.scoring.similar.candidates import Candidate
from calibtui.scoring.similar.guard import THRESHOLD, Comparison, missed, same_view
from calibtui.scoring.similar.signature import Signature, signature_of


@dataclass(frozen=True, slots=True)
class Repeat:
    """The scored frame `digest` shows what the new frame shows; what the descriptors and the guard say of the two."""

    digest: str
    cosine: float
    comparison: Comparison


def signature_or_none(path: Path) -> Signature | None:
    """The signature of a frame's file, or None where it has none: an unreadable frame repeats nothing."""
    try:
        return signature_of(path)
    except CalibtuiError:
        return None


def same_view_as_stored(new: Signature, stored: bytes | None, threshold: float = THRESHOLD) -> Comparison:
    """The guard beside the stored bytes of a scored frame; bytes that are missing or damaged are a miss."""
    if stored is None:
        return missed("the scored frame has no signature")
    try:
        return same_view(Signature.from_bytes(stored), new, threshold)
    except ValueError as error:
        return missed(str(error))


def first_repeat(
    new: Signature,
    candidates: Sequence[Candidate],
    stored: Callable[[str], bytes | None],
    threshold: float = THRESHOLD,
) -> Repeat | None:
    """The first of `candidates`, best first, that the guard lets pass. `stored` gives a scored frame's signature bytes
    by digest."""
    for candidate in candidates:
        comparison = same_view_as_stored(new, stored(candidate.digest), threshold)
        if comparison.hit:
            return Repeat(candidate.digest, candidate.cosine, comparison)
    return None
