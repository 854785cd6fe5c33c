"""Difficulties are those of `calibtui select`, whichever judge gave them, also while they pour in."""

from __future__ import annotations

import shutil
import threading
import time

import numpy as np
import pytest
from tests.engine.queries.conftest import DOCUMENT

from calibtui.core.progress import StopFlag, silent
from calibtui.detector.detector import Detector
from calibtui.engine.queries.remembering import Remembered
from calibtui.engine.wire.curation import Mark, Undo
from calibtui.engine.wire.frames import Frame, Frames
from calibtui.engine.wire.sets import Draft
from calibtui.pipeline.cascade import judged_pool, score_in_stages
from calibtui.pipeline.context import Context
from calibtui.store.similar import HitRow

SIMILAR = DOCUMENT + "[cache]\nsimilar = { threshold = 0.9 }\n"


def shown(desk) -> dict[str, float | None]:
    return {row.uri: row.difficulty for row in desk.ask(Frames()).rows}


def of_selection(pool) -> dict[str, float | None]:
    values = zip(pool.frames, pool.verdicts.difficulty.tolist(), strict=True)
    return {frame.uri: None if np.isnan(value) else value for frame, value in values}


def take_over(desk, place: int, source: int, cosine: float) -> None:
    questions = desk._judge().questions
    key, from_key = questions.key(place, 1), questions.key(source, 1)
    frames = questions.frames
    hit = HitRow(key, frames[place].digest, from_key.payload_digest, frames[source].digest, cosine, 1.0)
    desk.store.similar.commit("r1", hits=[hit])
    desk.data += 1


def test_scores_taken_over_from_similar_frames_count_and_are_told(make_desk):
    desk = make_desk(document=SIMILAR)
    desk.score([place / 20 for place in range(9)] + [None] * 3)
    take_over(desk, 10, 3, cosine=0.95)
    take_over(desk, 11, 4, cosine=0.85)
    assert shown(desk) == of_selection(desk.judged())
    (row,) = desk.ask(Frames(filter="similar")).rows
    assert (row.difficulty, row.cached, row.reasons) == (0.15, "similar", ("blur",))
    assert desk.ask(Frames(filter="scored")).matching == 10, "a hit under the threshold doesn't count"


def test_without_the_similar_cache_nothing_is_taken_over(make_desk):
    desk = make_desk()
    desk.score([0.5] * 9 + [None] * 3)
    take_over(desk, 10, 3, cosine=0.99)
    assert shown(desk) == of_selection(desk.judged()) and desk.ask(Frames(filter="-scored")).matching == 3


def test_the_detector_judges_scores_are_shown_once_its_twin_is_there(make_desk, sample_data):
    model = sample_data / "detector.onnx"
    document = DOCUMENT.replace('model = "m"\n', 'judge = "detector"\n') + '[model]\nonnx = "detector.onnx"\n'
    desk = make_desk(frames=3, document=document, prepare=lambda root: shutil.copy2(model, root / "detector.onnx"))
    assert set(shown(desk).values()) == {None}
    assert not (desk.context.state / "models").exists(), "looking makes no twin"
    settings = desk.context.settings
    within = Context(settings, desk.store, "r1", silent, StopFlag())

    def detector() -> Detector:
        return Detector.load(settings.model, settings.root, threads=1)

    summary, error = score_in_stages(within, detector)
    desk.data += 1
    assert error is None and summary.scored == 3
    assert shown(desk) == of_selection(judged_pool(within, detector))
    assert None not in shown(desk).values()


def test_pages_stay_right_while_scores_pour_in_and_frames_are_marked(make_desk):
    desk = make_desk(frames=12)
    failed: list[BaseException] = []
    over = threading.Event()

    def look() -> None:
        try:
            while not over.is_set():
                page = desk.ask(Frames(limit=12))
                values = [row.difficulty for row in page.rows if row.difficulty is not None]
                assert values == sorted(values, reverse=True) and len(page.rows) == 12
                desk.ask(Frame(digest=page.rows[0].digest))
                if values:
                    desk.ask(Draft())
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=look) for _ in range(2)]
    for thread in threads:
        thread.start()
    digests = desk.digests()
    for place in range(12):
        desk.score([None] * place + [place / 12] + [None] * (11 - place))
        desk.do(Mark(digests=(digests[place],), mark=("pinned", "excluded")[place % 2]))
        if place % 5 == 4:
            desk.do(Undo())
    over.set()
    for thread in threads:
        thread.join()
    assert failed == []
    while desk.ask(Frames()).data < desk.data:
        time.sleep(0.05)
    assert shown(desk) == of_selection(desk.judged())


def test_what_takes_long_is_made_once_for_all_who_wait_and_a_failure_is_not_remembered():
    made: list[int] = []
    start = threading.Barrier(4)
    remembered: Remembered[int] = Remembered(2)

    def make() -> int:
        made.append(1)
        return len(made)

    def ask() -> None:
        start.wait()
        assert remembered.get("key", make) == 1

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert made == [1]
    with pytest.raises(ZeroDivisionError):
        remembered.get("broken", lambda: 1 // 0)
    assert remembered.get("broken", lambda: 7) == 7
    remembered.get("third", lambda: 3)
    assert remembered.get("key", make) == 2, "the least recently used is forgotten"
