"""What a set is made of beside the pool: difficulty, classes, strata."""

from __future__ import annotations

from collections.abc import Sequence

from calibtui.engine.wire.sets import SetView, Share
from calibtui.tui.text import padded
from calibtui.tui.widgets.bars import bar_spans, columns
from calibtui.tui.widgets.lines import Line, LineView
from calibtui.tui.widgets.points import decimals, share


class SetBalance(LineView):
    """`show` takes the set and how many frames the pool has, which shares of the pool are reckoned with."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._view: SetView | None = None
        self._pool = 0

    def show(self, view: SetView | None, pool_frames: int) -> None:
        self._view, self._pool = view, pool_frames
        self.refill()

    def lines(self, width: int) -> Sequence[Line]:
        view = self._view
        if view is None:
            return [[("…", "muted")]]
        return [
            *_difficulty(view, width),
            *_shares("classes", view.classes, view.size, self._pool, width),
            *_shares("strata", view.strata, view.size, self._pool, width),
        ]


def _difficulty(view: SetView, width: int) -> list[Line]:
    if not any(view.histogram):
        return [[("difficulty: no frame of it is scored", "muted")]]
    wide = max(1, min(3, width // max(1, len(view.histogram))))
    across = wide * len(view.histogram)
    mean = f"mean {decimals(view.mean_difficulty)}"
    return [
        [("difficulty of its frames", "muted")],
        *([(line, "accent")] for line in columns(view.histogram, 4, wide)),
        [("0".ljust((across - len(mean)) // 2) + mean.ljust(across - (across - len(mean)) // 2 - 1) + "1", "muted")],
    ]


def _shares(title: str, shares: Sequence[Share], in_set: int, in_pool: int, width: int) -> list[Line]:
    """Two bars on one scale a name: its share of the pool's frames, and of the set's."""
    if not shares:
        return []
    in_pool = max(in_pool, *(one.in_pool for one in shares), 1)
    names = max(8, min(20, width // 3))
    cells = max(4, (width - names - 14) // 2)
    top = max(*(max(one.in_pool / in_pool, one.in_set / max(1, in_set)) for one in shares), 1e-9)
    heading = padded(title, names) + " " + padded("pool", cells + 6) + " set"
    lines: list[Line] = [[("", "plain")], [(heading, "muted")]]
    for one in shares:
        pool, chosen = one.in_pool / in_pool, one.in_set / max(1, in_set)
        lines.append(
            [
                (padded(one.name, names) + " ", "plain" if one.in_set else "warn"),
                *bar_spans(pool / top, cells, "muted"),
                (share(pool).rjust(6) + " ", "muted"),
                *bar_spans(chosen / top, cells, "accent"),
                (share(chosen).rjust(6), "plain" if one.in_set else "warn"),
            ]
        )
    return lines
