"""Which part of the pool is shown, in which order, and where the cursor goes in it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from textual import events, on
from textual.binding import Binding, BindingType
from textual.widgets import Input

from calibtui.engine.wire.frames import SORTS
from calibtui.tui.screens.frame_looking import FrameLooking
from calibtui.tui.widgets.filter_line import FilterLine
from calibtui.tui.widgets.place_line import PlaceLine
from calibtui.tui.widgets.pool_order import PoolOrder
from calibtui.tui.widgets.pool_reader import Aim

OPENS_INPUT = ("filter", "go_to('percentile')", "go_to('row')")
"""Actions after which keys are text."""


class PoolOrdering(FrameLooking):
    """Sorting, filtering and jumping on the Frames screen."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("percent_sign", "go_to('percentile')", "percentile", show=False, id="frames.percentile",
                tooltip="To a percentile of difficulty."),
        Binding("colon", "go_to('row')", "row", show=False, id="frames.row", tooltip="To a row by its number."),
        Binding("greater_than_sign", "step_sort(1)", "next sort", show=False, id="frames.sort_next",
                tooltip="Sorts by the next column."),
        Binding("less_than_sign", "step_sort(-1)", "sort before", show=False, id="frames.sort_previous",
                tooltip="Sorts by the column before."),
        Binding("r", "reverse", "reverse", show=False, id="frames.reverse", tooltip="Turns the order round."),
    ]  # fmt: skip

    def __init__(self) -> None:
        super().__init__()
        self._held = PoolOrder()

    async def on_key(self, event: events.Key) -> None:
        """Keys that come in one go, as over a slow line, are all on their way to the table before the first of them has
        opened an input line: so what opens one is done here and not later, and what was meant for it is put in."""
        focused = self.focused
        if isinstance(focused, Input):
            if event.character is not None and event.is_printable:
                focused.insert_text_at_cursor(event.character)
                event.stop()
            return
        active = self.active_bindings.get(event.key)
        if active is not None and active.node is self and active.binding.action in OPENS_INPUT:
            event.stop()
            await self.run_action(active.binding.action)

    def show_order(self, order: PoolOrder) -> None:
        """Shows the pool in another order or through another filter, from the top."""
        self.table.end_range()
        self.table.touched = False
        self.table.reader.load(Aim(order))

    def action_sort(self, sort: str) -> None:
        """By a column; by the one it is sorted by, the other way round."""
        order = self.table.order
        if sort in SORTS:
            self.show_order(order.reversed() if sort == order.sort else order.by(sort))

    def action_step_sort(self, by: int) -> None:
        self.show_order(self.table.order.step(by))

    def action_reverse(self) -> None:
        self.show_order(self.table.order.reversed())

    def action_choose_sort(self) -> None:
        from calibtui.tui.widgets.sort_chooser import SortChooser

        def chosen(order: PoolOrder | None) -> None:
            if order is not None:
                self.show_order(order)

        self.app.push_screen(SortChooser(self.table.order), chosen)

    def action_filter(self) -> None:
        self.remove_class("-alone")
        self.query_one(FilterLine).open(self.table.order.filter)

    @on(FilterLine.Tried)
    def _tried(self, event: FilterLine.Tried) -> None:
        self._filter(event.filter)

    @on(FilterLine.Left)
    def _left_filter(self, event: FilterLine.Left) -> None:
        self.table.focus()
        self._filter(event.filter)

    def _filter(self, text: str) -> None:
        order = self.table.order
        if text.strip() != self._held.filter:
            self._held = PoolOrder(order.sort, order.descending, text.strip())
            self.show_order(self._held)

    def clear_filter(self) -> None:
        self.query_one(FilterLine).set("")
        self._filter("")

    def _words(self, name: str) -> Iterable[str]:
        """Classes, reasons and paths at hand, for the filter's suggestions."""
        rows = [row for row in self.table.pages.rows(self.table.top, self.table.top + 200) if row is not None]
        found = {
            "class": [cls for row in rows for cls, _ in row.classes],
            "reason": [reason for row in rows for reason in row.reasons],
            "path": [row.uri for row in rows],
        }
        return dict.fromkeys(found.get(name, []))

    def action_go_to(self, kind: str) -> None:
        self.remove_class("-alone")
        self.query_one(PlaceLine).ask(kind)

    @on(PlaceLine.Left)
    def _left_place(self) -> None:
        self.table.focus()

    @on(PlaceLine.Given)
    async def _given(self, event: PlaceLine.Given) -> None:
        self.table.focus()
        if event.kind == "row":
            self.table.move_to(int(event.number) - 1)
        else:
            place = await self.ask(self.table.order.find(percentile=event.number))
            if place is not None and place.row is not None:
                self.table.move_to(place.row)
            elif place is not None:
                self.status.say("No frame has a difficulty yet.", "warn")

    async def open_frame(self, digest: str) -> None:
        """Puts the cursor on a frame; one that isn't in the pool, as of the evaluation, is shown alone."""
        place = await self.ask(self.table.order.find(digest=digest))
        if place is not None and place.row is None and self.table.order.filter:
            self.query_one(FilterLine).set("")
            self._held = PoolOrder()
            self.table.touched = True
            self.table.reader.load(Aim(self._held, self._held.find(digest=digest), line=self.table.rows_on_screen // 2))
        elif place is not None and place.row is not None:
            self.table.move_to(place.row)
        elif place is not None:
            self.set_class(True, "-alone")
            self.call_after_refresh(self.detail.show_digest, digest)
