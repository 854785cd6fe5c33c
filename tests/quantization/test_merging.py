"""Statistics taken frame by frame make any set's, bit for bit."""

from __future__ import annotations

import pytest

from calibtui.core.errors import ModelError
from calibtui.quantization.collector import Calibrator
from calibtui.quantization.merging import merged_statistics
from calibtui.quantization.statistics import Statistics
from calibtui.quantization.tensors import tensors_to_observe


@pytest.fixture
def by_frame(prepared, scheme, frame) -> list[Statistics]:
    """Of five frames, taken one at a time from one calibrator."""
    calibrator = Calibrator(prepared, tensors_to_observe(prepared, scheme))
    taken = []
    for number in range(5):
        calibrator.observe(f"frame{number}", frame(number))
        taken.append(calibrator.take())
    return taken


def test_parts_in_any_order_make_what_one_calibrator_would_have_counted(prepared, scheme, frame, by_frame) -> None:
    whole = Calibrator(prepared, tensors_to_observe(prepared, scheme))
    for number in (0, 2, 4):
        whole.observe(f"frame{number}", frame(number))
    assert merged_statistics([by_frame[4], by_frame[0], by_frame[2]]).digest == whole.statistics.digest


def test_a_frame_in_two_parts_and_no_part_at_all_are_refused(by_frame) -> None:
    with pytest.raises(ModelError, match="frame1 is in two"):
        merged_statistics([by_frame[1], by_frame[1]])
    with pytest.raises(ModelError, match="No frame"):
        merged_statistics([])


def test_what_was_taken_is_forgotten(prepared, scheme, frame) -> None:
    calibrator = Calibrator(prepared, tensors_to_observe(prepared, scheme))
    calibrator.observe("a", frame(0))
    first = calibrator.take()
    assert not calibrator.frames
    calibrator.observe("a", frame(0))
    assert calibrator.take().digest == first.digest
