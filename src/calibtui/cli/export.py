"""`calibtui export`."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from calibtui.core.text import one_line
from calibtui.pipeline.export import export
from calibtui.workspace.load import load_settings


def run(arguments: argparse.Namespace) -> int:
    target = Path(arguments.to)
    more = [part for part in arguments.parts.split(",") if part]
    names = export(load_settings(Path(arguments.dir)), target, arguments.images, more, arguments.name)
    if arguments.json:
        print(json.dumps({"schema": 1, "directory": str(target.resolve()), "files": names}))
    else:
        frames = sum(name.startswith("frames/") for name in names)
        print(one_line(f"wrote {target.resolve()}"))
        for name in (name for name in names if not name.startswith("frames/")):
            print(one_line(f"  {name}"))
        if frames:
            print(f"  frames/ ({frames} files)")
    return 0
