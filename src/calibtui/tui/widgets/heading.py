"""The line on top: which workspace, how the line to the engine stands, and the seven screens."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePath

from rich.cells import cell_len

from calibtui.engine.wire.snapshot import Snapshot
from calibtui.tui.connection import Link, standing
from calibtui.tui.screens.registry import PLACES
from calibtui.tui.text import cut, cut_path
from calibtui.tui.widgets.lines import Line, LineView, Span

ONE_LINE = 110
"""From this width on, tabs and state share a line."""


class Heading(LineView):
    DEFAULT_CSS = "Heading { height: auto; padding: 0 1; background: $panel; }"

    def __init__(self, here: str) -> None:
        super().__init__()
        self._here = here
        self._workspace = ""
        self._link = Link("connecting", 0.0)
        self._snapshot: Snapshot | None = None

    def tell(self, workspace: str, link: Link, snapshot: Snapshot | None) -> None:
        self._workspace, self._link, self._snapshot = workspace, link, snapshot
        self.refill()

    def lines(self, width: int) -> Sequence[Line]:
        state = self._state(width)
        tabs = _tabs(self._here, width)
        if width >= ONE_LINE:
            return (
                _spread(
                    [*tabs, ("   ", "plain"), *self._whose(width - _cells(tabs) - _cells(state) - 6)], state, width
                ),
            )
        if self.screen.size.height < 16:
            return (_spread(tabs, state[:1], width),)
        return (_spread(self._whose(width - _cells(state) - 2), state, width), tabs)

    def _whose(self, width: int) -> list[Span]:
        path = self._snapshot.workspace if self._snapshot else self._workspace
        name = PurePath(path).name or path
        lead: list[Span] = [("calibtui ", "muted"), (cut(name, max(1, width - 9)), "strong")]
        left = width - _cells(lead) - 2
        return [*lead, ("  ", "plain"), (cut_path(path, left), "muted")] if left >= len(path) else lead

    def _state(self, width: int) -> list[Span]:
        sign, addition = standing(self._link, self._snapshot)
        spans: list[Span] = [(sign.text, sign.role)]
        if addition:
            spans.append((" " + cut(addition, max(1, width // 3)), "muted"))
        others = len(self._snapshot.viewers) - 1 if self._snapshot else 0
        if others > 0 and width >= ONE_LINE:
            spans.append((f"  +{others} watching", "muted"))
        return spans


def _tabs(here: str, width: int) -> list[Span]:
    """All seven with their keys; where there is no room for the names, that of the open one."""
    spans: list[Span] = []
    roomy = width >= 72
    for place in PLACES:
        action = f"app.go('{place.name}')"
        if place.name == here:
            spans.append((f" {place.key} {place.title} ", "here", action))
        else:
            spans += [(f" {place.key}", "key", action), (f" {place.title} " if roomy else " ", "muted", action)]
    return spans


def _spread(left: Sequence[Span], end: Sequence[Span], width: int) -> Line:
    """`left` and, as far to the right as it goes, `end`."""
    return [*left, (" " * max(1, width - _cells(left) - _cells(end)), "plain"), *end]


def _cells(spans: Sequence[Span]) -> int:
    return sum(cell_len(span[0]) for span in spans)
