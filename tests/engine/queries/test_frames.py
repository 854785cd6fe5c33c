"""Pages of the pool: order, filter, places; difficulties are what `calibtui select` goes by."""

from __future__ import annotations

import numpy as np
import pytest

from calibtui.core.errors import ConfigurationError
from calibtui.core.frame_filter import FilterError
from calibtui.engine.wire.frames import SORTS, Find, Frames

ONE_PASS = 'model = "m"\n'


def uris(desk, **asked) -> list[str]:
    return [row.uri for row in desk.ask(Frames(**asked)).rows]


def names(desk, **asked) -> list[str]:
    return [uri[-6:-4] for uri in uris(desk, **asked)]


def test_a_page_begins_with_the_hardest_and_ends_with_the_unscored(desk):
    page = desk.ask(Frames())
    difficulties = [row.difficulty for row in page.rows]
    assert (page.total, page.matching, page.offset) == (12, 12, 0)
    assert difficulties[:-1] == sorted((n / 20 for n in range(11)), reverse=True) and difficulties[-1] is None
    assert desk.ask(Frames(descending=False)).rows[-1].difficulty is None, "unscored last in either direction"


def test_a_row_tells_what_is_known_of_its_frame(desk):
    row = desk.ask(Frames(filter="score:50")).rows[0]
    assert row.uri == "pool/line2/08.png" and row.difficulty == 0.5
    assert row.reasons[0] == "glare" and (row.width, row.height) == (64, 48) and row.cached == "exact"
    assert row.spread == 0 and row.error == ""


def test_annotated_classes_come_with_counts_most_first(desk):
    rows = {row.uri[-6:-4]: row for row in desk.ask(Frames()).rows}
    assert rows["05"].objects is None and rows["05"].classes == ()
    assert rows["00"].objects == 0
    assert rows["11"].classes == (("scratch", 2), ("dent", 1)) and rows["11"].objects == 3


@pytest.mark.parametrize("sort", SORTS)
@pytest.mark.parametrize("descending", [True, False])
def test_every_sort_goes_over_every_frame_once(desk, sort, descending):
    assert sorted(uris(desk, sort=sort, descending=descending)) == sorted(uris(desk))


def test_pages_follow_each_other_without_gap_or_repetition(desk):
    whole = uris(desk)
    assert uris(desk, limit=5) + uris(desk, offset=5, limit=5) + uris(desk, offset=10, limit=5) == whole
    assert desk.ask(Frames(offset=50)).rows == ()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("score>40", ["05", "08"]),
        ("class:scratch objects>=3", ["11"]),
        ("class:dent -class:scratch", ["03", "09"]),
        ("classes:none -objects:none", []),
        ("-annotated", ["05"]),
        ("path:line2 score<=45", ["02", "05"]),
        ("line1 -scored", []),
        ("-scored", None),
        ("reason:r3|r4", 2),
        ("reason:R1*", 2),
        ("reason:R3|g*e", 11),
        ('reason:"("|r4', 1),
        ("path:line0/0*3|LINE1/10", ["03", "10"]),
        ("-reason:glare", 1),
        ("excluded", []),
        ('class:"dent"', 5),
        ("digest:zz", []),
        ("width:64 height<50", 12),
    ],
)
def test_a_filter_lets_through_what_it_says(desk, text, expected):
    found = names(desk, sort="path", descending=False, filter=text)
    if isinstance(expected, int):
        assert len(found) == expected
    elif expected is None:
        assert [row.difficulty for row in desk.ask(Frames(filter=text)).rows] == [None]
    else:
        assert sorted(found) == sorted(expected)


def test_a_wrong_filter_or_sort_is_refused(desk):
    with pytest.raises(FilterError):
        desk.ask(Frames(filter="scroe>1"))
    with pytest.raises(ConfigurationError):
        desk.ask(Frames(sort="colour"))


def test_a_place_is_found_by_digest_and_by_percentile(desk):
    page = desk.ask(Frames(filter="-class:dent"))
    for row, line in enumerate(page.rows):
        assert desk.ask(Find(filter="-class:dent", digest=line.digest)).row == row
    assert desk.ask(Find(digest="0" * 64)).row is None
    assert desk.ask(Find(percentile=100)).row == 0
    assert desk.ask(Find(percentile=0)).row == 10
    assert desk.ask(Find(percentile=50, descending=False)).row == 5
    assert desk.ask(Find(percentile=50, filter="-scored")).row is None


