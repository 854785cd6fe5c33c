"""A frame that lost: what float finds on it and what INT8 finds, side by side."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen

from calibtui.core.errors import CalibtuiError, EngineRefusedError
from calibtui.engine.wire.frames import Box, Detect, Frame
from calibtui.engine.wire.models import LostFrame
from calibtui.tui.pictures.canvas import WHOLE, Region
from calibtui.tui.pictures.closer_look import around
from calibtui.tui.throttle import Debounce
from calibtui.tui.widgets.frame_picture import INKS, FrameView
from calibtui.tui.widgets.key_line import KeyLine
from calibtui.tui.widgets.points import counted
from calibtui.tui.widgets.pool_reader import Asks
from calibtui.tui.widgets.sentences import Sentences

_SURE = 0.25
_STEP = 0.05
_SETTLE_S = 0.08
"""While the arrows are held down, no picture is asked for that nobody sees."""


class LostFrameScreen(ModalScreen[None]):
    """`frames` are walked with the arrows from `index` on; `method` as of FrameView."""

    HELP: ClassVar[str] = """\
Left what float finds, right what INT8 finds, both over the annotated objects in solid lines. z goes from object to
object, close up, and back to the whole frame; + and − set the confidence from which on boxes are drawn."""
    DEFAULT_CSS = """
    LostFrameScreen { background: $background; }
    LostFrameScreen #lost-said { padding: 0 2; }
    LostFrameScreen Horizontal { height: 1fr; }
    LostFrameScreen Vertical { width: 1fr; height: 1fr; padding: 0 1; }
    LostFrameScreen Vertical Sentences { padding: 0 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,right,n", "step(1)", "next", key_display="↓", id="lost.next", tooltip="The next frame"),
        Binding("up,left,b", "step(-1)", "before", key_display="↑", id="lost.before", tooltip="The frame before"),
        Binding("z", "closer", "closer", id="lost.closer", tooltip="From object to object, close up"),
        Binding("plus,equals_sign", "sure(1)", "surer", key_display="+", id="lost.surer", tooltip="Fewer boxes"),
        Binding("minus", "sure(-1)", "less sure", key_display="−", id="lost.less_sure", tooltip="More boxes"),
        Binding("escape,enter,q", "dismiss(None)", "back", key_display="esc", id="lost.back", tooltip="Back"),
    ]

    def __init__(self, frames: Sequence[LostFrame], index: int, engine: Asks, method: str) -> None:
        super().__init__()
        self._frames, self._index = frames, index
        self._engine, self._method = engine, method
        self._boxes: dict[str, tuple[Box, ...]] = {}
        self._object: int | None = None
        self._sure = _SURE
        self._aspect = 1.0
        self._fetch = Debounce(self, _SETTLE_S, self._load)

    def compose(self) -> ComposeResult:
        yield Sentences(id="lost-said")
        with Horizontal():
            for source in ("float", "int8"):
                with Vertical():
                    yield Sentences(id=f"lost-{source}-said")
                    yield FrameView(self._engine, self._method)
        yield KeyLine()

    def on_mount(self) -> None:
        self._say()
        self._fetch.ask()

    @property
    def frame(self) -> LostFrame:
        return self._frames[self._index]

    def action_step(self, by: int) -> None:
        self._index = max(0, min(len(self._frames) - 1, self._index + by))
        self._object = None
        self._boxes = {}
        self._say()
        self._fetch.ask()

    def action_closer(self) -> None:
        """Whole frame, first object, second object, …, whole frame."""
        objects = len(self._boxes.get("truth", ()))
        after = 0 if self._object is None else self._object + 1
        self._object = after if after < objects else None
        self._say()
        self._fetch.ask()

    def action_sure(self, by: int) -> None:
        self._sure = max(0.0, min(0.95, round(self._sure + by * _STEP, 2)))
        self._say()
        self._fetch.ask()

    @property
    def _region(self) -> Region:
        truth = self._boxes.get("truth", ())
        if self._object is None or self._object >= len(truth):
            return WHOLE
        box = truth[self._object]
        return around((box.x1, box.y1, box.x2, box.y2), self._aspect)

    @work(group="lost", exclusive=True, exit_on_error=False)
    async def _load(self) -> None:
        frame = self.frame
        views = tuple(self.query(FrameView))
        if not self._boxes:
            try:
                await self._load_boxes(frame.digest)
            except CalibtuiError as error:
                for view in views:
                    view.clear(error.message)
                return
        for source, view in zip(("float", "int8"), views, strict=True):
            boxes = {"truth": self._boxes.get("truth", ()), source: self._sure_ones(source)}
            view.show(frame.digest, boxes, self._region)
        self._say()

    async def _load_boxes(self, digest: str) -> None:
        """Those that are known; the models are run on the frame where a model's aren't."""
        detail = await self._engine.ask(Frame(digest=digest))
        boxes = dict(detail.boxes)
        if not {"float", "int8"} <= set(boxes):
            with contextlib.suppress(EngineRefusedError):
                boxes = {**(await self._engine.ask(Detect(digest=digest))).boxes, **boxes}
        self._boxes = boxes
        self._aspect = detail.line.width / detail.line.height if detail.line.height else 1.0

    def _sure_ones(self, source: str) -> tuple[Box, ...]:
        return tuple(box for box in self._boxes.get(source, ()) if (box.confidence or 0.0) >= self._sure)

    def _say(self) -> None:
        frame = self.frame
        place = f"{self._index + 1} of {len(self._frames)}"
        truth = self._boxes.get("truth", ())
        closer = ""
        if self._object is not None and self._object < len(truth):
            closer = f" · close up: {truth[self._object].label}, object {self._object + 1} of {len(truth)}"
        self.query_one("#lost-said", Sentences).say(
            [
                (f"{frame.uri}", "strong"),
                (f"{place} · {counted(frame.objects, 'object')} · {frame.said}{closer}", "muted"),
            ]
        )
        for source, title, found in (("float", "float", frame.by_float), ("int8", "INT8", frame.by_int8)):
            line = {"float": "dashed", "int8": "dotted"}[source]
            shown = f"{counted(len(self._sure_ones(source)), 'box')} from {self._sure:.2f} on, {line}"
            said = f"{title} finds {found:,} of {frame.objects:,} · {shown}"
            self.query_one(f"#lost-{source}-said", Sentences).say([(said, INKS[source])])
