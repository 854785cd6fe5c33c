"""Annotations of a pool or an evaluation set, whichever of the three formats they come in."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from calibtui.core.boxes import Annotations
from calibtui.core.errors import AnnotationError
from calibtui.core.shapes import ShapeKind
from calibtui.pool.class_files import LIST_NAMES, names_beside
from calibtui.pool.coco import load_coco
from calibtui.pool.label_files import label_files
from calibtui.pool.matching import match_names
from calibtui.pool.voc import load_voc
from calibtui.pool.yolo import load_yolo

Sizes = Mapping[str, tuple[int, int]] | Callable[[str], tuple[int, int] | None]


def load_annotations(
    where: str,
    root: Path,
    uris: Sequence[str],
    sizes: Sizes,
    classes: tuple[str, ...] | None,
    shapes: ShapeKind | None = None,
) -> Annotations:
    """Ground truth of the frames `uris` from `where`, relative to `root`: a COCO .json, or a directory of YOLO .txt or
    VOC .xml files (or with a single COCO .json in it).

    `sizes` gives the (width, height) px of an upright frame by uri; `classes` are the model's names in index order,
    None where unknown. File names are matched to uris by the longest common end of their paths, then by an unambiguous
    stem (pool.matching); categories to classes by name, else by index (pool.categories). Annotations of files that are
    no frames here are left out; frames without annotations are absent from the result. What is clipped, and what an
    empty or a missing entry means, is said by `load_coco`, `load_yolo` and `load_voc`.

    `shapes`: objects with their masks or keypoints, which COCO's JSON alone is read for.

    Raises AnnotationError: nothing there, malformed (naming file and annotation), a frame of another size than
    declared, a box outside its frame, of negative size or not finite, a name that fits two frames, classes that the
    model doesn't have, or no annotation that fits any frame."""
    if "://" in where:
        raise AnnotationError(f"{where}: annotations are read from local files only.", "Copy them here.")
    path = Path(os.path.normpath(root.absolute() / where))
    size_of = sizes if callable(sizes) else sizes.get
    try:
        annotations = _load(path, uris, size_of, classes, shapes)
    except OSError as error:
        raise AnnotationError(f"The annotations {path} can't be read: {error.strerror}.") from error
    if uris and not annotations.by_uri:
        raise AnnotationError(
            f"{path} annotates none of the {len(uris)} frames, the first of which is {min(uris)}.",
            "The annotations' file names must be the frames' own.",
        )
    return annotations


def _load(
    path: Path,
    uris: Sequence[str],
    size_of: Callable[[str], tuple[int, int] | None],
    classes: tuple[str, ...] | None,
    shapes: ShapeKind | None,
) -> Annotations:
    if path.is_file():
        if path.suffix.lower() != ".json":
            raise AnnotationError(f"{path} is no annotation file that is known.", _KINDS)
        return load_coco(path, uris, size_of, classes, shapes)
    if not path.is_dir():
        raise AnnotationError(f"There are no annotations at {path}.", "Correct annotations in calibtui.toml.")
    texts = {name: file for name, file in label_files(path, ".txt").items() if file.name not in LIST_NAMES}
    documents = label_files(path, ".xml")
    if len(documents) > len(texts):
        return load_voc(_matched(path, documents, uris), str(path), size_of, classes)
    if len(texts) > len(documents):
        return load_yolo(_matched(path, texts, uris), names_beside(path), str(path), size_of, classes)
    if texts:
        raise AnnotationError(f"{path} holds as many .txt as .xml files, so its format can't be told.", _KINDS)
    return load_coco(_single_json(path), uris, size_of, classes, shapes)


def _matched(path: Path, files: Mapping[str, Path], uris: Sequence[str]) -> dict[str, Path]:
    """{uri: label file} of the files that belong to a frame."""
    names = match_names(str(path), list(files), uris)
    return {uri: files[name] for name, uri in names.items()}


def _single_json(path: Path) -> Path:
    found = sorted(file for file in path.iterdir() if file.suffix.lower() == ".json")
    if len(found) != 1:
        what = f"holds {len(found)} .json files" if found else "holds no .txt, .xml or .json files"
        raise AnnotationError(f"{path} {what}.", _KINDS)
    return found[0]


_KINDS = "Annotations are a COCO .json, a directory of YOLO .txt files or a directory of VOC .xml files."
