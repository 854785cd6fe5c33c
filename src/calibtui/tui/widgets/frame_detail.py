"""One frame in full: its picture, and what is known of it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from functools import partial
from typing import ClassVar

import msgspec
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.timer import Timer
from textual.worker import Worker

from calibtui.core.errors import CalibtuiError
from calibtui.engine.wire.frames import Box, Detect, Frame, FrameDetail, FrameLine
from calibtui.tui.pictures.canvas import SOURCES, WHOLE, Region
from calibtui.tui.pictures.closer_look import around, moved, scaled
from calibtui.tui.widgets.frame_facts import FrameFacts, legend
from calibtui.tui.widgets.frame_picture import FrameView
from calibtui.tui.widgets.lines import Line, LineView, Span
from calibtui.tui.widgets.pool_reader import Asks

KEPT = 64
"""Frames whose details are kept."""

BOXES_WITHIN_S = 0.2
"""A picture waits for its boxes for so long, as drawing it twice costs as much again."""

CHOICES: tuple[tuple[str, ...], ...] = (SOURCES, ("truth",), ("float",), ("int8",), ())
"""What `b` goes through: the boxes of all sources, of one, of none."""


class Caption(LineView):
    """The legend of the boxes and, on a closer look, what is looked at."""

    DEFAULT_CSS = "Caption { height: 1; padding: 0 1; }"
    spans: Sequence[Span] = ()

    def lines(self, width: int) -> Sequence[Line]:
        return (self.spans,)


class FrameDetailPane(Container, can_focus=True):
    """Shows a frame; answers are remembered for as long as the pool doesn't change."""

    DEFAULT_CSS = """
    FrameDetailPane { layout: vertical; height: 1fr; width: 1fr; background: $background; }
    FrameDetailPane > #picture { height: 55%; layout: vertical; }
    FrameDetailPane.-across { layout: horizontal; }
    FrameDetailPane.-across > #picture { width: 58%; height: 1fr; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,j", "screen.step(1)", "next", id="frame.next", tooltip="The next frame of the table."),
        Binding("up,k", "screen.step(-1)", "previous", show=False, id="frame.previous", tooltip="The frame before."),
        Binding(
            "pagedown", "scroll_facts(1)", "more", show=False, id="frame.more", tooltip="Further down in the facts."
        ),
        Binding("pageup", "scroll_facts(-1)", "back", show=False, id="frame.less", tooltip="Further up in the facts."),
    ]

    def __init__(self, engine: Asks, method: str) -> None:
        super().__init__(id="frame-detail")
        self._engine = engine
        self._method = method
        self._kept: OrderedDict[str, FrameDetail] = OrderedDict()
        self._asking: Worker[None] | None = None
        self._late: Timer | None = None
        self._choice = 0
        self._looked_at: int | None = None
        self.region_shown: Region = WHOLE
        self.line: FrameLine | None = None
        self.detail: FrameDetail | None = None

    def compose(self) -> ComposeResult:
        with Container(id="picture"):
            yield FrameView(self._engine, self._method)
            yield Caption()
        yield FrameFacts()

    @property
    def view(self) -> FrameView:
        return self.query_one(FrameView)

    @property
    def facts(self) -> FrameFacts:
        return self.query_one(FrameFacts)

    @property
    def sources(self) -> tuple[str, ...]:
        """The sources whose boxes are drawn."""
        return CHOICES[self._choice]

    @property
    def boxes(self) -> Mapping[str, Sequence[Box]]:
        return self.detail.boxes if self.detail is not None else {}

    def outdate(self) -> None:
        """The pool changed: what is known of frames is asked again, pictures stay."""
        self._kept.clear()

    def show(self, line: FrameLine | None, note: str = "") -> None:
        """Shows a frame, first what its row says; None: no frame, but a note."""
        if line is None:
            self.line = self.detail = None
            self._stop()
            self.view.clear()
            self._tell(note)
            return
        if self.line is None or line.digest != self.line.digest:
            self.region_shown, self._looked_at, self.facts.chosen = WHOLE, None, None
            self.detail, self.facts.first = None, 0
        self.line = line
        self._stop()
        kept = self._kept.get(line.digest)
        # An answer that was on its way while the frame was marked is older than its row.
        if kept is not None and kept.line == line:
            self._take(kept)
            return
        self._tell()
        self._late = self.set_timer(BOXES_WITHIN_S, self._draw)
        self._asking = self.run_worker(partial(self._ask, line.digest), group="frame", exit_on_error=False)
        self.view.fetch(line.digest, self.region_shown)

    def show_digest(self, digest: str) -> None:
        """Shows a frame of which nothing is known yet, as one of the evaluation."""
        self.show(FrameLine(digest=digest, uri=digest[:16], difficulty=None))

    def _stop(self) -> None:
        if self._asking is not None:
            self._asking.cancel()
        if self._late is not None:
            self._late.stop()

    async def _ask(self, digest: str) -> None:
        try:
            detail = await self._engine.ask(Frame(digest=digest))
        except CalibtuiError as error:
            self._tell(error.message)
            return
        if self._late is not None:
            self._late.stop()
        self._take(detail)

    def _take(self, detail: FrameDetail) -> None:
        self._kept[detail.line.digest] = detail
        while len(self._kept) > KEPT:
            self._kept.popitem(last=False)
        if self.line is not None and self.line.digest == detail.line.digest:
            self.line, self.detail = detail.line, detail
            self._tell()
            self._draw()

    def _tell(self, note: str = "") -> None:
        facts = self.facts
        facts.line, facts.detail, facts.note = self.line, self.detail, note
        facts.refill()
        caption = self.query_one(Caption)
        caption.spans = self._looking() or legend(self.boxes, self.sources)
        caption.refill()

    def _looking(self) -> list[Span]:
        if self.region_shown == WHOLE:
            return []
        times = 1 / (self.region_shown[2] - self.region_shown[0])
        spans: list[Span] = [(f"×{times:.1f} ", "strong")]
        targets = self._targets()
        if self._looked_at is not None and self._looked_at < len(targets):
            source, box = targets[self._looked_at]
            sure = "" if box.confidence is None else f" {100 * box.confidence:.0f} %"
            spans.append((f"{self._looked_at + 1} of {len(targets)}: {box.label}{sure} ({source})", "plain"))
        return spans

    def _draw(self) -> None:
        if self.line is not None and self.display:
            boxes = {source: self.boxes.get(source, ()) for source in self.sources}
            self.view.show(self.line.digest, boxes, self.region_shown)

    def _targets(self) -> list[tuple[str, Box]]:
        """The boxes that can be looked at, in the order in which they are gone through."""
        sources = self.sources or SOURCES
        return [(source, box) for source in sources for box in self.boxes.get(source, ())]

    # What keys do

    def next_sources(self) -> None:
        """The next choice that shows other boxes of this frame."""
        for _ in CHOICES:
            self._choice = (self._choice + 1) % len(CHOICES)
            if len(self.sources) != 1 or self.sources[0] in self.boxes:
                break
        self._looked_at = None
        self._tell()
        self._draw()

    def look_closer(self, by: int = 1) -> None:
        """Goes through the boxes, one at a time, and after the last back to the whole frame."""
        targets = self._targets()
        if not targets or self.line is None:
            self.scale(0.5)
            return
        start = -1 if by > 0 else len(targets)
        place = (start if self._looked_at is None else self._looked_at) + by
        self._looked_at = place if 0 <= place < len(targets) else None
        if self._looked_at is None:
            self.look_at(WHOLE)
            return
        box = targets[self._looked_at][1]
        aspect = self.line.width / self.line.height if self.line.height else 1.0
        self.look_at(around((box.x1, box.y1, box.x2, box.y2), aspect))

    def scale(self, by: float) -> None:
        self.look_at(scaled(self.region_shown, by))

    def pan(self, right: float, down: float) -> None:
        self.look_at(moved(self.region_shown, right, down))

    def look_at(self, region: Region) -> None:
        """Shows that part of the frame."""
        self.region_shown = region
        if region == WHOLE:
            self._looked_at = None
        self._tell()
        self._draw()

    def point(self, by: int) -> None:
        """Points at the next similar frame."""
        count = len(self.detail.neighbours) if self.detail is not None else 0
        if count:
            chosen = self.facts.chosen
            self.facts.chosen = (chosen + by) % count if chosen is not None else (0 if by > 0 else count - 1)
            self.facts.refill()

    async def detect(self) -> str:
        """Asks for predictions on this frame; what came of it in one sentence. Raises CalibtuiError."""
        if self.line is None:
            return ""
        digest = self.line.digest
        found = await self._engine.ask(Detect(digest=digest))
        self._kept.pop(digest, None)
        if self.line is not None and self.line.digest == digest and self.detail is not None:
            self._take(msgspec.structs.replace(self.detail, boxes={**self.detail.boxes, **found.boxes}))
        return found.said

    def action_scroll_facts(self, by: int) -> None:
        self.facts.scroll_lines(by * max(1, self.facts.size.height - 2))

    def on_resize(self) -> None:
        self.set_class(self.size.width > 3 * self.size.height and self.size.width >= 76, "-across")
        self.call_after_refresh(self._draw)
