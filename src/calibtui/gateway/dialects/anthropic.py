"""The Anthropic messages API: https://platform.claude.com/docs/en/api/messages

The reply's schema goes into output_config.format; to models that don't take it, as the input of a tool they must call.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import ceil
from typing import Any, Literal

import msgspec

from calibtui.core.scores import Usage
from calibtui.gateway.dialects.dialect import (
    IMAGE_MARK,
    MAX_TEXT_CHARS,
    BodyTemplate,
    ChatRequest,
    ParsedReply,
    believed,
    label,
    template_of,
)

VERSION = "2023-06-01"
_TOOL = "verdict"
_CACHE_WRITE_5M = 1.25
_CACHE_WRITE_1H = 2
"""What a token written to the prompt cache costs, in input tokens. Nothing here asks for that cache; a gateway may."""


@dataclass(frozen=True, slots=True)
class Anthropic:
    """What the model takes, as learned from its refusals. `structure`: how it is told the reply's schema."""

    request: ChatRequest
    structure: Literal["output_config", "tool", "none"] = "output_config"
    temperature: bool = True

    @property
    def path(self) -> str:
        return "/messages"

    @property
    def headers(self) -> Mapping[str, str]:
        return {"anthropic-version": VERSION}

    @property
    def overhead_tokens(self) -> int:
        """Structured output and tools come with a system prompt of the provider's, several hundred tokens long."""
        return 1536

    def key_header(self, key: str) -> tuple[str, str]:
        return "x-api-key", key

    def template(self) -> BodyTemplate:
        request = self.request
        source = {"type": "base64", "media_type": "image/jpeg", "data": IMAGE_MARK}
        content = [{"type": "image", "source": source}, {"type": "text", "text": request.user}]
        body: dict[str, Any] = {"model": request.model, "max_tokens": request.max_tokens}
        if request.system:
            body["system"] = request.system
        body["messages"] = [{"role": "user", "content": content}]
        if self.temperature:
            # Its scale ends at 1, where OpenAI's ends at 2.
            body["temperature"] = min(request.temperature, 1.0)
        return template_of(body | self._structured())

    def _structured(self) -> dict[str, Any]:
        schema = self.request.schema
        if schema is None or self.structure == "none":
            return {}
        if self.structure == "output_config":
            return {"output_config": {"format": {"type": "json_schema", "schema": schema}}}
        tool = {"name": _TOOL, "description": "Takes the verdict on the image.", "input_schema": schema}
        return {"tools": [tool], "tool_choice": {"type": "tool", "name": _TOOL}}

    def learned(self, param: str, message: str) -> Anthropic | None:
        said = f"{param} {message}".lower()
        formats = ("output_config", "output_format", "json_schema", "structured output", "output format")
        if self.structure == "output_config" and any(word in said for word in formats):
            return replace(self, structure="tool")
        if self.structure == "tool" and "tool" in said:
            return replace(self, structure="none")
        if self.temperature and "temperature" in said:
            return replace(self, temperature=False)
        return None

    def parse(self, body: bytes) -> ParsedReply | None:
        try:
            reply = _DECODER.decode(body)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return None
        text = "".join(_said(block) for block in reply.content)[:MAX_TEXT_CHARS]
        refused = reply.stop_reason == "refusal"
        return ParsedReply(
            text=text or None,
            refusal=(text or "the model refused") if refused else None,
            completion_id=label(reply.id),
            answered_model=label(reply.model),
            finish_reason=label(reply.stop_reason),
            fingerprint="",
            usage=_usage_of(bytes(reply.usage)),
        )


class _Block(msgspec.Struct):
    """Text, or the input of a tool; blocks of thinking have neither."""

    type: str
    text: str = ""
    input: msgspec.Raw = msgspec.Raw(b"")


class _Reply(msgspec.Struct):
    type: Literal["message"]
    content: list[_Block]
    id: str | None = None
    model: str | None = None
    stop_reason: str | None = None
    usage: msgspec.Raw = msgspec.Raw(b"")


class _CacheCreation(msgspec.Struct):
    ephemeral_1h_input_tokens: int | None = None


class _Usage(msgspec.Struct):
    """`input_tokens` leaves out what was read from, or written to, the prompt cache."""

    input_tokens: int
    output_tokens: int
    cache_creation_input_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    cache_creation: _CacheCreation | None = None


_DECODER = msgspec.json.Decoder(_Reply)
_USAGE_DECODER = msgspec.json.Decoder(_Usage)


def _said(block: _Block) -> str:
    if block.type == "text":
        return block.text
    return bytes(block.input).decode("utf-8", "replace") if block.type == "tool_use" else ""


def _usage_of(raw: bytes) -> Usage | None:
    """With what was written to the prompt cache weighed at its price; what was read from it counts in full."""
    try:
        usage = _USAGE_DECODER.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    written, read = usage.cache_creation_input_tokens or 0, usage.cache_read_input_tokens or 0
    for_an_hour = (usage.cache_creation.ephemeral_1h_input_tokens or 0) if usage.cache_creation else 0
    told = (usage.input_tokens, usage.output_tokens, written, read, for_an_hour)
    if min(told) < 0 or for_an_hour > written or believed(max(told), 0) is None:
        return None
    weighed = ceil((written - for_an_hour) * _CACHE_WRITE_5M) + for_an_hour * _CACHE_WRITE_1H
    return believed(usage.input_tokens + weighed + read, usage.output_tokens)
