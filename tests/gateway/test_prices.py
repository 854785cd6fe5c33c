"""What a call costs, and the most it can."""

from __future__ import annotations

import pytest

from calibtui.core.errors import SettingsError
from calibtui.core.money import Price
from calibtui.gateway.prices import GPT_4O_MINI, price_of, tile_tokens, worst_case
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


@pytest.mark.parametrize("model", ["gpt-4o", "gpt-4o-mini", "openai/gpt-4o-mini-2024", "qwen2-vl", "gpt-4.1-nano"])
@pytest.mark.parametrize("height", [100, 432, 768])
def test_the_worst_case_is_no_less_than_any_published_rule(model: str, height: int) -> None:
    worst = worst_case(model, 768, 768, 1500, 120)
    assert not worst.measured
    assert worst.output_tokens == 120
    rules = [tile_tokens(768, height), 768 * height // 784, int(768 * height / 1024 * 2.46)]
    rules += [tile_tokens(768, height, GPT_4O_MINI)] if "mini" in model else []
    assert worst.input_tokens >= max(rules) + 1500 // 4
