"""What holds through any gateway: scores, classes of errors, one stop for what somebody must fix, a quiet canary."""

from __future__ import annotations

import asyncio
import hashlib
import io
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from PIL import Image
from tests.gateways.fronts import (
    PRICE,
    QUICK,
    CountingTransport,
    Front,
    Upstreams,
    canary_through,
    chat_request,
    gateway_to,
)

from calibtui.core.errors import JudgeFailedError
from calibtui.core.scores import CallRecord, FailedScore, Score
from calibtui.gateway.client import CallFailure
from calibtui.gateway.errors import ErrorClass
from calibtui.scoring.judge import FrameToScore
from calibtui.scoring.prompts import load_prompt
from calibtui.scoring.vlm import VlmJudge, vlm_judge
from calibtui.workspace.settings import ScoringSettings

MakeJudge = Callable[..., VlmJudge]


@pytest.fixture
async def judging(tmp_path: Path) -> AsyncIterator[MakeJudge]:
    made: list[VlmJudge] = []

    def make(front: Front, upstream: str = "plain", deadline_s: float = 60.0) -> VlmJudge:
        model = front.models[upstream]
        settings = ScoringSettings(model=model, provider="front", deadline_s=deadline_s, concurrency=8)
        providers = {"front": front.provider(upstream)}
        prompt = load_prompt(tmp_path, "difficulty@1")
        made.append(vlm_judge(settings, providers, prompt, front.environ, retry=QUICK))
        return made[-1]

    yield make
    for judge in made:
        await judge.close()


async def scored(judge: VlmJudge, paths: list[Path], calls: list[CallRecord]) -> list[Score | FailedScore]:
    frames = [FrameToScore(path.name, path, hashlib.sha256(path.read_bytes()).hexdigest()) for path in paths]
    return await asyncio.gather(*(judge.ask(frame, judge.prepare(frame), calls.append) for frame in frames))


async def test_every_frame_gets_its_own_score_at_the_usage_that_was_declared(
    front: Front, upstreams: Upstreams, judging: MakeJudge, pictures: list[Path]
) -> None:
    calls: list[CallRecord] = []
    direct = Front("direct", upstreams.plain.url, "sk-none-5f0c1d8e9a7b", {"plain": "practice-vlm-1"})
    expected = [score.difficulty for score in await scored(judging(direct), pictures, [])]
    before = upstreams.plain.books.answered
    scores = await scored(judging(front), pictures, calls)
    assert [score.difficulty for score in scores if isinstance(score, Score)] == expected
    assert len(set(expected)) > 4
    assert upstreams.plain.books.answered - before == len(pictures)
    assert all(call.measured and call.status == "ok" and call.attempts == 1 for call in calls)
    assert [c.cost_micro_eur for c in calls] == [PRICE.cost(c.input_tokens, c.output_tokens) for c in calls]
    assert {call.answered_model for call in calls} <= {"practice-vlm-1", front.models["plain"]}
    assert len({call.completion_id for call in calls}) == len(pictures)


async def test_a_rate_limit_of_the_upstream_is_waited_for(
    front: Front, upstreams: Upstreams, judging: MakeJudge, pictures: list[Path]
) -> None:
    scores = await scored(judging(front, "limited"), pictures[:5], [])
    assert all(isinstance(score, Score) for score in scores)
    assert upstreams.limited.books.refused[429] > 0


async def test_trouble_of_the_upstream_is_tried_again_within_the_deadline_and_costs_nothing(
    front: Front, upstreams: Upstreams, judging: MakeJudge, pictures: list[Path]
) -> None:
    calls: list[CallRecord] = []
    before = upstreams.failing.books.requests
    (failed,) = await scored(judging(front, "failing", deadline_s=4.0), pictures[:1], calls)
    assert isinstance(failed, FailedScore)
    assert failed.error == ErrorClass.UPSTREAM.value
    assert upstreams.failing.books.requests - before == calls[-1].attempts > 1
    assert sum(call.cost_micro_eur for call in calls) == 0


async def test_a_refused_key_stops_after_one_answer_and_names_the_variable(front: Front, pictures: list[Path]) -> None:
    transport = CountingTransport()
    gateway = gateway_to(front.endpoint("locked"), chat_request(front.models["locked"]), transport)
    with pytest.raises(JudgeFailedError, match="FRONT_KEY"):
        await gateway.complete(pictures[0].read_bytes(), digest="d", deadline_s=30, on_call=lambda _: None)
    await transport.close()
    assert len(transport.statuses) == 1


async def test_an_unknown_model_stops_after_one_answer_and_is_named(front: Front, pictures: list[Path]) -> None:
    transport = CountingTransport()
    gateway = gateway_to(front.endpoint(), chat_request("nobody-serves-this"), transport)
    with pytest.raises(JudgeFailedError, match="nobody-serves-this"):
        await gateway.complete(pictures[0].read_bytes(), digest="d", deadline_s=30, on_call=lambda _: None)
    await transport.close()
    assert len(transport.statuses) == 1


async def test_a_picture_that_the_model_refuses_fails_its_frame_after_one_answer(front: Front) -> None:
    tiny = io.BytesIO()
    Image.new("RGB", (4, 4)).save(tiny, "JPEG")
    transport = CountingTransport()
    gateway = gateway_to(front.endpoint(), chat_request(front.models["plain"]), transport)
    answer = await gateway.complete(tiny.getvalue(), digest="d", deadline_s=30, on_call=lambda _: None)
    await transport.close()
    assert isinstance(answer, CallFailure)
    assert answer.kind is ErrorClass.BAD_REQUEST
    assert transport.statuses == [400]


async def test_a_gateway_without_a_cache_passes_the_canary_for_the_price_of_three_small_calls(
    front: Front, upstreams: Upstreams
) -> None:
    calls: list[CallRecord] = []
    before = upstreams.plain.books.answered
    canary = await canary_through(front.endpoint(), front.models["plain"], calls, stored_within_s=0.1)
    assert canary.kind.value == front.name
    assert upstreams.plain.books.answered - before == len(calls) == 3
    assert sum(call.cost_micro_eur for call in calls) < 10_000
