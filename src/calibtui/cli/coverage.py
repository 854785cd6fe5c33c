"""`calibtui coverage`: is the calibration set good?"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from calibtui.cli.measured import measured
from calibtui.core.progress import OnProgress, StopFlag
from calibtui.workspace.load import load_settings


def run(arguments: argparse.Namespace) -> int:
    from calibtui.pipeline.coverage import measure_coverage

    settings = load_settings(Path(arguments.dir), arguments.set)

    def alone(on_progress: OnProgress, stop: StopFlag) -> dict[str, Any]:
        return measure_coverage(settings, on_progress=on_progress, stop=stop).as_json()

    document = measured(settings, arguments, {}, dict[str, Any], alone)
    if arguments.json:
        print(json.dumps(document, allow_nan=False))
        return 0
    from rich.console import Console

    from calibtui.report.coverage import coverage_report

    Console(highlight=False).print(coverage_report(document))
    return 0
