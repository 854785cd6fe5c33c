"""openvino.json: preprocessing in the words of OpenVINO's PrePostProcessor, and how to compile a Q/DQ model.

Fields: `model`, the ONNX file; `preprocess.tensor`, what the application gives: `element_type`, `layout`,
`color_format`, `shape` of a frame that is resized and padded already; `preprocess.steps` in their order, each with its
values, `mean` and `scale` as OpenVINO has them, (pixel − mean) / scale; `preprocess.model.layout`; `preprocess.resize`,
what the application does before; `compile.device` and `compile.properties`, for `Core.compile_model`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

FILE_NAME = "openvino.json"
_WHY = {
    "PERFORMANCE_HINT": "one frame at a time; THROUGHPUT for many streams",
    "INFERENCE_PRECISION_HINT": "layers that were left in float stay in float32, as they were judged, on CPUs whose "
    "default is bfloat16; layers with Q/DQ are computed in INT8 all the same",
}


def openvino_configuration(described: Mapping[str, Any]) -> dict[str, Any]:
    """From what deployment.json says."""
    image = described["input"]
    width, height = image["size"]
    return {
        "schema": 1,
        "model": described["model"]["file"],
        "preprocess": {
            "resize": {
                name: image[name] for name in ("size", "resize", "align", "pad", "channels", "placing", "resampling")
            },
            "tensor": {
                "input": image["input"],
                "element_type": "u8",
                "layout": "NHWC",
                "color_format": "RGB",
                "shape": [max(1, image["batch"]), height, width, 3],
            },
            "steps": _steps(image),
            "model": {"layout": image["layout"]},
        },
        "constant_inputs": image["extras"],
        "compile": {
            "device": "CPU",
            "properties": {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"},
            "why": _WHY,
        },
    }


def _steps(image: Mapping[str, Any]) -> list[dict[str, Any]]:
    """(p × scale − mean) / std is (p − mean / scale) / (std / scale); OpenVINO takes values in the order of the
    channels as they are at that step."""
    steps: list[dict[str, Any]] = []
    if image["channels"] == "bgr":
        steps.append({"convert_color": "BGR"})
    if image["dtype"] == "uint8":
        return steps
    steps.append({"convert_element_type": "f32"})
    by = image["scale"]
    if any(image["mean"]):
        steps.append({"mean": [value / by for value in image["mean"]]})
    if any(value != by for value in image["std"]):
        steps.append({"scale": [value / by for value in image["std"]]})
    if image["dtype"] == "float16":
        steps.append({"convert_element_type": "f16"})
    return steps
