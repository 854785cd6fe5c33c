"""README.md of a hand-over: deployment.json in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

TENSORRT = """\
TensorRT 8.6 and later read the Q/DQ pairs of {file} (explicit quantization): parse it with the ONNX parser and build
with INT8 allowed; no calibrator is set. From version 11 on this is the only way, as INT8 calibrators are gone there.
Up to version 10 `calibration.cache`, where it is here, also builds {float_name}, the float model, in INT8 with a
calibrator that only reads a cache; ranges are then symmetric and TensorRT chooses the layers itself, so accuracy was
not
judged for that way."""
OPENVINO = """\
OpenVINO reads {file} as it is and computes in INT8 between its Q/DQ pairs. `openvino.json`, where it is here, has the
preprocessing in the words of `PrePostProcessor` (`preprocess.steps`, one after another; mean and scale are OpenVINO's:
(pixel − mean) / scale) and the properties for `compile_model` (`compile.properties`, each with its reason). Frames are
resized and padded before, as `preprocess.resize` says."""
ONNXRUNTIME = """\
Any onnxruntime loads {file}; nothing of calibtui is needed.{config}"""


def readme(described: Mapping[str, Any], files: Sequence[str]) -> str:
    """`described`: see deployment.json; `files`: names of what lies beside it."""
    sections = [
        ("Files", "\n".join(f"* `{name}`: {_FILES.get(name, _by_ending(name))}" for name in files)),
        ("What goes in", _input(described["input"])),
        ("What comes out", _outputs(described["outputs"], described["classes"])),
        ("How it was quantized", _quantization(described["quantization"])),
        ("Running it", _running(described)),
        ("Size and speed", _measured(described)),
    ]
    body = "\n\n".join(f"## {title}\n\n{text}" for title, text in sections)
    opening = f"The INT8 model of {described['model']['float_name']}, with everything that deploying it takes."
    closing = "`deployment.json` says all of this for programs."
    return f"# {described['model']['file']}\n\n{opening} {closing}\n\n{body}\n"


_FILES = {
    "calibration-set.json": "the frames that the ranges come from, with their digests",
    "report.html": "both models compared on annotated frames",
    "openvino.json": "preprocessing and properties for OpenVINO",
    "calibration.cache": "for TensorRT up to 10",
    "calibration_reader.py": "a calibration data reader for onnxruntime",
    "coco.json": "the calibration set as COCO",
    "deployment.json": "this page for programs",
}


def _by_ending(name: str) -> str:
    if name.endswith(".onnx"):
        return "the INT8 model; its metadata says what it was made of"
    return "what the INT8 model was made of, range by range" if name.endswith(".provenance.json") else "frames"


def _input(image: Mapping[str, Any]) -> str:
    width, height = image["size"]
    placed = (
        "stretched" if image["resize"] == "stretch" else f"letterboxed, {image['align']}, padded with {image['pad']}"
    )
    lines = [
        f"* name `{image['input']}`, {image['dtype']}, {image['layout']}, {width} × {height} px (width × height)",
        f"* frames are {placed}; {_lower(image['placing'])}",
        f"* resampling: {_lower(image['resampling'])}",
        f"* channels: {image['channels'].upper()}; scale {image['scale']:g}, mean {_listed(image['mean'])}, "
        f"std {_listed(image['std'])}",
        f"* a pixel becomes {image['formula']}",
        *(f"* `{name}`, {extra['dtype']}: always {_short(extra['value'])}" for name, extra in image["extras"].items()),
    ]
    return "\n".join(lines)


def _outputs(outputs: Mapping[str, Any], classes: Sequence[str]) -> str:
    tensors = ", ".join(f"`{each['name']}` {each['type']} {each['shape']}" for each in outputs["tensors"])
    lines = [f"* tensors: {tensors}", f"* layout {outputs['decoder']}: {outputs['reading']}"]
    if outputs["decoder"] != "none":
        lines += [
            f"* how that is known: {'; '.join(outputs['seen'])}",
            f"* scores under {outputs['score_min']:g} are dropped; suppression: {outputs['suppression']}"
            + (f", IoU {outputs['nms_iou']:g}" if outputs["nms_iou"] else "")
            + f"; at most {outputs['max_detections']} detections",
            f"* back to the frame: {outputs['to_frame']}",
            f"* classes, from 0: {', '.join(classes) or 'not named'}",
        ]
    return "\n".join(lines)


def _quantization(made: Mapping[str, Any]) -> str:
    kept = made["float_layers"]
    cpu = f" (CPU: {made['cpu']})" if made.get("cpu") else ""
    return "\n".join(
        [
            f"* for {made['target']}{cpu}; ranges by {made['calibrator']} over {made['calibration_frames']} frames",
            f"* activations {made.get('activations', '?')}, weights {made.get('weights', '?')}"
            + (", a scale per output channel" if made.get("per_channel") else "")
            + (", weights of 7 bits" if made.get("reduce_range") else ""),
            f"* layers in float: {', '.join(f'`{name}`' for name in kept) or 'none'}",
        ]
    )


def _running(described: Mapping[str, Any]) -> str:
    names = {"file": f"`{described['model']['file']}`", "float_name": f"`{described['model']['float_name']}`"}
    asked = ", ".join(f"{key} = {value}" for key, value in described["runtime"]["session_config"].items())
    config = f" It was judged with the session entries {asked}: set them too." if asked else ""
    texts = {
        "tensorrt": [TENSORRT.format(**names), ONNXRUNTIME.format(**names, config=config)],
        "openvino": [OPENVINO.format(**names), ONNXRUNTIME.format(**names, config=config)],
    }
    chosen = texts.get(
        described["quantization"]["target"],
        [ONNXRUNTIME.format(**names, config=config), TENSORRT.format(**names), OPENVINO.format(**names)],
    )
    checker = described["onnx_checker"]
    said = "is clean" if checker == "clean" else f"says: {checker}"
    return "\n\n".join(
        [*chosen, f"Its accuracy was judged by {described['runtime']['judged_by']}. onnx.checker {said}."]
    )


def _measured(described: Mapping[str, Any]) -> str:
    found = described["measured"]
    rows = [
        f"| {title} | {found[name]['size_bytes'] / 2**20:.2f} | {found[name]['median_ms']:.2f} | "
        f"{found[name]['quartiles_ms'][0]:.2f}–{found[name]['quartiles_ms'][1]:.2f} |"
        for name, title in (("float", "float"), ("int8", "INT8"))
    ]
    where = (
        f"One frame at a time, {found['runs']} runs on {found['cpu']}, {found['threads']} threads, {found['runtime']}."
    )
    if not described["runtime"]["latency_is_of_the_target"]:
        where += " This is not what the model was made for: the target's speed has to be measured there."
    return "\n".join(["| model | MiB | median, ms | quartiles, ms |", "|---|---|---|---|", *rows, "", where])


def _lower(sentence: str) -> str:
    return sentence[:1].lower() + sentence[1:]


def _listed(values: Sequence[float]) -> str:
    return "[" + ", ".join(f"{value:g}" for value in values) + "]"


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= 60 else f"{text[:57]}…"
