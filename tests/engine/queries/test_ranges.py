"""Activation ranges that a set misses, from what `calibtui coverage` measured."""

from __future__ import annotations

import shutil

import numpy as np
from tests.engine.queries.conftest import DOCUMENT

from calibtui.engine.queries.measured_ranges import read_ranges
from calibtui.engine.wire.frames import Frames
from calibtui.engine.wire.sets import Draft, Turn
from calibtui.pipeline.select_stage import proposed_set
from calibtui.quantization.coverage.range_file import RangeFile


def measure(desk, bounds: dict[str, tuple[float, float]]) -> None:
    """Two tensors: "a" as given, by digest; "b" from 0 to 1 everywhere."""
    file = RangeFile(desk.context.state / "ranges" / "x.ranges", "key", ("a", "b"))
    for digest, (low, high) in bounds.items():
        file.add(digest, np.array([[low - 1, 0], [high + 1, 1], [low, 0], [high, 1]], np.float32))
    file.close()


def test_tensors_that_the_pool_reaches_further_in_are_told_with_the_frames_that_would_do(desk):
    (desk.context.state / "ranges").mkdir()
    by_name = {row.uri[-6:-4]: row.digest for row in desk.ask(Frames()).rows}
    bounds = dict.fromkeys(by_name.values(), (-1.0, 1.0))
    bounds |= {by_name["00"]: (-1.0, 3.0), by_name["03"]: (-2.0, 1.0)}
    measure(desk, bounds)
    (missed,) = desk.ask(Draft()).ranges
    assert (missed.tensor, missed.set_low, missed.set_high, missed.pool_low, missed.pool_high) == ("a", -1, 1, -2, 3)
    assert missed.clipped == np.float32(3 / 5) and missed.fixed_by == (by_name["00"], by_name["03"])


def test_a_set_that_reaches_everything_misses_nothing(desk):
    (desk.context.state / "ranges").mkdir()
    measure(desk, dict.fromkeys(desk.digests(), (-1.0, 1.0)))
    view = desk.ask(Draft())
    assert view.ranges == () and view.range_said.startswith("0 of 2 tensors")


def test_frames_of_the_set_that_are_not_measured_are_told(desk):
    (desk.context.state / "ranges").mkdir()
    hardest, *rest = [row.digest for row in desk.ask(Frames()).rows]
    measure(desk, dict.fromkeys(rest[8:], (-1.0, 1.0)))
    none = desk.ask(Draft())
    assert none.ranges is None and "calibtui coverage" in none.range_said
    measure(desk, {hardest: (-1.0, 1.0)})
    assert "1 of its 4 frames are measured" in desk.ask(Draft()).range_said


def test_a_file_of_something_else_is_no_ranges(tmp_path):
    for content in (b"", b"\n", b"[]\n", b'{"tensors": 3}\n', b"\xff\xfe"):
        (tmp_path / "x.ranges").write_bytes(content)
        assert read_ranges(tmp_path / "x.ranges") is None


def test_the_draft_by_range_cover_is_what_the_select_stage_chooses_once_all_is_measured(make_desk, sample_data):
    document = DOCUMENT + '[model]\nonnx = "detector.onnx"\n'
    model = sample_data / "detector.onnx"
    desk = make_desk(frames=8, document=document, prepare=lambda root: shutil.copy2(model, root / "detector.onnx"))
    desk.score([place / 20 for place in range(8)])
    desk.do(Turn(key="selection.strategy", value='"range-cover"'))
    before = desk.ask(Draft())
    assert before.size == 0 and "8 of the 8 frames" in before.said
    manifest, _ = proposed_set(desk._within("select"), desk.judged())
    chosen = sorted((frame["uri"], frame["why"]) for frame in manifest["frames"])
    assert sorted((frame.uri, frame.why) for frame in desk.ask(Draft()).frames) == chosen and len(chosen) == 4
