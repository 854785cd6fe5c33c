"""One run in full, and two runs beside each other."""

from __future__ import annotations

from collections.abc import Sequence

from calibtui.engine.wire.runs import Difference, RunDetail
from calibtui.tui.figures import duration, euros, moment
from calibtui.tui.screens.page import PageScreen
from calibtui.tui.states import sign
from calibtui.tui.text import cut, padded
from calibtui.tui.widgets.lines import Line, LineView
from calibtui.tui.widgets.wrapping import wrapped


class DetailPage(LineView):
    def __init__(self, detail: RunDetail) -> None:
        super().__init__()
        self._detail = detail

    def lines(self, width: int) -> Sequence[Line]:
        line, state = self._detail.line, sign(self._detail.line.state)
        ended = "" if line.ended_at is None else f", {duration(line.ended_at - line.started_at)}"
        head: list[Line] = [
            [(line.run, "title"), ("  ", "plain"), (state.text, state.role)],
            [(f"{line.command}, {moment(line.started_at)}{ended}, {euros(line.spent)}", "muted")],
            *([(text, "plain")] for text in wrapped(line.said, width)),
            [],
            [("Stages", "title")],
            *([(padded(name, 12), "plain"), (sign(how).text, sign(how).role)] for name, how in line.stages),
            [],
            [("Settings", "title")],
        ]
        settings = [
            [(padded(key, 32), "muted"), (cut(value, max(8, width - 32)), "plain")]
            for key, value in sorted(self._detail.settings.items())
        ]
        summary = [[(text, "plain")] for part in self._detail.summary.split("\n") for text in wrapped(part, width)]
        return [*head, *settings, [], [("Summary", "title")], *summary]


class DifferencePage(LineView):
    def __init__(self, first: str, second: str, difference: Difference) -> None:
        super().__init__()
        self._first, self._second, self._difference = first, second, difference

    def lines(self, width: int) -> Sequence[Line]:
        third = max(8, (width - 4) // 3)
        rows: list[Line] = [
            [(padded(name, third), "muted"), ("  ", "plain"), (padded(one, third), "plain"), ("  ", "plain"),
             (cut(other, third), "strong")]
            for name, one, other in self._difference.lines
        ]  # fmt: skip
        title: Line = [
            (padded("", third + 2), "plain"),
            (padded(self._first, third + 2), "title"),
            (cut(self._second, third), "title"),
        ]
        return [title, *(rows or [[("Nothing differs.", "plain")]])]


class RunDetailsScreen(PageScreen):
    def __init__(self, detail: RunDetail) -> None:
        super().__init__()
        self._detail = detail

    def page(self) -> LineView:
        return DetailPage(self._detail)


class DifferenceScreen(PageScreen):
    def __init__(self, first: str, second: str, difference: Difference) -> None:
        super().__init__()
        self._parts = (first, second, difference)

    def page(self) -> LineView:
        return DifferencePage(*self._parts)
