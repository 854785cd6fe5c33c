"""The calibration set as it grows: its knobs, what it is made of beside the pool, its frames; locked sets beside it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll

from calibtui.engine.wire.curation import Mark, Undo
from calibtui.engine.wire.frames import Frame
from calibtui.engine.wire.runs import Task
from calibtui.engine.wire.sets import Draft, Knobs, Lock, LockedSet, SetFrame, Sets, SetView, Turn
from calibtui.engine.wire.snapshot import Snapshot
from calibtui.tui.screens.workbench_screen import WorkbenchScreen
from calibtui.tui.throttle import Debounce, Throttle
from calibtui.tui.widgets.knob_list import KnobList
from calibtui.tui.widgets.knob_values import shown
from calibtui.tui.widgets.panes import Pane, Panes
from calibtui.tui.widgets.row_list import RowList
from calibtui.tui.widgets.sentences import Sentences
from calibtui.tui.widgets.set_balance import SetBalance
from calibtui.tui.widgets.set_coverage import SetCoverage
from calibtui.tui.widgets.set_frames import SetFrames
from calibtui.tui.widgets.set_headline import SetHeadline

_NEWS_S = 2.0
"""While scores come in the draft changes all the time: it is asked for so often at most."""

_PREVIEW_S = 0.25


class SetScreen(WorkbenchScreen):
    NAME: ClassVar[str] = "set"
    HELP: ClassVar[str] = """\
