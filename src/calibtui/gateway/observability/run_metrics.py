"""Metrics of the run: which build, which stage, how far, and when it last got on."""

from __future__ import annotations

import platform
import time
from functools import partial

from prometheus_client import CollectorRegistry, Counter, Gauge

from calibtui import __version__
from calibtui.core.progress import Progress

RUNNING = "running"
STATES = (RUNNING, "done", "failed", "interrupted")
SCORING = "score"


class RunMetrics:
    """Of one run at a time, the newest; `state` is one of STATES as the store writes it."""

    def __init__(self, registry: CollectorRegistry) -> None:
        gauge = partial(Gauge, registry=registry)
        build = gauge("calibtui_build_info", "1, labelled with what runs here.", ("version", "python"))
        build.labels(__version__, platform.python_version()).set(1)
        self._runs = Counter("calibtui_runs", "Runs that ended, by how.", ("state",), registry=registry)
        self._run = gauge("calibtui_run_state", "1 for the state that the newest run is in.", ("state",))
        self._stage = gauge(
            "calibtui_stage_state", "1 for the state that a stage of the newest run is in.", ("stage", "state")
        )
        self._ratio = gauge("calibtui_stage_progress_ratio", "Share of a stage's work that is done.", ("stage",))
        self._remaining = gauge("calibtui_frames_remaining", "Frames that scoring has yet to try.")
        self._started = gauge("calibtui_run_started_timestamp_seconds", "When the newest run began, Unix time.")
        self._progressed = gauge(
            "calibtui_last_progress_timestamp_seconds", "When the newest run last got a unit of work done, Unix time."
        )
        self._last: tuple[str, int, int] | None = None
        for state in STATES:
            self._run.labels(state)
            if state != RUNNING:
                self._runs.labels(state)

    def began(self) -> None:
        self._stage.clear()
        self._ratio.clear()
        self._remaining.set(0)
        self._started.set(time.time())
        self._got_on()
        self._set_run(RUNNING)

    def ended(self, state: str) -> None:
        self._set_run(state)
        self._runs.labels(state).inc()

    def stage_began(self, stage: str) -> None:
        self._got_on()
        self._set_stage(stage, RUNNING)

    def stage_ended(self, stage: str, state: str) -> None:
        self._got_on()
        if state == "done":
            self._ratio.labels(stage).set(1.0)
        self._set_stage(stage, state)

    def progress(self, progress: Progress) -> None:
        """Telling the same again is no progress."""
        now = (progress.stage, progress.done, progress.total)
        if now != self._last:
            self._last = now
            self._got_on()
        if progress.total > 0:
            self._ratio.labels(progress.stage).set(min(1.0, progress.done / progress.total))
            if progress.stage == SCORING:
                self._remaining.set(max(0, progress.total - progress.done))

    def _got_on(self) -> None:
        self._progressed.set(time.time())

    def _set_run(self, current: str) -> None:
        for state in STATES:
            self._run.labels(state).set(state == current)

    def _set_stage(self, stage: str, current: str) -> None:
        for state in STATES:
            self._stage.labels(stage, state).set(state == current)
