"""What a call costs, and the most it can cost before its reply says.

A price that is not written down is an error, never zero: a free model has 0.0 written out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import ceil

from calibtui.core.errors import SettingsError
from calibtui.core.money import Price, micro_eur
from calibtui.core.scores import Usage
from calibtui.workspace.settings import ProviderSettings


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
"""Qwen2-VL and Claude spend a token a 28 × 28 px patch; OpenAI's 32 px patches weigh up to 2.46 tokens each."""
LARGE_PATCH_PX = 32
LARGE_PATCH_WEIGHT = 2.46
CLAUDE_MAX_PX = 2576
CLAUDE_AREA_PX = 750
GEMINI_TILE = 258
GEMINI_HIGH = 1120
GEMINI_TILE_PX = (256, 768)
INTERNVL_TOKENS = 13 * 256
"""InternVL and its like cut any picture, however small, into up to 12 tiles and a thumbnail of 256 tokens each."""


def price_of(providers: Mapping[str, ProviderSettings], provider: str, model: str) -> Price:
    """The configured price. Raises SettingsError that names the table and its keys where there is none."""
    prices = providers[provider].models.get(model)
    if prices is None or prices.eur_per_million_input is None or prices.eur_per_million_output is None:
        raise SettingsError(
            f'No price is set for {model}: the table [providers.{provider}.models."{model}"] is missing.',
            "Write eur_per_million_input and eur_per_million_output there, or both in usd_; 0.0 for a model that is "
            "free.",
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


def mini_tokens(width: int, height: int) -> int:
    return tile_tokens(width, height, GPT_4O_MINI)


def patch_tokens(width: int, height: int) -> int:
    """Qwen2-VL's rule, without the limit that a server may set below it."""
    return ceil(width / PATCH_PX) * ceil(height / PATCH_PX)


def large_patch_tokens(width: int, height: int) -> int:
    """The dearest of OpenAI's models that bill by patches."""
    return ceil(ceil(width / LARGE_PATCH_PX) * ceil(height / LARGE_PATCH_PX) * LARGE_PATCH_WEIGHT)


def claude_tokens(width: int, height: int) -> int:
    """Claude's patches, or its older rule by area where that comes to more; larger pictures are scaled down first.

    https://platform.claude.com/docs/en/build-with-claude/vision
    """
    scale = min(1.0, CLAUDE_MAX_PX / max(width, height, 1))
    width, height = ceil(width * scale), ceil(height * scale)
    return max(patch_tokens(width, height), ceil(width * height / CLAUDE_AREA_PX))


def gemini_tokens(width: int, height: int) -> int:
    """Gemini 2's tiles, whose side follows the shorter side of the picture, or what Gemini 3 spends at high resolution.

    https://ai.google.dev/gemini-api/docs/tokens and https://ai.google.dev/gemini-api/docs/media-resolution
    """
    low, high = GEMINI_TILE_PX
    side = min(max(int(min(width, height) / 1.5), low), high)
    return max(GEMINI_HIGH, GEMINI_TILE * ceil(width / side) * ceil(height / side))


ImageRule = Callable[[int, int], int]
_OPENAI: tuple[ImageRule, ...] = (tile_tokens, large_patch_tokens)
_RULES: tuple[tuple[tuple[str, ...], tuple[ImageRule, ...]], ...] = (
    (("gpt-4o-mini",), (mini_tokens,)),
    (("gpt-", "chatgpt", "openai/o"), _OPENAI),
    (("claude",), (claude_tokens,)),
    (("gemini",), (gemini_tokens,)),
    (("qwen",), (patch_tokens, large_patch_tokens)),
    (("practice-",), (tile_tokens, patch_tokens)),
)
_ANY: tuple[ImageRule, ...] = (
    *_OPENAI,
    patch_tokens,
    claude_tokens,
    gemini_tokens,
    lambda width, height: INTERNVL_TOKENS,
)
_BY_API = {"anthropic": claude_tokens, "gemini": gemini_tokens}


def worst_image_tokens(model: str, max_px: int, api: str = "openai") -> int:
    """The most tokens of an image whose longer side is at most `max_px` px, by the published rule of `model`; for a
    name that tells none, by the dearest rule but gpt-4o-mini's.

    Whatever the shape: by the tile rules a narrower picture can cost more than a square one.
    """
    name = model.lower()
    known = next((rules for words, rules in _RULES if any(word in name for word in words)), _ANY)
    rules = (*known, _BY_API[api]) if api in _BY_API else known
    shorter = range(max_px, 0, -max(1, max_px // 512))
    return max(rule(max_px, side) for rule in rules for side in shorter)


def worst_case(
    model: str,
    max_px: int,
    text_bytes: int,
    max_tokens: int,
    *,
    api: str = "openai",
    overhead_tokens: int = 256,
    image_tokens: int | None = None,
) -> Usage:
    """The most one call can use: byte-level tokenizers never spend more than a token on a byte of text.

    `image_tokens`: the most of one image where the settings state it. An endpoint of a rule not listed here can spend
    more; its own usage is what is charged then, and held for every call after it.
    """
    image = worst_image_tokens(model, max_px, api) if image_tokens is None else image_tokens
    return Usage(image + text_bytes + overhead_tokens, max_tokens, measured=False)
