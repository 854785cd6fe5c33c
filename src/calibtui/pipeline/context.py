"""What every stage is given: settings, the open store, who watches, who may stop it."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from calibtui.core.errors import ConfigurationError
from calibtui.core.progress import OnProgress, Progress, StopFlag
from calibtui.gateway.observability.event_log import Log, silent_log
from calibtui.gateway.observability.metrics import Metrics
from calibtui.pipeline.open_ledger import OpenLedger
from calibtui.store.store import Store
from calibtui.workspace.settings import EvaluationSettings, ModelSettings, Settings


@dataclass(frozen=True, slots=True)
class Context:
    """One run in one workspace. `confirmed`: spend what there is, whatever the forecast. `notes` collects the
    sentences that a reader of the figures must know."""

    settings: Settings
    store: Store
    run: str
    on_progress: OnProgress
    stop: StopFlag
    confirmed: bool = False
    notes: list[str] = field(default_factory=list)
    metrics: Metrics = field(default_factory=Metrics)
    log: Log = field(default_factory=silent_log)
    open_ledger: OpenLedger = field(default_factory=OpenLedger)

    @property
    def root(self) -> Path:
        return self.settings.root

    @property
    def state(self) -> Path:
        return self.settings.state

    def tell(self, stage: str, done: int, total: int, note: str = "") -> None:
        progress = Progress(stage, done, total, note)
        self.metrics.run.progress(progress)
        self.on_progress(progress)

    def note(self, sentence: str) -> None:
        if sentence not in self.notes:
            self.notes.append(sentence)

    def model_settings(self) -> ModelSettings:
        """Raises ConfigurationError where calibtui.toml has no [model]."""
        if self.settings.model is None:
            raise _missing(self.settings, "model", 'onnx = "detector.onnx"')
        return self.settings.model

    def evaluation_settings(self) -> EvaluationSettings:
        """Raises ConfigurationError where calibtui.toml has no [evaluation]."""
        if self.settings.evaluation is None:
            raise _missing(self.settings, "evaluation", 'images = "eval" and annotations = "eval.json"')
        return self.settings.evaluation

    def path_of(self, uri: str) -> Path:
        """The file behind a frame's uri."""
        return self.root / uri


def workers() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0))


def _missing(settings: Settings, table: str, example: str) -> ConfigurationError:
    return ConfigurationError(f"{settings.file} has no table [{table}].", f"Write [{table}] with {example}.")
