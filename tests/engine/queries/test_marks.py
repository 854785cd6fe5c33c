"""Marks: they show at once, hold in the set, and are taken back in the order they were made, also after a restart."""

from __future__ import annotations

import pytest

from calibtui.core.errors import ConfigurationError
from calibtui.engine.queries.registry import TOTALS
from calibtui.engine.wire.curation import Mark, MarkMatching, RecentChanges, Redo, Undo
from calibtui.engine.wire.frames import Frame, Frames
from calibtui.pipeline.select_stage import proposed_set
from calibtui.store.store import Store


def marks(desk) -> dict[str, str]:
    return {row.uri[-6:-4]: row.mark for row in desk.ask(Frames()).rows if row.mark}


def in_set(desk) -> list[str]:
    return sorted(row.uri[-6:-4] for row in desk.ask(Frames(filter="selected")).rows)


def digest(desk, name: str) -> str:
    return next(row.digest for row in desk.ask(Frames(filter=f"{name}.png")).rows)


def selected_headless(desk) -> dict[str, str]:
    """name → why, as the select stage chooses."""
    within = desk._within("select")
    manifest, _ = proposed_set(within, desk.judged(), desk.store.marks.all())
    return {frame["uri"][-6:-4]: frame["why"] for frame in manifest["frames"]}


def test_a_mark_shows_in_the_list_and_in_the_set(desk):
    assert in_set(desk) == ["02", "05", "08", "10"], "the four hardest"
    done = desk.do(Mark(digests=(digest(desk, "00"), digest(desk, "03")), mark="pinned"))
    assert done.said == "2 frames pinned."
    assert marks(desk) == {"00": "pinned", "03": "pinned"}
    assert in_set(desk) == ["00", "03", "05", "08"]
    desk.do(Mark(digests=(digest(desk, "08"),), mark="excluded"))
    assert in_set(desk) == ["00", "02", "03", "05"]


def test_space_drops_what_the_set_holds_and_picks_what_it_does_not(desk):
    desk.do(Mark(digests=(digest(desk, "08"), digest(desk, "00")), toggle=True))
    assert marks(desk) == {"08": "dropped", "00": "picked"}
    assert in_set(desk) == ["00", "02", "05", "10"]


def test_space_leaves_pinned_and_excluded_frames_alone(desk):
    desk.do(Mark(digests=(digest(desk, "00"),), mark="excluded"))
    with pytest.raises(ConfigurationError, match="excluded"):
        desk.do(Mark(digests=(digest(desk, "00"),), toggle=True))


def test_headless_selection_honours_the_marks_and_says_so(desk):
    desk.do(Mark(digests=(digest(desk, "00"),), mark="picked"))
    desk.do(Mark(digests=(digest(desk, "03"),), mark="pinned"))
    desk.do(Mark(digests=(digest(desk, "08"),), mark="dropped"))
    chosen = selected_headless(desk)
    assert sorted(chosen) == in_set(desk) == ["00", "02", "03", "05"]
    assert (chosen["00"], chosen["03"], chosen["05"]) == ("picked by hand", "pinned", "hardest: rank 1")


def test_more_picks_than_the_size_make_the_set_larger(desk):
    desk.do(MarkMatching(mark="picked", filter="line0|line1"))
    assert len(in_set(desk)) == 8 == len(selected_headless(desk))


def test_a_mark_by_hand_counts_more_than_calibtui_toml(desk):
    desk.overrides = ('selection.pin=["pool/line0/00.png"]', 'selection.exclude=["pool/line2/05.png"]')
    assert marks(desk) == {"00": "pinned", "05": "excluded"} and in_set(desk) == ["00", "02", "08", "10"]
    desk.do(Mark(digests=(digest(desk, "00"),), mark="dropped"))
    desk.do(Mark(digests=(digest(desk, "05"),), mark="picked"))
    assert in_set(desk) == sorted(selected_headless(desk)) == ["02", "05", "08", "10"]


