"""The pages of the pool that are at hand: what the table shows without asking anyone."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable

import msgspec

from calibtui.engine.wire.frames import FrameLine, FramePage

ROWS = 200
"""Rows of a page: at least four screens of 50 lines, so that a page is asked for every few page-downs."""

KEPT = 40
"""Pages kept, the least recently shown dropped first: 8,000 rows, some 10 MB."""


class PoolPages:
    """Rows by their place in one order of the pool.

    A page that is out of date is still shown until its successor is here, so nothing flickers while the pool changes.
    `matching` and `total` are the newest page's; `data` is the oldest state of the pool that any fresh page shows.
    """

    def __init__(self) -> None:
        self.total = 0
        self.matching = 0
        self.known = False
        self._pages: OrderedDict[int, tuple[FrameLine, ...]] = OrderedDict()
        self._fresh: set[int] = set()

    def row(self, index: int) -> FrameLine | None:
        """The row at `index`, counted from 0; None while its page isn't here."""
        number, place = divmod(index, ROWS)
        page = self._pages.get(number)
        return page[place] if page is not None and place < len(page) else None

    def rows(self, first: int, last: int) -> list[FrameLine | None]:
        """Rows `first` to `last`, both included."""
        return [self.row(index) for index in range(first, last + 1)]

    def wanted(self, first: int, last: int, forward: bool) -> list[int]:
        """Numbers of the pages to be fetched while rows `first` to `last` are on screen: those on screen, then the one
        ahead, then the one behind."""
        shown = range(max(0, first) // ROWS, max(0, last) // ROWS + 1)
        ahead, behind = (shown[-1] + 1, shown[0] - 1) if forward else (shown[0] - 1, shown[-1] + 1)
        for number in reversed(shown):
            if number in self._pages:
                self._pages.move_to_end(number)
        return [number for number in (*shown, ahead, behind) if self._exists(number) and number not in self._fresh]

    def put(self, number: int, page: FramePage) -> bool:
        """Takes in a page; True if the number of rows changed with it."""
        changed = (page.total, page.matching, True) != (self.total, self.matching, self.known)
        self.total, self.matching, self.known = page.total, page.matching, True
        self._pages[number] = page.rows
        self._pages.move_to_end(number)
        self._fresh.add(number)
        while len(self._pages) > KEPT:
            self._fresh.discard(self._pages.popitem(last=False)[0])
        return changed

    def outdate(self) -> None:
        """The pool changed: every page is to be fetched again when it comes on screen."""
        self._fresh.clear()

    def clear(self) -> None:
        """Another order: what is here is of no use. `matching` stays a guess until the first page comes."""
        self._pages.clear()
        self._fresh.clear()

    def change(self, digests: Iterable[str], changed: Callable[[FrameLine], FrameLine]) -> None:
        """Shows frames as they are about to be, until their pages are fetched again."""
        wanted = set(digests)
        for number, page in self._pages.items():
            if any(row.digest in wanted for row in page):
                self._pages[number] = tuple(changed(row) if row.digest in wanted else row for row in page)

    def index(self, digest: str, near: int) -> int | None:
        """Where a frame is among the pages at hand, the page of row `near` looked at first."""
        for number in sorted(self._pages, key=lambda number: abs(number - near // ROWS)):
            for place, row in enumerate(self._pages[number]):
                if row.digest == digest:
                    return number * ROWS + place
        return None

    def _exists(self, number: int) -> bool:
        return number == 0 or (number > 0 and (not self.known or number * ROWS < self.matching))


def marked(line: FrameLine, mark: str, toggle: bool = False) -> FrameLine:
    """`line` as it will be once the engine has set `mark`, or toggled it into or out of the draft set."""
    if toggle:
        mark = "dropped" if line.in_set else "picked"
    in_set = mark in ("picked", "pinned") or (mark == "" and line.in_set)
    return msgspec.structs.replace(line, mark=mark, in_set=in_set)
