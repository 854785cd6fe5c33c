"""`calibtui coverage`: is the calibration set good?"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from calibtui.cli.batch import stopped_by_signals
from calibtui.cli.progress import shown_progress
from calibtui.core.progress import StopFlag
from calibtui.workspace.load import load_settings


def run(arguments: argparse.Namespace) -> int:
    from calibtui.pipeline.coverage import measure_coverage

    settings = load_settings(Path(arguments.dir), arguments.set)
    stop = StopFlag()
    with stopped_by_signals(stop), shown_progress() as on_progress:
        document = measure_coverage(settings, on_progress=on_progress, stop=stop).as_json()
    if arguments.json:
        print(json.dumps(document, allow_nan=False))
        return 0
    from rich.console import Console

    from calibtui.report.coverage import coverage_report

    Console(highlight=False).print(coverage_report(document))
    return 0
