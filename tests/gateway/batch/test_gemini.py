"""Gemini's batches: what is sent inline and by the file, how answers come back, and what one without any has cost."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from aiohttp import web
from tests.gateway.batch.conftest import KEY

from calibtui.core.errors import BudgetExhaustedError, JudgeFailedError
from calibtui.gateway.batch.contract import BatchFailure, BatchState, BatchUnavailableError, Found, QueueFullError
from calibtui.gateway.batch.gemini import GeminiBatches
from calibtui.gateway.dialects.dialect import ParsedReply

CREATE = "POST /v1/models/judge:batchGenerateContent"
START, UPLOAD = "POST /upload/v1/files", "POST /upload/v1/files/one"


def operation(state: str = "RUNNING", name: str = "ours", stats: dict | None = None, **more: Any) -> dict:
    metadata = {"state": f"BATCH_STATE_{state}", "displayName": name, "batchStats": stats or {"requestCount": "2"}}
    return {"name": f"batches/{name}-there", "metadata": metadata, **more}


def content(text: str) -> dict:
    candidate = {"content": {"role": "model", "parts": [{"text": text}]}, "finishReason": "STOP"}
    usage = {"promptTokenCount": 900, "candidatesTokenCount": 20}
    return {"candidates": [candidate], "usageMetadata": usage, "modelVersion": "judge-2026", "responseId": f"r-{text}"}


def inlined(*answers: dict) -> dict:
    return {"inlinedResponses": {"inlinedResponses": list(answers)}}


def uploading(address: str) -> web.Response:
    return web.json_response({}, headers={"X-Goog-Upload-URL": address})


async def test_few_requests_go_inline_under_our_mark_with_their_ids_as_metadata(provider, speaking, filled):
    provider.answers[CREATE] = operation()
    api = speaking(provider.url, "gemini")
    assert await api.submit("ours", filled(api, "ours-0", "ours-1")) == "ours-there"
    batch = json.loads(provider.bodies[0])["batch"]
    assert batch["display_name"] == "ours"
    requests = batch["input_config"]["requests"]["requests"]
    assert [request["metadata"] for request in requests] == [{"key": "ours-0"}, {"key": "ours-1"}]
    image = requests[1]["request"]["contents"][0]["parts"][0]["inline_data"]["data"]
    assert base64.b64decode(image) == b"jpeg of ours-1"
    assert provider.headers[0]["x-goog-api-key"] == KEY and len(provider.asked) == 1


async def test_more_go_by_an_uploaded_file_of_lines(provider, speaking, filled):
    provider.answers = {
        START: uploading(provider.url.replace("/v1", "/upload/v1/files/one?id=7")),
        UPLOAD: {"file": {"name": "files/in"}},
        CREATE: operation(),
    }
    api = speaking(provider.url, "gemini")
    assert isinstance(api, GeminiBatches)
    api._inline_bytes = 100
    file = filled(api, "ours-0", "ours-1")
    assert await api.submit("ours", file) == "ours-there"
    assert provider.asked == [START, UPLOAD + "?id=7", CREATE]
    assert provider.headers[0]["x-goog-upload-header-content-length"] == str(len(provider.bodies[1]))
    assert provider.headers[1]["x-goog-upload-command"] == "upload, finalize"
    lines = [json.loads(line) for line in provider.bodies[1].splitlines()]
    assert [line["key"] for line in lines] == ["ours-0", "ours-1"]
    assert lines[0]["request"]["generationConfig"]["maxOutputTokens"] == 120
    order = json.loads(provider.bodies[2])["batch"]
    assert order == {"display_name": "ours", "input_config": {"file_name": "files/in"}}


async def test_pictures_and_key_go_to_no_host_that_a_reply_names(provider, speaking, filled):
    root = provider.url.removesuffix("/v1")
    provider.answers = {
        "POST /google/upload/v1/files": uploading("http://evil.example/upload/v1/files/one?id=7"),
        "POST /google/upload/v1/files/one": {"file": {"name": "files/in"}},
        "POST /google/v1/models/judge:batchGenerateContent": operation(),
    }
    api = speaking(f"{root}/google/v1", "gemini")
    api._inline_bytes = 100
    assert await api.submit("ours", filled(api, "ours-0")) == "ours-there"


@pytest.mark.parametrize(
    ("told", "state"),
    [
        (operation("PENDING"), BatchState.WORKING),
        (operation("RUNNING"), BatchState.WORKING),
        (operation("SUCCEEDED"), BatchState.WORKING),
        (operation("SUCCEEDED", done=True), BatchState.ENDED),
        (operation("SUCCEEDED", done=True, response={"responsesFile": "files/out"}), BatchState.ENDED),
        (operation("FAILED", done=True, error={"code": 3, "message": "no"}), BatchState.REFUSED),
        (operation("FAILED", done=True, error={"code": 8, "message": "quota"}), BatchState.FULL),
        (operation("EXPIRED", done=True), BatchState.ENDED),
        (operation("CANCELLED"), BatchState.ENDED),
    ],
)
async def test_every_documented_state_is_known(provider, speaking, told, state):
    provider.answers["GET /v1/batches/b"] = told
    assert (await speaking(provider.url, "gemini").poll("b")).state is state


async def test_progress_is_read_from_counts_that_are_text(provider, speaking):
    counts = {"requestCount": "8", "successfulRequestCount": "4", "failedRequestCount": "1"}
    provider.answers["GET /v1/batches/b"] = operation(stats=counts)
    told = await speaking(provider.url, "gemini").poll("b")
    assert (told.done, told.total) == (5, 8)


@pytest.mark.parametrize(
    ("stats", "charged"),
    [
        ({"requestCount": "2", "pendingRequestCount": "2"}, False),
        ({"requestCount": "2", "successfulRequestCount": "1"}, True),
        ({"requestCount": "nonsense"}, True),
    ],
)
async def test_of_an_expired_batch_what_was_generated_may_have_cost_money(provider, speaking, stats, charged):
    provider.answers["GET /v1/batches/b"] = operation("EXPIRED", stats=stats, done=True)
    told = await speaking(provider.url, "gemini").poll("b")
    assert (told.unanswered.kind, told.unanswered.charged) == ("expired", charged)
    assert [answer async for answer in speaking(provider.url, "gemini").results("b")] == []


async def test_a_batch_that_is_not_there_any_more_is_gone(provider, speaking):
    assert (await speaking(provider.url, "gemini").poll("b")).state is BatchState.GONE


ANSWERS = [
    ("a", {"response": content("1")}),
    ("b", {"error": {"code": 3, "message": "bad image " + KEY}}),
    ("c", {"error": {"code": 13, "message": "internal"}}),
    ("d", {"error": {"code": 1, "message": "cancelled"}}),
    ("e", {"response": {"hello": 1}}),
    ("f", {}),
]


@pytest.mark.parametrize("by_file", [False, True])
async def test_answers_are_told_apart_inline_and_in_a_file(provider, speaking, by_file):
    if by_file:
        lines = [json.dumps({"key": key, **answer}) for key, answer in reversed(ANSWERS)]
        provider.answers["GET /download/v1/files/out:download"] = "\n".join([*lines, "not json"]).encode()
        response = {"responsesFile": "files/out"}
    else:
        response = inlined(*({"metadata": {"key": key}, **answer} for key, answer in ANSWERS))
    provider.answers["GET /v1/batches/b"] = operation("SUCCEEDED", done=True, response=response)
    answers = {answer.custom_id: answer.outcome async for answer in speaking(provider.url, "gemini").results("b")}
    good = answers.pop("a")
    assert isinstance(good, ParsedReply) and (good.text, good.completion_id) == ("1", "r-1")
    told = {name: (one.kind, one.charged) for name, one in answers.items() if isinstance(one, BatchFailure)}
    assert told == {
        "b": ("bad_request", False),
        "c": ("upstream", False),
        "d": ("cancelled", False),
        "e": ("unreadable", True),
        "f": ("unreadable", True),
    }
    assert isinstance(answers["b"], BatchFailure) and KEY not in answers["b"].message
    if by_file:
        assert provider.asked[-1] == "GET /download/v1/files/out:download?alt=media"


async def test_answers_are_also_read_from_the_batch_itself(provider, speaking):
    told = operation("SUCCEEDED", done=True)
    told["metadata"]["output"] = inlined({"metadata": {"key": "a"}, "response": content("1")})
    provider.answers["GET /v1/batches/b"] = told
    assert [answer.custom_id async for answer in speaking(provider.url, "gemini").results("b")] == ["a"]


async def test_a_batch_of_ours_is_found_by_its_name_on_any_page(provider, speaking):
    provider.answers["GET /v1/batches"] = [
        {"operations": [operation(name="other")], "nextPageToken": "more"},
        {"operations": [operation(name="ours")]},
    ]
    api = speaking(provider.url, "gemini")
    assert await api.find("ours", requests=1, since=0.0) == Found("ours-there")
    assert provider.asked[1] == "GET /v1/batches?pageSize=10&pageToken=more"
    assert await api.find("nowhere", requests=1, since=0.0) == Found(None)


@pytest.mark.parametrize(
    ("answers", "taken"),
    [
        ({START: "break off"}, False),
        ({START: (502, {})}, False),
        ({START: {}}, False),
        ({START: "upload", UPLOAD: "break off"}, False),
        ({START: "upload", UPLOAD: {"file": {"name": "f"}}, CREATE: "break off"}, True),
        ({START: "upload", UPLOAD: {"file": {"name": "f"}}, CREATE: b"<html>"}, True),
    ],
)
async def test_after_a_broken_hand_in_it_is_known_whether_the_batch_may_be_there(
    provider, speaking, filled, answers, taken
):
    address = provider.url.replace("/v1", "/upload/v1/files/one")
    provider.answers = {key: uploading(address) if value == "upload" else value for key, value in answers.items()}
    api = speaking(provider.url, "gemini")
    api._inline_bytes = 100
    with pytest.raises(BatchUnavailableError) as raised:
        await api.submit("ours", filled(api, "ours-0"))
    assert raised.value.maybe_taken is taken


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ((429, {"error": {"code": 429, "message": "exceeded", "status": "RESOURCE_EXHAUSTED"}}), QueueFullError),
        ((429, {"error": {"code": 429, "message": "over its spending cap", "status": "X"}}), BudgetExhaustedError),
        ((400, {"error": {"code": 400, "message": "wrong", "status": "INVALID_ARGUMENT"}}), JudgeFailedError),
    ],
)
async def test_a_full_queue_is_told_from_a_budget_and_from_a_refusal(provider, speaking, filled, answer, error):
    provider.answers[CREATE] = answer
    api = speaking(provider.url, "gemini")
    with pytest.raises(error):
        await api.submit("ours", filled(api, "ours-0"))


async def test_ids_from_the_provider_can_lead_nowhere_else(provider, speaking):
    response = {"responsesFile": "files/../../secrets"}
    provider.answers["GET /v1/batches/b"] = operation("SUCCEEDED", done=True, response=response)
    api = speaking(provider.url, "gemini")
    await api.poll("../../secrets")
    assert [answer async for answer in api.results("b")] == []
    assert provider.asked[0] == "GET /v1/batches/..%2F..%2Fsecrets"
    assert provider.asked[2] == "GET /download/v1/files/..%2F..%2Fsecrets:download?alt=media"


async def test_a_batch_can_be_cancelled(provider, speaking):
    provider.answers["POST /v1/batches/b:cancel"] = {}
    await speaking(provider.url, "gemini").cancel("b")
    assert provider.asked == ["POST /v1/batches/b:cancel"]
