"""What a workspace holds, read from its store."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from calibtui.core.money import eur
from calibtui.store.runs import RunRow
from calibtui.store.store import Store
from calibtui.workspace.settings import Settings


@dataclass(frozen=True, slots=True)
class Status:
    """`unreadable`: (uri, reason); `spent` in micro-EUR, all runs together; `runs` newest first."""

    workspace: str
    frames: int
    duplicates: int
    unreadable: tuple[tuple[str, str], ...]
    scores: int
    spent: int
    calibration_set: str | None
    model: str | None
    runs: tuple[RunRow, ...]

    def as_json(self) -> dict[str, Any]:
        rows = asdict(self)
        rows["spent_eur"] = eur(rows.pop("spent"))
        rows["unreadable"] = [{"uri": uri, "reason": reason} for uri, reason in self.unreadable]
        return {"schema": 1, **rows}


def read_status(settings: Settings, runs: int = 5) -> Status:
    """Raises WorkspaceBusyError, which names the process, where a run holds the workspace."""
    with Store(settings.state) as store:
        return status_of(store, settings, runs)


def status_of(store: Store, settings: Settings, runs: int = 5) -> Status:
    """The same of a store that is open already."""
    counts = store.frames.counts("pool")
    model = store.artifacts.newest_model("int8")
    chosen = store.artifacts.newest_set()
    return Status(
        workspace=str(settings.root),
        frames=counts.frames,
        duplicates=counts.duplicates,
        unreadable=tuple(store.frames.unreadable("pool")),
        scores=store.scores.count(),
        spent=store.scores.spent(),
        calibration_set=str(settings.state / chosen) if chosen else None,
        model=str(settings.state / model.path) if model else None,
        runs=tuple(store.runs.newest(runs)),
    )