@pytest.mark.parametrize("sort", ["difficulty", "path"])
@pytest.mark.parametrize("descending", [True, False])
@pytest.mark.parametrize("text", ["", "-class:dent", "score:30"])
def test_the_row_at_a_percentile_is_the_first_of_the_nearest_difficulty(desk, sort, descending, text):
    desk.score([None] * 11 + [0.3])
    asked = {"sort": sort, "descending": descending, "filter": text}
    told = [row.difficulty for row in desk.ask(Frames(**asked)).rows]
    scored = [difficulty for difficulty in told if difficulty is not None]
    for percentile in (-5, 0, 1, *range(5, 100, 5), 99, 100, 120):
        wanted = np.percentile(scored, min(100, max(0, percentile)), method="nearest")
        assert desk.ask(Find(percentile=percentile, **asked)).row == told.index(wanted), percentile


def test_new_scores_show_and_those_of_another_judge_do_not(desk):
    desk.score([None] * 11 + [0.99])
    assert desk.ask(Frames()).rows[0].difficulty == 0.99
    desk.overrides = ("scoring.max_px=512",)
    desk.data += 1
    assert {row.difficulty for row in desk.ask(Frames()).rows} == {None}, "another payload is another question"


def test_what_a_page_is_of_is_told(desk):
    assert desk.ask(Frames()).data == desk.data


def test_scores_that_are_taken_back_go(desk):
    hardest = desk.ask(Frames()).rows[0]
    desk.store.scores.quarantine("r2", "m", [hardest.digest], "doubtful")
    desk.data += 1
    page = desk.ask(Frames(filter="failed"))
    assert [row.uri for row in page.rows] == [hardest.uri] and page.rows[0].difficulty is None
    assert "doubtful" in page.rows[0].error


def test_files_that_cannot_be_read_come_last_with_their_reason(make_desk):
    desk = make_desk(prepare=lambda root: (root / "pool" / "00broken.png").write_bytes(b"no picture"))
    page = desk.ask(Frames(sort="difficulty"))
    assert page.total == 13 and page.rows[-1].uri == "pool/00broken.png" and page.rows[-1].error
    assert uris(desk, sort="path", descending=False)[0] == "pool/00broken.png"
    assert uris(desk, filter="failed") == ["pool/00broken.png"]


def test_difficulty_is_what_the_selection_goes_by_over_several_passes(make_desk):
    from tests.engine.queries.conftest import DOCUMENT

    desk = make_desk(document=DOCUMENT.replace(ONE_PASS, ONE_PASS + "passes = 2\n"))
    draw = np.random.default_rng(3)
    desk.score(draw.random(12).tolist())
    desk.score([*draw.random(8).tolist(), None, None, None, 0.5], pass_number=2)
    selected = desk.judged()
    rows = sorted(desk.ask(Frames()).rows, key=lambda row: row.uri)
    assert [frame.uri for frame in selected.frames] == [row.uri for row in rows]
    shown = np.array([np.nan if row.difficulty is None else row.difficulty for row in rows])
    np.testing.assert_array_equal(shown, selected.verdicts.difficulty)
    assert sum(row.difficulty is None for row in rows) == 3 and max(row.spread or 0 for row in rows) > 0.1


def test_a_cascade_is_read_as_the_selection_reads_it(make_desk):
    from tests.engine.queries.conftest import DOCUMENT

    stages = "stages = [{ max_px = 256, reach = 2.0 }, { max_px = 768 }]\n"
    desk = make_desk(document=DOCUMENT.replace(ONE_PASS, ONE_PASS + stages))
    desk.overrides = ("scoring.stages=[]", "scoring.max_px=256")
    desk.score([place / 20 for place in range(12)])
    desk.overrides = ()
    desk.data += 1
    shown = {row.uri: row.difficulty for row in desk.ask(Frames()).rows}
    selected = desk.judged()
    for frame, value in zip(selected.frames, selected.verdicts.difficulty, strict=True):
        assert shown[frame.uri] == (None if np.isnan(value) else value)
    assert desk.ask(Frames(filter="scored")).matching == 12
