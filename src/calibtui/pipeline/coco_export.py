"""A calibration set as COCO json: its frames, with what the pool's annotations say of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from calibtui.core.boxes import Annotations, GroundTruth


def coco_document(
    names: Mapping[str, str], sizes: Mapping[str, tuple[int, int]], annotations: Annotations | None
) -> dict[str, Any]:
    """`names`: file name by uri, in the order of the images; `sizes` (width, height) px by uri. Category ids are class
    indices; a frame that is not annotated is an image without objects."""
    images: list[dict[str, Any]] = []
    objects: list[dict[str, Any]] = []
    for number, (uri, name) in enumerate(names.items(), start=1):
        width, height = sizes.get(uri, (0, 0))
        images.append({"id": number, "file_name": name, "width": width, "height": height})
        truth = annotations.by_uri.get(uri) if annotations is not None else None
        if truth is not None:
            objects += _objects(truth, number, len(objects) + 1)
    classes: Sequence[str] = annotations.classes if annotations is not None else ()
    categories = [{"id": label, "name": name} for label, name in enumerate(classes)]
    return {"images": images, "annotations": objects, "categories": categories}


def _objects(truth: GroundTruth, image: int, first: int) -> list[dict[str, Any]]:
    return [
        {
            "id": first + place,
            "image_id": image,
            "category_id": int(truth.classes[place]),
            "bbox": [float(x1), float(y1), float(x2 - x1), float(y2 - y1)],
            "area": float(truth.area[place]),
            "iscrowd": int(truth.crowd[place]),
        }
        for place, (x1, y1, x2, y2) in enumerate(truth.boxes)
    ]
