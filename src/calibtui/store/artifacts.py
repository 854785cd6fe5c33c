"""Calibration sets, models and evaluations: what stages made, by the digest of what went into it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from calibtui.store.table import Table


@dataclass(frozen=True, slots=True)
class ModelRow:
    """`path` relative to the state directory; `record` is the provenance."""

    key: str
    kind: str
    digest: str
    path: str
    record: dict[str, Any]


@dataclass(frozen=True, slots=True)
class EvaluationRow:
    """`detections` is the path, relative to the state directory, of what the model found."""

    key: str
    model_digest: str
    detections: str
    record: dict[str, Any]


class ArtifactTable(Table):
    """Rows are written after their files are whole, so a row that is there names files that are."""

    def add_set(self, digest: str, strategy: str, size: int, seed: int, manifest: str, run: str) -> None:
        self._rows(
            "INSERT OR REPLACE INTO sets (digest, strategy, size, seed, manifest, run, created_at) "
            "VALUES (?, ?, ?, ?, ?, ?, now())",
            [digest, strategy, size, seed, manifest, run],
        )

    def newest_set(self) -> str | None:
        """The manifest path of the set chosen last."""
        rows = self._rows("SELECT manifest FROM sets ORDER BY created_at DESC LIMIT 1")
        return rows[0][0] if rows else None

    def model(self, key: str) -> ModelRow | None:
        rows = self._rows("SELECT key, kind, digest, path, record FROM models WHERE key = ?", [key])
        if not rows:
            return None
        key, kind, digest, path, record = rows[0]
        return ModelRow(key, kind, digest, path, json.loads(record))

    def newest_model(self, kind: str) -> ModelRow | None:
        """The model of that kind made last."""
        rows = self._rows("SELECT key FROM models WHERE kind = ? ORDER BY created_at DESC LIMIT 1", [kind])
        return self.model(rows[0][0]) if rows else None

    def add_model(self, model: ModelRow, run: str) -> None:
        self._rows(
            "INSERT OR REPLACE INTO models (key, kind, digest, path, record, run, created_at) "
            "VALUES (?, ?, ?, ?, ?, ?, now())",
            [model.key, model.kind, model.digest, model.path, json.dumps(model.record), run],
        )

    def evaluation(self, key: str) -> EvaluationRow | None:
        rows = self._rows("SELECT key, model_digest, detections, record FROM evaluations WHERE key = ?", [key])
        if not rows:
            return None
        key, model_digest, detections, record = rows[0]
        return EvaluationRow(key, model_digest, detections, json.loads(record))

    def evaluations(self) -> list[EvaluationRow]:
        """All of them, the newest first."""
        rows = self._rows("SELECT key, model_digest, detections, record FROM evaluations ORDER BY created_at DESC")
        return [EvaluationRow(key, model, path, json.loads(record)) for key, model, path, record in rows]

    def add_evaluation(self, evaluation: EvaluationRow, run: str) -> None:
        self._rows(
            "INSERT OR REPLACE INTO evaluations (key, model_digest, detections, record, run) VALUES (?, ?, ?, ?, ?)",
            [evaluation.key, evaluation.model_digest, evaluation.detections, json.dumps(evaluation.record), run],
        )
