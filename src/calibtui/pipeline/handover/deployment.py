"""deployment.json: everything that a program needs to feed the INT8 model, read it and run it, as plain values."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from calibtui.core.digests import file_digest
from calibtui.core.errors import ConfigurationError
from calibtui.detector.detector import Detector
from calibtui.pipeline.context import workers
from calibtui.pipeline.handover.box_reading import reading_of
from calibtui.pipeline.handover.figures import measured
from calibtui.pipeline.reader_export import reader_settings

SCHEMA = 1
FORMULA = "(pixel × scale − mean) / std, channel by channel in the order of `channels`, pixel in 0…255"
PLACING = (
    "r = min(width / frame width, height / frame height); the frame is resized to (round(frame width × r), round(frame "
    "height × r)), at least 1 px, and laid at (left, top): half of what is left over, rounded down, for `center`, (0, "
    "0) for `top-left`; the rest is `pad`."
)
STRETCHING = "The frame is resized to width × height, whatever its shape."
RESAMPLING = (
    "Bilinear with averaging over all pixels when it shrinks (Pillow's BILINEAR with reducing_gap 3, OpenCV's nearest "
    "is INTER_AREA when it shrinks, else INTER_LINEAR)."
)


def deployment(detector: Detector, model: Path, record: Mapping[str, Any]) -> dict[str, Any]:
    """Of the INT8 file `model` with its provenance `record`; `detector` is the float model that it was made of.

    Measures both models. Raises ConfigurationError where `detector` is another file, ModelError.
    """
    if record.get("float_model") not in (None, file_digest(detector.path)):
        raise ConfigurationError(
            f"{detector.path} is no longer the file that {model.name} was made of.",
            "Put the old file back, or run the stage quantize again.",
        )
    fed = detector.feed(np.zeros((1, 3, *detector.input_size[::-1]), np.float32))
    return {
        "schema": SCHEMA,
        "model": _model(detector, model, record),
        "input": _input(detector),
        "outputs": _outputs(detector),
        "classes": list(detector.classes),
        "quantization": _quantization(record),
        "runtime": _runtime(record),
        "onnx_checker": checked(model),
        "measured": measured({"float": detector.path, "int8": model}, fed, workers()),
        "versions": record.get("versions", {}),
    }


def checked(model: Path) -> str:
    """ "clean", or what onnx.checker says against the file, shape inference and all."""
    try:
        onnx.checker.check_model(str(model), full_check=True)
    except Exception as error:  # protobuf's, the checker's and shape inference's share no base
        return str(error).strip().splitlines()[0][:300]
    return "clean"


def _model(detector: Detector, model: Path, record: Mapping[str, Any]) -> dict[str, Any]:
    head = onnx.load(str(model), load_external_data=False)
    return {
        "file": model.name,
        "sha256": file_digest(model),
        "float_sha256": record.get("float_model", ""),
        "float_name": detector.path.name,
        "ir_version": head.ir_version,
        "opsets": {entry.domain or "ai.onnx": entry.version for entry in head.opset_import},
    }


def _input(detector: Detector) -> dict[str, Any]:
    """The reader's own settings, so that it and this file never differ."""
    settings = reader_settings(detector, ())
    del settings["frames"]
    settings["layout"] = "NHWC" if settings.pop("channels_last") else "NCHW"
    settings["extras"] = {name: {"dtype": kind, "value": value} for name, (kind, value) in settings["extras"].items()}
    settings = {key: list(value) if isinstance(value, tuple) else value for key, value in settings.items()}
    placing = STRETCHING if settings["resize"] == "stretch" else PLACING
    return {**settings, "formula": FORMULA, "placing": placing, "resampling": RESAMPLING}


def _outputs(detector: Detector) -> dict[str, Any]:
    layout, settings = detector.layout, detector.settings
    found = [{"name": out.name, "type": out.type, "shape": list(out.shape)} for out in detector.session.get_outputs()]
    return {
        "tensors": found,
        "decoder": layout.decoder,
        "reading": reading_of(layout),
        "seen": list(layout.why),
        "suppression": "in the model" if layout.suppressed else "class by class",
        "score_min": settings.score_min,
        "nms_iou": 0.0 if layout.suppressed else settings.nms_iou,
        "max_detections": settings.max_detections,
        "to_frame": "frame px = (input px − (left, top)) / (resized size / frame size), then clipped to the frame",
    }


def _quantization(record: Mapping[str, Any]) -> dict[str, Any]:
    scheme = record.get("scheme", {})
    names = ("activations", "weights", "per_channel", "reduce_range", "symmetric_activations", "op_types")
    return {
        "target": scheme.get("target", ""),
        **({"cpu": scheme["cpu"]} if scheme.get("cpu") else {}),
        "calibrator": record.get("calibrator", ""),
        "calibration_frames": record.get("frames", 0),
        "calibration_set": record.get("set", ""),
        **{name: scheme[name] for name in names if name in scheme},
        "float_layers": record.get("float_layers", {}),
    }


def _runtime(record: Mapping[str, Any]) -> dict[str, Any]:
    """How the model is run, and whether what was judged ran so."""
    scheme = record.get("scheme", {})
    target = scheme.get("target", "")
    simulated = bool(scheme.get("simulate"))
    known: dict[str, dict[str, Any]] = {
        "ort-cpu": {"engine": "onnxruntime", "providers": ["CPUExecutionProvider"]},
        "ort-cuda": {"engine": "onnxruntime", "providers": ["CUDAExecutionProvider", "CPUExecutionProvider"]},
        "tensorrt": {"engine": "TensorRT", "explicit_quantization": True},
        "openvino": {"engine": "OpenVINO", "configuration": "openvino.json"},
    }
    return {
        **known.get(target, {}),
        "session_config": dict(scheme.get("session_config", ())),
        "judged_by": "simulation in float of the Q/DQ graph" if simulated else "the integer kernels of this machine",
        "latency_is_of_the_target": not simulated,
    }
