"""The sets that were made: by name or digest, with what their manifests say."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from calibtui.core.errors import CalibtuiError
from calibtui.engine.queries.registry import QueryContext, answers
from calibtui.engine.queries.remembering import remembered
from calibtui.engine.wire.sets import SetLine, SetLines, Sets
from calibtui.pipeline.named_sets import named_set, shown_name
from calibtui.quantization.provenance import beside
from calibtui.selection.manifest import read_manifest
from calibtui.store.knobs import SetRow


@dataclass(frozen=True, slots=True)
class KnownSet:
    """`manifest`: see selection.manifest."""

    row: SetRow
    manifest: dict[str, Any]

    @property
    def name(self) -> str:
        return shown_name(self.row)

    @property
    def digests(self) -> frozenset[str]:
        return frozenset(frame["digest"] for frame in self.manifest["frames"])


@answers(Sets)
def set_lines(context: QueryContext, query: Sets) -> SetLines:
    used = _models_by_set(context)
    return SetLines(
        sets=tuple(
            SetLine(
                name=shown_name(row),
                digest=row.digest,
                strategy=row.strategy,
                size=row.size,
                seed=row.seed,
                at=row.at,
                by=row.by,
                used_by=used.get(row.digest, 0),
            )
            for row in context.store.set_names.sets()
        )
    )


def known_set(context: QueryContext, name: str) -> KnownSet:
    """The set of that name, of a digest that begins so, or for "" the newest. Raises ConfigurationError."""
    return _opened(context, named_set(context.store, name))


def compared_set(context: QueryContext, name: str, besides: str = "") -> KnownSet | None:
    """The set to compare with: "last" is the newest with another digest than `besides`; None where there is none.
    Raises ConfigurationError for a name that no set has."""
    if name != "last":
        return known_set(context, name) if name else None
    for row in context.store.set_names.sets():
        if row.digest != besides:
            try:
                return _opened(context, row)
            except CalibtuiError:
                # A manifest that was taken away is no reason to show nothing of the draft.
                continue
    return None


def _opened(context: QueryContext, row: SetRow) -> KnownSet:
    path = context.state / row.manifest
    manifest = remembered(context, "manifests", row.digest, lambda: read_manifest(path), most=8)
    return KnownSet(row, manifest)


def _models_by_set(context: QueryContext) -> dict[str, int]:
    """How many INT8 models were made of each set, by its digest."""
    used: dict[str, int] = {}
    for model in context.store.browsing.models("int8"):
        if digest := set_of_model(context, context.state / model.path):
            used[digest] = used.get(digest, 0) + 1
    return used


def set_of_model(context: QueryContext, model: Path) -> str:
    """The digest of the set that an INT8 model was made of, by the record beside it; "" where that is gone."""
    return str(record_of_model(context, model).get("set", ""))


def record_of_model(context: QueryContext, model: Path) -> dict[str, Any]:
    """What the record beside an INT8 model says; empty where that is gone."""
    path = beside(model)
    try:
        about = path.stat()
    except OSError:
        return {}
    return remembered(context, "model records", (path, about.st_mtime_ns), lambda: _read(path), most=64)


def _read(path: Path) -> dict[str, Any]:
    try:
        record = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return record if isinstance(record, dict) else {}
