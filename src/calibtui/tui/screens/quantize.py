"""Making the INT8 model: options with what each means, the job as it goes, its log, the layers that do most harm."""

from __future__ import annotations

import json
from typing import ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.widgets import Button

from calibtui.engine.wire.models import Layer, Sensitivity
from calibtui.engine.wire.runs import Cancel, Log, Start, Task
from calibtui.engine.wire.sets import Knobs, Sets, Turn
from calibtui.engine.wire.snapshot import Job, Snapshot
from calibtui.tui.figures import moment
from calibtui.tui.screens.workbench_screen import WorkbenchScreen
from calibtui.tui.throttle import Throttle
from calibtui.tui.widgets.job_progress import JobProgress
from calibtui.tui.widgets.knob_list import KnobList
from calibtui.tui.widgets.knob_values import parsed
from calibtui.tui.widgets.layer_table import LayerTable
from calibtui.tui.widgets.log_tail import LogTail
from calibtui.tui.widgets.panes import Pane, Panes
from calibtui.tui.widgets.points import counted
from calibtui.tui.widgets.row_list import RowList
from calibtui.tui.widgets.sentences import Sentences

STAGES = ("quantize", "evaluate")
ALL_STAGES = ("select", *STAGES)
_BUSY = ("queued", "running", "paused")
_NEWS_S = 1.0
_LOG_S = 1.0
_FLOAT_LAYERS = "quantization.float_layers"


