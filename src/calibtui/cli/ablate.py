"""`calibtui ablate`: strategies, sizes and calibrators beside random sets, over several seeds."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from calibtui.cli.batch import stopped_by_signals
from calibtui.cli.progress import shown_progress
from calibtui.core.errors import ConfigurationError
from calibtui.core.progress import StopFlag
from calibtui.pipeline.ablation.ablate import ablate
from calibtui.pipeline.ablation.plan import plan_of
from calibtui.workspace.load import load_settings


def run(arguments: argparse.Namespace) -> int:
    settings = load_settings(Path(arguments.dir), arguments.set)
    plan = plan_of(
        settings,
        strategies=_words(arguments.strategies),
        sizes=_sizes(arguments.sizes),
        calibrators=_words(arguments.calibrators),
        seeds=arguments.seeds,
    )
    stop = StopFlag()
    with stopped_by_signals(stop), shown_progress() as on_progress:
        found = ablate(settings, plan, on_progress=on_progress, stop=stop, confirmed=arguments.yes)
    if arguments.json:
        print(json.dumps(found.as_json(), allow_nan=False))
        return 0
    from rich.console import Console

    from calibtui.report.ablation import ablation_table

    Console(highlight=False).print(ablation_table(found))
    return 0


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


def _sizes(text: str) -> list[int]:
    try:
        return [int(word) for word in _words(text)]
    except ValueError as error:
        raise ConfigurationError(
            f"--sizes {text}: not whole numbers.", "Separate them by commas: --sizes 32,128,512."
        ) from error
