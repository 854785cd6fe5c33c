"""Difficulty from the detector itself: its doubts, and its INT8 twin's dissent."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from calibtui.core.boxes import Detections
from calibtui.core.errors import CalibtuiError
from calibtui.core.scores import CallRecord, Score
from calibtui.scoring.detector_judge import NOTHING_SEEN, DetectorJudge, disagreement, doubt_of, uncertainty
from calibtui.scoring.judge import FrameToScore

Frames = Callable[[int], list[FrameToScore]]


def found(*rows: tuple[float, float, int]) -> Detections:
    """Detections of (confidence, x of a 10 px square, class)."""
    boxes = [[x, 0, x + 10, 10] for _, x, _ in rows]
    return Detections(
        np.array(boxes, np.float32).reshape(-1, 4),
        np.array([score for score, _, _ in rows], np.float32),
        np.array([kind for _, _, kind in rows], np.int64),
    )


def scores(*values: float) -> np.ndarray:
    return np.array(values, np.float32)


@pytest.mark.parametrize(("values", "expected"), [((0.5,), 1.0), ((1.0,), 0.0), ((0.89,), 0.5), ((0.5, 1.0), 1 / 3)])
def test_uncertainty_is_the_weighted_entropy_of_the_confidences(values: tuple[float, ...], expected: float) -> None:
    assert uncertainty(scores(*values)) == pytest.approx(expected, abs=2e-3)


def test_a_sure_detection_is_less_uncertain_than_a_doubtful_one_whatever_the_tail() -> None:
    tail = (0.02,) * 9
    assert uncertainty(scores(0.95, *tail)) < 0.35 < 0.7 < uncertainty(scores(0.5, *tail))


def test_only_the_highest_confidences_count() -> None:
    assert uncertainty(scores(*[0.9] * 10, *[0.5] * 90)) == pytest.approx(uncertainty(scores(0.9)), abs=1e-6)


@pytest.mark.parametrize("values", [(), (0.01, 0.02)])
def test_where_nothing_is_seen_uncertainty_is_a_stated_constant(values: tuple[float, ...]) -> None:
    assert uncertainty(scores(*values)) == NOTHING_SEEN


def test_twins_that_agree_to_the_last_box_disagree_by_nothing() -> None:
    both = found((0.9, 0, 0), (0.4, 50, 1))
    assert disagreement(both, both) == 0.0


@pytest.mark.parametrize(
    ("twin", "expected"),
    [
        (found(), 1.0),
        (found((0.8, 100, 0)), 1.0),
        (found((0.8, 0, 1)), 1.0),
        (found((0.4, 0, 0)), 0.4),
        (found((0.8, 5, 0)), 2 / 3),
        (found((0.8, 0, 0), (0.8, 100, 0)), 0.5),
    ],
    ids=["lost", "elsewhere", "another class", "less sure", "shifted", "one too many"],
)
def test_dissent_grows_with_what_the_twin_loses_moves_or_invents(twin: Detections, expected: float) -> None:
    assert disagreement(found((0.8, 0, 0)), twin) == pytest.approx(expected, abs=1e-6)


def test_dissent_is_the_same_seen_from_either_side() -> None:
    first, second = found((0.9, 0, 0), (0.3, 40, 1)), found((0.7, 2, 0), (0.5, 90, 1))
    assert disagreement(first, second) == pytest.approx(disagreement(second, first), abs=1e-9)


def test_background_below_the_threshold_does_not_dissent() -> None:
    assert disagreement(found((0.9, 0, 0), (0.02, 70, 0)), found((0.9, 0, 0), (0.03, 200, 1))) == 0.0


def test_two_that_see_nothing_agree() -> None:
    doubt = doubt_of(found(), found((0.02, 0, 0)))
    assert (doubt.disagreement, doubt.seen) == (0.0, False)
    assert doubt.reasons == ("nothing detected",)


@pytest.mark.parametrize("seed", range(20))
def test_difficulty_stays_in_0_and_1_for_any_detections(seed: int) -> None:
    rng = np.random.default_rng(seed)

    def anything() -> Detections:
        n = int(rng.integers(0, 100))
        boxes = rng.normal(0, 100, (n, 4)).astype(np.float32)
        return Detections(boxes, np.sort(rng.random(n).astype(np.float32))[::-1], rng.integers(0, 3, n))

    assert 0.0 <= doubt_of(anything(), anything()).difficulty <= 1.0


def test_reasons_name_what_weighs_the_strongest_first() -> None:
    assert doubt_of(found((0.5, 0, 0)), found()).reasons == ("uncertain detections", "float and INT8 disagree")
    assert doubt_of(found((0.99, 0, 0)), found((0.99, 0, 0))).reasons == ()


class Bright:
    """A detector of real pixels: one box, as sure as the frame is bright; a twin is `off` by some."""

    def __init__(self, off: float = 0.0) -> None:
        self.off = off
        self.threads: set[int] = set()

    def detect(self, image_rgb: np.ndarray) -> Detections:
        assert image_rgb.dtype == np.uint8
        assert image_rgb.shape == (96, 128, 3)
        self.threads.add(threading.get_ident())
        return found((min(1.0, float(image_rgb.mean()) / 255 + self.off), 0, 0))


async def test_a_frame_gets_a_score_that_costs_nothing(frames: Frames) -> None:
    (frame,) = frames(1)
    judge = DetectorJudge(Bright(), Bright(0.1), "detector.onnx", ["a" * 64, "b" * 64])
    calls: list[CallRecord] = []
    score = await judge.ask(frame, judge.prepare(frame), calls.append)
    assert isinstance(score, Score)
    assert 0 < score.difficulty <= 1
    assert (score.prompt, score.provider, score.requested_model) == ("detector@1", "local", "detector.onnx")
    assert (score.cost_micro_eur, score.input_tokens, calls) == (0, 0, [])
    assert score.digest == frame.digest


def test_a_frame_that_is_none_is_an_error_by_name(tmp_path: Path) -> None:
    (tmp_path / "x.jpg").write_bytes(b"")
    judge = DetectorJudge(Bright(), Bright(), "d", [])
    with pytest.raises(CalibtuiError, match=r"x\.jpg"):
        judge.prepare(FrameToScore("x.jpg", tmp_path / "x.jpg", "d"))


def test_scores_of_another_model_are_never_taken_for_these() -> None:
    judges = [DetectorJudge(Bright(), Bright(), "d.onnx", digests) for digests in (["a", "b"], ["a", "c"], ["a", "b"])]
    keys = [judge.key("f" * 64) for judge in judges]
    assert keys[0] == keys[2] != keys[1]
