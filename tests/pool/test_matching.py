"""Which frame an annotation's file name means."""

from __future__ import annotations

import pytest

from calibtui.core.errors import AnnotationError
from calibtui.pool.matching import match_names


@pytest.mark.parametrize(
    ("names", "uris", "expected"),
    [
        (["a.jpg"], ["eval/images/a.jpg"], {"a.jpg": "eval/images/a.jpg"}),
        (["./cam1/a.jpg"], ["images/cam1/a.jpg", "images/cam2/a.jpg"], {"./cam1/a.jpg": "images/cam1/a.jpg"}),
        (["cam1\\a.jpg"], ["images/cam1/a.jpg", "images/cam2/a.jpg"], {"cam1\\a.jpg": "images/cam1/a.jpg"}),
        (["a.png"], ["images/a.jpg"], {"a.png": "images/a.jpg"}),
        (["labels/train/a.txt"], ["images/train/a.jpg"], {"labels/train/a.txt": "images/train/a.jpg"}),
        (["/data/x/a.jpg"], ["images/a.jpg"], {"/data/x/a.jpg": "images/a.jpg"}),
        (["other.jpg"], ["images/a.jpg"], {}),
        (["v1.2.final.txt"], ["v1.2.final.jpg", "v1.2.other.jpg"], {"v1.2.final.txt": "v1.2.final.jpg"}),
    ],
)
def test_the_longest_common_end_of_the_paths_decides(
    names: list[str], uris: list[str], expected: dict[str, str]
) -> None:
    assert match_names("a.json", names, uris) == expected


def test_the_same_stem_in_several_directories_pairs_off() -> None:
    names = ["labels/train/a.txt", "labels/val/a.txt", "labels/a.txt"]
    uris = ["images/val/a.jpg", "images/train/a.jpg"]
    matched = match_names("labels", names[:2], uris)
    assert matched == {names[0]: uris[1], names[1]: uris[0]}


def test_a_short_name_takes_what_longer_ones_leave() -> None:
    names = ["a.jpg", "x/a.jpg"]
    assert match_names("a.json", names, ["images/a.jpg", "images/x/a.jpg"]) == {
        "a.jpg": "images/a.jpg",
        "x/a.jpg": "images/x/a.jpg",
    }


def test_annotations_of_frames_that_are_not_in_the_pool_take_no_others_frame() -> None:
    names = ["cam1/a.jpg", "cam2/a.jpg"]
    assert match_names("a.json", names, ["images/cam2/a.jpg"]) == {"cam2/a.jpg": "images/cam2/a.jpg"}


def test_a_name_that_two_frames_fit_is_an_error_that_names_both() -> None:
    with pytest.raises(AnnotationError) as caught:
        match_names("a.json", ["a.jpg"], ["x/a.jpg", "y/a.jpg"])
    assert "x/a.jpg" in caught.value.message and "y/a.jpg" in caught.value.message


def test_a_frame_that_two_names_fit_is_an_error_that_names_both() -> None:
    with pytest.raises(AnnotationError) as caught:
        match_names("a.json", ["p/a.jpg", "q/a.jpg"], ["images/a.jpg"])
    assert "p/a.jpg" in caught.value.message and "q/a.jpg" in caught.value.message
