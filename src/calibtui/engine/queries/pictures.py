"""A frame as a small picture, decoded no larger than it must be."""

from __future__ import annotations

import io
from pathlib import Path

from PIL import Image

from calibtui.core.errors import ConfigurationError
from calibtui.engine.queries.pool_rows import pool_rows
from calibtui.engine.queries.registry import QueryContext, answers
from calibtui.engine.queries.remembering import remembered
from calibtui.engine.wire.frames import FramePicture, Picture
from calibtui.pool.images import fitted, open_rgb
from calibtui.store.browsing import FrameFacts

LARGEST = 4096
"""px a side."""
KEPT = 64


@answers(FramePicture)
def picture(context: QueryContext, query: FramePicture) -> Picture:
    """Raises UnreadableImage with the reason, ConfigurationError for a digest that no frame has and a crop of
    nothing."""
    facts = frame_facts(context, query.digest)
    key = (query, facts.mtime_ns, facts.size_bytes)
    path = context.settings.root / facts.uri
    return remembered(context, "pictures", key, lambda: _drawn(path, query), most=KEPT)


def frame_facts(context: QueryContext, digest: str) -> FrameFacts:
    """Raises ConfigurationError."""
    rows, _ = pool_rows(context)
    place = rows.place(digest) if digest else None
    uri = None if place is None else rows.uri(place)
    facts = context.store.browsing.facts(digest, uri) if digest else None
    if facts is None:
        raise ConfigurationError(
            f"No frame has the digest {digest[:64]!r}.", "The pool was indexed again meanwhile: look at its list anew."
        )
    return facts


def _drawn(path: Path, query: FramePicture) -> Picture:
    box = (max(1, min(query.width, LARGEST)), max(1, min(query.height, LARGEST)))
    x1, y1, x2, y2 = _checked(query.crop)
    # So that what is left of the crop still fills the box.
    needed = (round(box[0] / (x2 - x1)), round(box[1] / (y2 - y1)))
    image = Image.fromarray(open_rgb(path, at_most=needed))
    if query.crop is not None:
        width, height = image.size
        left, top = int(x1 * width), int(y1 * height)
        image = image.crop((left, top, max(left + 1, round(x2 * width)), max(top + 1, round(y2 * height))))
    size = fitted(image.size, box)
    if size != image.size:
        image = image.resize(size, Image.Resampling.BOX if min(size) < 64 else Image.Resampling.BICUBIC, reducing_gap=2)
    if query.png:
        encoded = io.BytesIO()
        image.save(encoded, "PNG", compress_level=1)
        return Picture(width=size[0], height=size[1], png=encoded.getvalue())
    return Picture(width=size[0], height=size[1], rgb=image.tobytes())


def _checked(crop: tuple[float, float, float, float] | None) -> tuple[float, float, float, float]:
    x1, y1, x2, y2 = crop or (0.0, 0.0, 1.0, 1.0)
    if not (0 <= x1 < x2 <= 1 and 0 <= y1 < y2 <= 1) or x2 - x1 < 0.001 or y2 - y1 < 0.001:
        raise ConfigurationError(
            f"The crop {crop} shows nothing.", "It is x1, y1, x2, y2 as fractions of the frame, at least 0.001 apart."
        )
    return x1, y1, x2, y2
