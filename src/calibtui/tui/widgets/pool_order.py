"""In which order, and which part of, the pool is asked for."""

from __future__ import annotations

from dataclasses import dataclass, replace

from calibtui.engine.wire.frames import SORTS, Find, Frames

TITLES = {
    "difficulty": "difficulty",
    "path": "path",
    "spread": "spread of its passes",
    "objects": "annotated objects",
    "classes": "classes",
    "size": "picture size",
    "captured": "time of capture",
    "mark": "mark",
}
"""What people call each of SORTS."""


@dataclass(frozen=True, slots=True)
class PoolOrder:
    """A sort of SORTS, its direction and a filter in the language of `calibtui.core.frame_filter`."""

    sort: str = "difficulty"
    descending: bool = True
    filter: str = ""

    def by(self, sort: str) -> PoolOrder:
        """That sort, in the direction in which people mean it: text from A to Z, figures from the largest."""
        return replace(self, sort=sort, descending=sort not in ("path", "classes"))

    def step(self, by: int) -> PoolOrder:
        """The sort `by` places further on in SORTS, round and round."""
        return self.by(SORTS[(SORTS.index(self.sort) + by) % len(SORTS)])

    def reversed(self) -> PoolOrder:
        return replace(self, descending=not self.descending)

    def page(self, offset: int, limit: int) -> Frames:
        return Frames(sort=self.sort, descending=self.descending, filter=self.filter, offset=offset, limit=limit)

    def find(self, *, digest: str | None = None, percentile: float | None = None) -> Find:
        return Find(
            sort=self.sort, descending=self.descending, filter=self.filter, digest=digest, percentile=percentile
        )

    @property
    def said(self) -> str:
        """Such as "difficulty ↓"."""
        return f"{TITLES[self.sort]} {'↓' if self.descending else '↑'}"
