"""From the annotations' categories to the detector's classes."""

from __future__ import annotations

import pytest

from calibtui.core.errors import AnnotationError
from calibtui.pool.categories import map_categories

MODEL = ("person", "traffic light", "pin-hole")


def index(categories: dict[int | str, str | None], model: tuple[str, ...] | None = MODEL) -> dict[int | str, int]:
    return dict(map_categories("a.json", categories, list(categories), model).index)


def test_names_decide_whatever_the_ids_are() -> None:
    assert index({90: "pin-hole", 1: "traffic light", 13: "person"}) == {90: 2, 1: 1, 13: 0}


def test_case_blanks_underscores_and_hyphens_are_folded() -> None:
    assert index({0: "Pin_Hole", 1: "TRAFFIC-LIGHT ", 2: "Person"}) == {0: 2, 1: 1, 2: 0}


def test_an_exact_name_wins_over_a_folded_one() -> None:
    assert index({0: "pinhole", 1: "pin hole"}, ("pin hole", "pinhole")) == {0: 1, 1: 0}


def test_without_the_models_names_the_order_of_the_ids_decides() -> None:
    mapped = map_categories("a.json", {13: "c", 1: "a", 5: "b"}, [1], None)
    assert (mapped.classes, dict(mapped.index)) == (("a", "b", "c"), {1: 0, 5: 1, 13: 2})


def test_placeholders_of_the_model_give_way_to_the_annotations_names() -> None:
    mapped = map_categories("a.json", {1: "scratch", 2: "pit"}, [1, 2], ("class_0", "class_1"))
    assert (mapped.classes, dict(mapped.index)) == (("scratch", "pit"), {1: 0, 2: 1})


def test_nameless_categories_map_by_order_where_there_are_as_many_as_classes() -> None:
    assert index({1: None, 2: "", 3: None}) == {1: 0, 2: 1, 3: 2}
    assert index({1: "1", 2: "2", 3: "3"}) == {1: 0, 2: 1, 3: 2}


def test_nameless_categories_map_by_id_where_there_are_fewer() -> None:
    assert index({0: None, 2: None}) == {0: 0, 2: 2}


def test_nameless_categories_that_fit_neither_way_are_an_error() -> None:
    with pytest.raises(AnnotationError, match="2 classes and the model 3"):
        index({7: None, 9: None})


def test_classes_that_the_model_does_not_have_are_named_with_the_nearest() -> None:
    with pytest.raises(AnnotationError) as caught:
        index({0: "pinholes", 1: "zebra", 2: "person"})
    assert "'pinholes' (nearest: 'pin-hole')" in caught.value.message
    assert "'zebra'" in caught.value.message and "'person'" not in caught.value.message


def test_a_category_that_no_annotation_uses_need_not_be_known() -> None:
    assert dict(map_categories("a.json", {0: "defects", 1: "person"}, [1], MODEL).index) == {1: 0}
