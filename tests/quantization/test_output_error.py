"""The error of answers: nothing for equal ones, more for worse ones, and only where a detection is."""

from __future__ import annotations

import numpy as np
import pytest

from calibtui.detector.decoders.contract import Decoded
from calibtui.quantization.output_error import FloatAnswers, _Answer


class Columns:
    """Reads rows of x1, y1, x2, y2 and class scores; or x1, y1, x2, y2, score, label."""

    def __init__(self, labelled: bool = False) -> None:
        self.labelled = labelled

    def decode(self, outputs, floor=0.0):
        rows = outputs["rows"]
        if self.labelled:
            return Decoded(rows[:, :4], rows[:, 4], rows[:, 5].astype(np.int64))
        return Decoded(rows[:, :4], rows[:, 4:])


def answers(rows, labelled=False):
    reader = Columns(labelled)
    outputs = {"rows": np.asarray(rows, np.float32)}
    answer = _Answer(np.zeros((1, 3, 8, 8), np.float32), outputs, reader.decode(outputs))
    return FloatAnswers([answer], reader, final=labelled)


def error(reference, rows):
    return reference.error(lambda _: {"rows": np.asarray(rows, np.float32)})


SURE, BACKGROUND = [0, 0, 100, 100, 0.9, 0.0], [0, 0, 50, 50, 0.001, 0.0]


def test_equal_answers_have_no_error():
    found = error(answers([SURE, BACKGROUND]), [SURE, BACKGROUND])
    assert (found.total, found.box, found.score) == (0, 0, 0)
    assert found.sqnr["rows"] == float("inf")


def test_a_moved_box_counts_by_what_it_overlaps_less():
    moved = [50, 0, 150, 100, 0.9, 0.0]
    assert error(answers([SURE]), [moved]).box == pytest.approx(2 / 3)


def test_a_score_that_is_lost_counts_as_far_as_it_is_lost():
    weaker = [0, 0, 100, 100, 0.3, 0.0]
    found = error(answers([SURE]), [weaker])
    assert found.box == 0 and found.score == pytest.approx(2 / 3)


def test_background_has_no_weight():
    elsewhere = [400, 400, 450, 450, 0.002, 0.0]
    assert error(answers([SURE, BACKGROUND]), [SURE, elsewhere]).total == 0


def test_an_invented_detection_is_an_error_too():
    invented = [0, 0, 50, 50, 0.9, 0.0]
    assert error(answers([SURE, BACKGROUND]), [SURE, invented]).total > 0.4


def test_boxes_that_are_not_numbers_are_wholly_wrong():
    assert error(answers([SURE]), [[np.nan] * 4 + [0.9, 0.0]]).box == 1


def test_final_detections_are_compared_whatever_their_order():
    one, two = [0, 0, 10, 10, 0.9, 1], [20, 20, 40, 40, 0.6, 0]
    assert error(answers([one, two], labelled=True), [two, one]).total == 0


def test_a_final_detection_without_counterpart_is_wholly_wrong():
    one, two = [0, 0, 10, 10, 0.5, 1], [20, 20, 40, 40, 0.5, 0]
    found = error(answers([one, two], labelled=True), [one])
    assert found.box == pytest.approx(1 / 3) and found.score == pytest.approx(1 / 3)


def test_outputs_that_nobody_can_decode_are_compared_as_they_are():
    frame = np.zeros((1, 3, 8, 8), np.float32)
    reference = FloatAnswers.undecoded(lambda _: {"out": np.array([3.0, 4.0], np.float32)}, [frame])
    found = reference.error(lambda _: {"out": np.array([3.0, 3.5], np.float32)})
    assert not found.decoded
    assert found.total == pytest.approx(0.25 / 25)
    assert found.sqnr["out"] == pytest.approx(20)
