"""The accuracy of INT8 on real pairs: onnxruntime's own quantizer beside a search by calibtui.

All models are measured on the same report frames by the same code, and made from the same calibration frames. For
onnxruntime: `quantize_static` on the prepared model, per channel, with its Q/DQ defaults; "best" is the best of its
calibrators, picked with hindsight on the very frames that are reported.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, QuantFormat, quantize_static

from calibtui.cli.main import main
from calibtui.core.errors import ModelError
from calibtui.detector.detector import Detector
from calibtui.evaluation.coco import match, mean_ap
from calibtui.pool.annotations import load_annotations
from calibtui.pool.images import open_rgb
from calibtui.quantization.cpu import cpu_features
from calibtui.quantization.prepare import prepare_model
from calibtui.workspace.settings import ModelSettings

ROOT = Path(__file__).resolve().parent.parent
SHARED = Path(os.environ.get("CALIBTUI_SHARED", ROOT.parent / "shared" / "data"))
PAIRS = {
    "pcb_tiny on deeppcb": ("deeppcb", "pcb_tiny_320"),
    "nanodet_m on coco128": ("coco128", "nanodet_m_320"),
    "yolox_nano on coco128": ("coco128", "yolox_nano_416"),
}
LIMIT = 0.6
LEAST_INT8 = 0.9
MOST_EVALUATIONS = 40
METHODS = {
    "minmax": CalibrationMethod.MinMax,
    "percentile": CalibrationMethod.Percentile,
    "entropy": CalibrationMethod.Entropy,
}
DOCUMENT = """\
[pool]
images = "{data}/pool"
[model]
onnx = "{data}/{model}.onnx"
[evaluation]
images = "{data}/eval"
annotations = "{data}/eval.json"
[scoring]
judge = "detector"
[selection]
strategy = "random"
size = {size}
[quantization]
max_map_drop = {limit}
"""


def run(quick: bool = False) -> dict[str, Any]:
    """Rows of each pair that is here: points of mAP lost on the report frames."""
    rows: list[dict[str, Any]] = []
    for name, (data, model) in PAIRS.items():
        if (SHARED / data / f"{model}.onnx").is_file():
            with tempfile.TemporaryDirectory(prefix="calibtui-bench-") as folder:
                made = _pair(name, SHARED.resolve() / data, model, Path(folder), 8 if quick else 32)
            for row in made:
                print(row["what"], row["value"], row["unit"], file=sys.stderr, flush=True)
            rows += made
    return {"name": "int8", "rows": rows}


def _pair(name: str, data: Path, model: str, folder: Path, size: int) -> list[dict[str, Any]]:
    (folder / "calibtui.toml").write_text(DOCUMENT.format(data=data, model=model, size=size, limit=LIMIT))
    found = _searched(folder)
    quantization, evaluation = found["quantization"], found["evaluation"]
    split = json.loads(Path(evaluation["split"]["file"]).read_text())
    chosen = json.loads(Path(found["selection"]["manifest"]).read_text())["frames"]
    reference = evaluation["reference"]["map"]
    theirs = _onnxruntimes(data, model, folder, [frame["uri"] for frame in chosen], split["report"])
    lost = {method: 100 * (reference - value) for method, value in theirs.items()}
    best = min(lost, key=lambda method: lost[method])
    drop, share = evaluation["drop"]["points"], quantization["int8_multiply_adds"]
    interval = "[{:.1f}, {:.1f}]".format(*evaluation["drop"]["ci95"])
    taken = quantization["search"]["evaluations"]
    return [
        _row(f"{name}: float", 100 * reference, "points of mAP"),
        _row(f"{name}: onnxruntime's default lost", lost["minmax"], "points"),
        _row(f"{name}: onnxruntime's best ({best}) lost", lost[best], "points"),
        _row(f"{name}: calibtui lost {interval}", drop, "points", f"≤ {LIMIT}", drop <= LIMIT),
        _row(f"{name}: multiply-adds in INT8", 100 * share, "%", f"≥ {100 * LEAST_INT8:.0f}", share >= LEAST_INT8),
        _row(
            f"{name}: the search took", taken, "float evaluations", f"≤ {MOST_EVALUATIONS}", taken <= MOST_EVALUATIONS
        ),
        {**_row(f"{name}: {quantization['search']['recipe']}", 0.0, ""), "value": None},
    ]


def _searched(folder: Path) -> dict[str, Any]:
    """What `calibtui --batch` says; a missed limit is one of the results."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(io.StringIO()):
        main(["--batch", "--json", str(folder)])
    found: dict[str, Any] = json.loads(said.getvalue())
    return found


def _onnxruntimes(data: Path, model: str, folder: Path, frames: list[str], report: list[str]) -> dict[str, float]:
    """mAP by calibrator; one that fails counts as nothing found."""
    detector = Detector.load(ModelSettings(str(data / f"{model}.onnx")), folder)
    prepared = prepare_model(data / f"{model}.onnx", folder / "prepared.onnx")
    tensors = [detector.prepare(open_rgb(folder / uri))[0] for uri in frames]
    maps = {}
    for name, method in METHODS.items():
        target = folder / f"{name}.int8.onnx"
        with contextlib.redirect_stdout(io.StringIO()):
            quantize_static(
                str(prepared.path), str(target), _Reader(detector.input_name, tensors),
                quant_format=QuantFormat.QDQ, per_channel=True, calibrate_method=method,
            )  # fmt: skip
        try:
            opened = detector.with_model(target, precise=not cpu_features().vnni)
        except ModelError:  # onnxruntime does not load every file that its quantizer writes
            maps[name] = 0.0
            continue
        maps[name] = _map(opened, data, folder, report)
    return maps


def _map(detector: Detector, data: Path, folder: Path, report: list[str]) -> float:
    images = {uri: open_rgb(folder / uri) for uri in report}
    sizes = {uri: (image.shape[1], image.shape[0]) for uri, image in images.items()}
    named = detector.classes if detector.layout.named else None
    truths = load_annotations(str(data / "eval.json"), folder, report, sizes, named)
    found = [detector.detect(image) for image in images.values()]
    classes = max(len(truths.classes), len(detector.classes))
    return mean_ap(match(found, [truths.by_uri[uri] for uri in images], classes)).map


def _row(what: str, value: float, unit: str, target: str = "", ok: bool | None = None) -> dict[str, Any]:
    return {"what": what, "value": round(value, 2), "unit": unit, "ratio": None, "target": target, "ok": ok}


class _Reader(CalibrationDataReader):  # type: ignore[misc]
    """Frames in the form that onnxruntime's calibrators read."""

    def __init__(self, name: str, frames: list[Any]) -> None:
        self._feeds = iter([{name: frame} for frame in frames])

    def get_next(self) -> dict[str, Any] | None:
        return next(self._feeds, None)
