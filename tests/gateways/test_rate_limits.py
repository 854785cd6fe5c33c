"""Rate limits of the model as the gateways pass them on: renamed by one, turned into something else by the other."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import replace

import pytest
from tests.gateways.fronts import Front, Upstreams, chat_request, gateway_to

from calibtui.gateway.client import Gateway
from calibtui.gateway.completion import Completion
from calibtui.gateway.errors import ErrorClass, Trouble, classify
from calibtui.gateway.intermediaries.canary import canary_picture
from calibtui.gateway.transport import HttpRequest, HttpResponse, HttpTransport

pytestmark = pytest.mark.gateways


class Refusals:
    """The real transport; keeps what every refusal meant."""

    def __init__(self) -> None:
        self._inner = HttpTransport(connections=16)
        self.troubles: list[Trouble] = []
        self.replies: list[HttpResponse] = []

    async def send(self, request: HttpRequest) -> HttpResponse:
        reply = await self._inner.send(request)
        if reply.status != 200:
            self.replies.append(reply)
            self.troubles.append(classify(reply.status, reply.headers, reply.body, now=time.time()))
        return reply

    async def close(self) -> None:
        await self._inner.close()


async def eight_at_once(gateway: Gateway) -> list[object]:
    calls = (
        gateway.complete(canary_picture(bytes([n])), digest=str(n), deadline_s=60, on_call=lambda _: None)
        for n in range(1, 9)
    )
    return list(await asyncio.gather(*calls))


async def test_the_retry_after_that_litellm_renames_is_read(litellm_front: Front) -> None:
    transport = Refusals()
    answers = await eight_at_once(gateway_to(litellm_front.endpoint("limited"), chat_request("limited"), transport))
    await transport.close()
    assert all(isinstance(answer, Completion) for answer in answers)
    assert {trouble.kind for trouble in transport.troubles} == {ErrorClass.RATE_LIMIT}
    assert all("llm_provider-retry-after" in reply.headers for reply in transport.replies)
    assert all(trouble.retry_after_s is not None for trouble in transport.troubles)


async def test_the_retry_after_that_portkey_passes_on_is_read(portkey_front: Front) -> None:
    transport = Refusals()
    gateway = gateway_to(portkey_front.endpoint("limited"), chat_request("practice-vlm-1"), transport)
    answers = await eight_at_once(gateway)
    await transport.close()
    assert all(isinstance(answer, Completion) for answer in answers)
    assert {trouble.kind for trouble in transport.troubles} == {ErrorClass.RATE_LIMIT}
    assert all(trouble.retry_after_s is not None for trouble in transport.troubles)


async def test_a_rate_limit_that_portkeys_own_retry_turns_into_another_error_is_still_got_over(
    portkey_front: Front, upstreams: Upstreams
) -> None:
    retry = {"attempts": 2, "on_status_codes": [429], "use_retry_after_header": True}
    config = {"provider": "openai", "custom_host": upstreams.limited.url, "retry": retry}
    endpoint = replace(portkey_front.endpoint("limited"), headers={"x-portkey-config": json.dumps(config)})
    transport = Refusals()
    answers = await eight_at_once(gateway_to(endpoint, chat_request("practice-vlm-1"), transport))
    await transport.close()
    assert all(isinstance(answer, Completion) for answer in answers)
    assert {trouble.kind for trouble in transport.troubles} <= {ErrorClass.RATE_LIMIT, ErrorClass.UPSTREAM}
