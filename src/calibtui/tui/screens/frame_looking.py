"""Looking at the cursor's frame: its boxes, a closer look, what resembles it."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding, BindingType

from calibtui.core.errors import CalibtuiError
from calibtui.tui.pictures.canvas import WHOLE
from calibtui.tui.screens.workbench_screen import WorkbenchScreen
from calibtui.tui.widgets.frame_detail import FrameDetailPane
from calibtui.tui.widgets.pool_heading import PoolStatus
from calibtui.tui.widgets.pool_table import PoolTable


class FrameLooking(WorkbenchScreen):
    """What the Frames screen does with one frame."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("b", "boxes", "boxes", show=False, id="frames.boxes",
                tooltip="Boxes of all sources, of one, or none."),
        Binding("z", "closer(1)", "closer", show=False, id="frames.closer", tooltip="Looks at the next box closely."),
        Binding("Z", "closer(-1)", "box before", show=False, id="frames.closer_back", tooltip="At the box before."),
        Binding("plus,equals_sign", "scale(0.5)", "magnify", show=False, id="frames.magnify", tooltip="Closer."),
        Binding("minus", "scale(2)", "shrink", show=False, id="frames.shrink", tooltip="Further away."),
        Binding("shift+left,H", "pan(-0.25,0)", "left", show=False, id="frames.pan_left", tooltip="Looks left."),
        Binding("shift+right,L", "pan(0.25,0)", "right", show=False, id="frames.pan_right", tooltip="Looks right."),
        Binding("shift+up,K", "pan(0,-0.25)", "above", show=False, id="frames.pan_up", tooltip="Looks above."),
        Binding("shift+down,J", "pan(0,0.25)", "below", show=False, id="frames.pan_down", tooltip="Looks below."),
        Binding("d", "detect", "detect", show=False, id="frames.detect",
                tooltip="Runs the models on this frame and shows their boxes."),
        Binding("n", "point(1)", "similar", show=False, id="frames.similar", tooltip="The next frame like it."),
        Binding("N", "point(-1)", "similar before", show=False, id="frames.similar_back", tooltip="The one before."),
        Binding("o", "open_similar", "open", show=False, id="frames.open", tooltip="Goes to the similar frame."),
        Binding("backspace", "back", "back", show=False, id="frames.back", tooltip="Back from a similar frame."),
    ]  # fmt: skip

    def __init__(self) -> None:
        super().__init__()
        self._before: list[str] = []

    @property
    def table(self) -> PoolTable:
        return self.query_one(PoolTable)

    @property
    def detail(self) -> FrameDetailPane:
        return self.query_one(FrameDetailPane)

    @property
    def status(self) -> PoolStatus:
        return self.query_one(PoolStatus)

    async def open_frame(self, digest: str) -> None:
        """Puts the cursor on a frame, or shows it alone where it isn't in the pool."""

    def show_alone(self, alone: bool = True) -> None:
        """The frame in place of the table, or beside it again; where there is no room for both, the table."""
        self.set_class(alone, "-alone")
        self.call_after_refresh(self._after_alone)

    def _after_alone(self) -> None:
        if self.has_class("-alone"):
            self.detail.focus()
        else:
            self.table.focus()
        self.look()

    def look(self) -> None:
        """Shows the cursor's frame, where frames are shown."""
        if self.detail.display:
            self.detail.show(self.table.line, "" if self.table.pages.matching else "No frame is here to be looked at.")

    def action_boxes(self) -> None:
        self.detail.next_sources()

    def action_closer(self, by: int) -> None:
        self.detail.look_closer(by)

    def action_scale(self, by: float) -> None:
        self.detail.scale(by)

    def action_pan(self, right: float, down: float) -> None:
        self.detail.pan(right, down)

    def action_step(self, by: int) -> None:
        """The next frame of the table, also where the table isn't shown."""
        self.table.move_to(self.table.row + by)

    def action_point(self, by: int) -> None:
        self.detail.point(by)

    async def action_open_similar(self, number: int | None = None) -> None:
        """Goes to the similar frame that is pointed at, or to the `number`-th, counted from 0."""
        detail, chosen = self.detail.detail, self.detail.facts.chosen if number is None else number
        if detail is not None and chosen is not None and chosen < len(detail.neighbours):
            self._before.append(detail.line.digest)
            await self.open_frame(detail.neighbours[chosen].digest)

    async def action_back(self) -> None:
        if self._before:
            await self.open_frame(self._before.pop())

    def action_detect(self) -> None:
        if self.detail.display and self.detail.line is not None:
            self.status.say("the models look at this frame …")
            self.run_worker(self._detect(), group="detect", exclusive=True, exit_on_error=False)

    async def _detect(self) -> None:
        try:
            self.status.say(await self.detail.detect())
        except CalibtuiError as error:
            self.status.say(error.message, "bad")

    def whole_again(self) -> bool:
        """Ends a closer look; False where there was none."""
        closer = self.detail.display and self.detail.region_shown != WHOLE
        if closer:
            self.detail.look_at(WHOLE)
        return closer
