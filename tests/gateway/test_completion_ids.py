"""The same completion id for two frames quarantines both."""

from __future__ import annotations

from calibtui.gateway.intermediaries.completion_ids import CompletionIds, SharedCompletion


def test_an_id_that_answers_a_second_frame_names_both() -> None:
    ids = CompletionIds()
    assert ids.received("chatcmpl-1", "frame-a") is None
    assert ids.received("chatcmpl-1", "frame-b") == SharedCompletion("chatcmpl-1", ("frame-a", "frame-b"))


def test_a_third_frame_is_named_with_the_first() -> None:
    ids = CompletionIds()
    ids.received("chatcmpl-1", "frame-a")
    ids.received("chatcmpl-1", "frame-b")
    shared = ids.received("chatcmpl-1", "frame-c")
    assert shared is not None
    assert shared.frames == ("frame-a", "frame-c")


def test_ids_of_their_own_quarantine_nothing() -> None:
    ids = CompletionIds()
    assert [ids.received(f"chatcmpl-{n}", f"frame-{n}") for n in range(100)] == [None] * 100


def test_the_same_frame_again_is_no_other_frame() -> None:
    ids = CompletionIds()
    assert [ids.received("chatcmpl-1", "frame-a") for _ in range(2)] == [None, None]


def test_a_server_without_ids_is_no_evidence() -> None:
    ids = CompletionIds()
    assert [ids.received("", f"frame-{n}") for n in range(3)] == [None] * 3


def test_answers_of_earlier_runs_count() -> None:
    ids = CompletionIds([("chatcmpl-1", "frame-a"), ("", "frame-z")])
    assert ids.received("chatcmpl-1", "frame-b") is not None
    assert ids.received("", "frame-b") is None


def test_an_id_in_any_letters_is_an_id() -> None:
    ids = CompletionIds()
    ids.received("\udcff", "frame-a")
    assert ids.received("\udcff", "frame-b") is not None
