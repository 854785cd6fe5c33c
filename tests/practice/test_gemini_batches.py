"""The practice judge's Gemini batches: inline or by an uploaded file, answered the way they came."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.practice.conftest import Client, jpeg

from calibtui.practice.server import MODEL


def asked(name: str, seed: int = 0) -> dict[str, Any]:
    parts = [{"inline_data": {"mime_type": "image/jpeg", "data": jpeg(seed)}}, {"text": "How hard?"}]
    return {"key": name, "request": {"contents": [{"role": "user", "parts": parts}]}}


def inline(*lines: dict[str, Any]) -> dict[str, Any]:
    return {"requests": {"requests": [{"request": one["request"], "metadata": {"key": one["key"]}} for one in lines]}}


async def handed_in(client: Client, given: dict[str, Any], model: str = MODEL) -> tuple[int, Any]:
    order = {"batch": {"display_name": "ours", "input_config": given}}
    return await client.call("POST", f"{client.origin}/v1beta/models/{model}:batchGenerateContent", json=order)


async def ended(client: Client, batch: dict[str, Any]) -> dict[str, Any]:
    return await client.until(f"{client.origin}/v1beta/{batch['name']}", lambda told: told.get("done", False))


async def uploaded(client: Client, *lines: dict[str, Any]) -> str:
    begin = {"X-Goog-Upload-Protocol": "resumable", "X-Goog-Upload-Command": "start"}
    async with client.session.post(f"{client.origin}/upload/v1beta/files", headers=begin, json={}) as reply:
        address = reply.headers["X-Goog-Upload-URL"]
    content = b"".join(json.dumps(line).encode() + b"\n" for line in lines)
    finish = {"X-Goog-Upload-Command": "upload, finalize", "X-Goog-Upload-Offset": "0"}
    return (await client.call("POST", address, headers=finish, data=content))[1]["file"]["name"]


async def test_inline_requests_are_answered_inline_as_live_ones_would_be(start):
    client = await start()
    status, batch = await handed_in(client, inline(asked("a", 1), asked("b", 2)))
    assert (status, batch["metadata"]["displayName"]) == (200, "ours")
    batch = await ended(client, batch)
    assert batch["metadata"]["batchStats"] == {"requestCount": "2", "successfulRequestCount": "2"}
    answers = batch["response"]["inlinedResponses"]["inlinedResponses"]
    told = {answer["metadata"]["key"]: answer["response"] for answer in answers}
    live = (
        await client.call(
            "POST", f"{client.origin}/v1beta/models/{MODEL}:generateContent", json=asked("a", 1)["request"]
        )
    )[1]
    assert told["a"]["candidates"] == live["candidates"] and told["a"]["usageMetadata"] == live["usageMetadata"]
    assert set(told) == {"a", "b"}


async def test_a_file_of_requests_is_answered_by_a_file_out_of_order(start):
    client = await start()
    lines = [asked(f"r-{number}") for number in range(12)]
    batch = await ended(client, (await handed_in(client, {"file_name": await uploaded(client, *lines)}))[1])
    name = batch["response"]["responsesFile"]
    text = (await client.call("GET", f"{client.origin}/download/v1beta/{name}:download?alt=media"))[1]
    keys = [json.loads(line)["key"] for line in text.splitlines()]
    assert sorted(keys) == sorted(line["key"] for line in lines) and keys != [line["key"] for line in lines]


async def test_a_request_that_is_wrong_or_runs_late_has_an_error_of_its_own(start):
    client = await start()
    wrong = {"key": "b", "request": {"contents": [{"parts": [{"text": "no picture"}]}]}}
    batch = await ended(client, (await handed_in(client, inline(asked("a"), wrong)))[1])
    answers = batch["response"]["inlinedResponses"]["inlinedResponses"]
    assert answers[1]["metadata"]["key"] == "b" and answers[1]["error"]["code"] == 3
    assert batch["metadata"]["batchStats"]["failedRequestCount"] == "1"


@pytest.mark.parametrize(
    ("options", "cancel", "state"),
    [
        ({"batch_expire_rate": 1.0}, False, "BATCH_STATE_EXPIRED"),
        ({"batch_delay_ms": 60_000}, True, "BATCH_STATE_CANCELLED"),
    ],
)
async def test_a_batch_that_expired_or_was_cancelled_has_no_answers(start, options, cancel, state):
    client = await start(**options)
    batch = (await handed_in(client, inline(asked("a"))))[1]
    if cancel:
        await client.call("POST", f"{client.origin}/v1beta/{batch['name']}:cancel")
    batch = await ended(client, batch)
    assert batch["metadata"]["state"] == state and "response" not in batch
    assert client.server.books.answered == 0


async def test_what_is_no_batch_or_too_much_is_refused(start):
    client = await start(batch_token_limit=1000, batch_delay_ms=60_000)
    assert (await handed_in(client, inline(asked("a")), model="other"))[0] == 404
    assert (await handed_in(client, {"file_name": "files/none"}))[0] == 400
    assert (await handed_in(client, {"requests": {"requests": []}}))[0] == 400
    assert (await handed_in(client, inline(asked("a", 1), asked("b", 2))))[0] == 200
    status, refused = await handed_in(client, inline(asked("c", 1), asked("d", 2)))
    assert (status, refused["error"]["status"]) == (429, "RESOURCE_EXHAUSTED")
    assert (await client.call("GET", f"{client.origin}/download/v1beta/files/none:download"))[0] == 404


async def test_batches_are_listed_newest_first_in_pages_and_only_with_the_key(start):
    client = await start()
    names = [(await handed_in(client, inline(asked("a"))))[1]["name"] for _ in range(3)]
    page = (await client.call("GET", f"{client.origin}/v1beta/batches?pageSize=2"))[1]
    assert [batch["name"] for batch in page["operations"]] == names[:0:-1]
    token = page["nextPageToken"]
    rest = (await client.call("GET", f"{client.origin}/v1beta/batches?pageToken={token}"))[1]
    assert [batch["name"] for batch in rest["operations"]] == names[:1] and "nextPageToken" not in rest
    guarded = await start({"KEY": "secret"}, key_env="KEY")
    assert (await guarded.call("GET", f"{guarded.origin}/v1beta/batches"))[0] == 401
    headers = {"x-goog-api-key": "secret"}
    assert (await guarded.call("GET", f"{guarded.origin}/v1beta/batches", headers=headers))[0] == 200
