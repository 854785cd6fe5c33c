"""What a set is, in a few lines: whose, how large, chosen how, and how it differs from another."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len

from calibtui.engine.wire.sets import SetView
from calibtui.tui.widgets.lines import Line, LineView, Span
from calibtui.tui.widgets.points import counted, decimals, share, short_digest
from calibtui.tui.widgets.wrapping import wrapped


class SetHeadline(LineView):
    """The draft or a locked set. While knobs are tried out, `tried` says which, "size 64 → 96"."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._view: SetView | None = None
        self._tried = ""
        self._waiting = ""

    def show(self, view: SetView | None, tried: str = "", waiting: str = "") -> None:
        self._view, self._tried, self._waiting = view, tried, waiting
        self.refill()

    def lines(self, width: int) -> Sequence[Line]:
        view = self._view
        if view is None:
            return [[(line, "muted")] for line in wrapped(self._waiting or "…", width)]
        lines: list[Line] = [_identity(view, width), _difference(view)]
        if not view.size and not view.locked and view.mean_difficulty is None:
            lines.append([("→ ", "accent"), ("1, then s, scores the pool", "strong")])
        if self._tried:
            said = f"~ tried out: {self._tried} · k keeps it, esc takes it back"
            lines += [[(line, "key")] for line in wrapped(said, width)]
        if self._waiting:
            lines += [[(line, "muted")] for line in wrapped(self._waiting, width)]
        return lines


def _identity(view: SetView, width: int) -> Line:
    """As many facts as there is room for, the most telling first."""
    state: Span = (f"■ {view.name or 'set'}, locked", "good") if view.locked else ("◇ draft", "title")
    wanted = "" if view.size == view.wanted else f" of {view.wanted:,} wanted"
    facts = [view.strategy, f"seed {view.seed}"]
    facts += [f"{view.pinned:,} pinned"] if view.pinned else []
    facts += [f"{view.picked:,} picked"] if view.picked else []
    facts += [f"mean difficulty {decimals(view.mean_difficulty)}", short_digest(view.digest)]
    size = counted(view.size, "frame") + wanted
    said = ""
    for fact in filter(None, facts):
        if cell_len(f"{state[0]}   {size}{said} · {fact}") > width:
            break
        said += f" · {fact}"
    return [state, ("   ", "plain"), (size, "strong"), (said, "plain")]


def _difference(view: SetView) -> Line:
    if view.overlap is None:
        return [(view.said or "There is no locked set to compare it with yet.", "muted")]
    other = "the last locked set" if view.compared_with in ("", "last") else view.compared_with
    if not view.added and not view.dropped:
        return [(f"the same frames as {other}", "muted")]
    return [
        (f"+{view.added:,} added", "good" if view.added else "muted"),
        ("  ", "plain"),
        (f"−{view.dropped:,} dropped", "bad" if view.dropped else "muted"),
        (f"  against {other} · {share(view.overlap)} in both", "plain"),
    ]
