"""What a call costs, and the most it can cost before its reply says.

A price that is not written down is an error, never zero: a free model has 0.0 written out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil

from calibtui.core.errors import SettingsError
from calibtui.core.money import Price, micro_eur
from calibtui.core.scores import Usage
from calibtui.workspace.settings import ProviderSettings

TEXT_OVERHEAD_TOKENS = 64
"""Role markers and separators around the messages, with room to spare."""


@dataclass(frozen=True, slots=True)
class TileRule:
    """OpenAI's rule for high detail: fit into 2048 × 2048 px, shorter side to at most 768 px, `base` + `tile` per 512
    px tile."""

    base: int
    tile: int


GPT_4O = TileRule(85, 170)
GPT_4O_MINI = TileRule(2833, 5667)
"""gpt-4o-mini bills the same tiles at 33 times the tokens of gpt-4o."""
PATCH_PX = 28
"""Qwen2-VL and its kin spend a token a 28 × 28 px patch; OpenAI's 32 px patches weigh up to 2.46 tokens each."""
LARGE_PATCH_PX = 32
LARGE_PATCH_WEIGHT = 2.46


def price_of(providers: Mapping[str, ProviderSettings], provider: str, model: str) -> Price:
    """The configured price. Raises SettingsError that names the table and its keys where there is none."""
    prices = providers[provider].models.get(model)
    if prices is None:
        raise SettingsError(
            f'No price is set for {model}: the table [providers.{provider}.models."{model}"] is missing.',
            "Write eur_per_million_input and eur_per_million_output there; 0.0 for a model that is free.",
        )
    return Price(micro_eur(prices.eur_per_million_input), micro_eur(prices.eur_per_million_output))


def tile_tokens(width: int, height: int, rule: TileRule = GPT_4O) -> int:
    """Tokens of an image of `width` × `height` px at high detail by OpenAI's tile rule: 1,105 for 1920 × 1080 with
    gpt-4o."""
    scale = min(1.0, 2048 / max(width, height, 1))
    width, height = max(1, round(width * scale)), max(1, round(height * scale))
    scale = min(1.0, 768 / min(width, height))
    width, height = max(1, round(width * scale)), max(1, round(height * scale))
    return rule.base + rule.tile * ceil(width / 512) * ceil(height / 512)


def worst_case_image_tokens(model: str, width: int, height: int) -> int:
    """An upper estimate of an image's tokens: the dearest of the published rules that may apply to `model`.

    An endpoint of a rule not listed here can spend more; its own usage is what is charged then.
    """
    if model.rpartition("/")[2].startswith("gpt-4o-mini"):
        return tile_tokens(width, height, GPT_4O_MINI)
    patches = ceil(width / PATCH_PX) * ceil(height / PATCH_PX)
    large = ceil(ceil(width / LARGE_PATCH_PX) * ceil(height / LARGE_PATCH_PX) * LARGE_PATCH_WEIGHT)
    return max(tile_tokens(width, height), patches, large)


def worst_case(model: str, width: int, height: int, text_bytes: int, max_tokens: int) -> Usage:
    """The most one call can use: byte-level tokenizers never spend more than a token on a byte of text."""
    text = text_bytes + TEXT_OVERHEAD_TOKENS
    return Usage(worst_case_image_tokens(model, width, height) + text, max_tokens, measured=False)
