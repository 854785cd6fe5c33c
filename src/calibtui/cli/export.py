"""`calibtui export`."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from calibtui.cli.engines import engine_of, with_engine
from calibtui.core.text import one_line
from calibtui.engine.client.places import Place
from calibtui.engine.client.socket import SocketEngine
from calibtui.engine.wire.sets import Export
from calibtui.pipeline.export import export, parts
from calibtui.workspace.load import load_settings


def run(arguments: argparse.Namespace) -> int:
    directory, target = Path(arguments.dir), Path(arguments.to).resolve()
    what = parts(arguments.images, [part.strip() for part in arguments.parts.split(",") if part.strip()])
    place = engine_of(directory)
    if place is None:
        names: Sequence[str] = export(load_settings(directory), target, what, arguments.name)
    else:
        names = _by_engine(place, Export(to=str(target), what=what, name=arguments.name))
    if arguments.json:
        print(json.dumps({"schema": 1, "directory": str(target), "files": list(names)}))
        return 0
    frames = sum(name.startswith("frames/") for name in names)
    print(one_line(f"wrote {target}"))
    for name in (name for name in names if not name.startswith("frames/")):
        print(one_line(f"  {name}"))
    if frames:
        print(f"  frames/ ({frames} files)")
    return 0


def _by_engine(place: Place, command: Export) -> list[str]:
    """It has the store open, so it writes the same files."""

    async def work(engine: SocketEngine) -> list[str]:
        done = await engine.do(command)
        return [Path(file).relative_to(command.to).as_posix() for file in done.files]

    return with_engine(place, work)
