"""Names come from settings, a file or metadata, and their number is the model's."""

from __future__ import annotations

import numpy as np
import pytest

from calibtui.core.errors import ModelError
from calibtui.detector.metadata import read_metadata

CELLS = 256 + 64 + 16
OUTPUT = {"output0": np.zeros((1, 7, CELLS), np.float32)}


@pytest.mark.parametrize(
    "names",
    [
        "{0: 'scratch', 1: 'pit', 2: 'stain'}",
        '{"0": "scratch", "1": "pit", "2": "stain"}',
        "['scratch', 'pit', 'stain']",
        '["scratch", "pit", "stain"]',
        "{2: 'stain', 0: 'scratch', 1: 'pit'}",
        "scratch\npit\nstain",
    ],
)
def test_metadata_may_be_python_or_json(write_model, load, names):
    assert load(write_model(OUTPUT, metadata={"names": names})).classes == ("scratch", "pit", "stain")


@pytest.mark.parametrize(
    "names", ["", "scratch", "{0: 'a', 2: 'b'}", "__import__('os')", "[", "{'a': 'b'}", "[[]]", "(" * 9999]
)
def test_metadata_that_is_no_list_of_names_is_left_out_and_told_of(write_model, load, names):
    detector = load(write_model(OUTPUT, metadata={"names": names}))
    assert detector.classes == ("class 0", "class 1", "class 2")
    assert any("'names'" in why for why in detector.layout.why)


def test_settings_come_before_metadata(write_model, load):
    path = write_model(OUTPUT, metadata={"names": "['x', 'y', 'z']"})
    assert load(path, classes=("a", "b", "c")).classes == ("a", "b", "c")


def test_a_file_has_one_name_a_line(write_model, load):
    path = write_model(OUTPUT)
    (path.parent / "names.txt").write_text("\ufeffscratch\r\npit\r\nstain\r\n\r\n", encoding="utf-8")
    assert load(path, classes="names.txt").classes == ("scratch", "pit", "stain")


@pytest.mark.parametrize(("content", "reason"), [(None, "can't be read"), (b"", "empty"), (b"\xff\xfe\x00", "UTF-8")])
def test_a_file_that_can_t_be_used_is_named(write_model, load, content, reason):
    path = write_model(OUTPUT)
    if content is not None:
        (path.parent / "names.txt").write_bytes(content)
    with pytest.raises(ModelError, match=rf"names\.txt.*{reason}"):
        load(path, classes="names.txt")


def test_another_number_of_names_is_refused_with_both(write_model, load):
    with pytest.raises(ModelError, match=r"names 2 classes, but .* tells 3 apart"):
        load(write_model(OUTPUT), classes=("a", "b"))


def test_annotations_may_name_the_classes_later(write_model, load):
    detector = load(write_model(OUTPUT))
    assert detector.with_classes(("a", "b", "c")).classes == ("a", "b", "c")
    with pytest.raises(ModelError, match=r"4 class names are given, but .* 3 apart"):
        detector.with_classes(("a", "b", "c", "d"))


def test_a_class_that_is_really_called_background_stays(write_model, load):
    assert load(write_model(OUTPUT), classes=("background", "a", "b")).classes == ("background", "a", "b")


def test_metadata_tells_size_task_and_suppression():
    metadata = read_metadata(
        {"names": "{0: 'a'}", "stride": "32", "imgsz": "[320, 640]", "task": "detect", "args": "{'nms': True}"}
    )
    assert (metadata.size, metadata.task, metadata.suppressed, metadata.ultralytics) == (
        (640, 320),
        "detect",
        True,
        True,
    )
