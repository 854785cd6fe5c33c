"""A registry that has seen some of everything, and promtool where the machine has it."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from calibtui.core.progress import Progress
from calibtui.core.scores import CallRecord, FailedScore, Score
from calibtui.core.summary import BudgetLine
from calibtui.gateway.observability.metered_transport import MeteredTransport
from calibtui.gateway.observability.metrics import Metrics
from calibtui.gateway.transport import HttpRequest, HttpResponse

REPOSITORY = Path(__file__).resolve().parent.parent.parent


@pytest.fixture(scope="session")
def documents() -> Path:
    return REPOSITORY / "docs" / "observability"


@pytest.fixture(scope="session")
def promtool() -> str:
    path = shutil.which("promtool")
    if path is None:
        pytest.skip("promtool is missing: it is in Debian's package prometheus")
    return path


@pytest.fixture
async def metrics() -> Metrics:
    """Fed as a run feeds it: requests through a transport, then the records, the budgets and the stages."""
    metrics = Metrics()
    metrics.run.began()
    metrics.run.stage_began("score")
    metrics.run.progress(Progress("score", 1, 4))
    metered = MeteredTransport(_Scripted([200, 429]), metrics.calls, "openai")
    for _ in range(2):
        await metered.send(HttpRequest("http://localhost/", b"body", {}, 1.0))
    call = CallRecord("c", "d", "openai", "gpt-4o", "gpt-4o-2024", "", "ok", 2, 10, 2, True, 46, 120.0, 0.0)
    score = Score("f", "d", 0.5, (), "p", "pd", "m", "m", "p", 1, None, 1, 1, 1, None, 1.0, 0.0)
    lost = replace(call, status="upstream", measured=False)
    metrics.calls.observe([call, score, lost, FailedScore("f", "d", "upstream", "")])
    metrics.calls.observe_hits("exact", 1)
    metrics.budgets.set([BudgetLine("team", 1_000_000, 250_000, 10)])
    return metrics


class _Scripted:
    def __init__(self, statuses: list[int]) -> None:
        self._statuses = statuses

    async def send(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse(self._statuses.pop(0), {}, b"{}")

    async def close(self) -> None: ...
