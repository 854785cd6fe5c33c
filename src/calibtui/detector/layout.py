"""What a detector's file takes and gives, found out with one inference on noise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from calibtui.core.errors import ModelError
from calibtui.core.shapes import ShapeKind
from calibtui.detector.class_names import class_names, given_names
from calibtui.detector.decoders.contract import Reader, Recognised, Seen
from calibtui.detector.decoders.registry import recognise
from calibtui.detector.decoders.undecoded import NAME, undecoded
from calibtui.detector.inputs import ImageInput, ModelInputs, find_inputs
from calibtui.detector.metadata import Metadata, read_metadata
from calibtui.detector.session import open_session, run_session
from calibtui.workspace.settings import InputSettings, ModelSettings

_USUAL_SIDE = 640
_NOT_BOXES = {
    "classify": "a classifier",
    "obb": "a detector of rotated boxes",
    "semantic": "a segmentation model",
}


@dataclass(frozen=True, slots=True)
class Layout:
    """Everything that turns a frame into detections, but the weights.

    `decoder`: its name. `input`: no field of it is None. `classes`: () where the model can't say how many it has and
    nobody named them; `named` is whether they have names of their own. `why`: sentences on how each part was found.
    `suppressed`: the outputs are final, so no suppression of ours. `reader`: reads the outputs. `shapes`:
    what they say beside boxes. `y_first`: the outputs have boxes as y1, x1, y2, x2. `doubts`: those sentences of `why`
    that are assumptions nobody told.
    """

    decoder: str
    input: InputSettings
    classes: tuple[str, ...]
    why: tuple[str, ...]
    suppressed: bool
    reader: Reader
    named: bool = False
    shapes: ShapeKind | None = None
    y_first: bool = False
    doubts: tuple[str, ...] = ()


def detect_layout(
    model: Path, settings: ModelSettings, root: Path | None = None, session: ort.InferenceSession | None = None
) -> Layout:
    """The layout of the detector in the file `model`, from its metadata, its shapes and one inference on noise.

    `settings` overrides whatever it sets; a file of class names or a decoder of the user's own is looked for in
    `root`, the model's directory by default. Raises ModelError for a file that can't be read, is no detector, or is
    ambiguous: the message then says what was seen.
    """
    root = root or model.parent
    session = session or open_session(model)
    inputs = find_inputs(session, str(model))
    metadata = read_metadata(session.get_modelmeta().custom_metadata_map)
    if settings.decoder == NAME:
        return _undecoded_layout(model, settings, root, inputs, metadata)
    if metadata.task in _NOT_BOXES:
        raise ModelError(
            f"The metadata of {model} says that it is {_NOT_BOXES[metadata.task]} "
            f"(task {metadata.task!r}), not a detector.",
            "Set model.onnx to a model that gives upright boxes.",
        )
    size, size_why = _input_size(inputs.image, settings.input, metadata, model)
    given = given_names(settings, root, metadata)
    seen = Seen(
        outputs=outputs_of_one_frame(
            run_session(session, inputs.feed(_noise(size, inputs.image)), str(model)), inputs.image.batch
        ),
        declared=_declared_shapes(session),
        size=size,
        metadata=metadata,
        extras=inputs.extra_names,
        names=len(given.without_background) if given else None,
        box_order=settings.box_order,
    )
    claim = recognise(settings.decoder, seen, root, str(model))
    _check_box_order(settings, claim)
    names = class_names(given, claim.classes, str(model))
    source = f"class names are from {given.source}" if given else "the file has no class names"
    return Layout(
        decoder=claim.decoder,
        input=_recipe(claim, inputs, size, settings.input),
        classes=names,
        why=(*claim.why, size_why, _recipe_why(claim, inputs), source, *metadata.notes),
        suppressed=claim.suppressed,
        reader=claim.reader,
        named=given is not None,
        shapes=claim.shapes,
        y_first=bool(claim.y_first),
        doubts=claim.doubts,
    )


def _undecoded_layout(
    model: Path, settings: ModelSettings, root: Path, inputs: ModelInputs, metadata: Metadata
) -> Layout:
    """How the picture goes in; what comes out is anybody's guess, so no inference is made to see it."""
    claim = undecoded()
    _check_box_order(settings, claim)
    size, size_why = _input_size(inputs.image, settings.input, metadata, model)
    given = given_names(settings, root, metadata)
    return Layout(
        decoder=claim.decoder,
        input=_recipe(claim, inputs, size, settings.input),
        classes=given.names if given else (),
        why=(*claim.why, size_why, "frames are prepared as for YOLO models, where model.input is silent"),
        suppressed=False,
        reader=claim.reader,
        named=given is not None,
    )


