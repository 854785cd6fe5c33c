"""`calibtui init`."""

from __future__ import annotations

import argparse
from pathlib import Path

from calibtui.core.text import one_line
from calibtui.pipeline.init_workspace import initialise


def run(arguments: argparse.Namespace) -> int:
    done = initialise(Path(arguments.dir), force=arguments.force)
    print(one_line(f"wrote {done.file}"))
    for line in done.lines:
        print(one_line(f"  {line}"))
    for line in done.missing:
        print(one_line(f"  still missing: {line}"))
    print("Look it over, then run: calibtui --batch")
    return 0
