"""What an evaluation costs besides inference: decoding, preparing, decoding of outputs, matching, the bootstrap."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

from calibtui.core.progress import StopFlag, silent
from calibtui.core.summary import RunSummary
from calibtui.pipeline.context import Context
from calibtui.pipeline.stages import StageRunner
from calibtui.store.store import Store
from calibtui.workspace.load import settings_from

REPOSITORY = Path(__file__).resolve().parent.parent
SHARED = Path(os.environ.get("CALIBTUI_SHARED", REPOSITORY.parent / "shared" / "data"))
TARGET = 0.15


def run(quick: bool = False) -> dict[str, Any]:
    """The share of the evaluation stage's wall time that no model is inferring in, a pair; target ≤ 15 %."""
    pairs = [("sample data", REPOSITORY / "sample_data", "detector.onnx", "pool.csv")]
    if (SHARED / "coco128").is_dir() and not quick:
        pairs += [
            ("yolox_nano on coco128", SHARED / "coco128", "yolox_nano_416.onnx", "pool"),
            ("nanodet_m on coco128", SHARED / "coco128", "nanodet_m_320.onnx", "pool"),
            ("pcb_tiny on deeppcb", SHARED / "deeppcb", "pcb_tiny_320.onnx", "pool"),
        ]
    return {"name": "evaluation_share", "rows": [_row(*pair) for pair in pairs]}


def _row(name: str, data: Path, model: str, pool: str) -> dict[str, Any]:
    document = {
        "pool": {"images": str(data / pool)},
        "model": {"onnx": str(data / model)},
        "evaluation": {"images": str(data / "eval"), "annotations": str(data / "eval.json")},
        "selection": {"strategy": "random", "size": 16},
        "scoring": {"judge": "detector"},
        "quantization": {"calibrator": "minmax"},
    }
    folder = Path(tempfile.mkdtemp(prefix="calibtui-bench-"))
    try:
        settings = settings_from(document, folder, folder / "calibtui.toml")
        with Store(settings.state) as store:
            context = Context(settings, store, "bench", silent, StopFlag())
            runner = StageRunner(context, RunSummary(str(folder), "bench"))
            runner.check_ready(["evaluate"])
            for stage in ("pool", "select", "quantize"):
                runner.run(stage)
            started = time.perf_counter()
            runner.run("evaluate")
            seconds = time.perf_counter() - started
            inference = sum(row.record["inference_seconds"] for row in store.artifacts.evaluations())
    finally:
        shutil.rmtree(folder)
    share = 1 - inference / seconds
    return {
        "what": f"{name}: everything but inference",
        "value": 100 * share,
        "unit": f"% of {seconds:.1f} s",
        "ratio": share,
        "target": f"≤ {100 * TARGET:.0f} %",
        "ok": share <= TARGET,
    }
