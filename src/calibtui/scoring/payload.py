"""What the judge is sent of a frame: a JPEG that is the same, byte for byte, every time.

`payload_digest` names it without reading it, so that a look-up in the score cache costs no image.
"""

from __future__ import annotations

import io
from dataclasses import asdict, dataclass
from pathlib import Path

from PIL import Image

from calibtui.core.digests import digest_of
from calibtui.pool.images import fitted, open_rgb

PIPELINE_VERSION = 1
"""Grows with any change to the way from a frame to its payload; scores of another pipeline are not reused."""


@dataclass(frozen=True, slots=True)
class PayloadRecipe:
    """`max_px`: the longer side is at most this, never enlarged. `quality`: JPEG, 1 to 95. `version`: of the
    pipeline."""

    max_px: int = 768
    quality: int = 85
    version: int = PIPELINE_VERSION


def build_payload(path: Path, recipe: PayloadRecipe) -> bytes:
    """The frame as an upright baseline JPEG without metadata. Raises UnreadableImage.

    Decoded at 1/2, 1/4 or 1/8 where that is still large enough, reduced by whole boxes, then bicubic: a third of the
    time of a full decode with a Lanczos filter, for a picture that is judged at 768 px.
    """
    pixels = open_rgb(path, at_most=(recipe.max_px, recipe.max_px))
    image = Image.fromarray(pixels)
    size = fitted(image.size, (recipe.max_px, recipe.max_px))
    if size != image.size:
        image = image.resize(size, Image.Resampling.BICUBIC, reducing_gap=2.0)
    encoded = io.BytesIO()
    image.save(encoded, "JPEG", quality=recipe.quality, subsampling="4:2:0", optimize=False, progressive=False)
    return encoded.getvalue()


def payload_digest(frame_digest: str, recipe: PayloadRecipe) -> str:
    """What a frame of that digest becomes under the recipe, named without reading it."""
    return digest_of({"frame": frame_digest, "recipe": asdict(recipe)})
