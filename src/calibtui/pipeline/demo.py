"""A workspace of the packaged sample data, judged by the practice judge."""

from __future__ import annotations

import shutil
from pathlib import Path

from calibtui.core.errors import ConfigurationError
from calibtui.core.files import unwritable_named, written_whole
from calibtui.workspace.load import FILE_NAME
from calibtui.workspace.packaged import packaged

PROVIDER = "practice"

DOCUMENT = """\
# The demo: an inspection line of the package's own making, scored by the practice judge.
# By hand, start the judge with `calibtui practice-vlm --port 8765` and run `calibtui --batch` here.
[pool]
images = "pool.csv"
stratum = "station"
[model]
onnx = "detector.onnx"
[evaluation]
images = "eval"
annotations = "eval.json"
[scoring]
judge = "vlm"
model = "practice-vlm-1"
[providers.practice]
base_url = "http://127.0.0.1:8765/v1"
[providers.practice.models."practice-vlm-1"]
eur_per_million_input = 2.30       # what a real one might cost; the practice judge itself sends no bill
eur_per_million_output = 9.20
[cache]
canary = false                     # nothing stands between calibtui and a judge on this machine
[selection]
strategy = "hardest-nms"
size = 64
"""


def make_demo(directory: Path) -> Path:
    """The demo's workspace at `directory`, made where it isn't there yet. Raises ConfigurationError for a directory
    that holds
    something else."""
    directory = directory.resolve()
    if (directory / FILE_NAME).is_file():
        return directory
    if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
        raise ConfigurationError(f"{directory} is not empty and no calibtui workspace.", "Name another directory.")
    source = packaged("sample_data")
    with unwritable_named(directory):
        for name in ("pool", "eval"):
            shutil.copytree(source / name, directory / name, dirs_exist_ok=True)
        for name in ("pool.csv", "eval.json", "detector.onnx"):
            shutil.copy2(source / name, directory / name)
    with written_whole(directory / FILE_NAME) as part:
        part.write_text(DOCUMENT, encoding="utf-8")
    return directory
