"""The evaluation frames are divided once and for all: nothing is searched on that is reported on."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np

from calibtui.core.boxes import GroundTruth
from calibtui.pipeline.evaluation_set import EvaluationFrame, EvaluationSet
from calibtui.pipeline.search.split import split_evaluation


def frame(number: int, *labels: int, folder: str = "eval", digest: str | None = None) -> EvaluationFrame:
    boxes = np.tile(np.array([[1, 1, 5, 5]], np.float32), (len(labels), 1))
    truth = GroundTruth(
        boxes, np.array(labels, np.int64), np.zeros(len(labels), bool), np.full(len(labels), 16, np.float32)
    )
    uri = f"{folder}/{number:03}.jpg"
    return EvaluationFrame(uri, Path(uri), digest or f"digest{number}", (8, 8), truth)


def of(*frames: EvaluationFrame) -> EvaluationSet:
    return EvaluationSet(tuple(frames), ("a", "b", "c"), "whole")


def uris(evaluation: EvaluationSet) -> set[str]:
    return {each.uri for each in evaluation.frames}


def test_every_frame_is_on_one_side_and_a_third_is_searched_on():
    evaluation = of(*(frame(number, number % 3) for number in range(60)))
    split = split_evaluation(evaluation, 0)
    assert uris(split.search) | uris(split.report) == uris(evaluation)
    assert not uris(split.search) & uris(split.report)
    assert len(split.search.frames) == 20


def test_both_sides_show_every_class_in_proportion():
    evaluation = of(*(frame(number, 0) for number in range(60)), *(frame(100 + number, 1, 1) for number in range(30)))
    split = split_evaluation(evaluation, 3)
    seen = Counter(int(label) for each in split.search.frames for label in each.truth.classes)
    assert seen == {0: 20, 1: 20}


def test_the_same_seed_gives_the_same_sides_and_another_one_others():
    frames = [frame(number, number % 3) for number in range(60)]
    one, again, other = (
        split_evaluation(of(*order), seed) for order, seed in ((frames, 1), (frames[::-1], 1), (frames, 2))
    )
    assert uris(one.search) == uris(again.search)
    assert uris(one.search) != uris(other.search)
    assert one.digest != other.digest


def test_equal_frames_stay_together():
    evaluation = of(*(frame(number, 0, digest=f"twin{number // 2}") for number in range(60)))
    split = split_evaluation(evaluation, 0)
    digests = [{each.digest for each in side.frames} for side in (split.search, split.report)]
    assert not digests[0] & digests[1]


def test_frames_of_one_sequence_stay_together_where_there_are_several():
    evaluation = of(*(frame(number, 0, folder=f"eval/scene{number % 12}") for number in range(96)))
    split = split_evaluation(evaluation, 0)
    folders = [{Path(uri).parent for uri in uris(side)} for side in (split.search, split.report)]
    assert len(folders[0]) == 4 and not folders[0] & folders[1]


def test_too_few_frames_with_objects_are_not_divided():
    assert split_evaluation(of(*(frame(number, 0) for number in range(20))), 0) is None
    assert split_evaluation(of(*(frame(number) for number in range(90))), 0) is None


def test_scenes_are_told_apart_as_the_settings_say():
    evaluation = of(*(frame(number, 0) for number in range(90)))
    split = split_evaluation(evaluation, 0, scenes=r"/(\d\d)")
    tens = [{Path(uri).name[:2] for uri in uris(side)} for side in (split.search, split.report)]
    assert not tens[0] & tens[1]
