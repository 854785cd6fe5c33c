"""The draft is the set that would be chosen; locked, it doesn't change any more."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from calibtui.core.errors import ConfigurationError, SettingsError
from calibtui.core.frames import IndexedFrame
from calibtui.engine.wire.curation import Mark, Undo
from calibtui.engine.wire.frames import Frames
from calibtui.engine.wire.sets import Draft, Lock, LockedSet, Sets, Turn
from calibtui.pipeline.select_stage import proposed_set
from calibtui.selection.manifest import read_manifest


def frames(view) -> list[tuple[str, str]]:
    return sorted((frame.uri, frame.why) for frame in view.frames if frame.change != "dropped")


def chosen_headless(desk) -> list[tuple[str, str]]:
    manifest, _ = proposed_set(desk._within("select"), desk.judged(), desk.store.marks.all())
    return sorted((frame["uri"], frame["why"]) for frame in manifest["frames"])


def digest(desk, name: str) -> str:
    return desk.ask(Frames(filter=f"{name}.png")).rows[0].digest


@pytest.mark.parametrize(
    "strategy", ["random", "stratified", "hardest", "hardest-nms", "weighted-k-center", "k-center"]
)
def test_the_draft_is_what_the_select_stage_would_choose(make_desk, strategy):
    desk = make_desk(frames=40)
    desk.score((np.random.default_rng(1).integers(0, 12, 40) / 12).tolist())
    desk.do(Turn(key="selection.strategy", value=json.dumps(strategy)))
    desk.do(Turn(key="selection.size", value="9"))
    desk.do(Turn(key="selection.suppress", value="0.3"))
    desk.do(Mark(digests=(digest(desk, "01"), digest(desk, "02")), mark="picked"))
    desk.do(Mark(digests=(digest(desk, "30"),), mark="excluded"))
    desk.overrides = ('selection.pin=["pool/line0/03.png"]', 'selection.exclude=["pool/line1/04.png"]')
    view = desk.ask(Draft(compare=""))
    assert frames(view) == chosen_headless(desk) and view.size == 9 and view.said == ""


def test_a_knob_is_tried_out_without_being_turned(desk):
    view = desk.ask(Draft(overrides=("selection.size=6", "selection.strategy=random")))
    assert (view.size, view.strategy, view.wanted) == (6, "random", 6)
    assert desk.ask(Draft()).size == 4
    with pytest.raises(ConfigurationError):
        desk.ask(Draft(overrides=("pool.images=/",)))
    with pytest.raises(SettingsError):
        desk.ask(Draft(overrides=("selection.size=0",)))


def test_the_view_tells_balance_coverage_and_difficulty(desk):
    view = desk.ask(Draft())
    classes = {share.name: (share.in_pool, share.in_set) for share in view.classes}
    assert classes == {"scratch": (7, 3), "dent": (5, 0)}, "frame 05, which the set holds, is not annotated"
    assert {share.name for share in view.strata} >= {"dent", "scratch", "nothing", "not annotated"}
    assert sum(share.in_set for share in view.strata) == 4 and sum(share.in_pool for share in view.strata) == 12
    assert view.mean_difficulty == pytest.approx((0.5 + 0.45 + 0.4 + 0.35) / 4)
    assert sum(view.histogram) == 4
    assert -1 <= view.coverage <= 1 and view.duplicates == 0
    whole = desk.ask(Draft(overrides=("selection.size=12", "selection.strategy=random")))
    assert whole.coverage == pytest.approx(1, abs=1e-3) == whole.random_coverage
    assert view.ranges is None and "calibtui coverage" in view.range_said


def test_a_draft_that_can_not_be_says_why_and_keeps_what_was_picked(make_desk):
    desk = make_desk()
    desk.do(Mark(digests=(digest(desk, "01"),), mark="picked"))
    view = desk.ask(Draft())
    assert "scored" in view.said and [frame.why for frame in view.frames] == ["picked by hand"]


def test_a_set_smaller_than_asked_for_says_so(desk):
    desk.do(Turn(key="selection.size", value="40"))
    view = desk.ask(Draft())
    assert view.size == 11 and view.wanted == 40 and "11 of the 40" in view.said


def test_locking_writes_the_manifest_names_it_and_ends_the_picks(desk):
    desk.do(Mark(digests=(digest(desk, "00"),), mark="picked"))
    desk.do(Mark(digests=(digest(desk, "03"),), mark="pinned"))
    before = frames(desk.ask(Draft()))
    done = desk.do(Lock(name="release-7"))
    manifest = read_manifest(Path(done.files[0]))
    assert sorted((each["uri"], each["why"]) for each in manifest["frames"]) == before
    locked = desk.ask(LockedSet(name="release-7"))
    assert frames(locked) == before and locked.locked and locked.digest == manifest["digest"]
    assert desk.store.marks.all() == {digest(desk, "03"): "pinned"}
    (line,) = desk.ask(Sets()).sets
    assert (line.name, line.size, line.by, line.used_by) == ("release-7", 4, "marco", 0)
    desk.do(Undo())
    assert desk.store.marks.all()[digest(desk, "00")] == "picked"


def test_a_name_is_given_once(desk):
    desk.do(Lock(name="a"))
    for name in ("a", "", " ", "x\x00", "n" * 200):
        with pytest.raises(ConfigurationError):
            desk.do(Lock(name=name))


def test_the_draft_is_compared_with_the_last_locked_set(desk):
    assert desk.ask(Draft()).overlap is None
    desk.do(Lock(name="first"))
    same = desk.ask(Draft())
    assert (same.compared_with, same.added, same.dropped, same.overlap) == ("first", 0, 0, 1.0)
    desk.do(Mark(digests=(digest(desk, "00"),), mark="picked"))
    other = desk.ask(Draft())
    changes = {frame.uri[-6:-4]: frame.change for frame in other.frames if frame.change}
    assert changes == {"00": "added", "10": "dropped"}
    assert (other.added, other.dropped, other.overlap, other.size) == (1, 1, 0.75, 4)


def test_two_locked_sets_are_compared_by_name(desk):
    desk.do(Lock(name="first"))
    desk.do(Turn(key="selection.size", value="6"))
    desk.do(Lock(name="second"))
    view = desk.ask(LockedSet(name="second", compare="first"))
    assert (view.added, view.dropped, view.size) == (2, 0, 6)
    assert desk.ask(LockedSet(name="second")).compared_with == "first"
    assert [line.name for line in desk.ask(Sets()).sets] == ["second", "first"]
    with pytest.raises(ConfigurationError):
        desk.ask(LockedSet(name="third"))


def test_a_set_whose_manifest_was_changed_is_refused(desk):
    done = desk.do(Lock(name="first"))
    path = Path(done.files[0])
    path.write_text(path.read_text().replace("pool/", "puddle/"))
    with pytest.raises(ConfigurationError, match="changed by hand"):
        desk.ask(LockedSet(name="first"))


def test_copies_of_evaluation_frames_in_the_set_are_warned_of(desk):
    row = desk.ask(Frames()).rows[0]
    copy = IndexedFrame("eval/a.png", Path("a.png"), row.digest, 1, 1, 64, 48, "PNG", None)
    desk.store.frames.write("evaluation", [copy], 1)
    assert any("evaluation frames too" in warning for warning in desk.ask(Draft()).warnings)
