"""Writes what goes with an INT8 model into the directory of a hand-over."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from calibtui.detector.detector import Detector
from calibtui.pipeline.handover.deployment import deployment
from calibtui.pipeline.handover.openvino import FILE_NAME as OPENVINO
from calibtui.pipeline.handover.openvino import openvino_configuration
from calibtui.pipeline.handover.readme import readme

DEPLOYMENT, README = "deployment.json", "README.md"


def write_handover(folder: Path, detector: Detector, model: Path, record: Mapping[str, Any], *, openvino: bool) -> None:
    """deployment.json, README.md and, where asked for, openvino.json beside what `folder` holds already.

    Raises what `deployment` raises.
    """
    described = deployment(detector, model, record)
    _write_json(folder / DEPLOYMENT, described)
    if openvino:
        _write_json(folder / OPENVINO, openvino_configuration(described))
    files = sorted(path.name for path in folder.iterdir())
    (folder / README).write_text(readme(described, files), encoding="utf-8")


def _write_json(path: Path, document: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
