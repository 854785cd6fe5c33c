"""What an object has beside its box."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

from calibtui.core.errors import ConfigurationError

ShapeKind = Literal["masks", "keypoints"]


class Mask(NamedTuple):
    """The pixels of one object in a frame of `height` × `width` px: COCO's compressed run-length code, column by
    column."""

    height: int
    width: int
    counts: bytes

    @property
    def rle(self) -> dict[str, object]:
        """As pycocotools takes it."""
        return {"size": [self.height, self.width], "counts": self.counts}


def mask_tools() -> Any:
    """pycocotools.mask, imported when it is needed. Raises ConfigurationError, naming the extra, where it is
    missing."""
    try:
        from pycocotools import mask
    except ImportError as error:
        raise ConfigurationError(
            "Masks are coded by pycocotools, which is not installed.", "Install calibtui[masks]."
        ) from error
    return mask