def _check_box_order(settings: ModelSettings, claim: Recognised) -> None:
    if settings.box_order != "auto" and claim.y_first is None:
        raise ModelError(
            f"model.box_order is {settings.box_order!r}, but the decoder {claim.decoder} leaves no choice of it.",
            "Leave model.box_order out; it is for corners of the decoders ssd, torchvision and yolo-end2end.",
        )


def outputs_of_one_frame(outputs: Mapping[str, NDArray[Any]], batch: int) -> dict[str, NDArray[Any]]:
    """The first frame's part where the file's fixed batch repeated it."""
    if batch <= 1:
        return dict(outputs)
    return {name: value[:1] if value.shape[:1] == (batch,) else value for name, value in outputs.items()}


def _input_size(
    image: ImageInput, given: InputSettings, metadata: Metadata, model: Path
) -> tuple[tuple[int, int], str]:
    """(width, height) px and why: the file's fixed sides, then settings, then metadata, then 640."""
    fixed = image.size
    if given.size and any(side and side != asked for side, asked in zip(fixed, given.size, strict=True)):
        wanted = "×".join(str(side or "any") for side in fixed)
        raise ModelError(
            f"model.input.size is {given.size[0]}×{given.size[1]}, but {model} takes {wanted} px.",
            "Leave model.input.size out, or export the model with that size.",
        )
    if fixed[0] and fixed[1]:
        return (fixed[0], fixed[1]), f"the input is {fixed[0]}×{fixed[1]} px, fixed in the file"
    if given.size:
        return (
            given.size,
            f"the file leaves the input size open: {given.size[0]}×{given.size[1]} px from model.input.size",
        )
    if metadata.size:
        size = (fixed[0] or metadata.size[0], fixed[1] or metadata.size[1])
        return size, f"the file leaves the input size open: {size[0]}×{size[1]} px from its metadata"
    side = fixed[0] or fixed[1] or _USUAL_SIDE
    return (side, side), f"the file leaves the input size open and names none: {side}×{side} px is a guess"


def _noise(size: tuple[int, int], image: ImageInput) -> NDArray[np.float32]:
    """(1, 3, h, w): the same noise each time; fractions for float inputs, grey levels for bytes."""
    noise = np.random.default_rng(0).random((1, 3, size[1], size[0]), dtype=np.float32)
    return noise * np.float32(255) if image.dtype is np.uint8 else noise


def _declared_shapes(session: ort.InferenceSession) -> dict[str, tuple[int | None, ...]]:
    return {
        output.name: tuple(side if isinstance(side, int) and side > 0 else None for side in output.shape or ())
        for output in session.get_outputs()
    }


def _recipe(claim: Recognised, inputs: ModelInputs, size: tuple[int, int], given: InputSettings) -> InputSettings:
    """The family's preparation, bytes left as they are for a model that takes bytes, and over all that the user's
    own."""
    recipe = replace(claim.input, size=size)
    if inputs.image.dtype is np.uint8:
        recipe = replace(recipe, scale=1.0, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))
    chosen = {field.name: getattr(given, field.name) for field in fields(InputSettings)}
    chosen.pop("size")
    return replace(recipe, **{key: value for key, value in chosen.items() if value is not None})


def _recipe_why(claim: Recognised, inputs: ModelInputs) -> str:
    if inputs.image.dtype is np.uint8:
        return "the input takes bytes, so pixels are fed as they are"
    return (
        "the file doesn't say how frames are prepared: "
        f"as for {claim.decoder} models as usual, where model.input is silent"
    )
