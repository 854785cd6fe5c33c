"""What the judge is sent of a frame: a JPEG that is the same, byte for byte, every time in one pass.

`payload_digest` names it without reading it, so that a look-up in the score cache costs no image.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path

from PIL import Image

from calibtui.core.digests import canonical_json, digest_of
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


def build_payload(path: Path, recipe: PayloadRecipe, pass_number: int = 1) -> bytes:
    """The frame as an upright baseline JPEG without metadata. Raises UnreadableImage.

    From the second pass on a comment names the pass: the picture is the same and the request is not, so that no cache
    of whole requests on the way, of whatever gateway, answers it with the first pass's answer.

    Decoded at 1/2, 1/4 or 1/8 where that is still large enough, reduced by whole boxes, then bicubic: a third of the
    time of a full decode with a Lanczos filter, for a picture that is judged at 768 px.
    """
    pixels = open_rgb(path, at_most=(recipe.max_px, recipe.max_px))
    image = Image.fromarray(pixels)
    size = fitted(image.size, (recipe.max_px, recipe.max_px))
    if size != image.size:
        image = image.resize(size, Image.Resampling.BICUBIC, reducing_gap=2.0)
    encoded = io.BytesIO()
    how = {"quality": recipe.quality, "subsampling": "4:2:0", "optimize": False, "progressive": False}
    named = {"comment": f"pass {pass_number}"} if pass_number > 1 else {}
    image.save(encoded, "JPEG", **how, **named)
    return encoded.getvalue()


def payload_digest(frame_digest: str, recipe: PayloadRecipe) -> str:
    """What a frame of that digest becomes under the recipe, named without reading it."""
    return digest_of({"frame": frame_digest, "recipe": _described(recipe)})


@lru_cache(64)
def _described(recipe: PayloadRecipe) -> dict[str, int]:
    return asdict(recipe)


def around_digest(recipe: PayloadRecipe) -> tuple[str, str]:
    """What stands before and after a frame's digest in the text that `payload_digest` is the SHA-256 of, as long as the
    digest has no character that JSON escapes."""
    head, tail = canonical_json({"frame": "\0", "recipe": asdict(recipe)}).split(b"\\u0000")
    return head.decode(), tail.decode()


def payload_digests(frame_digests: Iterable[str], recipe: PayloadRecipe) -> list[str]:
    """`payload_digest` of each. For plain digests the JSON around them is written once: a microsecond a frame."""
    head, tail = (text.encode() for text in around_digest(recipe))
    return [
        hashlib.sha256(head + digest.encode() + tail).hexdigest()
        if digest.isalnum()
        else payload_digest(digest, recipe)
        for digest in frame_digests
    ]
