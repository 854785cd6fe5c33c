"""Anthropic's message batches: what is sent, how results are read, and how a batch without a mark is known again."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime

import pytest
from tests.gateway.batch.conftest import KEY

from calibtui.gateway.batch.contract import BatchFailure, BatchState, Found
from calibtui.gateway.dialects.dialect import ParsedReply

NOW = 1_790_000_000.0


def batch(name: str = "msgbatch_1", status: str = "ended", at: float = NOW, **counts: int) -> dict:
    return {
        "id": name,
        "type": "message_batch",
        "processing_status": status,
        "request_counts": {"processing": 0, "succeeded": 0, "errored": 0, "canceled": 0, "expired": 0, **counts},
        "created_at": datetime.fromtimestamp(at, UTC).isoformat().replace("+00:00", "Z"),
        "results_url": "http://evil.example/results",
        "archived_at": None,
    }


def line(custom_id: str, **result: object) -> bytes:
    return json.dumps({"custom_id": custom_id, "result": result}).encode() + b"\n"


MESSAGE = {
    "type": "message",
    "id": "msg_1",
    "model": "claude-x",
    "content": [{"type": "text", "text": '{"difficulty": 3}'}],
    "stop_reason": "end_turn",
    "usage": {"input_tokens": 900, "output_tokens": 20},
}


async def test_a_batch_is_one_body_with_every_request(provider, speaking, filled):
    provider.answers["POST /v1/messages/batches"] = batch(processing=2)
    api = speaking(provider.url, "anthropic")
    assert await api.submit("ours", filled(api, "ours-0", "ours-1")) == "msgbatch_1"
    requests = json.loads(provider.bodies[0])["requests"]
    assert [request["custom_id"] for request in requests] == ["ours-0", "ours-1"]
    source = requests[0]["params"]["messages"][0]["content"][0]["source"]
    assert base64.b64decode(source["data"]) == b"jpeg of ours-0"
    assert provider.headers[0]["x-api-key"] == KEY
    assert provider.headers[0]["anthropic-version"] == "2023-06-01"
    assert provider.headers[0]["content-type"] == "application/json"


@pytest.mark.parametrize(
    ("status", "state"),
    [("in_progress", BatchState.WORKING), ("canceling", BatchState.WORKING), ("ended", BatchState.ENDED)],
)
async def test_every_documented_status_is_known(provider, speaking, status, state):
    provider.answers["GET /v1/messages/batches/b"] = batch("b", status, processing=3, succeeded=4, errored=1)
    told = await speaking(provider.url, "anthropic").poll("b")
    assert (told.state, told.done, told.total) == (state, 5, 8)


async def test_a_deleted_batch_is_gone(provider, speaking):
    api = speaking(provider.url, "anthropic")
    assert (await api.poll("b")).state is BatchState.GONE
    provider.answers["GET /v1/messages/batches/b"] = {**batch("b"), "archived_at": "2026-11-01T00:00:00Z"}
    assert (await api.poll("b")).state is BatchState.GONE


async def test_results_are_told_apart_and_the_key_goes_to_no_address_that_a_reply_names(provider, speaking):
    wrong = {"type": "error", "error": {"type": "invalid_request_error", "message": "bad image"}}
    busy = {"type": "error", "error": {"type": "overloaded_error", "message": "busy"}}
    provider.answers["GET /v1/messages/batches/b/results"] = (
        line("a", type="succeeded", message=MESSAGE)
        + line("b", type="errored", error=wrong)
        + line("c", type="errored", error=busy)
        + line("d", type="expired")
        + line("e", type="canceled")
        + line("f", type="succeeded", message={"type": "nonsense"})
        + line("g", type="something new")
    )
    answers = {answer.custom_id: answer.outcome async for answer in speaking(provider.url, "anthropic").results("b")}
    good = answers.pop("a")
    assert isinstance(good, ParsedReply) and good.text == '{"difficulty": 3}'
    told = {name: (one.kind, one.charged) for name, one in answers.items() if isinstance(one, BatchFailure)}
    assert told == {
        "b": ("bad_request", False),
        "c": ("upstream", False),
        "d": ("expired", False),
        "e": ("cancelled", False),
        "f": ("unreadable", True),
        "g": ("unreadable", True),
    }


async def test_a_batch_of_ours_is_known_by_the_ids_in_its_results(provider, speaking):
    provider.answers = {
        "GET /v1/messages/batches": {
            "data": [batch("other", succeeded=2), batch("ours_there", succeeded=2)],
            "has_more": False,
        },
        "GET /v1/messages/batches/other/results": line("theirs-0", type="expired"),
        "GET /v1/messages/batches/ours_there/results": line("ours-1", type="expired"),
    }
    found = await speaking(provider.url, "anthropic").find("ours", requests=2, since=NOW)
    assert found == Found("ours_there")


async def test_one_of_our_size_that_is_worked_on_may_be_ours_so_nothing_is_certain(provider, speaking):
    provider.answers["GET /v1/messages/batches"] = {"data": [batch("b", "in_progress", processing=2)]}
    api = speaking(provider.url, "anthropic")
    assert await api.find("ours", requests=2, since=NOW) == Found(None, certain=False)
    assert await api.find("ours", requests=3, since=NOW) == Found(None)


async def test_batches_from_long_before_are_not_ours(provider, speaking):
    provider.answers["GET /v1/messages/batches"] = {"data": [batch("b", "in_progress", NOW - 7200, processing=2)]}
    assert await speaking(provider.url, "anthropic").find("ours", requests=2, since=NOW) == Found(None)


async def test_a_batch_can_be_cancelled(provider, speaking):
    provider.answers["POST /v1/messages/batches/b/cancel"] = batch("b", "canceling")
    await speaking(provider.url, "anthropic").cancel("b")
    assert provider.asked == ["POST /v1/messages/batches/b/cancel"]
