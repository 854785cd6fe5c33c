"""COCO's masks and keypoints."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pycocotools import mask as tools

from calibtui.core.errors import AnnotationError
from calibtui.pool.annotations import load_annotations

SIZE = (40, 30)
SQUARE = [[5, 5, 15, 5, 15, 15, 5, 15]]


def load(root: Path, shapes: str, **annotation: Any):
    row = {"id": 1, "image_id": 1, "category_id": 1, "bbox": [5, 5, 10, 10], **annotation}
    document = {
        "images": [{"id": 1, "file_name": "a.jpg"}],
        "categories": [{"id": 1, "name": "pit"}],
        "annotations": [row],
    }
    (root / "a.json").write_text(json.dumps(document))
    return load_annotations("a.json", root, ["a.jpg"], {"a.jpg": SIZE}, ("pit",), shapes).by_uri["a.jpg"]


def run_length_codes() -> list[Any]:
    """The same square as polygons, as a list of counts and as a compressed code."""
    square = np.zeros((30, 40), np.uint8, order="F")
    square[5:15, 5:15] = 1
    flat = square.ravel(order="F")
    edges = np.flatnonzero(np.diff(flat)) + 1
    counts = np.diff([0, *edges, len(flat)]).tolist()
    compressed = tools.encode(square)["counts"].decode()
    return [SQUARE, {"size": [30, 40], "counts": counts}, {"size": [30, 40], "counts": compressed}]


@pytest.mark.parametrize("segmentation", run_length_codes())
def test_every_way_of_writing_a_mask_gives_the_same_pixels(tmp_path: Path, segmentation) -> None:
    mask = load(tmp_path, "masks", segmentation=segmentation).masks[0]
    pixels = tools.decode(mask.rle)
    assert pixels.shape == (30, 40)
    assert pixels.sum() == 100
    assert pixels[5:15, 5:15].all()


def test_several_polygons_are_one_object(tmp_path: Path) -> None:
    two = [*SQUARE, [20, 20, 30, 20, 30, 25, 20, 25]]
    assert tools.area(load(tmp_path, "masks", segmentation=two).masks[0].rle) == 150


def test_keypoints_arrive_with_their_visibility(tmp_path: Path) -> None:
    truth = load(tmp_path, "keypoints", keypoints=[6, 7, 2, 0, 0, 0])
    assert truth.keypoints.tolist() == [[[6, 7, 2], [0, 0, 0]]]


def test_shapes_that_nobody_asked_for_are_not_read(tmp_path: Path) -> None:
    truth = load(tmp_path, None, segmentation="nonsense", keypoints={"also": "nonsense"})
    assert truth.masks is None
    assert truth.keypoints is None


@pytest.mark.parametrize(
    ("shapes", "annotation", "said"),
    [
        ("masks", {"segmentation": []}, "no polygon"),
        ("masks", {"segmentation": [[1, 2, 3]]}, "a polygon of 3 numbers"),
        ("masks", {"segmentation": {"size": [9, 9], "counts": [81]}}, "the frame's is 40×30"),
        ("masks", {"segmentation": {"size": [30, 40], "counts": [7]}}, "don't fill the frame"),
        ("masks", {"segmentation": {"size": [30, 40], "counts": "PPP"}}, "can't be read"),
        ("masks", {"segmentation": "square"}, "can't be read"),
        ("keypoints", {"keypoints": [1, 2]}, "keypoints of 2 numbers"),
        ("keypoints", {"keypoints": "many"}, "can't be read"),
    ],
)
def test_a_shape_that_is_missing_or_malformed_is_named(tmp_path: Path, shapes, annotation, said) -> None:
    with pytest.raises(AnnotationError, match=r"annotation 1 of image 1.*" + said):
        load(tmp_path, shapes, **annotation)


def test_the_annotation_at_fault_is_named_also_among_masks(tmp_path: Path) -> None:
    document = {
        "images": [{"id": 1, "file_name": "a.jpg"}],
        "categories": [{"id": 1, "name": "pit"}],
        "annotations": [
            {"id": 1, "image_id": 1, "category_id": 1, "bbox": [5, 5, 10, 10], "segmentation": SQUARE},
            {"id": 2, "image_id": 1, "category_id": 1, "bbox": "wide", "segmentation": SQUARE},
        ],
    }
    (tmp_path / "a.json").write_text(json.dumps(document))
    with pytest.raises(AnnotationError, match="annotation 2"):
        load_annotations("a.json", tmp_path, ["a.jpg"], {"a.jpg": SIZE}, ("pit",))


@pytest.mark.parametrize("shapes", ["masks", "keypoints"])
def test_one_object_without_its_shape_among_others_is_named_but_none_at_all_is_no_mistake(
    tmp_path: Path, shapes
) -> None:
    shaped = {"segmentation": SQUARE, "keypoints": [6, 7, 2]}
    row = {"image_id": 1, "category_id": 1, "bbox": [5, 5, 10, 10]}
    document = {
        "images": [{"id": 1, "file_name": "a.jpg"}],
        "categories": [{"id": 1, "name": "pit"}],
        "annotations": [{"id": 1, **row, **shaped}, {"id": 2, **row}],
    }
    (tmp_path / "a.json").write_text(json.dumps(document))
    with pytest.raises(AnnotationError, match="annotation 2 of image 1 has no"):
        load_annotations("a.json", tmp_path, ["a.jpg"], {"a.jpg": SIZE}, ("pit",), shapes)
    truth = load(tmp_path, shapes)
    assert truth.masks is None
    assert truth.keypoints is None
