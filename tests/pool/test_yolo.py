"""YOLO label directories."""

from __future__ import annotations

from pathlib import Path

import pytest

from calibtui.core.boxes import Annotations
from calibtui.core.errors import AnnotationError
from calibtui.pool.annotations import load_annotations
from calibtui.pool.class_files import names_beside

SIZES = {"images/a.jpg": (200, 100), "images/b.jpg": (100, 100), "images/c.jpg": (100, 100)}


def load(
    root: Path, files: dict[str, str], classes: tuple[str, ...] | None = None, where: str = "labels"
) -> Annotations:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return load_annotations(where, root, list(SIZES), SIZES, classes)


def test_shares_of_the_frame_become_px(tmp_path: Path) -> None:
    found = load(tmp_path, {"labels/a.txt": "1 0.5 0.5 0.5 0.2\n0 0.1 0.2 0.1 0.2\n"})
    truth = found.by_uri["images/a.jpg"]
    assert truth.boxes.round(6).tolist() == [[50, 40, 150, 60], [10, 10, 30, 30]]
    assert truth.area.round(6).tolist() == [2000, 400]
    assert truth.classes.tolist() == [1, 0] and not truth.crowd.any()


def test_an_empty_file_is_a_frame_without_objects_and_no_file_an_unannotated_one(tmp_path: Path) -> None:
    found = load(tmp_path, {"labels/a.txt": "", "labels/b.txt": "0 .5 .5 .5 .5"})
    assert set(found.by_uri) == {"images/a.jpg", "images/b.jpg"} and len(found.by_uri["images/a.jpg"]) == 0


def test_polygons_become_their_bounding_boxes(tmp_path: Path) -> None:
    found = load(tmp_path, {"labels/a.txt": "0 0.1 0.1 0.5 0.2 0.3 0.9"})
    assert found.by_uri["images/a.jpg"].boxes.round(6).tolist() == [[20, 10, 100, 90]]


def test_rounding_over_the_edge_is_clipped(tmp_path: Path) -> None:
    found = load(tmp_path, {"labels/a.txt": "0 0.5 0.5 1.001 1.0"})
    assert found.by_uri["images/a.jpg"].boxes.tolist() == [[0, 0, 200, 100]]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("0 50 60 20 20", "50 is not a share"),
        ("0 0.5 0.5 -0.1 0.1", "-0.1 is not a share"),
        ("0 nan 0.5 0.1 0.1", "nan is not a share"),
        ("0 0.5 0.5 0.1", "4 numbers"),
        ("0 0.5 0.5 0.1 0.1 0.99", "6 numbers"),
        ("dog 0.5 0.5 0.1 0.1", "not numbers"),
        ("-1 0.5 0.5 0.1 0.1", "class -1"),
        ("99999999999 0.5 0.5 0.1 0.1", "class 99999999999"),
    ],
)
def test_a_malformed_line_is_named_by_file_and_number(tmp_path: Path, line: str, said: str) -> None:
    with pytest.raises(AnnotationError) as caught:
        load(tmp_path, {"labels/a.txt": f"0 0.5 0.5 0.1 0.1\n{line}\n"})
    assert said in caught.value.message and "labels/a.txt, line 2" in caught.value.message


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("data.yaml", "train: x\nnames: [scratch, 'pin-hole', \"a, b\"]  # three\nnc: 3\n"),
        ("data.yaml", "names:\n  - scratch\n  - pin-hole\n  - 'a, b'\nnc: 3\n"),
        ("data.yaml", "names:\n- scratch\n- pin-hole\n- 'a, b'\n"),
        ("data.yaml", "names:\n  0: scratch\n  2: 'a, b'\n  # remark\n  1: pin-hole # x\nnc: 3\n"),
        ("data.yaml", "names: {0: scratch, 1: pin-hole, 2: 'a, b'}\n"),
        ("data.yaml", "names: [scratch,\n  pin-hole,\n  'a, b']\n"),
        ("classes.txt", "scratch\npin-hole\n\na, b\n"),
        ("labels/classes.txt", "scratch\npin-hole\na, b\n"),
        ("obj.names", "scratch\npin-hole\na, b\n"),
    ],
)
def test_class_names_are_found_beside_the_labels_as_people_write_them(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / "labels").mkdir()
    (tmp_path / name).write_text(text)
    assert names_beside(tmp_path / "labels") == ("scratch", "pin-hole", "a, b")


@pytest.mark.parametrize(
    "text", ["nc: 3\n", "names: scratch\n", "names: [a, b\n", "names:\n  1: a\n  2: b\n", "names:\n"]
)
def test_a_data_yaml_that_can_not_be_understood_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "data.yaml").write_text(text)
    with pytest.raises(AnnotationError, match=r"data\.yaml"):
        names_beside(tmp_path)


def test_classes_map_to_the_models_by_name(tmp_path: Path) -> None:
    files = {"data.yaml": "names: [pit, scratch]", "labels/a.txt": "0 .5 .5 .1 .1\n1 .5 .5 .1 .1"}
    found = load(tmp_path, files, ("Scratch", "Pit", "stain"))
    assert found.by_uri["images/a.jpg"].classes.tolist() == [1, 0]
    assert found.classes == ("Scratch", "Pit", "stain")


def test_without_names_the_numbers_are_the_models(tmp_path: Path) -> None:
    found = load(tmp_path, {"labels/a.txt": "2 .5 .5 .1 .1"}, ("scratch", "pit", "stain"))
    assert found.by_uri["images/a.jpg"].classes.tolist() == [2]
    assert load(tmp_path, {}).classes == ("class_0", "class_1", "class_2")


def test_a_class_that_nobody_names_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(AnnotationError, match="uses the class 2, but only 2 names"):
        load(tmp_path, {"labels/classes.txt": "pit\nscratch\n", "labels/a.txt": "2 .5 .5 .1 .1"})
    (tmp_path / "labels/classes.txt").unlink()
    with pytest.raises(AnnotationError, match="3 classes and the model 2"):
        load(tmp_path, {}, ("pit", "scratch"))


def test_a_data_set_directory_is_searched_for_its_labels(tmp_path: Path) -> None:
    files = {"set/labels/a.txt": "0 .5 .5 .1 .1", "set/README.txt": "about", "set/data.yaml": "names: [pit]"}
    found = load(tmp_path, files, where="set")
    assert set(found.by_uri) == {"images/a.jpg"} and found.classes == ("pit",)


def test_labels_that_are_no_text_are_named(tmp_path: Path) -> None:
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels/a.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(AnnotationError, match=r"a\.txt is not UTF-8"):
        load(tmp_path, {})