def test_rows_of_a_filtered_order_are_marked_as_they_are_shown(desk):
    rows = desk.ask(Frames(filter="class:scratch", sort="difficulty")).rows
    done = desk.do(MarkMatching(mark="excluded", filter="class:scratch", first=1, last=3))
    assert done.said == "3 frames excluded (class:scratch)."
    assert set(marks(desk)) == {row.uri[-6:-4] for row in rows[1:4]}


def test_undo_and_redo_go_back_and_forth_over_every_change(desk):
    states = [marks(desk)]
    for command in (
        Mark(digests=(digest(desk, "00"),), mark="pinned"),
        MarkMatching(mark="excluded", filter="line2"),
        Mark(digests=(digest(desk, "00"), digest(desk, "02")), mark=""),
    ):
        desk.do(command)
        states.append(marks(desk))
    for state in reversed(states[:-1]):
        desk.do(Undo())
        assert marks(desk) == state
    assert desk.do(Undo()).said == "There is nothing to undo."
    for state in states[1:]:
        desk.do(Redo())
        assert marks(desk) == state
    assert desk.do(Redo()).said == "There is nothing to redo."


def test_what_was_undone_cannot_be_redone_once_something_else_was_done(desk):
    desk.do(Mark(digests=(digest(desk, "00"),), mark="pinned"))
    desk.do(Undo())
    desk.do(Mark(digests=(digest(desk, "01"),), mark="pinned"))
    desk.do(Redo())
    assert marks(desk) == {"01": "pinned"}
    desk.do(Undo())
    assert marks(desk) == {}


def test_marks_and_their_undo_survive_a_restart(desk):
    desk.do(Mark(digests=(digest(desk, "00"),), mark="pinned"))
    desk.store.close()
    desk.store, desk.memory = Store(desk.root / ".calibtui"), {}
    assert marks(desk) == {"00": "pinned"}
    assert desk.do(Undo()).said.startswith("Taken back: pool/line0/00.png pinned")
    assert marks(desk) == {}
    desk.store.close()


def test_the_journal_tells_who_did_what(desk):
    desk.do(Mark(digests=(digest(desk, "00"),), mark="pinned"))
    desk.user = "giulia"
    desk.do(Mark(digests=(digest(desk, "01"),), mark="excluded"))
    desk.do(Undo())
    newest, older = desk.ask(RecentChanges()).changes
    assert (newest.by, newest.undone, newest.said) == ("giulia", True, "pool/line1/01.png excluded")
    assert (older.by, older.undone, older.number) == ("marco", False, 1)


def test_a_change_that_changes_nothing_is_no_change(desk):
    desk.do(Mark(digests=(digest(desk, "00"),), mark="pinned"))
    assert "so already" in desk.do(Mark(digests=(digest(desk, "00"),), mark="pinned")).said
    assert len(desk.ask(RecentChanges()).changes) == 1


def test_unknown_marks_and_frames_are_refused(desk):
    with pytest.raises(ConfigurationError):
        desk.do(Mark(digests=(digest(desk, "00"),), mark="loved"))
    with pytest.raises(ConfigurationError):
        desk.do(Mark(digests=("0" * 64,), mark="pinned"))


def test_a_frame_says_why_it_is_in_the_set_or_not(desk):
    def why(name: str) -> str:
        return desk.ask(Frame(digest=digest(desk, name))).why

    desk.do(Mark(digests=(digest(desk, "00"),), mark="picked"))
    desk.do(Mark(digests=(digest(desk, "08"),), mark="dropped"))
    assert why("00") == "in the set: picked by hand"
    assert why("08") == "not in the set: dropped by hand"
    assert why("05") == "in the set: hardest: rank 1"
    assert "rank 5" in why("07") and "not scored" in why("11")


def test_the_totals_count_what_the_pages_show(desk):
    desk.do(Mark(digests=(digest(desk, "00"),), mark="picked"))
    (count,) = TOTALS
    totals = count(desk.context)
    assert (totals.frames, totals.scored, totals.picked, totals.selected) == (12, 11, 1, 4)
    assert sum(totals.histogram) == 11 and totals.histogram[0] == 1
