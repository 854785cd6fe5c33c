"""The vlm judge turns frames into scores over real HTTP, and says what it could not read."""

from __future__ import annotations

import json
import math
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from aiohttp import web

from calibtui.core.digests import digest_of
from calibtui.core.errors import SettingsError
from calibtui.core.scores import CallRecord, FailedScore, Score
from calibtui.gateway.client import RetryPolicy
from calibtui.gateway.money.charging import Payer
from calibtui.gateway.money.ledger import Ledger
from calibtui.practice.server import PracticeServer
from calibtui.scoring.judge import FrameToScore
from calibtui.scoring.prompts import load_prompt
from calibtui.scoring.vlm import VlmJudge, parameters_digest, vlm_judge
from calibtui.store.store import Store
from calibtui.workspace.settings import BudgetSettings, KeySettings, PriceSettings, ProviderSettings, ScoringSettings

Practice = Callable[..., Awaitable[PracticeServer]]
Judging = Callable[..., VlmJudge]
Frames = Callable[[int], list[FrameToScore]]


async def asked(judge: VlmJudge, frame: FrameToScore) -> tuple[Score | FailedScore, list[CallRecord]]:
    calls: list[CallRecord] = []
    return await judge.ask(frame, judge.prepare(frame), calls.append), calls


class Talking:
    """An endpoint that says the given texts, the last one again and again."""

    def __init__(self) -> None:
        self.texts: list[Any] = []
        self.bodies: list[dict[str, Any]] = []
        self.choice: dict[str, Any] = {}
        self.url = ""

    async def handle(self, request: web.Request) -> web.Response:
        self.bodies.append(await request.json())
        said = self.texts.pop(0) if len(self.texts) > 1 else self.texts[0]
        message = said if isinstance(said, dict) else {"content": said}
        usage = {"prompt_tokens": 100, "completion_tokens": 10}
        return web.json_response(
            {
                "id": f"c{len(self.bodies)}",
                "model": "m-1",
                "choices": [{"message": message, **self.choice}],
                "usage": usage,
            }
        )


@pytest.fixture
async def talking() -> AsyncIterator[Talking]:
    server = Talking()
    app = web.Application(client_max_size=1 << 24)
    app.router.add_post("/v1/chat/completions", server.handle)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    yield server
    await runner.cleanup()


async def test_a_frame_gets_a_score_with_everything_that_identifies_it(
    practice: Practice, judging: Judging, frames: Frames
) -> None:
    (frame,) = frames(1)
    judge = judging((await practice()).url)
    score, (call,) = await asked(judge, frame)
    assert isinstance(score, Score)
    assert (score.frame_uri, score.digest, score.pass_number) == (frame.uri, frame.digest, 1)
    assert 0 <= score.difficulty <= 1
    assert (score.prompt, score.provider, score.cached) == ("difficulty@1", "practice", None)
    assert (score.requested_model, score.answered_model) == ("practice-vlm-1", "practice-vlm-1")
    assert score.cost_micro_eur == call.cost_micro_eur == 2 * score.input_tokens + 8 * score.output_tokens
    assert score.latency_ms > 0


async def test_a_blurred_frame_is_harder_than_a_sharp_one(practice: Practice, judging: Judging, frames: Frames) -> None:
    judge = judging((await practice()).url)
    made = frames(7)
    (sharp, _), (blurred, _) = await asked(judge, made[0]), await asked(judge, made[6])
    assert isinstance(sharp, Score)
    assert isinstance(blurred, Score)
    assert "blur" in blurred.reasons
    assert "blur" not in sharp.reasons


async def test_the_request_holds_the_pinned_prompt_and_the_payload(
    talking: Talking, judging: Judging, frames: Frames
) -> None:
    talking.texts = ['{"difficulty": 40, "reasons": []}']
    (frame,) = frames(1)
    judge = judging(talking.url, max_tokens=77, temperature=0.25)
    await asked(judge, frame)
    (body,) = talking.bodies
    assert "How hard is this frame" in body["messages"][1]["content"][0]["text"]
    assert body["messages"][1]["content"][1]["image_url"]["url"].startswith("data:image/jpeg;base64,/9j/")
    assert (body["max_tokens"], body["temperature"]) == (77, 0.25)
    assert body["response_format"]["json_schema"]["schema"]["required"] == ["difficulty", "reasons"]


