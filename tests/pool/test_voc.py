"""Pascal VOC directories."""

from __future__ import annotations

from pathlib import Path

import pytest

from calibtui.core.boxes import Annotations
from calibtui.core.errors import AnnotationError
from calibtui.pool.annotations import load_annotations

SIZES = {"JPEGImages/a.jpg": (200, 100), "JPEGImages/b.jpg": (100, 100)}


def item(name: str = "dog", box: tuple[object, ...] = (1, 1, 200, 100), more: str = "") -> str:
    corners = "".join(
        f"<{key}>{value}</{key}>" for key, value in zip(("xmin", "ymin", "xmax", "ymax"), box, strict=True)
    )
    return f"<object><name>{name}</name>{more}<bndbox>{corners}</bndbox></object>"


def load(root: Path, *objects: str, classes: tuple[str, ...] | None = None, size: str = "") -> Annotations:
    (root / "Annotations").mkdir(exist_ok=True)
    text = f"<annotation><filename>other.jpg</filename>{size}{''.join(objects)}</annotation>"
    (root / "Annotations/a.xml").write_text(text)
    return load_annotations("Annotations", root, list(SIZES), SIZES, classes)


def test_pixels_count_from_one_and_include_the_last(tmp_path: Path) -> None:
    truth = load(tmp_path, item(), item(box=(11, 21, 30.5, 40))).by_uri["JPEGImages/a.jpg"]
    assert truth.boxes.tolist() == [[0, 0, 200, 100], [10, 20, 30.5, 40]]
    assert truth.area.tolist() == [20000, 410]


def test_boxes_over_the_edge_are_clipped(tmp_path: Path) -> None:
    truth = load(tmp_path, item(box=(0, 0, 205, 100))).by_uri["JPEGImages/a.jpg"]
    assert truth.boxes.tolist() == [[0, 0, 200, 100]]


def test_difficult_objects_are_neither_rewarded_nor_punished(tmp_path: Path) -> None:
    truth = load(tmp_path, item(more="<difficult>1</difficult>"), item(more="<difficult>0</difficult>"))
    assert truth.by_uri["JPEGImages/a.jpg"].crowd.tolist() == [True, False]


def test_a_frame_without_objects_is_empty_and_one_without_a_file_absent(tmp_path: Path) -> None:
    found = load(tmp_path)
    assert set(found.by_uri) == {"JPEGImages/a.jpg"} and len(found.by_uri["JPEGImages/a.jpg"]) == 0


def test_names_map_to_the_models_classes_and_else_go_by_the_alphabet(tmp_path: Path) -> None:
    objects = item("dog"), item("cat")
    assert load(tmp_path, *objects, classes=("Cat", "x", "Dog")).by_uri["JPEGImages/a.jpg"].classes.tolist() == [2, 0]
    found = load(tmp_path, *objects)
    assert found.classes == ("cat", "dog") and found.by_uri["JPEGImages/a.jpg"].classes.tolist() == [1, 0]


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        (item(box=(50, 1, 10, 20)), "the wrong way round"),
        (item(box=("nan", 1, 10, 20)), "not a finite number"),
        (item(box=("", 1, 10, 20)), "bndbox/xmin is ''"),
        (item(box=(301, 1, 310, 20)), "outside its frame"),
        (item(name=" "), "object 2 has no name"),
    ],
)
def test_a_malformed_object_is_named_by_file_and_number(tmp_path: Path, bad: str, said: str) -> None:
    with pytest.raises(AnnotationError) as caught:
        load(tmp_path, item(), bad)
    assert said in caught.value.message
    assert "Annotations/a.xml" in caught.value.message and "object 2" in caught.value.message


def test_a_frame_of_another_size_than_declared_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AnnotationError, match="has 400x200 px, but it has 200x100 px"):
        load(tmp_path, item(), size="<size><width>400</width><height>200</height></size>")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("<annotation><object>", "is not XML"),
        ("", "is not XML"),
        ("<kml></kml>", "its root is <kml>"),
        ('<!DOCTYPE a [<!ENTITY b "c">]><annotation>&b;</annotation>', "declares a document type"),
    ],
)
def test_a_file_that_is_no_voc_annotation_is_named(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "Annotations").mkdir()
    (tmp_path / "Annotations/a.xml").write_text(text)
    with pytest.raises(AnnotationError, match=r"a\.xml") as caught:
        load_annotations("Annotations", tmp_path, list(SIZES), SIZES, None)
    assert said in caught.value.message
