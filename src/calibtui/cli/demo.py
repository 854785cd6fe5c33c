"""`calibtui demo`: the sample data's workspace, with a practice judge of its own for as long as it runs."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from calibtui.cli.arguments import STAGES
from calibtui.cli.batch import run_workspace
from calibtui.pipeline.demo import PROVIDER, make_demo
from calibtui.practice.process import practice_server
from calibtui.workspace.load import load_settings, with_provider_url


def run(arguments: argparse.Namespace) -> int:
    directory = make_demo(Path(arguments.dir))
    if not arguments.batch:
        if sys.stdin.isatty() and sys.stdout.isatty():
            from calibtui.cli.launch import open_workbench

            return open_workbench(directory)
        print(f"The demo's workspace is {directory}.\nRun it: calibtui demo {arguments.dir} --batch")
        return 0
    print(
        "The practice judge measures blur, contrast and structure on this machine: no vision-language model is asked, "
        "and the EUR shown are what one might have cost.",
        file=sys.stderr,
    )
    settings = load_settings(directory, arguments.set)
    with practice_server() as url:
        return run_workspace(with_provider_url(settings, PROVIDER, url), STAGES, arguments)
