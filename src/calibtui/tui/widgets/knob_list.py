"""The settings of one table that can be turned: title, value, and what the one under the cursor means."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.message import Message
from textual.widgets import Input

from calibtui.engine.wire.sets import Knob
from calibtui.tui.text import cut, padded
from calibtui.tui.widgets.knob_values import (
    UnusableValueError,
    choice_meaning,
    choice_values,
    parsed,
    shown,
    stepped,
    typed,
)
from calibtui.tui.widgets.lines import Line
from calibtui.tui.widgets.row_list import RowList
from calibtui.tui.widgets.sentences import Sentences

_TITLE_CELLS = 24


class KnobRows(RowList[Knob]):
    """The rows of a KnobList, and their keys."""

    HELP = """\
Settings that can be turned; what the one under the cursor means stands below. ● marks one that stands elsewhere than
calibtui.toml says; the file itself is never written. ~ marks one that is only tried out."""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("right", "step(1)", "change", key_display="←→", id="knobs.more", tooltip="The next value"),
        Binding("left", "step(-1)", "back", show=False, id="knobs.less", tooltip="The value before"),
        Binding("enter", "choose", "type", id="knobs.type", tooltip="Type a value"),
        Binding(
            "backspace,delete",
            "written",
            "as in file",
            show=False,
            id="knobs.written",
            tooltip="Back to what calibtui.toml says",
        ),
    ]

    def action_step(self, by: int) -> None:
        if isinstance(self.parent, KnobList):
            self.parent.step(by)

    def action_written(self) -> None:
        if isinstance(self.parent, KnobList):
            self.parent.back_to_written()


class KnobInput(Input):
    """Where a value is typed."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "leave", id="knobs.leave", tooltip="Leave the value as it was")
    ]

    def action_leave(self) -> None:
        if isinstance(self.parent, KnobList):
            self.parent.close_input()


class KnobList(Vertical):
    """`Tried` tells each new value of a knob, once it is one. Values that were tried and not yet turned are kept here,
    in `tried`, key → JSON text, until `show` brings knobs that have them or `forget` drops them."""

    DEFAULT_CSS = """
    KnobList { height: 1fr; width: 1fr; }
    KnobList > KnobRows { height: auto; min-height: 3; max-height: 70%; }
    KnobList > Input { display: none; height: 1; border: none; padding: 0; background: $surface; }
    KnobList.-typing > Input { display: block; }
    KnobList > .knobs--meaning { max-height: 9; margin-top: 1; }
    """

    @dataclass
    class Tried(Message):
        """A knob got another value; `value` is JSON text, None: back to what calibtui.toml says."""

        knobs: KnobList
        knob: Knob
        value: str | None

        @property
        def control(self) -> KnobList:
            return self.knobs

    def __init__(self, id: str | None = None) -> None:
        super().__init__(id=id)
        self.tried: dict[str, str] = {}
        self._rows = KnobRows(self._line, empty="…")
        self._meaning = Sentences(classes="knobs--meaning")

    def compose(self) -> ComposeResult:
        yield self._rows
        yield KnobInput(compact=True)
        yield self._meaning

    def show(self, knobs: Sequence[Knob]) -> None:
        """Shows the knobs as they stand; what was tried and stands so now is no longer only tried."""
        for knob in knobs:
            if parsed(self.tried.get(knob.key, "")) == parsed(knob.value):
                self.tried.pop(knob.key, None)
        self._rows.show(tuple(knobs), empty="There is nothing to turn here.")
        self._explain()

    def forget(self) -> None:
        """Drops what was only tried."""
        self.tried.clear()
        self._rows.refresh()
        self._explain()

    @property
    def knobs(self) -> Sequence[Knob]:
        return self._rows.rows

    def value(self, knob: Knob) -> str:
        """What is shown of a knob: the value that is tried, else as it stands."""
        return self.tried.get(knob.key, knob.value)

    def step(self, by: int) -> None:
        knob = self._rows.current
        if knob is None:
            return
        after = stepped(knob, self.value(knob), by)
        if after is not None:
            self._try(knob, after)
        elif not choice_values(knob):
            self._open_input()

    def back_to_written(self) -> None:
        knob = self._rows.current
        if knob is not None and parsed(self.value(knob)) != parsed(knob.written):
            self._try(knob, knob.written)

    def _try(self, knob: Knob, value: str) -> None:
        if parsed(value) == parsed(knob.value):
            self.tried.pop(knob.key, None)
        else:
            self.tried[knob.key] = value
        self._rows.refresh()
        self._explain()
        told = None if parsed(value) == parsed(knob.written) else value
        self.post_message(self.Tried(self, knob, told))

    @on(RowList.Chosen)
    def _type(self, event: RowList.Chosen) -> None:
        event.stop()
        self._open_input()

    def _open_input(self) -> None:
        knob = self._rows.current
        if knob is None:
            return
        entry = self.query_one(KnobInput)
        value = parsed(self.value(knob))
        entry.value = "" if value in (None, []) else shown(self.value(knob))
        entry.placeholder = ", ".join(map(shown, choice_values(knob))) or "empty: not set"
        self.add_class("-typing")
        entry.focus()
        self._explain(f"{knob.title}: enter takes it, esc leaves it as it was.")

    def close_input(self) -> None:
        self.remove_class("-typing")
        self._rows.focus()
        self._explain()

    @on(Input.Submitted)
    def _take(self, event: Input.Submitted) -> None:
        event.stop()
        knob = self._rows.current
        if knob is None:
            return
        try:
            value = typed(knob, event.value)
        except UnusableValueError as error:
            self._explain(str(error), "bad")
            return
        self.close_input()
        if parsed(value) != parsed(self.value(knob)):
            self._try(knob, value)

    @on(RowList.Highlighted)
    def _moved(self, event: RowList.Highlighted) -> None:
        event.stop()
        if not self.has_class("-typing"):
            self._explain()

    def _explain(self, instead: str = "", role: str = "accent") -> None:
        knob = self._rows.current
        if instead or knob is None:
            self._meaning.say([(instead, role)])
            return
        value = self.value(knob)
        said = [(knob.meaning, "muted")]
        if sentence := choice_meaning(knob, value):
            said.append((f"{shown(value)}: {sentence}", "plain"))
        if knob.key in self.tried:
            said.append((f"~ tried out, stands at {shown(knob.value)}", "accent"))
        if parsed(value) != parsed(knob.written):
            said.append((f"● calibtui.toml says {shown(knob.written)}", "warn"))
        self._meaning.say(said)

    def _line(self, knob: Knob, width: int) -> Line:
        value = self.value(knob)
        tried, written = knob.key in self.tried, parsed(value) == parsed(knob.written)
        mark, role = ("~", "key") if tried else (" ", "strong") if written else ("●", "warn")
        titles = max(6, min(_TITLE_CELLS, width // 2))
        return [
            (f"{mark} ", role),
            (padded(knob.title, titles), "plain"),
            (cut(shown(value), width - titles - 2), role),
        ]
