"""What all screens have in common: heading, keys, the newest snapshot, questions and commands."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar, cast

import msgspec
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.reactive import reactive
from textual.screen import Screen

from calibtui.core.errors import EngineGoneError, EngineRefusedError
from calibtui.engine.client.client import Answer
from calibtui.engine.wire.exchange import Command, Done, Query
from calibtui.engine.wire.snapshot import Snapshot
from calibtui.tui.connection import Link
from calibtui.tui.widgets.heading import Heading
from calibtui.tui.widgets.key_line import KeyLine
from calibtui.tui.widgets.too_small import TooSmall

try:
    from calibtui.tui.compositing import FrugalCompositor
except ImportError:  # A version of Textual without the inner parts that this needs.
    from textual._compositor import Compositor as FrugalCompositor  # type: ignore[assignment]

if TYPE_CHECKING:
    from calibtui.tui.app import Workbench


class WorkbenchScreen(Screen[None]):
    """Base of the seven. A subclass gives its `NAME` (as in the registry), `HELP`, `body()` and `on_snapshot`.

    The screen has one of the classes -tiny, -narrow (from 40 columns), -normal (80), -wide (120), -vast (180), and one
    of -flat, -short (10 lines), -high (24), -tall (40), to lay itself out by.
    """

    NAME: ClassVar[str] = ""
    HELP: ClassVar[str] = ""
    AUTO_FOCUS: ClassVar[str | None] = "*"

    HORIZONTAL_BREAKPOINTS = [  # noqa: RUF012
        (0, "-tiny"),
        (40, "-narrow"),
        (80, "-normal"),
        (120, "-wide"),
        (180, "-vast"),
    ]
    VERTICAL_BREAKPOINTS = [  # noqa: RUF012
        (0, "-flat"),
        (10, "-short"),
        (24, "-high"),
        (40, "-tall"),
    ]
    DEFAULT_CSS = """
    WorkbenchScreen { overflow: hidden; layout: vertical; background: $background; color: $foreground; }
    WorkbenchScreen > TooSmall { display: none; }
    WorkbenchScreen.-tiny > *, WorkbenchScreen.-flat > * { display: none; }
    WorkbenchScreen.-tiny > TooSmall, WorkbenchScreen.-flat > TooSmall { display: block; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "copy", "copy", id="screen.copy", show=False, tooltip="Copies what the focus is on."),
    ]

    snapshot: reactive[Snapshot | None] = reactive(None, repaint=False, init=False)

    def __init__(self) -> None:
        super().__init__()
        self._compositor = FrugalCompositor()
        # Rules are matched once and not again for the size there is; and the style sheet is the one that holds: Textual
        # would parse it anew for every screen that is opened.
        width, height = self.app.size
        self.add_class(*self._get_breakpoint_classes(width, self.HORIZONTAL_BREAKPOINTS), update=False)
        self.add_class(*self._get_breakpoint_classes(height, self.VERTICAL_BREAKPOINTS), update=False)
        self._css_update_count = self.app._css_update_count

    @property
    def workbench(self) -> Workbench:
        return cast("Workbench", self.app)

    def compose(self) -> ComposeResult:
        yield Heading(self.NAME)
        yield from self.body()
        yield KeyLine()
        yield TooSmall()

    def body(self) -> ComposeResult:
        """What is between heading and keys."""
        yield from ()

    def on_snapshot(self, snapshot: Snapshot) -> None:
        """Called with each new snapshot while the screen is open, and with the newest one when it is opened."""

    def copied(self) -> str:
        """What `y` copies where the focused widget has no `copied()` of its own; "" for nothing."""
        return ""

    async def ask(self, query: Query[Answer]) -> Answer | None:
        """The answer; None where there is none, which the user has then been told."""
        try:
            return await self.workbench.connection.ask(query)
        except EngineRefusedError as refusal:
            self.workbench.tell(refusal.message, refusal.hint, "warning")
        except EngineGoneError:
            self.workbench.tell_gone()
        return None

    async def do(self, command: Command) -> Done | None:
        """Does it, after the user's yes where the engine asks for one. None where it was not done, which the user then
        knows. Waits for the user: call it from a worker, or use `send`."""
        try:
            return await self.workbench.connection.do(command)
        except EngineRefusedError as refusal:
            if refusal.kind == "confirmation" and hasattr(command, "confirmed"):
                if await self._agreed(refusal):
                    return await self.do(msgspec.structs.replace(command, confirmed=True))
                return None
            self.workbench.tell(refusal.message, refusal.hint, "warning")
        except EngineGoneError:
            self.workbench.tell_gone()
        return None

    def send(self, command: Command, after: Callable[[Done], None] | None = None) -> None:
        """`do` in a worker, for actions: says what was done, then calls `after`."""

        async def work() -> None:
            done = await self.do(command)
            if done is not None:
                if done.said:
                    self.workbench.tell(done.said)
                if after is not None:
                    after(done)

        self.run_worker(work(), group="commands", exit_on_error=False)

    async def _agreed(self, refusal: EngineRefusedError) -> bool:
        from calibtui.tui.screens.confirm import ConfirmScreen

        agreed: bool = await self.app.push_screen_wait(ConfirmScreen(refusal.confirm or refusal.message, refusal.hint))
        return agreed

    def receive(self, snapshot: Snapshot | None, link: Link) -> None:
        """From the application: the newest state, in one batch of updates."""
        self.query_one(Heading).tell(self.workbench.workspace, link, snapshot)
        self.snapshot = snapshot

    def watch_snapshot(self, snapshot: Snapshot | None) -> None:
        if snapshot is not None:
            self.on_snapshot(snapshot)

    def on_mount(self) -> None:
        self._take_newest()

    def on_screen_resume(self) -> None:
        self._take_newest()

    def _take_newest(self) -> None:
        if self.query(Heading):
            self.receive(self.workbench.snapshot, self.workbench.connection.link)

    def action_copy(self) -> None:
        """Copies what the focused widget, or else the screen, says it is about."""
        copied = getattr(self.focused, "copied", self.copied)()
        self.workbench.copy(copied or self.copied())
