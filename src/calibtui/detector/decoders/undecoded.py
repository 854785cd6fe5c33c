"""The decoder "none": a model whose outputs nobody here can read, judged by the outputs themselves."""

from __future__ import annotations

from dataclasses import dataclass

from calibtui.core.errors import ModelError
from calibtui.detector.decoders.contract import DECLARED, Decoded, Outputs, Recognised
from calibtui.detector.decoders.recipes import YOLO

NAME = "none"


@dataclass(frozen=True, slots=True)
class UndecodedReader:
    """Refuses to read anything: raises ModelError."""

    def decode(self, outputs: Outputs, floor: float = 0.0) -> Decoded:
        raise ModelError(
            '[model] decoder is "none", so there are no boxes and scores to go by.',
            "Name a decoder, or one of your own as package.module:function.",
        )


def undecoded() -> Recognised:
    """Of any model with a picture as its input."""
    why = 'model.decoder is "none": outputs are compared as they are, and nobody reads boxes from them'
    return Recognised(NAME, UndecodedReader(), YOLO, None, (why,), DECLARED)
