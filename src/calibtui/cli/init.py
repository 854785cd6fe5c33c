"""`calibtui init`."""

from __future__ import annotations

import argparse
from pathlib import Path

from calibtui.cli.outcome import printable
from calibtui.pipeline.init_workspace import initialise


def run(arguments: argparse.Namespace) -> int:
    done = initialise(Path(arguments.dir), force=arguments.force)
    print(printable(f"wrote {done.file}"))
    for line in done.lines:
        print(printable(f"  {line}"))
    for line in done.missing:
        print(printable(f"  still missing: {line}"))
    print("Look it over, then run: calibtui --batch")
    return 0