@pytest.mark.parametrize("text", ["It is hard to say.", '{"difficulty": 7200, "reasons": []}', '{"difficulty": 4', ""])
async def test_an_unreadable_reply_is_asked_for_once_more(
    talking: Talking, judging: Judging, frames: Frames, text: str
) -> None:
    talking.texts = [text, '{"difficulty": 40, "reasons": []}']
    score, calls = await asked(judging(talking.url), frames(1)[0])
    assert isinstance(score, Score)
    assert len(calls) == 2
    assert score.cost_micro_eur == sum(call.cost_micro_eur for call in calls)


async def test_a_second_unreadable_reply_is_recorded_with_its_beginning(
    talking: Talking, judging: Judging, frames: Frames
) -> None:
    talking.texts = ["\x1b[31mI would say it is fairly hard. " + "z" * 900]
    (frame,) = frames(1)
    failed, calls = await asked(judging(talking.url), frame)
    assert isinstance(failed, FailedScore)
    assert (failed.frame_uri, failed.digest, failed.error) == (frame.uri, frame.digest, "unreadable")
    assert failed.reply.startswith("[31mI would say it is fairly hard.")
    assert len(failed.reply) <= 200
    assert len(calls) == 2
    assert all(call.cost_micro_eur > 0 for call in calls)


async def test_a_refusal_is_recorded_as_one(talking: Talking, judging: Judging, frames: Frames) -> None:
    talking.texts = [{"content": None, "refusal": "I can't look at this."}]
    failed, _ = await asked(judging(talking.url), frames(1)[0])
    assert isinstance(failed, FailedScore)
    assert (failed.error, failed.reply) == ("refused", "I can't look at this.")


async def test_a_key_that_the_model_repeats_is_kept_nowhere(talking: Talking, judging: Judging, frames: Frames) -> None:
    (frame,) = frames(1)
    judge = judging(talking.url)
    talking.texts = [json.dumps({"difficulty": 9, "reasons": ["a-practice-key", "blur"]}), "it is a-practice-key"]
    score, _ = await asked(judge, frame)
    failed, _ = await asked(judge, frame)
    assert "a-practice" not in f"{score!r} {failed!r}"


async def test_trouble_that_lasts_fails_the_frame_with_its_class(
    practice: Practice, judging: Judging, frames: Frames
) -> None:
    judge = judging((await practice(fail_rate=1.0)).url, deadline_s=0.3)
    failed, calls = await asked(judge, frames(1)[0])
    assert isinstance(failed, FailedScore)
    assert failed.error == "upstream"
    assert sum(call.cost_micro_eur for call in calls) == 0
    assert sum(call.attempts for call in calls) > 1


def test_a_score_is_identified_without_reading_an_image(judging: Judging) -> None:
    judge = judging("http://127.0.0.1:9/v1")
    first, again, second_pass = judge.key("a" * 64), judge.key("a" * 64), judge.key("a" * 64, 2)
    assert first == again != second_pass
    others = [judging("http://h/v1", **{name: value}).key("a" * 64) for name, value in OTHER_SETTINGS.items()]
    assert len({first, second_pass, judge.key("b" * 64), *others}) == 3 + len(others)


OTHER_SETTINGS = {"max_px": 512, "jpeg_quality": 90, "max_tokens": 60, "temperature": 0.5, "model": "other"}


def test_what_does_not_change_a_reply_does_not_change_its_key() -> None:
    base = ScoringSettings()
    assert parameters_digest(base) == parameters_digest(ScoringSettings(concurrency=1, deadline_s=5.0, max_failed=0.5))


def test_asking_for_probabilities_changes_the_key_and_not_asking_leaves_it_as_it_was() -> None:
    plain = parameters_digest(ScoringSettings())
    assert plain == digest_of({"max_tokens": 120, "temperature": 0.0})
    assert parameters_digest(ScoringSettings(logprobs=True)) != plain


