"""`calibtui init`: a commented calibtui.toml from what lies in the directory."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from calibtui.core.errors import CalibtuiError, ConfigurationError
from calibtui.core.files import written_whole
from calibtui.core.text import one_line
from calibtui.detector.detector import Detector
from calibtui.pipeline.found_files import FoundFiles, look_around
from calibtui.workspace.load import FILE_NAME
from calibtui.workspace.settings import ModelSettings


@dataclass(frozen=True, slots=True)
class Initialised:
    """`file` was written; `lines` say what was found, `missing` what must still be filled in."""

    file: Path
    lines: tuple[str, ...]
    missing: tuple[str, ...]


def initialise(directory: Path, *, force: bool = False) -> Initialised:
    """Writes calibtui.toml into `directory`. Raises ConfigurationError where one is there and `force` is not given,
    or where
    there is no such directory."""
    directory = directory.resolve()
    if not directory.is_dir():
        raise ConfigurationError(f"{directory} is not a directory.", "Make it, and put frames and a model there.")
    file = directory / FILE_NAME
    if file.exists() and not force:
        raise ConfigurationError(f"{file} exists already.", "Edit it, or write over it with --force.")
    found = look_around(directory)
    layout, problem = _layout(directory, found)
    with written_whole(file) as part:
        part.write_text(_document(found, layout, problem), encoding="utf-8")
    return Initialised(file, tuple(_found_lines(found, layout)), tuple(_missing(found, problem)))


def _layout(directory: Path, found: FoundFiles) -> tuple[tuple[str, ...], str]:
    """Why the layout is what it is, or what is wrong with the model."""
    if found.model is None:
        return (), ""
    try:
        return Detector.load(ModelSettings(onnx=found.model), directory).layout.why, ""
    except CalibtuiError as error:
        return (), str(error)


def _found_lines(found: FoundFiles, layout: tuple[str, ...]) -> list[str]:
    lines = [f"pool: {found.pool} ({found.pictures} pictures)"] if found.pool else []
    lines += [f"evaluation: {found.evaluation}"] if found.evaluation else []
    lines += [f"annotations: {found.evaluation_annotations}"] if found.evaluation_annotations else []
    lines += [f"model: {found.model}"] if found.model else []
    return lines + [f"  {sentence}" for sentence in layout]


def _missing(found: FoundFiles, problem: str) -> list[str]:
    lines = [] if found.pool else ["[pool] images: no pictures were found"]
    if found.model is None:
        lines.append("[model] onnx: no .onnx file was found")
    elif problem:
        lines.append(f"[model]: {problem}")
    if found.evaluation is None or found.evaluation_annotations is None:
        lines.append("[evaluation]: annotated frames to measure the mAP on")
    return lines


def _document(found: FoundFiles, layout: tuple[str, ...], problem: str) -> str:
    tables = [
        "# A calibtui workspace. Paths are relative to this file; state goes to .calibtui/ beside it.",
        _pool(found),
        _model(found, layout, problem),
        _evaluation(found),
        _SCORING.format(judge=_OWN_MODEL if found.model else _NO_MODEL),
        _SELECTION,
        _QUANTIZATION,
    ]
    return "\n".join(tables)


def _pool(found: FoundFiles) -> str:
    annotations = (
        f"annotations = {_quoted(found.pool_annotations)}"
        if found.pool_annotations
        else '# annotations = "annotations.json"   # optional: COCO, YOLO or VOC; for strategy "stratified"'
    )
    return f"""
[pool]
# a directory, a glob, a manifest (.csv, .parquet, .txt), or a list of these
images = {_quoted(found.pool or "images")}
{annotations}
"""


def _model(found: FoundFiles, layout: tuple[str, ...], problem: str) -> str:
    if found.model is None:
        return """
# [model]              # the float detector; without it only scoring and selection can run
# onnx = "detector.onnx"
"""
    said = [*layout, *(f"not usable as it is: {line}" for line in problem.splitlines())]
    said += [f"also here: {name}" for name in found.other_models]
    comments = "".join(f"# {one_line(line)}\n" for line in said)
    return f"""
[model]
onnx = {_quoted(found.model)}
{comments}decoder = "auto"       # or a decoder's name, or "package.module:function"
input = "auto"         # or {{ size = [640, 640], resize = "letterbox", channels = "rgb" }}
classes = "auto"       # or a list of names, or a file with one name a line
# score_min = 0.01     # detections below are dropped
# nms_iou = 0.65       # 0 where the model has done its own suppression
# box_order = "auto"   # xyxy or yxyx: which of x and y is first in corners that the model gives
"""


def _evaluation(found: FoundFiles) -> str:
    if found.evaluation is None or found.evaluation_annotations is None:
        return """
# [evaluation]         # annotated frames, apart from the pool, to measure both models on
# images = "eval"
# annotations = "eval.json"
"""
    return f"""
[evaluation]
images = {_quoted(found.evaluation)}
annotations = {_quoted(found.evaluation_annotations)}
"""


_OWN_MODEL = 'judge = "detector"     # your own model, no key and no network; or "vlm": a vision-language model'
_NO_MODEL = 'judge = "vlm"          # a vision-language model; or "detector": your own model, no key and no network'

_SCORING = """
[scoring]
{judge}
# prompt = "difficulty@1"
# model = "gpt-4o"
# concurrency = 32

# [providers.openai]   # any endpoint that speaks OpenAI's chat completions
# base_url = "https://api.openai.com/v1"
# keys = [{{ env = "OPENAI_API_KEY" }}]
# [providers.openai.models."gpt-4o"]
# eur_per_million_input = 2.30      # a model without a price is an error; free = 0.0 written out
# eur_per_million_output = 9.20
"""

_SELECTION = """
[selection]
strategy = "hardest"   # random | stratified | hardest | hardest-nms | weighted-k-center | k-center | range-cover
size = 512
seed = 0
# pin = []             # digests or paths that are always in
# exclude = []         # and those that never are
"""

_QUANTIZATION = """
[quantization]
target = "ort-cpu"     # ort-cpu | ort-cuda | tensorrt | openvino
calibrator = "percentile"   # minmax | percentile | entropy | mse
# max_map_drop = 0.6   # percentage points; a larger drop ends with exit code 5
"""


def _quoted(text: str) -> str:
    """A TOML basic string: JSON's escapes are a subset of TOML's."""
    return json.dumps(text, ensure_ascii=False)
