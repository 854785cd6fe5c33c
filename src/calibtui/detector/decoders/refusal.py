"""The error for a model that can't be read: what was seen, what it looks like, and what may be named instead."""

from __future__ import annotations

import math

from calibtui.core.errors import ModelError
from calibtui.detector.decoders.contract import Seen

_SHOWN = 8


def refusal(seen: Seen, failure: str, decoders: list[str]) -> ModelError:
    """`failure` without a full stop; `decoders` are those that the user could name."""
    outputs = [f"{name} {tuple(value.shape)} {value.dtype}" for name, value in seen.outputs.items()]
    more = f" and {len(outputs) - _SHOWN} more" if len(outputs) > _SHOWN else ""
    width, height = seen.size
    message = f"{failure}: for an input of {width}×{height} px its outputs are {'; '.join(outputs[:_SHOWN])}{more}."
    what = what_it_looks_like(seen)
    named = f"set model.decoder to one of {', '.join(decoders)}, or to package.module:function."
    hint = f"{what} If it gives boxes all the same, {named}" if what else f"S{named[1:]}"
    return ModelError(message, hint)


def what_it_looks_like(seen: Seen) -> str:
    """A sentence on a model that is no detector, or one exported without its decoding; "" where nothing is known."""
    shapes = [value.shape for value in seen.outputs.values()]
    if any(len(shape) == 5 for shape in shapes):
        return (
            "These look like raw YOLO heads, whose anchors aren't in the file: export with decoding (YOLOv7: --grid)."
        )
    if len(shapes) == 1 and len([side for side in shapes[0] if side != 1]) <= 1:
        return f"This looks like a classifier of {math.prod(shapes[0])} classes, not a detector."
    maps = [shape for shape in shapes if len(shape) == 4 and min(shape[2:]) > 1]
    if len(maps) == len(shapes) == 1:
        return f"This looks like a segmentation or feature map of {maps[0][1]} channels, not a detector."
    if maps and len(maps) == len(shapes):
        return "These look like feature maps of several strides: export with the head's decoding."
    if len(shapes) == 1 and len(shapes[0]) == 2:
        return f"This looks like an embedding or a classifier of {shapes[0][1]} numbers, not a detector."
    return ""
