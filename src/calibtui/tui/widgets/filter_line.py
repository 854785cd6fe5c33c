"""The line in which a filter is written, checked with every letter."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.cells import cell_len
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.suggester import Suggester
from textual.timer import Timer
from textual.widgets import Input, Static

from calibtui.core.frame_filter import FLAGS, NUMBERS, TEXTS, FilterError, parse_filter
from calibtui.tui.widgets.lines import Line, LineView

REST_S = 0.2
"""A filter is tried out once nothing was typed for so long."""

NAMES = (*(f"{name}:" for name in TEXTS), *NUMBERS, *FLAGS)

Words = Callable[[str], Iterable[str]]


class FilterSuggester(Suggester):
    """Completes the last term: names of the language, and after a text's name the `words` known for it."""

    def __init__(self, words: Words) -> None:
        super().__init__(use_cache=False, case_sensitive=False)
        self._words = words

    async def get_suggestion(self, value: str) -> str | None:
        begin = max(value.rfind(" "), value.rfind("|")) + 1
        term = value[begin:].removeprefix("-")
        name, colon, part = term.partition(":")
        if colon and name in TEXTS:
            known = [f'"{word}"' if " " in word else word for word in self._words(name)]
            return _completed(value, part, known) if part else None
        return _completed(value, term, NAMES) if term else None


class FilterProblem(LineView):
    """What is wrong with the filter as it is."""

    problem = ""
    hint = ""

    def lines(self, width: int) -> Sequence[Line]:
        problem: Line = [(f"✗ {self.problem}  ", "bad")]
        hint: Line = [(self.hint, "muted")]
        return ([*problem, *hint],) if cell_len(self.problem + self.hint) + 4 <= width else (problem, hint)


class FilterLine(Vertical):
    """`Tried` comes with every filter that can be understood, shortly after it was typed; `Left` when the line is left,
    with the filter that is to hold: the written one after enter, the earlier one after escape."""

    DEFAULT_CSS = """
    FilterLine { height: auto; display: none; padding: 0 1; }
    FilterLine Horizontal { height: 1; }
    FilterLine Static { width: auto; color: $accent; }
    FilterLine Input { height: 1; border: none; padding: 0; width: 1fr; background: $background; }
    FilterLine FilterProblem { display: none; }
    FilterLine.-wrong FilterProblem { display: block; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave(False)", "as before", id="filter.cancel", tooltip="The filter that held before."),
        Binding("down", "leave(True)", "to the frames", show=False, id="filter.down", tooltip="To the frames."),
    ]
    HELP: ClassVar[str] = ""

    @dataclass
    class Tried(Message):
        filter: str

        def can_replace(self, message: Message) -> bool:
            return isinstance(message, FilterLine.Tried)

    @dataclass
    class Left(Message):
        filter: str

    def __init__(self, words: Words) -> None:
        super().__init__(id="filter-line")
        self._words = words
        self._before = ""
        self._timer: Timer | None = None

    def compose(self) -> ComposeResult:
        with Horizontal():
            yield Static("/ ", markup=False)
            yield Input(
                placeholder="score>80 class:scratch reason:glare -selected",
                suggester=FilterSuggester(self._words),
                compact=True,
                select_on_focus=False,
            )
        yield FilterProblem()

    @property
    def input(self) -> Input:
        return self.query_one(Input)

    def open(self, held: str) -> None:
        """Shows the line with the filter that holds, to be changed."""
        self._before = held
        # The focus goes only to what is displayed, and style rules come into force later than this.
        self.display = True
        self.input.value = held
        self.input.cursor_position = len(held)
        self.screen.set_focus(self.input)

    def set(self, held: str) -> None:
        """Shows which filter holds, without the focus; nothing for none."""
        self.display = bool(held)
        self.remove_class("-wrong")
        with self.prevent(Input.Changed):
            self.input.value = held

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        if self._timer is not None:
            self._timer.stop()
        try:
            parse_filter(event.value)
        except FilterError as error:
            self._tell(error)
            return
        self.remove_class("-wrong")
        self._timer = self.set_timer(REST_S, lambda: self.post_message(self.Tried(event.value)))

    def _tell(self, error: FilterError) -> None:
        told = self.query_one(FilterProblem)
        told.problem, told.hint = error.message, error.hint
        self.add_class("-wrong")
        told.refill()

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.action_leave(True)

    def action_leave(self, keep: bool) -> None:
        """Back to the frames. A filter that can't be understood isn't left in force."""
        if keep and self.has_class("-wrong"):
            self.app.bell()
            return
        if self._timer is not None:
            self._timer.stop()
        held = self.input.value.strip() if keep else self._before
        self.set(held)
        self.post_message(self.Left(held))


def _completed(value: str, part: str, known: Iterable[str]) -> str | None:
    fits = (word for word in known if word.casefold().startswith(part.casefold()) and len(word) > len(part))
    word = next(fits, None)
    return value + word[len(part) :] if word is not None else None
