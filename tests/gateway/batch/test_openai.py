"""OpenAI's files and batches: what is sent, and how every kind of answer is read."""

from __future__ import annotations

import base64
import json

import pytest
from tests.gateway.batch.conftest import KEY

from calibtui.core.errors import BudgetExhaustedError, JudgeFailedError
from calibtui.gateway.batch.contract import BatchFailure, BatchState, BatchUnavailableError, Found
from calibtui.gateway.dialects.dialect import ParsedReply

BATCH = {"id": "batch_1", "status": "in_progress", "created_at": 1000, "request_counts": None}


def completion(text: str) -> dict:
    choice = {"message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    usage = {"prompt_tokens": 900, "completion_tokens": 20}
    return {"id": f"c-{text}", "model": "judge-2026", "choices": [choice], "usage": usage}


def line(custom_id: str, status: int, body: object) -> bytes:
    response = {"status_code": status, "request_id": "r", "body": body}
    return json.dumps({"id": "o", "custom_id": custom_id, "response": response, "error": None}).encode() + b"\n"


async def test_a_batch_is_a_file_of_requests_and_an_order_that_bears_our_id(provider, speaking, filled):
    provider.answers = {"POST /v1/files": {"id": "file-1"}, "POST /v1/batches": BATCH}
    api = speaking(provider.url, "openai")
    assert await api.submit("ours", filled(api, "ours-0", "ours-1")) == "batch_1"
    upload, order = provider.bodies
    assert b'name="purpose"' in upload and b"\r\nbatch\r\n" in upload
    rows = [json.loads(row) for row in upload.split(b"\n") if row.startswith(b'{"custom_id"')]
    assert [row["custom_id"] for row in rows] == ["ours-0", "ours-1"]
    assert {(row["method"], row["url"], row["body"]["model"]) for row in rows} == {
        ("POST", "/v1/chat/completions", "judge")
    }
    image = rows[1]["body"]["messages"][1]["content"][1]["image_url"]["url"]
    assert base64.b64decode(image.partition(",")[2]) == b"jpeg of ours-1"
    assert json.loads(order) == {
        "input_file_id": "file-1",
        "endpoint": "/v1/chat/completions",
        "completion_window": "24h",
        "metadata": {"calibtui_batch": "ours"},
    }
    assert {headers["authorization"] for headers in provider.headers} == {f"Bearer {KEY}"}


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("validating", BatchState.WORKING),
        ("in_progress", BatchState.WORKING),
        ("finalizing", BatchState.WORKING),
        ("cancelling", BatchState.WORKING),
        ("completed", BatchState.ENDED),
        ("expired", BatchState.ENDED),
        ("cancelled", BatchState.ENDED),
        ("failed", BatchState.REFUSED),
    ],
)
async def test_every_documented_status_is_known(provider, speaking, status, state):
    counts = {"total": 9, "completed": 4, "failed": 1}
    errors = {"object": "list", "data": [{"code": "x", "message": "too many tokens"}]}
    provider.answers["GET /v1/batches/b"] = {**BATCH, "status": status, "request_counts": counts, "errors": errors}
    told = await speaking(provider.url, "openai").poll("b")
    assert told.state is state
    assert told.message == ("too many tokens" if status == "failed" else "")
    assert (told.done, told.total) == ((0, 0) if status == "failed" else (5, 9))


async def test_a_batch_that_failed_for_the_tokens_that_wait_already_is_no_refusal(provider, speaking):
    errors = {"object": "list", "data": [{"code": "token_limit_exceeded", "message": "Enqueued token limit reached"}]}
    provider.answers["GET /v1/batches/b"] = {**BATCH, "status": "failed", "errors": errors}
    told = await speaking(provider.url, "openai").poll("b")
    assert told.state is BatchState.FULL and "Enqueued" in told.message


async def test_a_batch_that_is_not_there_any_more_is_gone(provider, speaking):
    assert (await speaking(provider.url, "openai").poll("b")).state is BatchState.GONE


async def test_results_come_from_both_files_and_every_kind_is_told_apart(provider, speaking):
    refused = {
        "error": {"message": "bad image " + KEY, "type": "invalid_request_error", "param": "image", "code": None}
    }
    undone = {"id": "o", "custom_id": "d", "response": None, "error": {"code": "batch_expired", "message": "late"}}
    provider.answers = {
        "GET /v1/batches/b": {**BATCH, "status": "expired", "output_file_id": "out", "error_file_id": "err"},
        "GET /v1/files/out/content": line("a", 200, completion("1")) + b"not json\n" + line("b", 200, {"hello": 1}),
        "GET /v1/files/err/content": line("c", 400, refused) + json.dumps(undone).encode(),
    }
    answers = {answer.custom_id: answer.outcome async for answer in speaking(provider.url, "openai").results("b")}
    assert set(answers) == {"a", "b", "c", "d"}
    good = answers["a"]
    assert isinstance(good, ParsedReply) and (good.text, good.completion_id) == ("1", "c-1")
    kinds = {name: answer.kind for name, answer in answers.items() if isinstance(answer, BatchFailure)}
    assert kinds == {"b": "unreadable", "c": "bad_request", "d": "expired"}
    charged = {name: answer.charged for name, answer in answers.items() if isinstance(answer, BatchFailure)}
    assert charged == {"b": True, "c": False, "d": False}, "what may have been generated may have cost money"
    assert isinstance(answers["c"], BatchFailure) and KEY not in answers["c"].message


