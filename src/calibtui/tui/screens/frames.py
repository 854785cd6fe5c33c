"""Frames: the pool as a table, and the frame under the cursor in full."""

from __future__ import annotations

import gc
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.timer import Timer

from calibtui.engine.wire.exchange import Done
from calibtui.engine.wire.snapshot import Snapshot
from calibtui.tui.screens.frame_marking import Marking
from calibtui.tui.screens.pool_ordering import PoolOrdering
from calibtui.tui.shown_keys import shown_key
from calibtui.tui.widgets.filter_line import FilterLine
from calibtui.tui.widgets.frame_detail import FrameDetailPane
from calibtui.tui.widgets.place_line import PlaceLine
from calibtui.tui.widgets.pool_heading import PoolHeading, PoolStatus
from calibtui.tui.widgets.pool_reader import Aim
from calibtui.tui.widgets.pool_table import PoolTable

REST_S = 0.08
"""A frame is looked at in full once the cursor has rested on it for so long."""

RELOAD_S = 1.0
"""While the pool changes, it is read again at most so often."""

HELP = """\
The pool, hardest frames first. The cursor's frame is shown in full beside it, or with Enter.

Space takes a frame into the set or out of it, p pins it (in every set), x excludes it (in none), c clears its mark. v \
begins a range: move, then space, p, x or c marks all of it. u undoes, U redoes, also after a restart.

/ filters: score>80 class:scratch reason:glare path:line3 -selected. s sorts, < and > go through the columns, r turns \
the order round. % goes to a percentile, : to a row.

● picked  ○ dropped  ▲ pinned  × excluded  • chosen by the strategy
"""


class FramesScreen(PoolOrdering):
    NAME = "frames"
    HELP = HELP
    AUTO_FOCUS = "PoolTable"
    DEFAULT_CSS = """
    FramesScreen #pool { width: 1fr; height: 1fr; }
    FramesScreen #frames { height: 1fr; }
    FramesScreen PoolHeading { padding: 0; margin-right: 1; }
    FramesScreen FrameDetailPane { display: none; border-left: vkey $faint; }
    FramesScreen.-wide FrameDetailPane, FramesScreen.-vast FrameDetailPane { display: block; width: 40%; }
    FramesScreen.-alone FrameDetailPane { display: block; width: 1fr; border-left: none; }
    FramesScreen.-alone #pool { display: none; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space", "mark('toggle')", "in/out", id="frames.toggle", tooltip="Into the set, or out of it."),
        Binding("enter", "alone", "look", id="frames.alone", tooltip="The frame alone, or the table again."),
        Binding("slash", "filter", "filter", id="frames.filter", tooltip="Only some frames: score>80 class:scratch."),
        Binding("s", "choose_sort", "sort", id="frames.sort", tooltip="Chooses what the frames are sorted by."),
        Binding("p", "mark('pinned')", "pin", id="frames.pin", tooltip="In every set."),
        Binding("x", "mark('excluded')", "exclude", id="frames.exclude", tooltip="In no set."),
        Binding("u", "undo", "undo", id="frames.undo", tooltip="Takes back the newest change of marks."),
        Binding("v", "range", "range", id="frames.range", tooltip="Begins a range; a mark then holds for all of it."),
        Binding("c", "mark('')", "clear", show=False, id="frames.clear", tooltip="Takes the mark away."),
        Binding("U,ctrl+r", "redo", "redo", show=False, id="frames.redo", tooltip="Does again what was undone."),
        Binding("escape", "escape", "back", show=False, id="frames.escape",
                tooltip="Ends the closer look, the range, the look at one frame, or the filter, one after the other."),
    ]  # fmt: skip

    def __init__(self) -> None:
        super().__init__()
        self._rest: Timer | None = None
        self._reload: Timer | None = None
        self._engine_started_at = 0.0

    def body(self) -> ComposeResult:
        connection = self.workbench.connection
        table = PoolTable(connection, self._start_keys, id="pool-table")
        with Horizontal(id="frames"):
            with Vertical(id="pool"):
                yield PoolStatus(table)
                yield FilterLine(self._words)
                yield PlaceLine()
                yield PoolHeading(table)
                yield table
            yield FrameDetailPane(connection, self.workbench.preferences.pictures)

    def _start_keys(self) -> str:
        """To the Overview, and what starts a stage there."""
        from calibtui.tui.screens.overview import OverviewScreen

        app = self.workbench
        wanted = ((type(app), "go.overview"), (OverviewScreen, "overview.start"))
        return ", then ".join(shown_key(app, app.keymap, place, name) for place, name in wanted)

    def on_mount(self) -> None:
        super().on_mount()
        self.marking = Marking(self.table, self.do, self._marked)
        self.run_worker(self.marking.run(), group="marks", exit_on_error=False)
        # Modules, style rules and widgets are there to stay: a full collection that looks through all of them for
        # garbage would hold up a key by 50 to 100 ms.
        gc.freeze()

    def on_unmount(self) -> None:
        gc.unfreeze()

    # What comes from the engine

    def on_snapshot(self, snapshot: Snapshot) -> None:
        if snapshot.engine_started_at != self._engine_started_at:
            # Another engine counts the states of the pool anew.
            self._engine_started_at, self.table.reader.data = snapshot.engine_started_at, -1
        self._follow()

    def _follow(self) -> None:
        """Sees to it that the pool is read again soon if it isn't as shown."""
        reader = self.table.reader
        behind = self.snapshot is not None and self.snapshot.data > reader.data
        if behind and self._reload is None and not reader.loading:
            self._reload = self.set_timer(0.001 if reader.data < 0 else RELOAD_S, self.reload)

    def reload(self) -> None:
        """Reads the pool again; the cursor stays on its frame if someone put it there."""
        if self._reload is not None:
            self._reload.stop()
            self._reload = None
        table, line = self.table, self.table.line
        stick = table.touched and line is not None
        find = table.order.find(digest=line.digest) if stick and line is not None else None
        table.reader.load(Aim(table.order, find, row=table.row, line=table.row - table.top, stick=stick))
        self.detail.outdate()

    def _marked(self, done: Done | None) -> None:
        if done is not None:
            self.status.say(done.said)
        self.reload()

    @on(PoolTable.Arrived)
    def _arrived(self) -> None:
        self.query_one(PoolHeading).refill()
        self.status.refill()
        # What came may have been overtaken while it was on its way.
        self._follow()

    @on(PoolTable.Failed)
    def _failed(self, event: PoolTable.Failed) -> None:
        self.status.say(event.said, "bad")
        self.set_timer(RELOAD_S, self._follow)

    @on(PoolTable.Moved)
    def _moved(self) -> None:
        if self.table.range_start is not None:
            self.status.refill()
        if self._rest is not None:
            self._rest.stop()
        self._rest = self.set_timer(REST_S, self.look)

    # Marks

    def action_mark(self, mark: str) -> None:
        self.marking.set(mark)
        self.status.refill()

    def action_undo(self) -> None:
        self.marking.undo()

    def action_redo(self) -> None:
        self.marking.redo()

    def action_range(self) -> None:
        if self.table.range_start is None:
            self.table.begin_range()
        else:
            self.table.end_range()
        self.status.refill()

    def action_alone(self) -> None:
        self.show_alone(not self.has_class("-alone"))

    def action_escape(self) -> None:
        if self.whole_again():
            return
        if self.table.range_start is not None:
            self.table.end_range()
            self.status.refill()
        elif self.has_class("-alone"):
            self.show_alone(False)
        elif self.table.order.filter:
            self.clear_filter()

    def copied(self) -> str:
        return self.table.copied()
