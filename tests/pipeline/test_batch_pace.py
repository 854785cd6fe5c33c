"""How much is handed in at once follows from what a provider turned down, and grows again with what it takes."""

from __future__ import annotations

from calibtui.pipeline.batches import pace as module
from calibtui.pipeline.batches.pace import Pace


def test_while_nothing_was_turned_down_any_number_may_be_handed_in():
    pace = Pace()
    assert pace.room(0) is None and pace.room(1_000_000) is None


def test_half_of_what_was_turned_down_is_tried_beside_what_is_there():
    pace = Pace()
    assert pace.refused(100, out=40)
    assert pace.room(40) == 50 and pace.room(90) == 0


def test_what_is_known_to_be_too_much_is_never_tried_again_before_something_was_let_through():
    pace = Pace()
    for requests, out in ((5, 11), (1, 10), (8, 8)):
        pace.refused(requests, out)
    assert pace.most == 10


def test_halving_ends_at_one_request_and_then_only_waiting_helps():
    pace, tried = Pace(), 64
    while pace.refused(tried, out=0):
        tried = pace.room(0) or 0
    assert (tried, pace.room(0)) == (1, 1)


def test_where_nothing_is_out_there_is_always_room_for_one():
    pace = Pace()
    pace.refused(1, out=0)
    assert pace.room(0) == 1 and pace.room(1) == 0


def test_each_batch_that_is_let_through_makes_room_for_a_quarter_more():
    pace = Pace()
    pace.refused(200, out=0)
    pace.taken()
    assert pace.most == 125
    unlimited = Pace()
    unlimited.taken()
    assert unlimited.most is None


def test_only_a_lone_request_that_was_turned_down_for_longer_than_any_batch_waits_is_hopeless(monkeypatch):
    pace = Pace()
    pace.refused(1, out=0)
    assert not pace.hopeless
    monkeypatch.setattr(module, "GIVES_UP_AFTER_S", -1.0)
    assert pace.hopeless
    pace.taken()
    assert not pace.hopeless
