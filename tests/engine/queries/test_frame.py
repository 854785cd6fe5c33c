"""One frame in full, and its picture."""

from __future__ import annotations

import io
import time

import pytest
from PIL import Image

from calibtui.core.errors import ConfigurationError
from calibtui.engine.queries import draft_members
from calibtui.engine.wire.curation import Mark
from calibtui.engine.wire.frames import Frame, FramePicture, Frames
from calibtui.engine.wire.sets import Draft, Turn
from calibtui.pool.images import UnreadableImage


def detail(desk, row: int):
    return desk.ask(Frame(digest=desk.ask(Frames()).rows[row].digest))


def test_a_frame_tells_its_rank_its_history_and_what_was_paid(desk):
    hardest = detail(desk, 0)
    assert (hardest.rank, hardest.percentile) == (1, 100.0)
    assert hardest.path == str(desk.root / hardest.line.uri) and hardest.format == "PNG" and hardest.size_bytes > 0
    (score,) = hardest.history
    assert (score.difficulty, score.cost, score.answered_model, score.current) == (0.5, 7, "m-2026", True)


def test_an_older_question_stays_in_the_history_but_is_not_current(desk):
    desk.overrides = ("scoring.max_px=256",)
    desk.score([0.9] * 12)
    hardest = detail(desk, 0)
    assert [score.current for score in hardest.history].count(True) == 1 and len(hardest.history) == 2


def test_an_unscored_frame_has_neither_rank_nor_percentile(desk):
    last = detail(desk, 11)
    assert (last.rank, last.percentile, last.history) == (None, None, ())


def test_neighbours_are_the_pool_by_similarity_without_the_frame_itself(desk):
    found = detail(desk, 0)
    similar = [each.similarity for each in found.neighbours]
    assert similar == sorted(similar, reverse=True) and len(similar) == 6
    assert found.line.digest not in {each.digest for each in found.neighbours}


def test_the_truth_of_a_frame_is_drawn_in_fractions(desk):
    row = next(row for row in desk.ask(Frames()).rows if row.uri.endswith("11.png"))
    drawn = desk.ask(Frame(digest=row.digest)).boxes["truth"]
    assert [box.label for box in drawn] == ["scratch", "scratch", "dent"]
    assert (drawn[1].x1, drawn[1].y1, drawn[1].x2, drawn[1].y2) == pytest.approx((4 / 64, 2 / 48, 12 / 64, 12 / 48))
    assert drawn[0].confidence is None


def test_a_digest_that_no_frame_has_is_refused(desk):
    with pytest.raises(ConfigurationError):
        desk.ask(Frame(digest="0" * 64))
    with pytest.raises(ConfigurationError):
        desk.ask(Frame(digest=""))


def test_a_picture_fits_its_box_and_keeps_its_aspect(desk):
    digest = desk.digests()[0]
    drawn = desk.ask(FramePicture(digest=digest, width=20, height=40))
    assert (drawn.width, drawn.height) == (20, 15) and len(drawn.rgb) == 20 * 15 * 3 and not drawn.png
    large = desk.ask(FramePicture(digest=digest, width=2000, height=2000))
    assert (large.width, large.height) == (64, 48), "never scaled up"


def test_a_picture_comes_as_a_file_where_asked_for(desk):
    drawn = desk.ask(FramePicture(digest=desk.digests()[0], width=32, height=32, png=True))
    assert Image.open(io.BytesIO(drawn.png)).size == (32, 24) == (drawn.width, drawn.height)


def test_a_crop_shows_that_part_alone(desk):
    digest, path = desk.digests()[0], desk.root / desk.ask(Frames(sort="path", descending=False)).rows[0].uri
    drawn = desk.ask(FramePicture(digest=digest, width=64, height=64, crop=(0.5, 0.5, 1.0, 1.0)))
    expected = Image.open(path).convert("RGB").crop((32, 24, 64, 48))
    assert (drawn.width, drawn.height) == (32, 24) and drawn.rgb == expected.tobytes()


@pytest.mark.parametrize("crop", [(0.5, 0.5, 0.5, 0.9), (-1.0, 0.0, 1.0, 1.0), (0.0, 0.0, float("nan"), 1.0)])
def test_a_crop_of_nothing_is_refused(desk, crop):
    with pytest.raises(ConfigurationError):
        desk.ask(FramePicture(digest=desk.digests()[0], width=64, height=64, crop=crop))


def test_a_frame_whose_file_was_spoiled_is_refused_with_the_reason(desk):
    row = desk.ask(Frames()).rows[0]
    (desk.root / row.uri).write_bytes(b"\x89PNG\r\n\x1a\nnothing")
    with pytest.raises(UnreadableImage, match=r"damaged|not a"):
        desk.ask(FramePicture(digest=row.digest, width=64, height=64))
    (desk.root / row.uri).unlink()
    with pytest.raises(UnreadableImage, match="missing"):
        desk.ask(FramePicture(digest=row.digest, width=64, height=64))


def test_an_exif_rotated_frame_is_shown_upright(make_desk):
    def prepare(root):
        turned = Image.Exif()
        turned[0x0112] = 6
        Image.new("RGB", (64, 48), "red").save(root / "pool" / "00turned.jpg", exif=turned)

    desk = make_desk(prepare=prepare)
    row = next(row for row in desk.ask(Frames()).rows if row.uri.endswith("00turned.jpg"))
    drawn = desk.ask(FramePicture(digest=row.digest, width=640, height=640))
    assert (drawn.width, drawn.height) == (48, 64) == (row.width, row.height)


def test_a_pool_without_descriptors_of_this_version_has_no_neighbours_and_no_coverage(desk):
    with desk.store.frames._transaction() as cursor:
        cursor.execute("DELETE FROM descriptors")
    assert detail(desk, 0).neighbours == ()
    view = desk.ask(Draft())
    assert view.coverage is None and view.size == 4
    assert "another version" in desk.ask(Draft(overrides=("selection.strategy=k-center",))).said


def test_a_large_pool_is_drafted_beside_the_pages_and_the_marks_show_at_once(desk, monkeypatch):
    monkeypatch.setattr(draft_members, "QUICK", 5)
    desk.do(Turn(key="selection.strategy", value='"k-center"'))
    hardest = desk.ask(Frames()).rows[0].digest
    desk.do(Mark(digests=(hardest,), mark="picked"))
    assert desk.ask(Frames(filter="selected picked")).matching == 1
    deadline = time.monotonic() + 30
    while desk.ask(Frames(filter="selected")).matching < 4 and time.monotonic() < deadline:
        time.sleep(0.02)
    assert desk.ask(Frames(filter="selected")).matching == 4
    desk.do(Mark(digests=(hardest,), mark="dropped"))
    assert desk.ask(Frames(filter="selected dropped")).matching == 0
