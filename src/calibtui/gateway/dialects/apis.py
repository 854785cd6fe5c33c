"""The APIs that are spoken, by their names in calibtui.toml."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from calibtui.gateway.dialects.anthropic import Anthropic
from calibtui.gateway.dialects.dialect import ChatRequest, Dialect
from calibtui.gateway.dialects.gemini import Gemini
from calibtui.gateway.dialects.openai import OpenAi

DIALECTS: Mapping[str, Callable[[ChatRequest], Dialect]] = {
    "openai": OpenAi,
    "anthropic": Anthropic,
    "gemini": Gemini,
}