async def test_the_difficulty_is_the_expectation_where_probabilities_are_asked_for_and_told(
    talking: Talking, judging: Judging, frames: Frames
) -> None:
    pieces = ['{"difficulty": ', "40", ', "reasons": []}']
    tops = [[], [{"token": "40", "logprob": math.log(0.5)}, {"token": "60", "logprob": math.log(0.5)}], []]
    told = [
        {"token": piece, "logprob": 0.0, "top_logprobs": top, "bytes": None}
        for piece, top in zip(pieces, tops, strict=True)
    ]
    talking.texts = ["".join(pieces)]
    talking.choice = {"logprobs": {"content": told}}
    (frame,) = frames(1)
    plain, _ = await asked(judging(talking.url), frame)
    weighed, _ = await asked(judging(talking.url, logprobs=True), frame)
    assert isinstance(plain, Score)
    assert isinstance(weighed, Score)
    assert (plain.difficulty, weighed.difficulty) == (0.4, pytest.approx(0.5))
    assert ["logprobs" in body for body in talking.bodies] == [False, True]


async def test_a_score_names_the_node_that_paid_and_costs_what_the_ledger_booked(
    practice: Practice, frames: Frames, tmp_path: Any
) -> None:
    (frame,) = frames(1)
    provider = ProviderSettings("practice", (await practice()).url, models={"practice-vlm-1": PriceSettings(2.0, 8.0)})
    settings = ScoringSettings(model="practice-vlm-1")
    prompt = load_prompt(tmp_path, "difficulty@1")
    with Store(tmp_path / "state") as store:
        async with Ledger.open(store.ledger, {"team": BudgetSettings("team", 1.0)}) as ledger:
            judge = vlm_judge(settings, {"practice": provider}, prompt, {}, payer=Payer(ledger, "team"))
            score, (call,) = await asked(judge, frame)
            await judge.close()
            (line,) = ledger.lines()
            await ledger.audit()
        (booked,) = store.ledger.calls([call.call_id])
    assert isinstance(score, Score)
    assert score.budget_node == booked.node == "team"
    assert score.cost_micro_eur == booked.cost == line.spent > 0
    assert line.held == 0


async def test_a_score_by_a_fallback_names_who_answered_and_what_was_asked_for(
    talking: Talking, frames: Frames, tmp_path: Any
) -> None:
    talking.texts = ['{"difficulty": 40, "reasons": []}']
    price = PriceSettings(1.0, 1.0)
    providers = {
        "down": ProviderSettings("down", "http://127.0.0.1:1/v1", fallback="up", models={"wanted": price}),
        "up": ProviderSettings("up", talking.url, models={"instead": price}),
    }
    retry = RetryPolicy(first_wait_s=0.005, longest_wait_s=0.01, unreachable_after=2)
    judge = vlm_judge(
        ScoringSettings(model="wanted"), providers, load_prompt(tmp_path, "difficulty@1"), {}, retry=retry
    )
    score, calls = await asked(judge, frames(1)[0])
    await judge.close()
    assert isinstance(score, Score)
    assert (score.requested_model, score.answered_model, score.provider) == ("wanted", "m-1", "up")
    assert talking.bodies[0]["model"] == "instead"
    assert [(call.provider, call.requested_model) for call in calls] == [("up", "instead")]


@pytest.mark.parametrize(
    ("scoring", "provider", "said"),
    [
        (ScoringSettings(), {}, "scoring.model"),
        (ScoringSettings(model="dear"), {}, "dear"),
        (ScoringSettings(model="dear", provider="acme"), {}, r'providers\.acme\.models\."dear"'),
        (ScoringSettings(model="m"), {"fallback": "acme2"}, r"providers\.acme\.fallback"),
        (ScoringSettings(model="m"), {"keys": (KeySettings("NOT_SET"),)}, "NOT_SET"),
    ],
)
def test_what_can_be_known_beforehand_is_an_error_beforehand(
    tmp_path: Any, scoring: ScoringSettings, provider: dict[str, Any], said: str
) -> None:
    settings = ProviderSettings("acme", "https://h/v1", models={"m": PriceSettings(1.0, 1.0)}, **provider)
    with pytest.raises(SettingsError, match=said):
        others = {"acme2": ProviderSettings("acme2", "https://h/v1")}
        vlm_judge(scoring, {"acme": settings, **others}, load_prompt(tmp_path, "difficulty@1"), {})
