"""The practice judge's message batches: as Anthropic's, answered out of order, each request told apart."""

from __future__ import annotations

import json
from typing import Any

from tests.practice.conftest import Client, jpeg

from calibtui.practice.server import MODEL


def asked(name: str, seed: int = 0, model: str = MODEL) -> dict[str, Any]:
    source = {"type": "base64", "media_type": "image/jpeg", "data": jpeg(seed)}
    content = [{"type": "image", "source": source}, {"type": "text", "text": "How hard?"}]
    params = {"model": model, "max_tokens": 120, "messages": [{"role": "user", "content": content}]}
    return {"custom_id": name, "params": params}


async def handed_in(client: Client, *requests: dict[str, Any]) -> dict[str, Any]:
    status, batch = await client.call("POST", "/messages/batches", json={"requests": list(requests)})
    assert status == 200
    return batch


async def ended(client: Client, batch: dict[str, Any]) -> dict[str, Any]:
    return await client.until(f"/messages/batches/{batch['id']}", lambda told: told["processing_status"] == "ended")


async def results(client: Client, batch: dict[str, Any]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (await client.call("GET", batch["results_url"]))[1].splitlines()]


async def test_a_batch_says_of_each_picture_what_a_live_request_would(start):
    client = await start()
    batch = await ended(client, await handed_in(client, asked("a", 1), asked("b", 2)))
    lines = {line["custom_id"]: line["result"] for line in await results(client, batch)}
    live = (await client.call("POST", "/messages", json=asked("a", 1)["params"]))[1]
    assert lines["a"]["type"] == lines["b"]["type"] == "succeeded"
    assert lines["a"]["message"]["content"] == live["content"]
    assert lines["a"]["message"]["usage"] == live["usage"]
    assert (client.server.books.batches, client.server.books.answered) == (1, 3)


async def test_results_come_in_another_order_than_they_were_asked_in(start):
    client = await start()
    names = [f"r-{number}" for number in range(12)]
    batch = await ended(client, await handed_in(client, *(asked(name) for name in names)))
    told = [line["custom_id"] for line in await results(client, batch)]
    assert sorted(told) == sorted(names) and told != names


async def test_errored_and_expired_requests_are_counted_and_named(start):
    client = await start()
    batch = await ended(client, await handed_in(client, asked("a"), asked("b", model="other")))
    assert (batch["request_counts"]["succeeded"], batch["request_counts"]["errored"]) == (1, 1)
    wrong = next(line["result"] for line in await results(client, batch) if line["custom_id"] == "b")
    assert wrong["error"]["error"]["type"] == "not_found_error"
    late = await start(batch_expire_rate=1.0)
    batch = await ended(late, await handed_in(late, asked("a")))
    assert batch["request_counts"]["expired"] == 1 and late.server.books.answered == 0
    assert (await results(late, batch))[0]["result"] == {"type": "expired"}


async def test_a_cancelled_batch_answers_nothing_more(start):
    client = await start(batch_delay_ms=60_000)
    batch = await handed_in(client, asked("a"))
    assert batch["request_counts"]["processing"] == 1 and batch["results_url"] is None
    assert (await client.call("GET", f"/messages/batches/{batch['id']}/results"))[0] == 404
    told = (await client.call("POST", f"/messages/batches/{batch['id']}/cancel"))[1]
    assert told["processing_status"] == "canceling"
    batch = await ended(client, batch)
    assert (await results(client, batch))[0]["result"] == {"type": "canceled"}


async def test_more_requests_than_documented_and_bodies_that_are_no_batch_are_refused(start):
    client = await start()
    many = b",".join(b'{"custom_id": "%d", "params": {}}' % number for number in range(100_001))
    status, refused = await client.call("POST", "/messages/batches", data=b'{"requests": [' + many + b"]}")
    assert (status, refused["error"]["type"]) == (413, "request_too_large")
    for body in (b"[]", b'{"requests": []}', json.dumps({"requests": [asked("a"), asked("a")]}).encode()):
        assert (await client.call("POST", "/messages/batches", data=body))[0] == 400
    assert client.server.books.batches == 0


async def test_more_than_may_wait_is_refused_with_a_rate_limit(start):
    client = await start(batch_token_limit=1000, batch_delay_ms=60_000)
    await handed_in(client, asked("a", 1), asked("b", 2))
    status, refused = await client.call("POST", "/messages/batches", json={"requests": [asked("c"), asked("d")]})
    assert (status, refused["error"]["type"]) == (429, "rate_limit_error")


async def test_batches_are_listed_newest_first_in_pages_and_only_with_the_key(start):
    client = await start()
    names = [(await handed_in(client, asked("a")))["id"] for _ in range(3)]
    page = (await client.call("GET", "/messages/batches?limit=2"))[1]
    assert ([batch["id"] for batch in page["data"]], page["has_more"]) == (names[:0:-1], True)
    rest = (await client.call("GET", f"/messages/batches?after_id={page['last_id']}"))[1]
    assert ([batch["id"] for batch in rest["data"]], rest["has_more"]) == (names[:1], False)
    guarded = await start({"KEY": "secret"}, key_env="KEY")
    assert (await guarded.call("GET", "/messages/batches"))[0] == 401
    assert (await guarded.call("GET", "/messages/batches", headers={"x-api-key": "secret"}))[0] == 200
