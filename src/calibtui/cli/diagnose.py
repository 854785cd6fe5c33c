"""`calibtui diagnose`: where the INT8 model's error comes from, and what to do."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from calibtui.cli.measured import measured
from calibtui.core.progress import OnProgress, StopFlag
from calibtui.workspace.load import load_settings


def run(arguments: argparse.Namespace) -> int:
    from calibtui.pipeline.diagnose import diagnose_model

    settings = load_settings(Path(arguments.dir), arguments.set)

    def alone(on_progress: OnProgress, stop: StopFlag) -> dict[str, Any]:
        return diagnose_model(settings, frames=arguments.frames, on_progress=on_progress, stop=stop)

    document = measured(settings, arguments, {"frames": str(arguments.frames)}, dict[str, Any], alone)
    if arguments.json:
        print(json.dumps(document, allow_nan=False))
        return 0
    from rich.console import Console

    from calibtui.report.diagnosis import diagnosis_report

    Console(highlight=False).print(diagnosis_report(document))
    return 0
