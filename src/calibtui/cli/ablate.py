"""`calibtui ablate`: strategies, sizes and calibrators beside random sets, over several seeds."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from calibtui.cli.measured import measured
from calibtui.core.progress import OnProgress, StopFlag
from calibtui.evaluation.ablation import Ablation
from calibtui.pipeline.ablation.ablate import ablate
from calibtui.pipeline.ablation.plan import plan_of_texts
from calibtui.workspace.load import load_settings


def run(arguments: argparse.Namespace) -> int:
    settings = load_settings(Path(arguments.dir), arguments.set)
    options = {name: getattr(arguments, name) for name in ("strategies", "sizes", "calibrators")}
    options["seeds"] = str(arguments.seeds)
    plan = plan_of_texts(settings, **options)

    def alone(on_progress: OnProgress, stop: StopFlag) -> Ablation:
        return ablate(settings, plan, on_progress=on_progress, stop=stop, confirmed=arguments.yes)

    found = measured(settings, arguments, options, Ablation, alone)
    if arguments.json:
        print(json.dumps(found.as_json(), allow_nan=False))
        return 0
    from rich.console import Console

    from calibtui.report.ablation import ablation_table

    Console(highlight=False).print(ablation_table(found))
    return 0
