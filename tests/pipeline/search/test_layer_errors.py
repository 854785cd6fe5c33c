"""What INT8 in a part of the model costs is measured once, whoever stops the search in between."""

from __future__ import annotations

import pytest

from calibtui.pipeline.search.layer_errors import LayerErrors


@pytest.fixture
def asked():
    return []


@pytest.fixture
def measure(asked):
    def make(value: float):
        def measured() -> float:
            asked.append(value)
            return value

        return measured

    return make


def test_the_next_run_knows_what_was_measured_and_what_it_took(tmp_path, asked, measure):
    path = tmp_path / "searches" / "one.json"
    first = LayerErrors(path)
    assert first.of("recipe", ["b", "a"], measure(0.25)) == 0.25
    second = LayerErrors(path)
    assert second.spent == 0
    assert second.of("recipe", ["a", "b"], measure(9.0)) == 0.25
    assert asked == [0.25] and second.spent == first.spent > 0


def test_another_recipe_or_other_layers_are_another_question(tmp_path, asked, measure):
    errors = LayerErrors(tmp_path / "one.json")
    answers = [
        errors.of(recipe, nodes, measure(value))
        for recipe, nodes, value in (("recipe", ["a"], 0.1), ("recipe", ["a", "b"], 0.2), ("other", ["a"], 0.3))
    ]
    assert answers == asked == [0.1, 0.2, 0.3]


def test_the_clock_stays_the_one_of_the_first_run(tmp_path):
    path = tmp_path / "one.json"
    assert LayerErrors(path).unit_s(2.5) == 2.5
    assert LayerErrors(path).unit_s(7.0) == 2.5


@pytest.mark.parametrize("text", ["", "{", "[]", '{"errors": {"a": 1}, "evaluation_s": 1}', '{"errors": {}}'])
def test_a_file_that_cannot_be_read_costs_time_and_nothing_else(tmp_path, measure, text):
    path = tmp_path / "one.json"
    path.write_text(text)
    assert LayerErrors(path).of("recipe", ["a"], measure(0.5)) == 0.5