class QuantizeScreen(WorkbenchScreen):
    NAME: ClassVar[str] = "quantize"
    HELP: ClassVar[str] = """\
Makes the INT8 model from the newest set and compares its mAP with the float model's. Turn options with ← →; what the
one
under the cursor means stands below. g quantizes and evaluates, G selects the set anew first. The job runs in the
engine:
you can leave and come back to it. 5 reads the comparison. D fills the table of layers: which of them lose how much, and
what to do."""
    DEFAULT_CSS = """
    QuantizeScreen #quantize-set { padding: 0 2; }
    QuantizeScreen #quantize-start { height: 1; padding: 0 2; margin: 0 0 1 0; }
    QuantizeScreen.-short #quantize-start { margin: 0; }
    QuantizeScreen #quantize-start Button { margin: 0 2 0 0; min-width: 8; }
    QuantizeScreen #quantize-panes { layout: grid; grid-size: 2 2; grid-columns: 52 1fr; grid-rows: 3fr 2fr; }
    QuantizeScreen.-vast #quantize-panes { grid-size: 3 2; grid-columns: 60 1fr 1fr; }
    QuantizeScreen #quantize-panes.-one { layout: vertical; }
    QuantizeScreen #pane-options { row-span: 2; }
    QuantizeScreen.-vast #pane-layers { row-span: 2; }
    QuantizeScreen JobProgress { margin: 0 0 1 0; }
    QuantizeScreen #quantize-layer { max-height: 4; }
    QuantizeScreen #start { background: $accent; color: $background; }
    QuantizeScreen #start:focus { text-style: bold reverse; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("g", "start(False)", "start", id="quantize.start", tooltip="Quantizes and evaluates"),
        Binding("G", "start(True)", "select and start", id="quantize.all", tooltip="The set anew, too"),
        Binding("c", "cancel", "cancel", id="quantize.cancel", tooltip="Ends the job at its next safe point"),
        Binding("D", "diagnose", "diagnose", id="quantize.diagnose", tooltip="Measures which layers lose how much"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._data = -1
        self._logged = ""
        self._next = -1
        self._fresh = Throttle(self, _NEWS_S, self._load)

    def body(self) -> ComposeResult:
        yield Sentences(id="quantize-set")
        with Horizontal(id="quantize-start"):
            yield Button("Start  g", id="start", compact=True, variant="primary")
            yield Button("Select, quantize and evaluate  G", id="start-all", compact=True)
            yield Button("Cancel  c", id="cancel", compact=True)
        yield Panes(
            Pane("Options", KnobList(id="quantize-knobs"), id="pane-options"),
            Pane("Progress", JobProgress(ALL_STAGES, id="quantize-job"), LogTail(id="quantize-log"), id="pane-job"),
            Pane("Layers", LayerTable(id="quantize-layers"), Sentences(id="quantize-layer"), id="pane-layers"),
            side_by_side=120,
            height_needed=24,
            id="quantize-panes",
        )

    def on_mount(self) -> None:
        self.query_one(KnobList).query_one(RowList).focus()
        self.set_interval(_LOG_S, self._follow_log)

    def on_snapshot(self, snapshot: Snapshot) -> None:
        job = _job(snapshot)
        held = snapshot.paused_by if snapshot.paused else ""
        self.query_one(JobProgress).show(snapshot.stages, job, held, snapshot.outcome)
        self.query_one("#cancel", Button).disabled = not _is_busy(job)
        self.refresh_bindings()
        if snapshot.data != self._data:
            self._data = snapshot.data
            self._fresh.ask()

    @work(group="quantize-load", exclusive=True, exit_on_error=False)
    async def _load(self) -> None:
        knobs = await self.ask(Knobs(table="quantization"))
        if knobs is not None:
            self.query_one(KnobList).show(knobs.knobs)
        sets = await self.ask(Sets())
        if sets is not None:
            newest = sets.sets[0] if sets.sets else None
            said = (
                f"set: {newest.name}, {counted(newest.size, 'frame')}, {newest.strategy}, locked {moment(newest.at)}"
                if newest
                else "No set is locked yet: G selects one, or lock the draft on the Set screen (3, L)."
            )
            self.query_one("#quantize-set", Sentences).say([(said, "plain" if newest else "warn")])
        layers = await self.ask(Sensitivity())
        if layers is not None:
            self.query_one(LayerTable).show_layers(layers)

    def _follow_log(self) -> None:
        job = _job(self.snapshot) if self.snapshot else None
        if job is not None and self.is_current and (_is_busy(job) or job.name != self._logged):
            self._load_log(job)

    @work(group="quantize-log", exclusive=True, exit_on_error=False)
    async def _load_log(self, job: Job) -> None:
        tail = self.query_one(LogTail)
        if job.name != self._logged:
            tail.clear()
            self._next = -1
        lines = await self.ask(Log(job=job.name, offset=self._next))
        if lines is not None:
            self._logged, self._next = job.name, lines.next
            tail.add(lines.lines)

    @on(KnobList.Tried)
    @work(group="quantize-turn", exit_on_error=False)
    async def _turn(self, event: KnobList.Tried) -> None:
        """Options turn at once: nothing runs before Start."""
        if await self.do(Turn(key=event.knob.key, value=event.value)) is None:
            event.knobs.forget()
        self._load()

    @on(RowList.Highlighted, "#quantize-layers")
    def _explain_layer(self, event: RowList.Highlighted) -> None:
        layer: Layer | None = event.rows.current
        self.query_one("#quantize-layer", Sentences).say([(layer.said, "plain")] if layer else [])

    @on(RowList.Chosen, "#quantize-layers")
    @work(group="quantize-turn", exit_on_error=False)
    async def _leave_in_float(self, event: RowList.Chosen) -> None:
        """The layer under the cursor goes into `float_layers`, or out of it."""
        layer: Layer = event.rows.rows[event.index]
        knob = next((one for one in self.query_one(KnobList).knobs if one.key == _FLOAT_LAYERS), None)
        if knob is None:
            return
        names = [name for name in parsed(knob.value) or [] if name != layer.name]
        if len(names) == len(parsed(knob.value) or []):
            names.append(layer.name)
        done = await self.do(Turn(key=_FLOAT_LAYERS, value=json.dumps(names)))
        if done is not None:
            self.workbench.tell(done.said)
        self._load()

    @on(Button.Pressed, "#start")
    def _start(self) -> None:
        self.action_start(False)

    @on(Button.Pressed, "#start-all")
    def _start_all(self) -> None:
        self.action_start(True)

    @on(Button.Pressed, "#cancel")
    def _cancel(self) -> None:
        self.action_cancel()

    def action_start(self, with_selection: bool) -> None:
        """Queues the job and shows how it goes."""
        self.send(Start(stages=ALL_STAGES if with_selection else STAGES), after=lambda _: self._show_progress())

    def action_diagnose(self) -> None:
        """Fills the table of layers, of the newest set and these options."""
        self.send(Task(kind="diagnose"))

    def _show_progress(self) -> None:
        panes = self.query_one(Panes)
        if panes.has_class("-one"):
            panes.show(1)

    @work(group="quantize-dialog", exclusive=True, exit_on_error=False)
    async def action_cancel(self) -> None:
        from calibtui.tui.screens.confirm import ConfirmScreen

        job = _job(self.snapshot) if self.snapshot else None
        if job is None or not _is_busy(job):
            return
        hint = "What is calibrated so far is kept: starting it again goes on from there."
        if await self.app.push_screen_wait(ConfirmScreen(f"Cancel “{job.title}”?", hint)):
            self.send(Cancel(job=job.name))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Cancel is offered while there is something to cancel."""
        if action == "cancel":
            return _is_busy(_job(self.snapshot) if self.snapshot else None)
        return True


def _is_busy(job: Job | None) -> bool:
    return job is not None and job.state in _BUSY


def _job(snapshot: Snapshot) -> Job | None:
    """The job to show: the one that runs, else the next one that quantizes, else the newest that did."""
    mine = [job for job in snapshot.jobs if set(job.stages) & set(STAGES) or job.state == "running"]
    for state in ("running", "paused", "queued"):
        for job in mine:
            if job.state == state:
                return job
    return max(mine, key=lambda job: job.ended_at or job.queued_at, default=None)
