"""A cache that can't tell pictures or prompts apart is refused before the first frame, and an honest one is not."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.gateways.bifrost import Bifrost, VirtualKey
from tests.gateways.conftest import BIFROST_KEY, BY_MODEL
from tests.gateways.fronts import CountingTransport, Front, Upstreams, canary_through, chat_request, gateway_to
from tests.gateways.litellm_config import write_config
from tests.gateways.loopback import Loopback
from tests.gateways.processes import litellm
from tests.gateways.semantic_store import SemanticStore

from calibtui.core.errors import ConfigurationError
from calibtui.core.scores import CallRecord
from calibtui.gateway.client import Completion
from calibtui.gateway.intermediaries.canary import canary_picture
from calibtui.gateway.intermediaries.completion_ids import CompletionIds


@pytest.fixture(scope="module")
def store() -> SemanticStore:
    return SemanticStore()


@pytest.fixture(scope="module")
def litellm_with_semantic_cache(
    loopback: Loopback, upstreams: Upstreams, store: SemanticStore, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Front]:
    directory = tmp_path_factory.mktemp("litellm-semantic")
    keys = write_config(directory, upstreams.routes(), semantic_store=loopback.app(store.app()))
    with litellm(directory / "litellm.yaml", keys.master) as address:
        yield Front("litellm", f"{address}/v1", keys.free, BY_MODEL)


@pytest.mark.gateways
async def test_litellm_with_its_semantic_cache_gives_a_frame_the_score_of_another(
    litellm_with_semantic_cache: Front, upstreams: Upstreams, store: SemanticStore
) -> None:
    """What the canary is for: the cache is asked about the text alone, and answers a picture it has never seen."""
    transport = CountingTransport()
    front = litellm_with_semantic_cache
    gateway = gateway_to(front.endpoint(), chat_request("practice-vlm-1"), transport)
    ids, pairs, before = CompletionIds(), [], upstreams.plain.books.answered
    for frame, seed in (("frame-1", b"one"), ("frame-2", b"two")):
        answer = await gateway.complete(canary_picture(seed), digest=frame, deadline_s=60, on_call=lambda _: None)
        assert isinstance(answer, Completion)
        pairs.append(ids.received(answer.completion_id, frame))
        await asyncio.sleep(1.0)
    await transport.close()
    assert upstreams.plain.books.answered - before == 1
    assert not any("base64" in text for text in store.embedded)
    assert pairs[0] is None
    assert pairs[1] is not None
    assert pairs[1].frames == ("frame-1", "frame-2")


@pytest.mark.gateways
async def test_litellm_with_its_semantic_cache_is_caught_with_what_to_switch_off(
    litellm_with_semantic_cache: Front, store: SemanticStore
) -> None:
    calls: list[CallRecord] = []
    store.points.clear()
    with pytest.raises(ConfigurationError, match=r"Litellm behind .providers.front.*never been sent") as refused:
        await canary_through(litellm_with_semantic_cache.endpoint(), "practice-vlm-1", calls)
    assert "x-litellm-cache-key" in refused.value.message
    assert "cache: false in litellm_settings" in refused.value.hint
    assert len(calls) == 2
    assert store.searches > 0


@pytest.mark.gateways
async def test_a_cache_that_is_warm_for_the_prompt_is_caught_by_the_first_call(
    litellm_with_semantic_cache: Front,
) -> None:
    calls: list[CallRecord] = []
    for _ in range(2):
        calls.clear()
        with pytest.raises(ConfigurationError):
            await canary_through(litellm_with_semantic_cache.endpoint(), "practice-vlm-1", calls)
    assert len(calls) == 1


@pytest.mark.gateways
async def test_litellm_with_a_cache_of_whole_requests_passes(
    upstreams: Upstreams, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Such a cache answers the same request alone: the second call here, never the canary's."""
    directory = tmp_path_factory.mktemp("litellm-exact")
    keys = write_config(directory, upstreams.routes(), exact=True)
    with litellm(directory / "litellm.yaml", keys.master) as address:
        front = Front("litellm", f"{address}/v1", keys.free, BY_MODEL)
        assert await same_picture_twice(front, upstreams) == 1
        calls: list[CallRecord] = []
        await canary_through(front.endpoint(), "practice-vlm-1", calls)
    assert len(calls) == 3


async def same_picture_twice(front: Front, upstreams: Upstreams) -> int:
    """How often the model was asked."""
    transport, before = CountingTransport(), upstreams.plain.books.answered
    gateway = gateway_to(front.endpoint(), chat_request("practice-vlm-1"), transport)
    for _ in range(2):
        await gateway.complete(canary_picture(b"same"), digest="d", deadline_s=60, on_call=lambda _: None)
        await asyncio.sleep(0.5)
    await transport.close()
    return upstreams.plain.books.answered - before


def bifrost(loopback: Loopback, upstreams: Upstreams, heeds: set[str]) -> Front:
    simulated = Bifrost(upstreams.routes(), {BIFROST_KEY: VirtualKey()}, semantic=True, heeds=frozenset(heeds))
    return Front("bifrost", loopback.app(simulated.app()) + "/v1", BIFROST_KEY, BY_MODEL)


@pytest.mark.parametrize(
    "heeds", [{"key", "type", "no-store"}, {"key"}, {"type"}, {"no-store"}], ids=lambda heeds: "+".join(sorted(heeds))
)
async def test_each_header_that_bifrost_heeds_is_enough_to_keep_prompts_apart(
    heeds: set[str], loopback: Loopback, upstreams: Upstreams
) -> None:
    assert len(await calls_of_a_canary(bifrost(loopback, upstreams, heeds))) == 3


async def test_bifrost_that_answers_an_edited_prompt_from_its_cache_is_caught_by_the_third_call(
    loopback: Loopback, upstreams: Upstreams
) -> None:
    calls: list[CallRecord] = []
    front = bifrost(loopback, upstreams, set())
    with pytest.raises(ConfigurationError, match="a prompt it had never been sent") as refused:
        await canary_through(front.endpoint(), "practice-vlm-1", calls, stored_within_s=0.0)
    assert "cache_debug" in refused.value.message
    assert len(calls) == 3


async def test_a_second_pass_through_bifrost_asks_the_model_again(loopback: Loopback, upstreams: Upstreams) -> None:
    front = bifrost(loopback, upstreams, {"key", "type", "no-store"})
    assert await same_picture_twice(front, upstreams) == 2


async def calls_of_a_canary(front: Front) -> list[CallRecord]:
    calls: list[CallRecord] = []
    await canary_through(front.endpoint(), "practice-vlm-1", calls, stored_within_s=0.0)
    return calls


def test_two_canary_pictures_never_look_alike(tmp_path: Path) -> None:
    assert canary_picture(b"one") != canary_picture(b"two")
    assert canary_picture(b"one") == canary_picture(b"one")