async def test_a_file_that_was_deleted_has_no_results_and_the_other_one_still_counts(provider, speaking):
    provider.answers = {
        "GET /v1/batches/b": {**BATCH, "status": "completed", "output_file_id": "out", "error_file_id": "err"},
        "GET /v1/files/err/content": line("c", 500, {}),
    }
    assert [answer.custom_id async for answer in speaking(provider.url, "openai").results("b")] == ["c"]


async def test_results_that_cannot_be_had_now_are_fetched_again_later(provider, speaking):
    provider.answers = {
        "GET /v1/batches/b": {**BATCH, "status": "completed", "output_file_id": "out"},
        "GET /v1/files/out/content": [(503, {}), (429, {}), line("a", 200, completion("1"))],
    }
    api = speaking(provider.url, "openai")
    for _ in range(2):
        with pytest.raises(BatchUnavailableError):
            assert [answer async for answer in api.results("b")] == []
    assert [answer.custom_id async for answer in api.results("b")] == ["a"]


async def test_results_that_are_cut_into_odd_pieces_are_read_whole(provider, speaking):
    many = b"".join(line(f"r-{number}", 200, completion("x" * 3000)) for number in range(400))
    provider.answers = {
        "GET /v1/batches/b": {**BATCH, "status": "completed", "output_file_id": "out"},
        "GET /v1/files/out/content": many,
    }
    read = [answer.custom_id async for answer in speaking(provider.url, "openai").results("b")]
    assert read == [f"r-{number}" for number in range(400)]


async def test_a_batch_of_ours_is_found_by_its_mark_on_any_page(provider, speaking):
    other, ours = {**BATCH, "metadata": None}, {**BATCH, "id": "batch_9", "metadata": {"calibtui_batch": "ours"}}
    provider.answers["GET /v1/batches"] = [{"data": [other], "has_more": True}, {"data": [ours], "has_more": False}]
    assert await speaking(provider.url, "openai").find("ours", requests=1, since=1000.0) == Found("batch_9")
    assert provider.asked[1] == "GET /v1/batches?limit=100&after=batch_1"


async def test_one_that_is_nowhere_is_certain_not_to_be_there_and_older_pages_are_left_alone(provider, speaking):
    provider.answers["GET /v1/batches"] = {"data": [BATCH], "has_more": True}
    found = await speaking(provider.url, "openai").find("ours", requests=1, since=1e6)
    assert found == Found(None) and len(provider.asked) == 1


@pytest.mark.parametrize(
    ("answers", "taken"),
    [
        ({"POST /v1/files": "break off"}, False),
        ({"POST /v1/files": {"id": "f"}, "POST /v1/batches": "break off"}, True),
        ({"POST /v1/files": {"id": "f"}, "POST /v1/batches": (502, {})}, True),
        ({"POST /v1/files": {"id": "f"}, "POST /v1/batches": (408, {})}, True),
        ({"POST /v1/files": (408, {})}, False),
        ({"POST /v1/files": {"id": "f"}, "POST /v1/batches": (429, {})}, False),
        ({"POST /v1/files": (429, {})}, False),
        ({"POST /v1/files": {"id": "f"}, "POST /v1/batches": b"<html>"}, True),
    ],
)
async def test_after_a_broken_hand_in_it_is_known_whether_the_batch_may_be_there(
    provider, speaking, filled, answers, taken
):
    provider.answers = answers
    api = speaking(provider.url, "openai")
    with pytest.raises(BatchUnavailableError) as raised:
        await api.submit("ours", filled(api, "ours-0"))
    assert raised.value.maybe_taken is taken


@pytest.mark.parametrize(
    ("answer", "error", "says"),
    [
        ((401, {"error": {"message": f"wrong key {KEY}", "code": "invalid_api_key"}}), JudgeFailedError, "BATCH_KEY"),
        ((402, {"type": "budget_exceeded", "error": {"message": "Budget exceeded"}}), BudgetExhaustedError, "budget"),
        ((404, {}), JudgeFailedError, "has nothing at"),
        ((400, {"error": {"message": "no such purpose"}}), JudgeFailedError, "no such purpose"),
    ],
)
async def test_what_would_be_refused_again_stops_and_says_what_to_do(provider, speaking, filled, answer, error, says):
    provider.answers["POST /v1/files"] = answer
    api = speaking(provider.url, "openai")
    with pytest.raises(error) as raised:
        await api.submit("ours", filled(api, "ours-0"))
    assert says in str(raised.value) and KEY not in str(raised.value)


async def test_an_id_from_the_provider_can_lead_nowhere_else(provider, speaking):
    await speaking(provider.url, "openai").poll("../../secrets")
    assert provider.asked == ["GET /v1/batches/..%2F..%2Fsecrets"]


async def test_a_batch_can_be_cancelled(provider, speaking):
    provider.answers["POST /v1/batches/b/cancel"] = {**BATCH, "status": "cancelling"}
    await speaking(provider.url, "openai").cancel("b")
    assert provider.asked == ["POST /v1/batches/b/cancel"]