The frames that the ranges of the INT8 model are measured on. What you see is the draft: it follows the scores, the
marks
and the knobs until you lock it under a name. Turn a knob and you see at once which frames that adds and drops; k keeps
it, esc takes it back. m measures which activation ranges of the pool the set misses; R picks the frames that reach
them.
L locks: the manifest is written and the set never changes again. 4 goes on to quantize."""
    DEFAULT_CSS = """
    SetScreen SetHeadline { padding: 0 2; margin: 0 0 1 0; }
    SetScreen #set-panes { layout: grid; grid-size: 3 2; grid-columns: 40 1fr 1fr; grid-rows: 3fr 2fr; }
    SetScreen.-vast #set-panes { grid-columns: 46 62 1fr; }
    SetScreen #set-panes.-one { layout: vertical; }
    SetScreen #pane-knobs { row-span: 2; }
    SetScreen #pane-frames { row-span: 2; }
    SetScreen #set-why { max-height: 3; margin-top: 1; }
    SetScreen VerticalScroll { scrollbar-size-vertical: 1; }
    SetScreen.-short SetHeadline { margin: 0; max-height: 2; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "space", "mark('toggle')", "in/out", id="set.toggle", tooltip="Takes the frame out of the draft, or in"
        ),
        Binding("p", "mark('pinned')", "pin", id="set.pin", tooltip="In every set, or no longer"),
        Binding("x", "mark('excluded')", "exclude", id="set.exclude", tooltip="In no set, or no longer"),
        Binding("u", "undo", "undo", id="set.undo", tooltip="Takes the last change of marks back"),
        Binding("k", "keep", "keep", id="set.keep", tooltip="Keeps the knobs that were tried out"),
        Binding("escape", "take_back", "revert", id="set.take_back", tooltip="Takes tried knobs back"),
        Binding("L", "lock", "lock", id="set.lock", tooltip="Locks the draft under a name"),
        Binding("c", "compare", "compare with", id="set.compare", tooltip="Chooses the set to compare with"),
        Binding("o", "open", "open set", id="set.open", tooltip="Looks at a locked set, or at the draft again"),
        Binding("E", "export", "export", id="set.export", tooltip="Writes a locked set out"),
        Binding("m", "measure", "measure", id="set.measure", tooltip="Measures activation ranges of set and pool"),
        Binding("R", "cover", "cover ranges", id="set.cover", tooltip="Picks the frames that cover missed ranges"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.view: SetView | None = None
        self._opened = ""
        self._compare = "last"
        self._data = -1
        self._fresh = Throttle(self, _NEWS_S, self._load)
        self._preview = Debounce(self, _PREVIEW_S, self._load_view)

    def body(self) -> ComposeResult:
        yield SetHeadline(id="set-headline")
        yield Panes(
            Pane("Knobs", KnobList(id="set-knobs"), id="pane-knobs"),
            Pane("Balance", VerticalScroll(SetBalance(id="set-balance")), id="pane-balance"),
            Pane("Frames", SetFrames(id="set-frames"), Sentences(id="set-why"), id="pane-frames"),
            Pane("Coverage", VerticalScroll(SetCoverage(id="set-coverage")), id="pane-coverage"),
            side_by_side=120,
            height_needed=24,
            id="set-panes",
        )

    def on_snapshot(self, snapshot: Snapshot) -> None:
        if snapshot.data != self._data:
            self._data = snapshot.data
            self._fresh.ask()

    def copied(self) -> str:
        """The digests of the set's frames, one a line."""
        frames = self.view.frames if self.view else ()
        return "\n".join(frame.digest for frame in frames if frame.change != "dropped")

    @property
    def _knobs(self) -> KnobList:
        return self.query_one(KnobList)

    @work(group="set-knobs", exclusive=True, exit_on_error=False)
    async def _load(self) -> None:
        knobs = await self.ask(Knobs(table="selection"))
        if knobs is not None:
            self._knobs.show(knobs.knobs)
        self._load_view()

    @work(group="set-view", exclusive=True, exit_on_error=False)
    async def _load_view(self) -> None:
        tried = tuple(f"{key}={value}" for key, value in self._knobs.tried.items())
        if self._opened:
            view = await self.ask(LockedSet(name=self._opened, compare=self._compare))
        else:
            view = await self.ask(Draft(overrides=tried, compare=self._compare))
        if view is not None:
            self.view = view
            self._show(view)

    def _show(self, view: SetView) -> None:
        with self.app.batch_update():
            self._show_headline()
            self.query_one(SetBalance).show(view, self.snapshot.totals.frames if self.snapshot else 0)
            self.query_one(SetCoverage).show(view)
            self.query_one(SetFrames).show_set(view)
        self.refresh_bindings()

    def _show_headline(self, waiting: str = "") -> None:
        self.query_one(SetHeadline).show(self.view, self._tried_said(), waiting)

    def _tried_said(self) -> str:
        knobs = {knob.key: knob for knob in self._knobs.knobs}
        return ", ".join(
            f"{knobs[key].title} {shown(knobs[key].value)} → {shown(value)}"
            for key, value in self._knobs.tried.items()
            if key in knobs
        )

    @on(KnobList.Tried)
    def _try(self) -> None:
        if self._opened:
            self._look_at("")
        self._show_headline("reckoning what changes …")
        self._preview.ask()
        self.refresh_bindings()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Keys that would do nothing now are not offered."""
        if action in ("keep", "take_back"):
            return bool(self.query(KnobList) and self._knobs.tried)
        if action in ("mark", "undo"):
            return isinstance(self.focused, SetFrames) and not self._opened
        if action == "cover":
            return bool(self.view and self.view.ranges and not self._opened)
        return True

    @work(group="set-keep", exit_on_error=False)
    async def action_keep(self) -> None:
        await self._keep()
        self._load()

    async def _keep(self) -> bool:
        """Turns the knobs that were tried. False where the engine refused one."""
        for key, value in list(self._knobs.tried.items()):
            if await self.do(Turn(key=key, value=value)) is None:
                return False
            self._knobs.tried.pop(key, None)
        return True

    def action_take_back(self) -> None:
        self._knobs.forget()
        self._load_view()

    @work(group="set-dialog", exclusive=True, exit_on_error=False)
    async def action_lock(self) -> None:
        """What is locked is what is seen, so knobs that were tried are kept first."""
        from calibtui.tui.screens.ask_name import AskNameScreen

        view = self.view
        if view is None or not view.size or self._opened:
            self.workbench.tell("There is no draft to lock.", "Score the pool first: 1, then s.", "warning")
            return
        proposal = f"{view.strategy}-{view.size}-{time.strftime('%m%d-%H%M')}"
        hint = f"{view.size:,} frames, {view.strategy}, seed {view.seed}. A locked set never changes."
        name = await self.app.push_screen_wait(AskNameScreen("Lock the draft under the name", proposal, hint))
        if name is None or not await self._keep():
            return
        done = await self.do(Lock(name=name))
        if done is not None:
            self.workbench.tell(done.said, "4 goes on to quantize it, E writes it out.")
            self._load()

    @work(group="set-dialog", exclusive=True, exit_on_error=False)
    async def action_compare(self) -> None:
        chosen = await self._choose("Compare with", draft=False)
        if chosen is not None:
            self._compare = chosen
            self._load_view()

    @work(group="set-dialog", exclusive=True, exit_on_error=False)
    async def action_open(self) -> None:
        chosen = await self._choose("Look at", draft=True)
        if chosen is not None:
            self._look_at(chosen)
            self._load_view()

    def _look_at(self, name: str) -> None:
        self._opened = name
        if name:
            self._knobs.forget()

    async def _choose(self, question: str, draft: bool) -> str | None:
        from calibtui.tui.screens.choose_set import ChooseSetScreen

        lines = await self.ask(Sets())
        if lines is None:
            return None
        return await self.app.push_screen_wait(ChooseSetScreen(question, lines.sets, draft))

    @work(group="set-dialog", exclusive=True, exit_on_error=False)
    async def action_export(self) -> None:
        from calibtui.tui.screens.export_set import ExportSetScreen

        name = self._opened
        if not name:
            chosen = await self._choose("Export which set?", draft=False)
            if not chosen:
                return
            name = chosen
        command = await self.app.push_screen_wait(ExportSetScreen(name, str(Path.cwd() / f"{name}-export")))
        if command is None:
            return
        done = await self.do(command)
        if done is not None:
            self.workbench.tell(done.said, "\n".join(done.files[:4]))

    @on(RowList.Highlighted, "#set-frames")
    def _explain_frame(self, event: RowList.Highlighted) -> None:
        frame: SetFrame | None = event.rows.current
        self.query_one("#set-why", Sentences).say([(f"{frame.uri}: {frame.why}", "muted")] if frame else [])

    @on(RowList.Chosen, "#set-frames")
    def _open_frame(self, event: RowList.Chosen) -> None:
        from calibtui.tui.screens.set_frame import SetFrameScreen

        def come_back(index: int | None) -> None:
            event.rows.cursor = index or 0

        connection, method = self.workbench.connection, self.workbench.preferences.pictures
        self.app.push_screen(SetFrameScreen(event.rows.rows, event.index, connection, method), come_back)

    @work(group="set-mark", exit_on_error=False)
    async def action_mark(self, mark: str) -> None:
        frame = self.query_one(SetFrames).current
        if frame is None:
            return
        if mark == "toggle":
            await self._mark(Mark(digests=(frame.digest,), toggle=True))
            return
        detail = await self.ask(Frame(digest=frame.digest))
        if detail is not None:
            now = "" if detail.line.mark == mark else mark
            await self._mark(Mark(digests=(frame.digest,), mark=now))

    @work(group="set-mark", exit_on_error=False)
    async def action_undo(self) -> None:
        await self._mark(Undo())

    @work(group="set-mark", exit_on_error=False)
    async def action_cover(self) -> None:
        """Picks the pool frames that would cover the ranges that the draft misses."""
        missed = (self.view.ranges if self.view else None) or ()
        digests = dict.fromkeys(digest for one in missed for digest in one.fixed_by)
        if digests:
            await self._mark(Mark(digests=tuple(digests), mark="picked"))

    def action_measure(self) -> None:
        """Of the set that is seen; knobs that are only tried are not in it. Its ranges stand here once the job is
        done."""
        self.send(Task(kind="coverage", options={"set": self._opened or "draft"}))

    async def _mark(self, command: Mark | Undo) -> None:
        done = await self.do(command)
        if done is not None:
            self.workbench.tell(done.said)
            self._load_view()
