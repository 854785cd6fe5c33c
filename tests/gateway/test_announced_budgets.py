"""What a gateway announces is read as it is sent, bounded, for each key, and odd figures are no budget."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web

from calibtui.gateway.endpoint import Endpoint, resolve_endpoint
from calibtui.gateway.intermediaries.announced_budgets import AnnouncedBudget, announced_budgets, budget_of_reply
from calibtui.gateway.intermediaries.identity import GatewayKind
from calibtui.gateway.transport import HttpResponse
from calibtui.workspace.settings import KeySettings, ProviderSettings


class ControlPlane:
    """Answers a path with what `said` holds for it; a callable is told the key."""

    def __init__(self) -> None:
        self.said: dict[str, Any] = {}
        self.url = ""
        self.hangs = False
        self.asked: list[str] = []

    async def serve(self, request: web.Request) -> web.Response:
        self.asked.append(request.path)
        if self.hangs:
            await asyncio.sleep(30)
        said = self.said.get(request.path)
        if callable(said):
            said = said(request.headers.get("Authorization", ""))
        if said is None:
            raise web.HTTPNotFound
        return said if isinstance(said, web.Response) else web.json_response(said)

    async def announced(self, *keys: str, prefix: str = "") -> tuple[AnnouncedBudget, ...]:
        return await asyncio.to_thread(announced_budgets, self.endpoint(*(keys or ("KEY_A",)), prefix=prefix), "judge")

    def endpoint(self, *keys: str, prefix: str = "") -> Endpoint:
        provider = ProviderSettings("acme", f"{self.url}{prefix}/v1", keys=tuple(KeySettings(key) for key in keys))
        return resolve_endpoint(provider, {key: f"{key}-7Qd9xP2mZt4L" for key in keys})


@pytest.fixture
async def plane() -> AsyncIterator[ControlPlane]:
    control = ControlPlane()
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", control.serve)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    control.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield control
    await runner.cleanup()


KEY_INFO = {"info": {"max_budget": 200.0, "spend": 12.25, "budget_duration": "30d"}}


async def test_litellm_with_a_database_is_believed(plane: ControlPlane) -> None:
    plane.said = {"/health/readiness": {"status": "healthy", "db": "connected"}, "/key/info": KEY_INFO}
    (budget,) = await plane.announced()
    assert (budget.gateway, budget.enforced, budget.caveat) == (GatewayKind.LITELLM, True, "")
    assert str(budget) == "litellm announces the key: 12.2500 of 200.0000 USD every 30d"


async def test_litellm_below_a_path_is_asked_there(plane: ControlPlane) -> None:
    plane.said = {"/llm/health/readiness": {"status": "healthy", "db": "connected"}, "/llm/key/info": KEY_INFO}
    assert len(await plane.announced(prefix="/llm")) == 1


async def test_a_spent_key_of_a_litellm_without_a_database_is_read_from_its_refusal(plane: ControlPlane) -> None:
    said = "Budget has been exceeded! Key=eng-a (sk-...1234) Current cost: 200.5, Max budget: 200.0"
    refusal = {"error": {"message": said, "type": "budget_exceeded", "param": None, "code": "422"}}
    plane.said = {
        "/health/readiness": {"status": "healthy", "db": "Not connected"},
        "/v1/chat/completions": lambda _: web.json_response(refusal, status=422),
    }
    (budget,) = await plane.announced()
    assert (budget.lines[0].spent_usd, budget.lines[0].cap_usd) == (200.5, 200.0)
    assert not budget.enforced


async def test_each_key_has_its_own_budget(plane: ControlPlane) -> None:
    def info(key: str) -> Any:
        return KEY_INFO if "KEY_A" in key else {"info": {"max_budget": 5, "spend": 0}}

    plane.said = {"/health/readiness": {"status": "healthy", "db": "connected"}, "/key/info": info}
    budgets = await plane.announced("KEY_A", "KEY_B")
    assert [(budget.key, budget.lines[0].cap_usd) for budget in budgets] == [("KEY_A", 200.0), ("KEY_B", 5.0)]


async def test_a_deployments_budget_is_called_no_hard_cap(plane: ControlPlane) -> None:
    settings = {"max_budget": 0.01, "budget_duration": "1d"}
    models = [{"model_name": "judge", "litellm_params": settings}, {"model_name": "other", "litellm_params": settings}]
    plane.said = {"/health/readiness": {"status": "healthy", "db": "Not connected"}, "/v1/model/info": {"data": models}}
    (budget,) = await plane.announced()
    assert [line.what for line in budget.lines] == ["the deployment"]
    assert "no hard cap" in budget.caveat


async def test_every_budget_of_a_bifrost_key_is_read(plane: ControlPlane) -> None:
    limits = [{"max_limit": 100, "current_usage": 40, "reset_duration": "1M"}, {"max_limit": 10, "current_usage": 1}]
    plane.said = {"/api/governance/virtual-keys/quota": {"budgets": limits}}
    (budget,) = await plane.announced()
    assert [(line.cap_usd, line.spent_usd, line.period) for line in budget.lines] == [(100, 40, "1M"), (10, 1, "")]


@pytest.mark.parametrize("cap", [None, "None", -1, True, "nan", "inf", {}, [], "much", 10**400])
async def test_an_odd_figure_is_no_budget(plane: ControlPlane, cap: object) -> None:
    plane.said = {
        "/health/readiness": {"status": "healthy", "db": "connected"},
        "/key/info": {"info": {"max_budget": cap}},
        "/api/governance/virtual-keys/quota": {"budgets": [{"max_limit": cap}, 3]},
    }
    assert await plane.announced() == ()


@pytest.mark.parametrize("text", ["", "[]", "<html>", "{", "[" * 5000, "x" * (5 << 20)])
async def test_a_control_plane_that_says_nothing_readable_announces_nothing(plane: ControlPlane, text: str) -> None:
    plane.said = dict.fromkeys(
        ("/health/readiness", "/api/governance/virtual-keys/quota"), lambda _: web.Response(text=text)
    )
    assert await plane.announced() == ()


async def test_a_control_plane_that_hangs_is_waited_for_once(plane: ControlPlane) -> None:
    plane.hangs = True
    assert await asyncio.to_thread(announced_budgets, plane.endpoint("KEY_A"), "judge", 0.3) == ()
    assert len(plane.asked) == 1


def reply(status: int = 200, **headers: str) -> HttpResponse:
    return HttpResponse(status, {name.replace("_", "-"): value for name, value in headers.items()}, b"{}")


@pytest.mark.parametrize(
    ("spend", "enforced"),
    [("10.5", True), ("200.3", True), ("200.5", False), ("250", False)],
    ids=["within", "passed by this call", "spent before it", "long spent"],
)
def test_an_answer_to_a_key_that_was_spent_before_shows_that_nobody_enforces(spend: str, enforced: bool) -> None:
    headers = {"x_litellm_key_max_budget": "200.0", "x_litellm_response_cost": "0.5"}
    budget = budget_of_reply(reply(x_litellm_key_spend=spend, **headers))
    assert budget is not None
    assert budget.enforced is enforced
    assert bool(budget.caveat) is not enforced


def test_headers_without_a_budget_announce_none() -> None:
    assert budget_of_reply(reply(x_litellm_key_max_budget="None", x_litellm_key_spend="3.0")) is None
