"""Every frame's own ranges: right, and kept on disk so that a kill costs at most what was not flushed."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from calibtui.core.errors import ModelError
from calibtui.quantization.collector import Calibrator
from calibtui.quantization.coverage.frame_ranges import FrameRangeMeter, lower_bound, upper_bound
from calibtui.quantization.coverage.range_file import RangeFile
from calibtui.quantization.histogram import BINS
from calibtui.quantization.tensors import tensors_to_observe

DIGESTS = [hashlib.sha256(str(number).encode()).hexdigest() for number in range(6)]


def test_extremes_are_those_of_the_calibrator(prepared, scheme, frame):
    tensors = tensors_to_observe(prepared, scheme)
    meter = FrameRangeMeter(prepared, tensors)
    for number in range(3):
        calibrator = Calibrator(prepared, tensors, histograms=False)
        calibrator.observe("one", frame(number))
        bounds = meter.measure("one", {"image": frame(number)})
        np.testing.assert_array_equal(bounds[0], calibrator.statistics.lows[0])
        np.testing.assert_array_equal(bounds[1], calibrator.statistics.highs[0])
        assert (bounds[2] >= bounds[0]).all()
        assert (bounds[3] <= bounds[1]).all()


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("shift", [-20, -1, 0, 0.5, 20])
def test_robust_bounds_leave_out_that_many_elements_to_the_width_of_a_bin(seed, shift):
    values = (np.random.default_rng(seed).normal(shift, 2, 5000)).astype(np.float32)
    counts = np.bincount(values.view(np.uint32) >> 16, minlength=BINS).astype(np.int32)
    ordered = np.sort(values)
    for stray in (0, 1, 17):
        lowest, highest = ordered[stray], ordered[-1 - stray]
        assert 0 <= lowest - lower_bound(counts, stray) <= 0.008 * abs(lowest) + 1e-30
        assert 0 <= upper_bound(counts, stray) - highest <= 0.008 * abs(highest) + 1e-30


def test_stray_elements_set_the_extremes_and_not_the_robust_bounds():
    values = np.linspace(-1, 1, 40_000, dtype=np.float32)
    values[5] = 1e6
    counts = np.bincount(values.view(np.uint32) >> 16, minlength=BINS).astype(np.int32)
    assert upper_bound(counts, 0) > 1e6
    assert upper_bound(counts, 2) == pytest.approx(1, rel=0.01)


def test_a_frame_whose_activations_are_not_finite_is_named(prepared, frame):
    spoiled = frame(0)
    spoiled[0, 0, 3, 3] = np.nan
    with pytest.raises(ModelError, match="on frame abc"):
        FrameRangeMeter(prepared, ["image", "head"]).measure("abc", {"image": spoiled})


def bounds(number: int, tensors: int = 3) -> np.ndarray:
    return np.random.default_rng(number).normal(size=(4, tensors)).astype(np.float32)


def written(path, count=6):
    file = RangeFile(path, "key", ("a", "b", "c"))
    for number, digest in enumerate(DIGESTS[:count]):
        file.add(digest, bounds(number))
    file.close()


def test_what_is_written_is_read_back_and_added_to(tmp_path):
    path = tmp_path / "ranges" / "one.ranges"
    written(path, 2)
    file = RangeFile(path, "key", ("a", "b", "c"))
    assert list(file.known) == DIGESTS[:2]
    file.add(DIGESTS[2], bounds(2))
    file.close()
    again = RangeFile(path, "key", ("a", "b", "c"))
    again.close()
    for number in range(3):
        np.testing.assert_array_equal(again.known[DIGESTS[number]], bounds(number))


@pytest.mark.parametrize("cut", [1, 40, 83])
def test_a_record_that_was_cut_short_is_dropped_and_written_over(cut, tmp_path):
    path = tmp_path / "one.ranges"
    written(path)
    path.write_bytes(path.read_bytes()[:-cut])
    file = RangeFile(path, "key", ("a", "b", "c"))
    assert list(file.known) == DIGESTS[:5]
    file.add(DIGESTS[5], bounds(5))
    file.close()
    whole = RangeFile(path, "key", ("a", "b", "c"))
    whole.close()
    assert list(whole.known) == DIGESTS


def test_a_damaged_record_ends_what_is_believed(tmp_path):
    path = tmp_path / "one.ranges"
    written(path)
    data = bytearray(path.read_bytes())
    data[-100] ^= 1
    path.write_bytes(data)
    file = RangeFile(path, "key", ("a", "b", "c"))
    file.close()
    assert list(file.known) == DIGESTS[:4]


@pytest.mark.parametrize("content", [b"", b"nonsense", b"{}\n", None])
def test_a_file_of_another_model_is_refused(content, tmp_path):
    path = tmp_path / "one.ranges"
    if content is None:
        written(path)
    else:
        path.write_bytes(content)
    with pytest.raises(ModelError, match=r"one\.ranges holds ranges of another model"):
        RangeFile(path, "other key", ("a", "b", "c"))
