"""The decisions of a search, on errors and drops that are known."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest

from calibtui.core.summary import EvaluationSummary, ModelFigures, SearchSummary, TrialLine
from calibtui.pipeline.search.confidence import MARGIN, error_with_margin, expected_drop, probability_within
from calibtui.pipeline.search.float_layers import fewest_that_hold, path_to_float, ranked_units
from calibtui.pipeline.search.recipe import Recipe
from calibtui.pipeline.search.remedies import best_remedies, remedies_tried_again
from calibtui.pipeline.search.wording import missed_in_words
from calibtui.quantization.groups import Group

COUNTS = {"stem": 500, "a": 50, "b": 50, "c": 30, "head": 370}


def always() -> bool:
    return True


def never() -> bool:
    return False


def ranked(errors, affordable=always):
    groups = [Group("stem", ("stem",)), Group("body", ("a", "b", "c")), Group("head", ("head",))]

    def measured(parts):
        return iter([sum(errors[node] ** 2 for node in nodes) ** 0.5 for nodes in parts])

    return ranked_units(groups, COUNTS, set(COUNTS), measured, affordable)


def test_the_layer_that_costs_most_for_its_multiply_adds_goes_to_float_first():
    units = ranked({"stem": 0.9, "a": 0.1, "b": 0.5, "c": 0.0, "head": 0.2})
    assert [unit.nodes for unit in units][:2] == [("b",), ("stem",)]


@pytest.mark.parametrize("measurements", range(9))
def test_without_time_for_all_the_smallest_of_those_unknown_go_first(measurements):
    """Groups first, then what is in them; there are no more than eight."""
    errors = {"stem": 0.9, "a": 0.1, "b": 0.1, "c": 0.1, "head": 0.2}
    calls = iter([True] * measurements + [False] * 20)
    units = ranked(errors, lambda: next(calls))
    assert {node for unit in units for node in unit.nodes} == set(COUNTS)
    assert path_to_float(units, COUNTS, ())[1] == ("c",)


def test_layers_that_were_not_reached_share_the_error_of_their_group():
    calls = iter([True] * 4 + [False] * 20)
    errors = {"stem": 0.1, "a": 0.0, "b": 0.5, "c": 0.0, "head": 0.1}
    units = ranked(errors, lambda: next(calls))
    found = {unit.nodes[0]: unit.error for unit in units}
    assert found["a"] == 0 and found["b"] == found["c"] == pytest.approx(0.5 / 3**0.5)


def test_nine_tenths_of_the_multiply_adds_stay_in_int8():
    units = ranked({"stem": 0.9, "a": 0.4, "b": 0.5, "c": 0.3, "head": 0.2})
    steps = path_to_float(units, COUNTS, ())
    assert steps[0] == ()
    assert all(sum(COUNTS[node] for node in step) <= 100 for step in steps)
    assert all(set(before) < set(after) for before, after in pairwise(steps))
    assert "stem" not in steps[-1]


def test_what_is_in_float_anyway_counts():
    units = ranked({"stem": 0.9, "a": 0.4, "b": 0.5, "c": 0.3, "head": 0.2})
    assert path_to_float(units, COUNTS, ("a", "b")) == [()]


@pytest.mark.parametrize("needed", [0, 1, 5, 9])
def test_bisection_finds_the_fewest_steps_that_hold(needed):
    asked = []

    def holds(step):
        asked.append(step)
        return step >= needed

    assert fewest_that_hold(10, holds, always) == needed
    assert len(asked) <= 6 and len(set(asked)) == len(asked)


def test_where_not_even_the_last_step_holds_there_is_no_answer():
    assert fewest_that_hold(10, lambda _: False, always) is None


def test_bisection_out_of_time_gives_a_step_that_was_measured_to_hold():
    assert fewest_that_hold(10, lambda step: step >= 4, lambda: False) == 9


def test_remedies_are_kept_only_where_they_take_error_off():
    gains = {"equalized": 0.5, "through_activations": 1.1, "well_rounded": 0.99}

    def error(recipe):
        found = 0.7 if recipe.calibrator == "mse" else 1.0
        for name, factor in gains.items():
            found *= factor if getattr(recipe, name) else 1
        return found

    first = Recipe("percentile", 99.999)
    best = best_remedies(first, error, can_equalize=True, can_unround=(), can_clip=always, affordable=always)
    assert best == Recipe("mse", None, equalized=True)


def test_a_remedy_that_shows_only_with_layers_in_float_is_found_there():
    def error(recipe):
        return 1.0 - 0.1 * (recipe.by_channel and bool(recipe.float_nodes))

    first = Recipe("minmax", well_rounded=True)
    assert best_remedies(first, error, can_equalize=False, can_unround=(), can_clip=never, affordable=always) == first
    last = replace(first, float_nodes=("a",))
    found = remedies_tried_again(last, error, can_unround=(), can_scale=True, affordable=always)
    assert found == replace(last, by_channel=True)
    assert remedies_tried_again(last, error, can_unround=(), can_scale=False, affordable=always) == last
    assert remedies_tried_again(last, error, can_unround=(), can_scale=True, affordable=never) == last


def test_results_stay_unrounded_where_that_takes_error_off_now_or_with_layers_in_float():
    def error(recipe):
        return (0.999 if recipe.stem else 1.0) * (0.8 if recipe.pointwise and recipe.float_nodes else 1.0)

    kinds = ("pointwise", "stem")
    first = Recipe("minmax")
    best = best_remedies(first, error, can_equalize=False, can_unround=kinds, can_clip=never, affordable=always)
    assert best == replace(first, stem=True) and best.products == ("stem",)
    last = replace(best, float_nodes=("a",))
    found = remedies_tried_again(last, error, can_unround=kinds, can_scale=False, affordable=always)
    assert found == replace(last, pointwise=True) and found.products == kinds
    assert remedies_tried_again(last, error, can_unround=("stem",), can_scale=False, affordable=always) == last


def test_nothing_more_is_tried_when_time_is_up():
    tried = []

    def error(recipe):
        tried.append(recipe)
        return 1.0

    first = Recipe("minmax")
    assert best_remedies(first, error, can_equalize=True, can_unround=(), can_clip=always, affordable=never) == first
    assert tried == [first]


def test_recipes_with_the_same_options_are_the_same_trial():
    assert Recipe("mse", float_nodes=("a",)).digest == Recipe("mse", float_nodes=("a",)).digest
    assert Recipe("mse", float_nodes=("a",)).digest != Recipe("mse").digest
    assert Recipe("percentile", 99.99, equalized=True, float_nodes=("a",)).in_words() == (
        "percentile 99.99, equalized channels, 1 layer in float"
    )


def evaluation(drop, low, high):
    figures = ModelFigures(0.3, 0.5, 0.3, 0, 0, 0, {}, 1, 1.0)
    return EvaluationSummary(85, figures, figures, drop, low, high, "", "")


def test_a_missed_limit_is_explained_by_what_was_found():
    trial = TrialLine("mse, 3 layers in float", 0.93, 3, 0.2, 0.1, chosen=True)
    search = SearchSummary(trial.what, 43, True, 9.5, (trial,))
    said = missed_in_words(search, evaluation(0.9, -0.2, 1.8), 0.6)
    assert "mse, 3 layers in float" in said and "93.0 %" in said
    assert "too few" in said and "[-0.2, 1.8]" in said


def test_a_limit_that_nothing_held_is_said_plainly():
    trial = TrialLine("mse", 1.0, 0, 0.9, 7.5, chosen=True)
    said = missed_in_words(SearchSummary("mse", 43, False, 20, (trial,)), evaluation(8, 6, 10), 0.6)
    assert "No recipe" in said and "allow a larger drop" in said


def test_many_annotated_frames_decide_and_few_leave_it_to_the_output_error():
    sure = {"error": 0.3, "reference_map": 0.34, "drop": 0.1}
    assert probability_within(0.6, **sure, sd=0.05) > 0.95
    assert probability_within(0.6, **sure, sd=1.5) < 0.5


def test_a_small_output_error_is_trusted_unless_the_drop_speaks_against_it():
    assert probability_within(0.6, error=0.05, reference_map=0.34, drop=0.5, sd=1.0) > 0.9
    assert probability_within(0.6, error=0.05, reference_map=0.34, drop=4.0, sd=0.1) < 0.05
    assert probability_within(0.6, error=0.05, reference_map=0.34, drop=None, sd=None) > 0.9


def test_an_expected_drop_is_never_more_than_the_map():
    assert expected_drop(9.0, 0.5)[0] == 50


@pytest.mark.parametrize(("limit", "reference_map"), [(0.6, 0.34), (2.0, 0.6)])
def test_the_margin_lets_expect_a_fifth_of_the_limit(limit, reference_map):
    expected, _ = expected_drop(error_with_margin(limit, reference_map), reference_map)
    assert expected == pytest.approx(MARGIN * limit)


def test_a_float_model_that_finds_nothing_leaves_a_margin_that_can_be_computed():
    assert 0 < error_with_margin(0.6, 0.0) < float("inf")
