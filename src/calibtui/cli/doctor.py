"""`calibtui doctor`."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path

from calibtui.cli.engines import engine_of
from calibtui.core.text import printable
from calibtui.engine.client.places import Place
from calibtui.pipeline.doctor import Check, examine

MARKS = {"ok": "✓", "warning": "!", "problem": "✗"}


def run(arguments: argparse.Namespace) -> int:
    """2 where something would keep a run from working, else 0."""
    place = engine_of(Path(arguments.dir))
    checks = [_beside(check, place) for check in examine(Path(arguments.dir))]
    bad = any(check.state == "problem" for check in checks)
    if arguments.json:
        print(json.dumps({"schema": 1, "ok": not bad, "checks": [asdict(check) for check in checks]}))
    else:
        for check in checks:
            said = check.said.replace("\n", "\n" + " " * 23)
            print(printable(f"{MARKS[check.state]} {check.state:<8} {check.what:<10}  {said}"))
    return 2 if bad else 0


def _beside(check: Check, place: Place | None) -> Check:
    """That the engine holds the store is as it should be."""
    if place is None or (check.what, check.state) != ("store", "problem"):
        return check
    return Check("ok", "store", f"held by the workspace's engine, process {place.pid}: `calibtui status` asks it")
