"""What lies in a directory that could be a workspace: pictures, annotations, models."""

from __future__ import annotations

import json
import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from calibtui.pool.sources import IMAGE_EXTENSIONS

DEPTH = 3
EVALUATION_WORDS = ("eval", "evaluation", "val", "valid", "validation", "test")
POOL_WORDS = ("pool", "candidates", "images", "frames", "train")
# Enough of a COCO file to see its keys; the rest of a large one need not be read.
_HEAD_BYTES = 64 << 20


@dataclass(frozen=True, slots=True)
class FoundFiles:
    """Paths relative to the directory, POSIX form; None where nothing fits. `pictures` counts those of the pool."""

    pool: str | None
    pool_annotations: str | None
    pictures: int
    evaluation: str | None
    evaluation_annotations: str | None
    model: str | None
    other_models: tuple[str, ...]


def look_around(directory: Path) -> FoundFiles:
    """Looks at most three levels deep; hidden directories are passed over."""
    pictures: Counter[str] = Counter()
    models: list[str] = []
    documents: list[str] = []
    labels: Counter[str] = Counter()
    for folder, names, files in os.walk(directory):
        here = Path(folder).relative_to(directory)
        names[:] = sorted(name for name in names if not name.startswith(".")) if len(here.parts) < DEPTH else []
        for name in sorted(files):
            suffix = Path(name).suffix.lower()
            if suffix in IMAGE_EXTENSIONS:
                pictures[here.as_posix()] += 1
            elif suffix == ".onnx":
                models.append((here / name).as_posix())
            elif suffix == ".json":
                documents.append((here / name).as_posix())
            elif suffix == ".xml" or (suffix == ".txt" and here.name == "labels"):
                labels[here.as_posix()] += 1
    roots = _roots(pictures)
    evaluation = _best(roots, EVALUATION_WORDS)
    pool = _best({name: count for name, count in roots.items() if name != evaluation}, POOL_WORDS, fallback=True)
    coco = [name for name in documents if _is_coco(directory / name)]
    floats = [name for name in models if ".int8" not in name] or models
    return FoundFiles(
        pool=pool,
        pool_annotations=_annotations_of(pool, coco, labels),
        pictures=roots.get(pool, 0) if pool else 0,
        evaluation=evaluation,
        evaluation_annotations=_annotations_of(evaluation, coco, labels),
        model=floats[0] if floats else None,
        other_models=tuple(floats[1:]),
    )


def _roots(pictures: Counter[str]) -> dict[str, int]:
    """Directories with pictures, those of sub-directories added to their first-level parent (pool/station-a → pool)."""
    totals: Counter[str] = Counter()
    for folder, count in pictures.items():
        parts = Path(folder).parts
        words = [index for index, part in enumerate(parts) if part.lower() in (*EVALUATION_WORDS, *POOL_WORDS)]
        depth = words[-1] + 1 if words else max(1, len(parts))
        totals["/".join(parts[:depth]) or "."] += count
    return dict(totals)


def _best(roots: dict[str, int], words: tuple[str, ...], *, fallback: bool = False) -> str | None:
    named = {name: count for name, count in roots.items() if set(Path(name.lower()).parts) & set(words)}
    choice = named or (roots if fallback else {})
    return max(choice, key=lambda name: (choice[name], name)) if choice else None


def _annotations_of(images: str | None, coco: list[str], labels: Counter[str]) -> str | None:
    """The COCO file or label directory that goes by the images' name, or lies with them."""
    if images is None:
        return None
    stem = Path(images).parts[0].lower()
    for name in coco:
        if Path(name).stem.lower() in (stem, images.lower()) or name.startswith(f"{images}/"):
            return name
    for folder in labels:
        if folder.startswith(images) or folder.endswith(f"labels/{Path(images).name}"):
            return folder
    alone = [
        name
        for name in coco
        if Path(name).stem.lower() in ("annotations", "instances", "labels") and _lies_above(Path(name).parent, images)
    ]
    return alone[0] if alone else None


def _lies_above(folder: Path, images: str) -> bool:
    """Whether annotations in `folder` may be those of `images`: a directory of other pictures has its own."""
    return folder.name.lower() in ("", "annotations") or folder in Path(images).parents


def _is_coco(path: Path) -> bool:
    try:
        if path.stat().st_size > _HEAD_BYTES:
            return True
        document = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return False
    return isinstance(document, dict) and {"images", "annotations", "categories"} <= document.keys()
