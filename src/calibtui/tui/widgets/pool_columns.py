"""Which columns the pool's table has at a width, and where they are."""

from __future__ import annotations

from dataclasses import dataclass

GAP = 2
"""Cells between two columns."""

BREAKPOINTS = (
    (0, ("mark", "score", "path")),
    (34, ("mark", "rank", "score", "path")),
    (48, ("mark", "rank", "score", "path", "reasons")),
    (84, ("mark", "rank", "score", "path", "reasons", "classes")),
    (92, ("mark", "rank", "score", "path", "reasons", "classes", "spread")),
    (124, ("mark", "rank", "score", "path", "reasons", "classes", "spread", "size")),
)
"""From which width on a table has which columns."""

SHARES = {"path": 45, "reasons": 35, "classes": 20}
"""How the columns of text share what the others leave."""

HEADINGS = {
    "mark": "",
    "rank": "#",
    "score": "score",
    "path": "path",
    "reasons": "reasons",
    "classes": "annotated",
    "spread": "spread",
    "size": "px",
}

SORT_COLUMNS = {
    "difficulty": "score",
    "path": "path",
    "spread": "spread",
    "objects": "classes",
    "classes": "classes",
    "size": "size",
    "mark": "mark",
}
"""The column whose heading shows that the table is sorted by it."""


@dataclass(frozen=True, slots=True)
class Column:
    """`x`: its first cell. `right`: aligned to the right."""

    name: str
    x: int
    width: int
    right: bool = False

    @property
    def end(self) -> int:
        return self.x + self.width


def columns(width: int, rows: int) -> tuple[Column, ...]:
    """The columns of a table `width` cells wide with `rows` rows in it; they fill it, the last one to its end."""
    names = next(names for least, names in reversed(BREAKPOINTS) if width >= least)
    fixed = {name: _fixed(name, width, rows) for name in names if name not in SHARES}
    free = max(0, width - sum(fixed.values()) - _gaps(names))
    widths = {**fixed, **_shared([name for name in names if name in SHARES], free)}
    found, x = [], 0
    for name in names:
        found.append(Column(name, x, widths[name], right=name in ("rank", "spread", "size")))
        x += widths[name] + (1 if name == "mark" else GAP)
    return tuple(found)


def score_bar(width: int) -> int:
    """Cells of the bar behind the score, 0 where there is no room for one."""
    return max(0, width - 4)


def _fixed(name: str, width: int, rows: int) -> int:
    if name == "rank":
        return max(3, len(f"{rows:,}"))
    if name == "score":
        return 3 if width < 48 else 9 if width < 124 else 13
    return {"mark": 1, "spread": 6, "size": 9}[name]


def _gaps(names: tuple[str, ...]) -> int:
    return GAP * (len(names) - 2) + 1


def _shared(names: list[str], free: int) -> dict[str, int]:
    """Whole cells, all of them given away; what is left over by rounding goes to the first."""
    whole = sum(SHARES[name] for name in names)
    widths = {name: free * SHARES[name] // whole for name in names}
    widths[names[0]] += free - sum(widths.values())
    return widths
