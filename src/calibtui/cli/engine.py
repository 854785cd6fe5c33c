"""`calibtui engine`: the engine in the foreground, for a service manager that starts and ends it."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from calibtui.engine.server.process import main

NEVER_IDLE = "inf"


def run(arguments: argparse.Namespace) -> int:
    """Until it is told to end. What keeps it from starting is on stderr."""
    told: list[str] = []
    code = main([str(Path(arguments.dir)), NEVER_IDLE], say=told.append)
    for line in told[-1:] if code else ():
        error = json.loads(line)
        print(f"calibtui: {error['message']}\n  {error['hint']}", file=sys.stderr)
    return code
