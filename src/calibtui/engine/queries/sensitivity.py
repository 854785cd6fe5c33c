"""Where the error of the INT8 model comes from, as the newest diagnosis says."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from calibtui.core.errors import ModelError
from calibtui.core.text import one_line
from calibtui.engine.queries.registry import QueryContext, answers
from calibtui.engine.queries.remembering import remembered
from calibtui.engine.wire.models import Layer, Layers, Sensitivity
from calibtui.quantization.diagnosis.document import load_document

NONE_YET = "There is no diagnosis yet: D, or `calibtui diagnose`, makes one of the newest set and these settings."


@answers(Sensitivity)
def sensitivity(context: QueryContext, query: Sensitivity) -> Layers:
    files = [path for path in (context.state / "diagnosis").glob("*.json") if path.is_file()]
    path = max(files, key=lambda file: file.stat().st_mtime_ns, default=None)
    if path is None:
        return Layers(layers=(), said=NONE_YET)
    models = context.store.browsing.models("int8")
    in_float = tuple(map(str, models[0].record.get("float_layers", ()))) if models else ()
    key = (path, path.stat().st_mtime_ns, in_float)
    return remembered(context, "diagnosis", key, lambda: _read(path, in_float))


def _read(path: Path, in_float: tuple[str, ...]) -> Layers:
    try:
        document = load_document(path)
        return _layers(document, in_float)
    except (ModelError, OSError) as error:
        return Layers(layers=(), said=one_line(str(error)))
    except (KeyError, TypeError, ValueError):
        return Layers(layers=(), said=f"{path.name} holds no diagnosis that can be read: run `calibtui diagnose` anew.")


def _layers(document: Mapping[str, Any], in_float: tuple[str, ...]) -> Layers:
    """Those of greatest effect first, then in the model's order; last those that the newest model left in float and
    the diagnosis knows nothing of."""
    said: dict[str, str] = {}
    for finding in document["findings"]:
        for name in finding["layers"]:
            said.setdefault(str(name), one_line(f"{finding['sentence']} {finding['remedy']}".strip()))
    error = document["error"] or 0.0
    layers = [
        Layer(
            name=str(each["name"]),
            op=str(each["op_type"]),
            in_float=str(each["name"]) in in_float,
            effect=None if each["alone"] is None or not error else float(each["alone"]) / error,
            share=float(each["share"] or 0.0),
            sqnr_db=each["leaving_db"],
            said=said.get(str(each["name"]), ""),
        )
        for each in document["layers"]
    ]
    ordered = sorted(layers, key=lambda layer: -(layer.effect if layer.effect is not None else -1.0))
    known = {layer.name for layer in ordered}
    ordered += [
        Layer(name=name, op="", in_float=True, effect=None, share=0.0, sqnr_db=None, said="left in float")
        for name in in_float
        if name not in known
    ]
    remedy = document["remedy"] or ""
    return Layers(layers=tuple(ordered), said=one_line(f"{document['sentence']} {remedy}".strip()))
