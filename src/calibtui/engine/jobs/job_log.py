"""A text file a job: what it said while it ran, for people."""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path

from calibtui.core.progress import Progress
from calibtui.core.text import one_line
from calibtui.engine.jobs.messages import Report
from calibtui.engine.jobs.settings_now import SettingsNow
from calibtui.engine.queries.registry import job_log
from calibtui.gateway.secrets import Redactor
from calibtui.pipeline.observation import named_secrets

TELL_EVERY_S = 5.0
KEPT_FILES = 100


class JobLog:
    """A line begins with its second in UTC, "2026-11-22T14:03:21Z": who reads along may be in another time zone than
    the engine. One that can't be written is dropped: everything that counts is in the store."""

    def __init__(self, settings: SettingsNow) -> None:
        self._settings = settings
        self._notes: dict[str, int] = {}
        self._told: dict[str, tuple[str, bool, float]] = {}

    def write(self, job: str, text: str) -> None:
        settings, _ = self._settings.read()
        path = job_log(settings.state, job)
        clean = Redactor(tuple(named_secrets(settings, os.environ)))(text)
        line = f"{time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())} {one_line(clean)}\n"
        with contextlib.suppress(OSError):
            path.parent.mkdir(exist_ok=True)
            if not path.exists():
                self._make_room(path.parent)
            with path.open("a", encoding="utf-8") as file:
                file.write(line)

    def report(self, job: str, report: Report) -> None:
        """New notes, and now and then how far the job is."""
        known = self._notes.get(job, 0)
        for note in report.notes[known:]:
            self.write(job, note)
        self._notes[job] = len(report.notes)
        if report.progress:
            self._progress(job, report.progress[-1])

    def _progress(self, job: str, progress: Progress) -> None:
        ended = progress.total > 0 and progress.done >= progress.total
        stage, over, at = self._told.get(job, ("", False, 0.0))
        now = time.monotonic()
        if (progress.stage, ended) == (stage, over) and (ended or now - at < TELL_EVERY_S):
            return
        self._told[job] = (progress.stage, ended, now)
        count = f" {progress.done:,}/{progress.total:,}" if progress.total else ""
        self.write(job, f"{progress.stage}:{count} {progress.note}".rstrip())

    def _make_room(self, folder: Path) -> None:
        """The oldest files go when there are too many."""
        files = sorted(folder.glob("*.log"), key=lambda path: path.stat().st_mtime, reverse=True)
        for path in files[KEPT_FILES - 1 :]:
            path.unlink(missing_ok=True)
