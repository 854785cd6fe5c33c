"""The drop comes with an honest interval: the same resamples for both models, sequences kept together, no false
verdict."""

from __future__ import annotations

import math
import tracemalloc

import numpy as np
import pytest

from calibtui.core.boxes import Detections
from calibtui.evaluation import bootstrap
from calibtui.evaluation.bootstrap import Drop, drop_in_words, paired_drop
from calibtui.evaluation.coco import match, mean_ap

FRAMES, CLASSES = 60, 4


@pytest.fixture(scope="module")
def models(world):
    """Matches of a model, and of the same with its boxes shaken."""
    detections, truths = world(11, frames=FRAMES, classes=CLASSES, levels=10_000)
    random = np.random.default_rng(0)
    shaken = [
        Detections((d.boxes + random.normal(0, 3, d.boxes.shape)).astype(np.float32), d.scores, d.classes)
        for d in detections
    ]
    return match(detections, truths, CLASSES), match(shaken, truths, CLASSES)


def replayed(seed: int, replicates: int, units: int) -> np.ndarray:
    """(R, units): how often each unit is drawn, by the documented generator."""
    drawn = np.random.default_rng(seed).integers(units, size=(replicates, units))
    return np.array([np.bincount(row, minlength=units) for row in drawn])


def test_the_interval_is_that_of_reckoning_each_resample_alone(models) -> None:
    reference, other = models
    times = replayed(5, 80, FRAMES)
    drops = [100 * (mean_ap(reference, row).map - mean_ap(other, row).map) for row in times]
    drop = paired_drop(reference, other, seed=5, replicates=80)
    assert drop.points == pytest.approx(100 * (mean_ap(reference).map - mean_ap(other).map), abs=1e-9)
    assert (drop.low, drop.high) == pytest.approx(tuple(np.percentile(drops, [2.5, 97.5])), abs=1e-9)
    assert drop.probability == pytest.approx(np.mean(np.array(drops) > 0))


def test_one_frame_of_a_sequence_is_never_drawn_without_the_others(models) -> None:
    reference, other = models
    sequence = np.array([f"s{i // 6}" for i in range(FRAMES)])
    unit = np.unique(sequence, return_inverse=True)[1]
    drops = [
        100 * (mean_ap(reference, row[unit]).map - mean_ap(other, row[unit]).map)
        for row in replayed(1, 60, FRAMES // 6)
    ]
    drop = paired_drop(reference, other, seed=1, replicates=60, clusters=sequence)
    assert drop.units == FRAMES // 6
    assert (drop.low, drop.high) == pytest.approx(tuple(np.percentile(drops, [2.5, 97.5])), abs=1e-9)


def test_the_same_seed_gives_the_same_interval_whatever_the_block_size(models, monkeypatch) -> None:
    first = paired_drop(*models, seed=3, replicates=150)
    monkeypatch.setattr(bootstrap, "BLOCK_COLUMNS", 17)
    again = paired_drop(*models, seed=3, replicates=150)
    assert (again.low, again.high) == pytest.approx((first.low, first.high), abs=1e-9)
    assert paired_drop(*models, seed=4, replicates=150).low != first.low


def test_a_model_against_itself_shows_no_difference(models) -> None:
    drop = paired_drop(models[0], models[0], seed=0, replicates=50)
    assert (drop.points, drop.low, drop.high, drop.probability) == (0, 0, 0, 0.5)
    assert not drop.measurable
    assert drop_in_words(drop) == "no measurable difference (+0.00 points [+0.00, +0.00])"


def test_swapping_the_models_turns_the_interval_round(models) -> None:
    there = paired_drop(*models, seed=0, replicates=100)
    back = paired_drop(models[1], models[0], seed=0, replicates=100)
    assert (back.points, back.low, back.high) == pytest.approx((-there.points, -there.high, -there.low), abs=1e-9)


def test_pairing_makes_the_interval_narrower_than_one_models_own(models) -> None:
    reference, other = models
    alone = [100 * mean_ap(reference, row).map for row in replayed(0, 100, FRAMES)]
    drop = paired_drop(reference, other, seed=0, replicates=100)
    assert drop.high - drop.low < np.percentile(alone, 97.5) - np.percentile(alone, 2.5)


def test_one_frame_or_one_sequence_has_no_interval(world, models) -> None:
    detections, truths = world(1, frames=1, empty=0)
    single = match(detections, truths, 5)
    assert math.isnan(paired_drop(single, single, seed=0).low)
    together = paired_drop(*models, seed=0, clusters=np.zeros(FRAMES))
    assert math.isnan(together.low) and math.isnan(together.probability)
    assert "too few for an interval" in drop_in_words(together)


def test_no_objects_gives_nan_and_says_so(world) -> None:
    nothing = match(*world(0, empty=1.0), 5)
    drop = paired_drop(nothing, nothing, seed=0, replicates=10)
    assert math.isnan(drop.points)
    assert "no object" in drop_in_words(drop)


def test_models_matched_on_different_frames_are_refused(world, models) -> None:
    with pytest.raises(ValueError, match="same frames"):
        paired_drop(models[0], match(*world(12, frames=FRAMES, classes=CLASSES), CLASSES), seed=0)
    with pytest.raises(ValueError, match="clusters"):
        paired_drop(*models, seed=0, clusters=np.zeros(3))


def test_memory_does_not_grow_with_the_number_of_replicates(models) -> None:
    def peak(replicates: int) -> int:
        tracemalloc.start()
        paired_drop(*models, seed=0, replicates=replicates)
        top = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return top

    assert peak(4 * bootstrap.BLOCK_COLUMNS) < 1.3 * peak(bootstrap.BLOCK_COLUMNS)


@pytest.mark.parametrize(
    ("points", "low", "high", "units", "words"),
    [
        (0.8, 0.3, 1.2, 300, "INT8 loses 0.8 points [0.3, 1.2]"),
        (-0.8, -1.2, -0.3, 300, "INT8 gains 0.8 points [0.3, 1.2]"),
        (0.3, -0.4, 0.9, 300, "no measurable difference (-0.3 points [-0.9, +0.4])"),
        (0.04, 0.01, 0.07, 300, "INT8 loses 0.04 points [0.01, 0.07]"),
        (0.8, 0.3, 1.2, 6, "INT8 loses 0.8 points [0.3, 1.2], on only 6 frames or sequences"),
        (-0.5, 0.1, 0.3, 300, "no measurable difference (+0.5 points [-0.3, -0.1])"),
    ],
)
def test_words_say_no_more_than_the_interval_does(points, low, high, units, words) -> None:
    assert drop_in_words(Drop(points, low, high, 0.5, units, units, 1000)) == words
