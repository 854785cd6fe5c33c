"""How far a worker is, told to the engine a few times a second, and only when there is news."""

from __future__ import annotations

import contextlib
from threading import Event, Thread
from types import TracebackType

from calibtui.core.progress import Progress
from calibtui.engine.jobs.messages import Channel, Report
from calibtui.engine.jobs.relayed_metrics import collected, value_of
from calibtui.engine.jobs.watched_metrics import WatchedMetrics
from calibtui.store.store import Store

EVERY_S = 0.25


class Reporter:
    """Sends from a thread of its own, while the block lasts and once more at its end. `notes` is the run's list."""

    def __init__(self, channel: Channel, metrics: WatchedMetrics, store: Store, passes: int) -> None:
        self.notes: list[str] = []
        self._channel = channel
        self._metrics = metrics
        self._store = store
        self._passes = passes
        self._newest: dict[str, Progress] = {}
        self._news = Event()
        self._ended = Event()
        self._total = 0
        self._thread = Thread(target=self._reporting, name="report", daemon=True)

    def progress(self, progress: Progress) -> None:
        """The run's on_progress."""
        if progress.stage == "score" and not self._total:
            counts = self._store.frames.counts("pool")
            self._total = (counts.frames - counts.duplicates) * self._passes
        # The newest stage is last.
        self._newest.pop(progress.stage, None)
        self._newest[progress.stage] = progress
        self._news.set()

    def __enter__(self) -> Reporter:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._news.set()
        self._thread.join()
        self._send()

    def _reporting(self) -> None:
        while not self._ended.wait(EVERY_S):
            self._news.wait()
            self._news.clear()
            self._send()

    def _send(self) -> None:
        with contextlib.suppress(OSError):
            self._channel.send(self._report())

    def _report(self) -> Report:
        families = collected(self._metrics)
        tried = sum(
            value_of(families, name) for name in ("calibtui_frames_scored_total", "calibtui_frames_failed_total")
        )
        remaining = max(0, self._total - round(tried + value_of(families, "calibtui_cache_hits_total")))
        return Report(
            progress=tuple(self._newest.copy().values()),
            families=families,
            total=self._total,
            forecast=self._metrics.watched_calls.forecast(remaining) if tried else None,
            latency_ms_p50=self._metrics.watched_calls.latency_ms_p50(),
            budgets=self._metrics.watched_budgets.lines,
            held=self._metrics.watched_budgets.held,
            notes=tuple(self.notes),
        )
