"""What a call costs, and the most it can."""

from __future__ import annotations

import pytest

from calibtui.core.errors import SettingsError
from calibtui.core.money import Price
from calibtui.gateway.money.prices import (
    GPT_4O_MINI,
    ImageRule,
    claude_tokens,
    gemini_tokens,
    large_patch_tokens,
    mini_tokens,
    patch_tokens,
    price_of,
    tile_tokens,
    worst_case,
    worst_image_tokens,
)
from calibtui.workspace.settings import PriceSettings, ProviderSettings

PROVIDERS = {
    "openai": ProviderSettings(
        "openai", "https://h/v1", models={"gpt-4o": PriceSettings(2.3, 9.2), "free": PriceSettings(0.0, 0.0)}
    )
}


def test_a_price_is_read_exactly() -> None:
    assert price_of(PROVIDERS, "openai", "gpt-4o") == Price(2_300_000, 9_200_000)


def test_free_is_a_price_when_it_is_written_out() -> None:
    assert price_of(PROVIDERS, "openai", "free").cost(1_000_000, 1_000_000) == 0


def test_no_price_is_an_error_that_names_the_table_and_its_keys() -> None:
    with pytest.raises(SettingsError) as caught:
        price_of(PROVIDERS, "openai", "gpt-5")
    assert 'providers.openai.models."gpt-5"' in str(caught.value)
    assert "eur_per_million_input" in str(caught.value)


@pytest.mark.parametrize(
    ("width", "height", "tokens"),
    [(1920, 1080, 1105), (768, 432, 425), (512, 512, 255), (4096, 8192, 1105), (1, 1, 255)],
)
def test_image_tokens_follow_the_published_tile_rule(width: int, height: int, tokens: int) -> None:
    assert tile_tokens(width, height) == tokens


RULES = {
    "gpt-4o": tile_tokens,
    "openai/gpt-4o-mini-2024": mini_tokens,
    "gpt-4.1-nano": large_patch_tokens,
    "Qwen/Qwen2-VL-7B-Instruct": patch_tokens,
    "claude-sonnet-4-6": claude_tokens,
    "google/gemini-2.5-flash": gemini_tokens,
    "our-own-alias": claude_tokens,
}


@pytest.mark.parametrize(("model", "rule"), RULES.items())
@pytest.mark.parametrize("max_px", [100, 768, 2048, 5000])
def test_the_worst_case_is_no_less_than_the_rule_of_the_model_for_any_shape(
    model: str, rule: ImageRule, max_px: int
) -> None:
    worst = worst_case(model, max_px, 1500, 120)
    assert not worst.measured
    assert worst.output_tokens == 120
    shapes = [(max_px, max(1, max_px * part // 97)) for part in range(1, 98)]
    assert worst.input_tokens >= max(rule(*shape) for shape in shapes) + 1500


def test_a_wide_picture_can_cost_more_than_a_square_one_and_the_worst_case_knows() -> None:
    assert tile_tokens(2048, 768, GPT_4O_MINI) > tile_tokens(2048, 2048, GPT_4O_MINI)
    assert worst_image_tokens("gpt-4o-mini", 2048) >= tile_tokens(2048, 768, GPT_4O_MINI)


@pytest.mark.parametrize(("api", "rule"), [("anthropic", claude_tokens), ("gemini", gemini_tokens)])
def test_an_alias_behind_an_api_counts_by_the_rule_of_that_api(api: str, rule: ImageRule) -> None:
    assert worst_image_tokens("gpt-lookalike", 1024, api) >= rule(1024, 1024)


def test_image_tokens_that_the_settings_state_are_taken_as_they_are() -> None:
    assert worst_case("alias", 768, 100, 50, image_tokens=9000, overhead_tokens=10).input_tokens == 9110


@pytest.mark.parametrize(
    ("width", "height", "tokens"), [(1000, 1000, 1334), (768, 768, 787), (2576, 1449, 4977), (8000, 8000, 8848)]
)
def test_claude_counts_patches_of_28_px_or_the_area(width: int, height: int, tokens: int) -> None:
    assert claude_tokens(width, height) == tokens


@pytest.mark.parametrize(("width", "height", "tokens"), [(300, 300, 1120), (768, 384, 1548), (3072, 768, 3096)])
def test_gemini_counts_tiles_whose_side_follows_the_shorter_side(width: int, height: int, tokens: int) -> None:
    assert gemini_tokens(width, height) == tokens
