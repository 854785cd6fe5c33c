"""One run in full, and two runs beside each other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen

from calibtui.engine.wire.runs import Difference, RunDetail
from calibtui.tui.figures import duration, euros, moment
from calibtui.tui.states import sign
from calibtui.tui.text import cut, padded
from calibtui.tui.widgets.lines import Line, LineView
from calibtui.tui.widgets.wrapping import wrapped


class Page(LineView):
    """Lines made once for a width."""

    DEFAULT_CSS = "Page { height: auto; }"


class DetailPage(Page):
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


class DifferencePage(Page):
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


class PageScreen(ModalScreen[None]):
    """A page to read and scroll."""

    HELP: ClassVar[str] = "Arrows and page keys scroll, y copies it, Esc goes back."
    DEFAULT_CSS = """
    PageScreen { align: center middle; }
    PageScreen > VerticalScroll {
        width: 94%; max-width: 140; height: 90%; padding: 1 2; background: $surface; border-left: outer $accent;
        scrollbar-size-vertical: 1;
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "dismiss", "back", id="page.back", tooltip="Back to the runs."),
        Binding("y", "copy", "copy", id="page.copy", tooltip="Copies the page."),
    ]

    def page(self) -> Page:
        """What is shown."""
        return Page()

    def compose(self) -> ComposeResult:
        with VerticalScroll():
            yield self.page()

    def action_copy(self) -> None:
        lines = self.query_one(Page).lines(120)
        self.app.copy("\n".join("".join(span[0] for span in line).rstrip() for line in lines))  # type: ignore[attr-defined]


class RunDetailsScreen(PageScreen):
    def __init__(self, detail: RunDetail) -> None:
        super().__init__()
        self._detail = detail

    def page(self) -> Page:
        return DetailPage(self._detail)


class DifferenceScreen(PageScreen):
    def __init__(self, first: str, second: str, difference: Difference) -> None:
        super().__init__()
        self._parts = (first, second, difference)

    def page(self) -> Page:
        return DifferencePage(*self._parts)
