"""The store of a workspace: one object per table family over one connection."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType

from calibtui.store.artifacts import ArtifactTable
from calibtui.store.batches import BatchTable
from calibtui.store.browsing import BrowsingTable
from calibtui.store.frames import FrameTable
from calibtui.store.jobs import JobTable
from calibtui.store.journal import Journal
from calibtui.store.keys import KeyTable
from calibtui.store.knobs import KnobTable, SetNameTable
from calibtui.store.ledger import LedgerTable
from calibtui.store.marks import MarkTable
from calibtui.store.opening import connect
from calibtui.store.runs import RunTable
from calibtui.store.scores import ScoreTable
from calibtui.store.similar import SimilarTable
from calibtui.store.spending import SpendingTable
from calibtui.store.trials import TrialTable


class Store:
    """Holds the workspace's DuckDB file for writing while it is open. Its tables may be used from several threads."""

    def __init__(self, state: Path) -> None:
        self._connection = Journal(connect(state))
        self.frames = FrameTable(self._connection)
        self.scores = ScoreTable(self._connection)
        self.similar = SimilarTable(self._connection)
        self.artifacts = ArtifactTable(self._connection)
        self.runs = RunTable(self._connection)
        self.keys = KeyTable(self._connection)
        self.spending = SpendingTable(self._connection)
        self.ledger = LedgerTable(self._connection)
        self.batches = BatchTable(self._connection)
        self.browsing = BrowsingTable(self._connection)
        self.marks = MarkTable(self._connection)
        self.knobs = KnobTable(self._connection)
        self.set_names = SetNameTable(self._connection)
        self.jobs = JobTable(self._connection)
        self.trials = TrialTable(self._connection)

    def close(self) -> None:
        self._connection.close()

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
