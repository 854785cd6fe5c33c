"""`calibtui status`."""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

from calibtui.core.money import eur
from calibtui.core.text import one_line
from calibtui.pipeline.status import Status, read_status
from calibtui.workspace.load import load_settings

SHOWN = 20


def run(arguments: argparse.Namespace) -> int:
    status = read_status(load_settings(Path(arguments.dir)))
    if arguments.json:
        print(json.dumps(status.as_json()))
        return 0
    for line in _lines(status):
        print(one_line(line))
    return 0


def _lines(status: Status) -> list[str]:
    lines = [
        status.workspace,
        f"  pool      {status.frames:,} frames, {status.duplicates:,} of them duplicates",
        f"  scores    {status.scores:,}, spent {eur(status.spent):.4f} EUR",
        f"  set       {status.calibration_set or 'none yet'}",
        f"  model     {status.model or 'none yet'}",
    ]
    for run in status.runs:
        when = time.strftime("%Y-%m-%d %H:%M", time.localtime(run.started_at))
        lines.append(f"  run       {run.id}  {when}  {run.state:<11} {run.command}")
    if status.unreadable:
        lines.append(f"  not readable: {len(status.unreadable):,}")
        lines += [f"    {uri}: {reason}" for uri, reason in status.unreadable[:SHOWN]]
        if len(status.unreadable) > SHOWN:
            lines.append(f"    and {len(status.unreadable) - SHOWN:,} more; --json has them all")
    return lines
