"""Measures the detector in float and after INT8 quantization with careless and careful calibration sets.

    python sample_data/make/measure.py

Needs onnxruntime, pillow and pycocotools. Uses ONNX Runtime's own static quantizer (QDQ, uint8 activations, int8
weights per channel, convolutions only) and nothing of the product, so its figures are an independent reference.
"""

from __future__ import annotations

import contextlib
import csv
import random
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from judge import HERE, Accuracy, accuracy, tensor_of
from numpy.typing import NDArray
from onnxruntime.quantization import CalibrationMethod, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.calibrate import CalibrationDataReader

MODEL = HERE / "detector.onnx"


@dataclass(frozen=True, slots=True)
class Setting:
    """One way to quantize: the calibration frames, how ranges are read from them (`percentile` None: minmax), which
    operators (None: all), and which nodes stay in float."""

    name: str
    frames: list[Path]
    percentile: float | None = None
    operators: tuple[str, ...] | None = ("Conv",)
    in_float: tuple[str, ...] = ()


class Frames(CalibrationDataReader):
    """Feeds files to the calibrator, one a step."""

    def __init__(self, paths: Iterable[Path]) -> None:
        self._paths = iter(paths)

    def get_next(self) -> dict[str, NDArray[np.float32]] | None:
        path = next(self._paths, None)
        return None if path is None else {"images": tensor_of(path)}


def quantized(setting: Setting, target: Path) -> None:
    """Writes the INT8 model of `setting`."""
    method = CalibrationMethod.MinMax if setting.percentile is None else CalibrationMethod.Percentile
    extra = {} if setting.percentile is None else {"CalibPercentile": setting.percentile}
    quantize_static(
        MODEL,
        target,
        Frames(setting.frames),
        quant_format=QuantFormat.QDQ,
        op_types_to_quantize=None if setting.operators is None else list(setting.operators),
        nodes_to_exclude=list(setting.in_float),
        per_channel=True,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        calibrate_method=method,
        extra_options=extra,
    )


def settings() -> list[Setting]:
    """What is compared; `listing` is the pool in the order of a directory listing."""
    with (HERE / "pool.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    listing = sorted(HERE / row["path"] for row in rows)
    stations = sorted({row["station"] for row in rows})
    dealt = [random.Random(0).sample([HERE / r["path"] for r in rows if r["station"] == s], 26) for s in stations]
    balanced = [path for deal in zip(*dealt, strict=True) for path in deal][:128]
    chosen = [Setting("first 16 of the listing, minmax", listing[:16])]
    for count in (8, 128):
        chosen += [
            Setting(f"random {count}, seed {s}, minmax", random.Random(s).sample(listing, count)) for s in (0, 1, 2)
        ]
    for percentile in (None, 99.9, 99.999):
        method = "minmax" if percentile is None else f"percentile {percentile}"
        chosen.append(Setting(f"128 balanced by station, {method}", balanced, percentile))
    name = "128 balanced by station, minmax"
    chosen.append(Setting(f"{name}, side expectation in float", balanced, in_float=("/expectation/conv/Conv",)))
    chosen.append(Setting(f"{name}, every operator", balanced, operators=None))
    return chosen


def row(name: str, measured: Accuracy) -> str:
    """A line of the table, in points."""
    values = (measured.average, measured.half, *measured.per_class.values(), *measured.per_group.values())
    return f"| {name} | " + " | ".join(f"{100 * v:.1f}" for v in values) + " |"


def main() -> None:
    plain = accuracy(MODEL)
    columns = ["model", "mAP50–95", "mAP50", *plain.per_class, *plain.per_group]
    print("| " + " | ".join(columns) + " |\n" + "|---" * len(columns) + "|")
    print(row("float", plain), flush=True)
    with tempfile.TemporaryDirectory() as scratch:
        target = Path(scratch) / "int8.onnx"
        for setting in settings():
            with contextlib.redirect_stdout(sys.stderr):  # the calibrator prints its progress among the figures
                quantized(setting, target)
            print(row(setting.name, accuracy(target)), flush=True)


if __name__ == "__main__":
    main()
