"""Marks on frames, and the commands that set them; every one of them can be undone, also after a restart."""

from __future__ import annotations

from typing import ClassVar

import msgspec

from calibtui.engine.wire.exchange import Command, Query

MARKS = ("", "picked", "dropped", "pinned", "excluded")


class Mark(Command, frozen=True, kw_only=True):
    """Sets one mark on frames. "picked" and "dropped" belong to the draft set and end when it is locked; "pinned" (in
    every set) and "excluded" (in none) stay. `toggle`: as `space` does it: a frame of the draft set is dropped, another
    picked; `mark` is ignored then."""

    path: ClassVar[str] = "mark"
    digests: tuple[str, ...]
    mark: str = ""
    toggle: bool = False


class MarkMatching(Command, frozen=True, kw_only=True):
    """Sets one mark on rows `first` to `last`, both included, of the pool in that order; `last` None: to the end."""

    path: ClassVar[str] = "mark-matching"
    mark: str
    sort: str = "difficulty"
    descending: bool = True
    filter: str = ""
    first: int = 0
    last: int | None = None


class Undo(Command, frozen=True, kw_only=True):
    """Takes back the newest change of marks that isn't taken back yet."""

    path: ClassVar[str] = "undo"


class Redo(Command, frozen=True, kw_only=True):
    path: ClassVar[str] = "redo"


class Change(msgspec.Struct, frozen=True, kw_only=True):
    number: int
    said: str
    by: str
    at: float
    undone: bool


class Changes(msgspec.Struct, frozen=True, kw_only=True):
    changes: tuple[Change, ...]


class RecentChanges(Query[Changes], frozen=True, kw_only=True):
    """The newest changes of marks, newest first."""

    path: ClassVar[str] = "changes"
    answer: ClassVar[type] = Changes
    limit: int = 50
