"""What calibration costs: CPU time a frame beside plain inference, and memory as the number of frames grows.

Plain inference is the bare library: the prepared float model in a session with the same settings (one thread, no
spinning), on the same frames, a run of the one beside a run of the other. The medians of many such pairs are compared.
"""

from __future__ import annotations

import contextlib
import io
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnxruntime.quantization import CalibrationDataReader
from onnxruntime.quantization.calibrate import CalibrationMethod, create_calibrator

from calibtui.detector.detector import Detector
from calibtui.pool.images import open_rgb
from calibtui.quantization.collector import Calibrator
from calibtui.quantization.cpu import cpu_features
from calibtui.quantization.prepare import PreparedModel, prepare_model
from calibtui.quantization.presets import preset
from calibtui.quantization.sessions import session_of
from calibtui.quantization.tensors import tensors_to_observe
from calibtui.workspace.settings import ModelSettings, QuantizationSettings

ROOT = Path(__file__).resolve().parent.parent
SHARED = Path(os.environ.get("CALIBTUI_SHARED", ROOT.parent / "shared" / "data"))
PAIRS = {
    "sample data": (ROOT / "sample_data" / "detector.onnx", ROOT / "sample_data" / "pool"),
    "yolox_nano": (SHARED / "coco128" / "yolox_nano_416.onnx", SHARED / "coco128" / "pool"),
    "nanodet_m": (SHARED / "coco128" / "nanodet_m_320.onnx", SHARED / "coco128" / "pool"),
    "pcb_tiny": (SHARED / "deeppcb" / "pcb_tiny_320.onnx", SHARED / "deeppcb" / "pool"),
}
MOST = 1.5
GROWTH_MIB = 24.0
Frame = NDArray[np.float32]


def run(quick: bool = False) -> dict[str, Any]:
    """Rows of each pair that is here; `ratio` is to plain inference."""
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(prefix="calibtui-bench-") as folder:
        for name, (onnx, pool) in PAIRS.items():
            if onnx.is_file() and pool.is_dir():
                prepared = prepare_model(onnx, Path(folder) / f"{onnx.stem}.onnx")
                frames = list(_frames(onnx, pool, 4 if quick else 8))
                rows += _pair(name, prepared, frames, 4 if quick else 8, Path(folder))
    return {"name": "calibration", "rows": rows}


def _frames(onnx: Path, pool: Path, count: int) -> Iterator[Frame]:
    detector = Detector.load(ModelSettings(str(onnx)), ROOT)
    files = sorted(path for path in pool.rglob("*") if path.suffix.lower() in (".jpg", ".jpeg", ".png"))
    for path in files[:: max(1, len(files) // count)][:count]:
        yield detector.prepare(open_rgb(path))[0]


def _pair(name: str, prepared: PreparedModel, frames: list[Frame], rounds: int, folder: Path) -> list[dict[str, Any]]:
    scheme = preset("ort-cpu", QuantizationSettings(), cpu_features())
    tensors = tensors_to_observe(prepared, scheme)
    session = session_of(prepared.path)
    ours = {"minmax": Calibrator(prepared, tensors, histograms=False), "histograms": Calibrator(prepared, tensors)}
    spent: dict[str, list[float]] = {"plain": [], "minmax": [], "histograms": []}
    for round_number in range(rounds):
        for number, frame in enumerate(frames):
            spent["plain"].append(_cpu(lambda frame=frame: session.run(None, {prepared.inputs[0]: frame})))
            for way, calibrator in ours.items():
                digest = f"{round_number}.{number}"
                spent[way].append(_cpu(lambda c=calibrator, d=digest, f=frame: c.observe(d, f)))
    per_frame = {way: 1000 * statistics.median(times[len(frames) :]) for way, times in spent.items()}
    plain = per_frame["plain"]
    theirs = _onnxruntimes_own(prepared, frames[:2], folder)
    growth = _growth(prepared, frames[0].shape)
    unit = "CPU ms a frame"
    return [
        _row(f"{name}: plain inference", plain, unit, 1.0),
        _row(f"{name}: minmax on {len(tensors)} tensors", per_frame["minmax"], unit, per_frame["minmax"] / plain),
        _row(
            f"{name}: percentile, entropy, mse",
            per_frame["histograms"],
            unit,
            per_frame["histograms"] / plain,
            f"≤ {MOST}× plain",
            per_frame["histograms"] <= MOST * plain,
        ),
        _row(f"{name}: onnxruntime's percentile, all tensors", theirs, unit, theirs / plain),
        _row(
            f"{name}: resident memory from 8 to 32 frames",
            growth,
            "MiB",
            None,
            f"≤ {GROWTH_MIB:.0f}",
            growth <= GROWTH_MIB,
        ),
    ]


def _row(
    what: str, value: float, unit: str, ratio: float | None, target: str = "", ok: bool | None = None
) -> dict[str, Any]:
    return {
        "what": what,
        "value": round(value, 3),
        "unit": unit,
        "ratio": None if ratio is None else round(ratio, 2),
        "target": target,
        "ok": ok,
    }


def _cpu(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


class _Reader(CalibrationDataReader):  # type: ignore[misc]
    """Frames in the form that onnxruntime's calibrators read."""

    def __init__(self, name: str, frames: list[Frame]) -> None:
        self._feeds = iter([{name: frame} for frame in frames])

    def get_next(self) -> dict[str, Frame] | None:
        return next(self._feeds, None)


def _onnxruntimes_own(prepared: PreparedModel, frames: list[Frame], folder: Path) -> float:
    """CPU ms a frame of onnxruntime's percentile calibrator, as quantize_static runs it."""
    calibrator = create_calibrator(
        str(prepared.path),
        augmented_model_path=str(folder / "augmented.onnx"),
        calibrate_method=CalibrationMethod.Percentile,
    )
    reader = _Reader(prepared.inputs[0], frames)
    with contextlib.redirect_stdout(io.StringIO()):
        return 1000 * _cpu(lambda: (calibrator.collect_data(reader), calibrator.compute_data())) / len(frames)


_MEASURED = """
import sys
import numpy as np
from pathlib import Path
from calibtui.quantization.collector import Calibrator
from calibtui.quantization.cpu import cpu_features
from calibtui.quantization.prepare import prepare_model
from calibtui.quantization.presets import preset
from calibtui.quantization.tensors import tensors_to_observe
from calibtui.workspace.settings import QuantizationSettings
model, frames, shape = Path(sys.argv[1]), int(sys.argv[2]), tuple(int(side) for side in sys.argv[3].split("x"))
prepared = prepare_model(model, model.with_suffix(".again.onnx"))
scheme = preset("ort-cpu", QuantizationSettings(), cpu_features())
calibrator = Calibrator(prepared, tensors_to_observe(prepared, scheme))
random = np.random.default_rng(0)
def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) / 256
seen = []
for number in range(4 * frames):
    calibrator.observe(str(number), random.random(shape, dtype=np.float32))
    seen.append(resident())
print(max(seen) - max(seen[:frames]))
"""


def _growth(prepared: PreparedModel, shape: tuple[int, ...], frames: int = 8) -> float:
    """MiB by which the most resident memory after a frame grows from `frames` to four times as many, in a fresh
    process."""
    sides = "x".join(str(side) for side in shape)
    return float(subprocess.check_output([sys.executable, "-c", _MEASURED, str(prepared.path), str(frames), sides]))


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    from bench.table import print_table

    print_table(run(quick="--quick" in sys.argv))
