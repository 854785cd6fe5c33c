"""What INT8 in a part of the model costs is measured once, whoever stops the search in between."""

from __future__ import annotations

import pytest

from calibtui.pipeline.search.layer_errors import LayerErrors
from calibtui.pipeline.workers.kit import Done


@pytest.fixture
def asked():
    return []


@pytest.fixture
def measure(asked):
    def make(*values: float):
        def measured(parts):
            """The last one first: answers come in whatever order."""
            for place in reversed(range(len(parts))):
                asked.append(values[place])
                yield Done(place, values[place], 0.5)

        return measured

    return make


def test_the_next_run_knows_what_was_measured_and_what_it_took(tmp_path, asked, measure):
    path = tmp_path / "searches" / "one.json"
    first = LayerErrors(path)
    assert list(first.of_each("recipe", [["b", "a"]], measure(0.25))) == [0.25]
    second = LayerErrors(path)
    assert second.spent == 0
    assert list(second.of_each("recipe", [["a", "b"]], measure(9.0))) == [0.25]
    assert asked == [0.25] and second.spent == first.spent > 0


def test_another_recipe_or_other_layers_are_another_question(tmp_path, asked, measure):
    errors = LayerErrors(tmp_path / "one.json")
    answers = [
        next(errors.of_each(recipe, [nodes], measure(value)))
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
    assert list(LayerErrors(path).of_each("recipe", [["a"]], measure(0.5))) == [0.5]


def test_answers_are_told_in_the_order_of_the_question_and_kept_in_their_own(tmp_path, asked, measure):
    path = tmp_path / "one.json"
    errors = LayerErrors(path)
    told = errors.of_each("recipe", [["a"], ["b"], ["c"]], measure(0.1, 0.2, 0.3))
    assert next(told) == 0.1
    assert asked == [0.3, 0.2, 0.1]
    assert errors.spent == 0.5, "what nobody asked for yet isn't spent"
    assert list(LayerErrors(path).of_each("recipe", [["b"], ["c"]], measure())) == [0.2, 0.3]
