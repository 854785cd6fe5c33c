"""The decoders by name, and the choice among them."""

from __future__ import annotations

import difflib
from dataclasses import replace
from pathlib import Path

from calibtui.core.errors import ModelError
from calibtui.detector.decoders import detr, end2end, fastestdet, nanodet, ssd, yolov5, yolov8, yolox
from calibtui.detector.decoders.contract import Recognised, Recogniser, Seen
from calibtui.detector.decoders.custom import recognise_custom
from calibtui.detector.decoders.refusal import refusal

DECODERS: dict[str, Recogniser] = {
    "yolov5": yolov5.recognise,
    "yolov8": yolov8.recognise,
    "yolo-end2end": end2end.recognise,
    "yolox": yolox.recognise,
    "rtdetr": detr.recognise_rtdetr,
    "detr": detr.recognise_detr,
    "ssd": ssd.recognise_ssd,
    "torchvision": ssd.recognise_torchvision,
    "nanodet": nanodet.recognise_nanodet,
    "picodet": nanodet.recognise_picodet,
    "fastestdet": fastestdet.recognise,
}

ALIASES = {
    "yolov7": "yolov5",
    "yolov9": "yolov8",
    "yolo11": "yolov8",
    "yolov11": "yolov8",
    "yolo12": "yolov8",
    "yolov12": "yolov8",
    "yolov10": "yolo-end2end",
    "yolo26": "yolo-end2end",
    "dfine": "rtdetr",
    "rfdetr": "rtdetr",
}
"""Models people have, by the decoder that reads their usual export."""


def recognise(decoder: str, seen: Seen, root: Path, model: str) -> Recognised:
    """The decoder named, or for "auto" the one family whose claim on `seen` is the surest.

    Raises ModelError, naming `model` and what it gives, where the named decoder can't read it, where no family can,
    and where two could.
    """
    if ":" in decoder:
        return recognise_custom(decoder, root, seen)
    if decoder == "auto":
        return _surest(seen, model)
    name = ALIASES.get(decoder, decoder)
    if name not in DECODERS:
        near = difflib.get_close_matches(decoder, [*DECODERS, *ALIASES], 1)
        raise ModelError(
            f"There is no decoder {decoder!r}" + (f"; the nearest is {near[0]!r}." if near else "."),
            f"Set model.decoder to auto, one of {', '.join(DECODERS)}, or to package.module:function.",
        )
    claim = DECODERS[name](replace(seen, named=True))
    if claim is None:
        raise refusal(seen, f"The outputs of {model} can't be read by the decoder {decoder!r}", list(DECODERS))
    return claim


def _surest(seen: Seen, model: str) -> Recognised:
    claims = [claim for recogniser in DECODERS.values() if (claim := recogniser(seen))]
    if not claims:
        raise refusal(seen, f"The layout of {model} isn't known", list(DECODERS))
    best = max(claim.certainty for claim in claims)
    surest = [claim for claim in claims if claim.certainty == best]
    if len(surest) > 1:
        names = " or ".join(claim.decoder for claim in surest)
        raise refusal(seen, f"The layout of {model} could be {names}", [claim.decoder for claim in surest])
    return surest[0]
