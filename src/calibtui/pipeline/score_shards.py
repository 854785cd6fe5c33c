"""Score shards of a run, written while it goes on: what was paid for is also kept outside the store."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from calibtui.core.scores import Score
from calibtui.scoring.shards import write_shard

ROWS = 1000


class RunShards:
    """Writes `folder`/part-0000.parquet and so on, ROWS scores each, and what the cache gave as cached-0000.parquet
    and so on."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._waiting: list[Score] = []
        self.paths: list[Path] = []

    def add(self, scores: Sequence[Score]) -> None:
        """Takes scores that are committed already; writes a shard whenever one is full."""
        self._waiting += scores
        while len(self._waiting) >= ROWS:
            self._write(self._waiting[:ROWS])
            del self._waiting[:ROWS]

    def finish(self, exact: pa.Table, similar: pa.Table) -> None:
        """Writes the last, shorter shard, then what cost nothing, in the columns of ScoreTable.cached: the scores that
        the exact cache had, and those that were taken over from similar frames."""
        if self._waiting:
            self._write(self._waiting)
            self._waiting = []
        self._write_hits(exact, "exact")
        self._write_hits(similar, "similar")

    def _write_hits(self, hits: pa.Table, kind: str) -> None:
        if hits.num_rows:
            path = self._free("cached")
            write_shard(_as_hits(hits, kind), path)
            self.paths.append(path)

    def _write(self, scores: Sequence[Score]) -> None:
        path = self._free("part")
        write_shard(list(scores), path)
        self.paths.append(path)

    def _free(self, kind: str) -> Path:
        """The next name: the stages of a cascade write into one run's folder."""
        return self._folder / f"{kind}-{len(list(self._folder.glob(f'{kind}-*.parquet'))):04}.parquet"


def _as_hits(hits: pa.Table, kind: str) -> pa.Table:
    rows = hits.num_rows
    micros = pc.round(pc.multiply(hits["scored_at"], 1e6)).cast(pa.int64())
    return (
        hits.drop_columns(["place", "run", "cost_micro_eur", "scored_at"])
        .append_column("cost_micro_eur", pa.array(np.zeros(rows, np.int64)))
        .append_column("cached", pa.repeat(kind, rows))
        .append_column("scored_at", micros.cast(pa.timestamp("us", "UTC")))
    )
