"""Every place that may answer a run is proved before it; a fallback that is down is left out, not the run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from calibtui.core.errors import JudgeFailedError
from calibtui.core.scores import CallRecord
from calibtui.gateway.client import Gateway
from calibtui.gateway.stops import NoAnswerError
from calibtui.practice.options import PracticeOptions
from calibtui.practice.process import practice_server, read_books
from calibtui.scoring.cache_check import prove_caches
from calibtui.scoring.prompts import load_prompt
from calibtui.scoring.vlm import vlm_judge
from calibtui.workspace.settings import KeySettings, PriceSettings, ProviderSettings, ScoringSettings

MODEL = "practice-vlm-1"
SETTINGS = ScoringSettings(model=MODEL, provider="first")
DOWN = "http://127.0.0.1:1/v1"


@pytest.fixture(scope="module")
def up() -> Iterator[str]:
    with practice_server(PracticeOptions()) as url:
        yield url


def providers(first: str, second: str, **of_second: object) -> dict[str, ProviderSettings]:
    models = {MODEL: PriceSettings(1.0, 1.0)}
    return {
        "first": ProviderSettings("first", first, fallback="second", models=models),
        "second": ProviderSettings("second", second, models=models, **of_second),
    }


async def proved(
    tmp_path: Path, named: dict[str, ProviderSettings], calls: list[CallRecord]
) -> dict[str, NoAnswerError]:
    environ = {"KEY": "sk-wrong-5f0c1d8e9a7b"}
    return await prove_caches(SETTINGS, named, load_prompt(tmp_path, "difficulty@1"), environ, None, calls.append)


async def test_a_fallback_that_is_down_is_named_and_the_provider_proved(tmp_path: Path, up: str) -> None:
    calls: list[CallRecord] = []
    silent = await proved(tmp_path, providers(up, DOWN), calls)
    assert list(silent) == ["second"]
    assert "can't be reached" in silent["second"].message
    assert [call.provider for call in calls if call.status == "ok"] == ["first"] * 3


async def test_what_is_left_out_is_sent_nothing(tmp_path: Path, up: str) -> None:
    named, prompt = providers(DOWN, up), load_prompt(tmp_path, "difficulty@1")
    before = read_books(up)["requests"]
    judge = vlm_judge(SETTINGS, named, prompt, {}, without={"second"})
    gateway: Gateway = judge._gateway
    with pytest.raises(JudgeFailedError):
        await gateway.complete(b"picture", digest="d", deadline_s=20, on_call=lambda _: None)
    await judge.close()
    assert read_books(up)["requests"] == before


async def test_a_provider_that_is_down_ends_the_run_before_it_begins(tmp_path: Path, up: str) -> None:
    with pytest.raises(NoAnswerError):
        await proved(tmp_path, providers(DOWN, up), [])


async def test_a_fallback_that_rejects_its_key_is_for_somebody_to_mend(
    tmp_path: Path, up: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RIGHT", "sk-right-5f0c1d8e9a7b")
    with practice_server(PracticeOptions(key_env="RIGHT")) as locked:
        named = providers(up, locked, keys=(KeySettings("KEY"),))
        with pytest.raises(JudgeFailedError, match="second rejected the key") as refused:
            await proved(tmp_path, named, [])
    assert not isinstance(refused.value, NoAnswerError)
