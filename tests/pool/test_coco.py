"""COCO annotations."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from calibtui.core.boxes import Annotations
from calibtui.core.errors import AnnotationError
from calibtui.pool.annotations import load_annotations

SIZES = {"images/a.jpg": (640, 480), "images/b.jpg": (320, 240), "images/c.jpg": (100, 100)}


def document(**changes: Any) -> dict[str, Any]:
    return {
        "images": [
            {"id": 7, "file_name": "a.jpg", "width": 640, "height": 480},
            {"id": 9, "file_name": "images/b.jpg"},
        ],
        "categories": [{"id": 18, "name": "dog"}, {"id": 1, "name": "person"}],
        "annotations": [
            {"id": 41, "image_id": 7, "category_id": 18, "bbox": [10, 20, 30, 40], "area": 600, "iscrowd": 1},
            {"id": 42, "image_id": 7, "category_id": 1, "bbox": [600.5, 0, 60, 10]},
        ],
    } | changes


def load(root: Path, content: object, classes: tuple[str, ...] | None = ("person", "dog")) -> Annotations:
    text = content if isinstance(content, str) else json.dumps(content)
    (root / "a.json").write_text(text)
    return load_annotations("a.json", root, list(SIZES), SIZES, classes)


def test_boxes_classes_crowd_and_area_arrive_as_they_are(tmp_path: Path) -> None:
    truth = load(tmp_path, document()).by_uri["images/a.jpg"]
    assert truth.boxes.tolist() == [[10, 20, 40, 60], [600.5, 0, 660.5, 10]]
    assert truth.boxes.dtype == np.float64
    assert truth.classes.tolist() == [1, 0]
    assert truth.crowd.tolist() == [True, False]
    assert truth.area.tolist() == [600, 600]


def test_a_listed_image_without_objects_is_empty_and_an_unlisted_frame_absent(tmp_path: Path) -> None:
    by_uri = load(tmp_path, document()).by_uri
    assert set(by_uri) == {"images/a.jpg", "images/b.jpg"}
    assert len(by_uri["images/b.jpg"]) == 0


@pytest.mark.parametrize(
    ("ids", "classes", "expected"),
    [
        ((1, 18), None, [1, 0]),
        ((1, 18), ("person", "dog"), [1, 0]),
        ((1, 18), ("cat", "dog", "person"), [1, 2]),
        ((0, 1), ("person", "dog"), [1, 0]),
    ],
)
def test_ids_from_zero_from_one_and_with_gaps_map_alike(
    tmp_path: Path, ids: tuple[int, int], classes: tuple[str, ...] | None, expected: list[int]
) -> None:
    person, dog = ids
    content = document(categories=[{"id": dog, "name": "dog"}, {"id": person, "name": "person"}])
    for annotation, category in zip(content["annotations"], (dog, person), strict=True):
        annotation["category_id"] = category
    found = load(tmp_path, content, classes)
    assert found.by_uri["images/a.jpg"].classes.tolist() == expected
    assert found.classes == (classes or ("person", "dog"))


def with_annotation(**changes: Any) -> dict[str, Any]:
    one = {"id": 77, "image_id": 7, "category_id": 1, "bbox": [1, 2, 3, 4]} | changes
    return document(annotations=[one])


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"bbox": [1, 2, -3, 4]}, "negative size"),
        ({"bbox": [1, 2, 3]}, "a bbox of 3 numbers"),
        ({"bbox": [700, 2, 3, 4]}, "outside its frame"),
        ({"bbox": [-30, 2, 3, 4]}, "outside its frame"),
        ({"bbox": [float("nan"), 2, 3, 4]}, "not finite"),
        ({"bbox": [1, 2, float("inf"), 4]}, "not finite"),
        ({"bbox": ["1", 2, 3, 4]}, "bbox"),
        ({"bbox": None}, "bbox"),
        ({"area": -5}, "the area -5"),
        ({"area": float("nan")}, "not finite"),
        ({"category_id": 5}, "not in categories"),
        ({"image_id": 8}, "doesn't list that image"),
    ],
)
def test_a_malformed_annotation_is_named_by_file_and_id(tmp_path: Path, changes: dict[str, Any], said: str) -> None:
    with pytest.raises(AnnotationError) as caught:
        load(tmp_path, with_annotation(**changes))
    assert said in caught.value.message
    assert "annotation 77" in caught.value.message and "a.json" in caught.value.message


def test_a_box_without_width_is_kept_as_the_protocol_keeps_it(tmp_path: Path) -> None:
    truth = load(tmp_path, with_annotation(bbox=[5, 5, 0, 10])).by_uri["images/a.jpg"]
    assert truth.boxes.tolist() == [[5, 5, 5, 15]] and truth.area.tolist() == [0]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('{"images": [', "not COCO detection JSON"),
        ("[]", "not COCO detection JSON"),
        ('{"images": [], "annotations": []}', "categories"),
        ("[" * 100_000, "not COCO detection JSON"),
        (document(images=[{"id": 7, "file_name": "a.jpg"}, {"id": 7, "file_name": "b.jpg"}]), "image id 7 twice"),
        (
            document(images=[{"id": 7, "file_name": "a.jpg"}, {"id": 8, "file_name": "a.jpg"}]),
            "file name 'a.jpg' twice",
        ),
        (document(images=[{"id": 7, "file_name": "zzz.jpg"}]), "annotates none of the 3 frames"),
    ],
)
def test_a_file_that_can_not_be_used_says_why(tmp_path: Path, content: object, said: str) -> None:
    if said.startswith("annotates"):
        content = content | {"annotations": []}  # type: ignore[operator]
    if "file name" in said or "image id" in said:
        content = content | {"annotations": []}  # type: ignore[operator]
    with pytest.raises(AnnotationError) as caught:
        load(tmp_path, content)
    assert said in caught.value.message


def test_frames_of_another_size_than_declared_are_refused(tmp_path: Path) -> None:
    turned = document(images=[{"id": 7, "file_name": "a.jpg", "width": 480, "height": 640}], annotations=[])
    with pytest.raises(AnnotationError, match=r"480x640 px, but it has 640x480 px once its EXIF rotation"):
        load(tmp_path, turned)


def test_classes_that_do_not_match_the_model_are_refused(tmp_path: Path) -> None:
    with pytest.raises(AnnotationError, match=r"'dog' \(nearest: 'dogs'\)"):
        load(tmp_path, document(), ("person", "dogs"))


@pytest.mark.parametrize("where", ["gone.json", "notes.md", "empty", "s3://bucket/a.json"])
def test_annotations_that_are_not_there_are_named(tmp_path: Path, where: str) -> None:
    (tmp_path / "notes.md").touch()
    (tmp_path / "empty").mkdir()
    with pytest.raises(AnnotationError) as caught:
        load_annotations(where, tmp_path, list(SIZES), SIZES, None)
    assert where in caught.value.message and caught.value.exit_code == 2


def test_a_directory_with_one_json_is_that_file(tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    (tmp_path / "set/_annotations.coco.json").write_text(json.dumps(document()))
    assert len(load_annotations("set", tmp_path, list(SIZES), SIZES.get, None).by_uri) == 2


@pytest.mark.shared
@pytest.mark.parametrize(("pair", "classes", "frames"), [("coco128", 80, 128), ("deeppcb", 6, 200)])
def test_real_annotations_keep_the_class_indices_of_their_ids(
    shared_data: Path, pair: str, classes: int, frames: int
) -> None:
    raw = json.loads((shared_data / pair / "eval.json").read_text())
    uris = [f"{pair}/eval/{image['file_name']}" for image in raw["images"]]
    sizes = {uri: (image["width"], image["height"]) for uri, image in zip(uris, raw["images"], strict=True)}
    names = tuple(category["name"] for category in sorted(raw["categories"], key=lambda c: c["id"]))
    for known in (names, None):
        found = load_annotations(f"{pair}/eval.json", shared_data, uris, sizes, known)
        assert (len(found.classes), len(found.by_uri)) == (classes, frames)
        counted = np.bincount(np.concatenate([truth.classes for truth in found.by_uri.values()]), minlength=classes)
        expected = np.bincount([annotation["category_id"] for annotation in raw["annotations"]], minlength=classes)
        assert counted.tolist() == expected.tolist()
