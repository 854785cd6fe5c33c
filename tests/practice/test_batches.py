"""The practice judge's files and batches over HTTP: as OpenAI's, in memory, with trouble on purpose."""

from __future__ import annotations

import json

import pytest
from tests.practice.conftest import jpeg

from calibtui.practice.server import MODEL


def asked(name: str, seed: int = 0, model: str = MODEL) -> bytes:
    url = f"data:image/jpeg;base64,{jpeg(seed)}"
    content = [{"type": "text", "text": "How hard?"}, {"type": "image_url", "image_url": {"url": url}}]
    body = {"model": model, "messages": [{"role": "user", "content": content}]}
    line = {"custom_id": name, "method": "POST", "url": "/v1/chat/completions", "body": body}
    return json.dumps(line).encode() + b"\n"


async def test_a_batch_says_of_each_picture_what_a_live_request_would(start):
    client = await start()
    batch = await client.ended(await client.batch(asked("a", 1) + asked("b", 2), metadata={"mark": "m"}))
    assert (batch["status"], batch["metadata"]) == ("completed", {"mark": "m"})
    assert batch["request_counts"] == {"total": 2, "completed": 2, "failed": 0}
    lines = await client.lines(batch["output_file_id"])
    live = (await client.call("POST", "/chat/completions", json=json.loads(asked("a", 1))["body"]))[1]
    body = lines["a"]["response"]["body"]
    assert body["choices"] == live["choices"] and body["usage"] == live["usage"]
    books = client.server.books.as_json()
    assert (books["batches"], books["answered"], books["requests"]) == (1, 3, 3)


async def test_requests_that_fail_are_in_the_error_file_with_their_status(start):
    client = await start()
    batch = await client.ended(await client.batch(asked("a") + asked("b", model="other")))
    assert set(await client.lines(batch["output_file_id"])) == {"a"}
    assert (await client.lines(batch["error_file_id"]))["b"]["response"]["status_code"] == 404


async def test_expired_requests_are_named_and_never_judged(start):
    client = await start(batch_expire_rate=1.0)
    batch = await client.ended(await client.batch(asked("a")))
    assert batch["status"] == "expired" and batch["output_file_id"] is None
    assert (await client.lines(batch["error_file_id"]))["a"]["error"]["code"] == "batch_expired"
    assert client.server.books.answered == 0


async def test_a_cancelled_batch_answers_nothing_more(start):
    client = await start(batch_delay_ms=60_000)
    batch = await client.batch(asked("a"))
    await client.call("POST", f"/batches/{batch['id']}/cancel")
    batch = await client.ended(batch)
    assert batch["status"] == "cancelled"
    assert (await client.lines(batch["error_file_id"]))["a"]["error"]["code"] == "batch_cancelled"


@pytest.mark.parametrize(
    "content", [b"no json\n", b"", asked("a") + asked("a"), asked("a").replace(b"/v1/chat", b"/v1/chit")]
)
async def test_a_file_that_is_no_batch_is_refused_as_a_whole(start, content):
    client = await start()
    batch = await client.ended(await client.batch(content))
    assert batch["status"] == "failed" and batch["errors"]["data"][0]["message"]
    assert client.server.books.requests == 0


async def test_batches_are_listed_newest_first_in_pages(start):
    client = await start()
    names = [(await client.batch(asked("a")))["id"] for _ in range(3)]
    page = (await client.call("GET", "/batches?limit=2"))[1]
    assert ([batch["id"] for batch in page["data"]], page["has_more"]) == (names[:0:-1], True)
    rest = (await client.call("GET", f"/batches?limit=2&after={names[1]}"))[1]
    assert ([batch["id"] for batch in rest["data"]], rest["has_more"]) == (names[:1], False)


async def test_bad_orders_and_unknown_names_are_refused(start):
    client = await start()
    assert (await client.upload(b"x", purpose="fine-tune"))[0] == 400
    assert (await client.call("POST", "/files", data=b"x"))[0] == 400
    assert (await client.call("POST", "/batches", data=b"[]"))[0] == 400
    order = {"input_file_id": "file-none", "endpoint": "/v1/chat/completions", "completion_window": "24h"}
    assert (await client.call("POST", "/batches", json=order))[0] == 400
    for path in ("/batches/none", "/files/none/content"):
        assert (await client.call("GET", path))[0] == 404


async def test_a_key_is_asked_for_on_every_path(start):
    client = await start({"KEY": "secret"}, key_env="KEY")
    for method, path in (("POST", "/files"), ("GET", "/files/f/content"), ("POST", "/batches"), ("GET", "/batches")):
        assert (await client.call(method, path))[0] == 401


async def test_a_batch_with_more_tokens_than_may_wait_has_failed_and_one_that_fits_later_is_taken(start):
    client = await start(batch_token_limit=1000, batch_delay_ms=200)
    first = await client.batch(asked("a", 1) + asked("b", 2))
    second = await client.batch(asked("c", 3) + asked("d", 4))
    assert (first["status"], second["status"]) == ("in_progress", "failed")
    assert second["errors"]["data"][0]["code"] == "token_limit_exceeded"
    await client.ended(first)
    assert (await client.batch(asked("c", 3)))["status"] == "in_progress"
    books = client.server.books.as_json()
    assert (books["batches"], books["turned_down"], books["answered"]) == (2, 1, 2)
