"""The OpenAI chat completions API: a body with one image part, and a strict, bounded reading of its reply.

The prompt is pinned, so all of a body but the image is constant: it is built once as a head and a tail, and a call
costs one base64 of the image. https://platform.openai.com/docs/api-reference/chat
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec
import pybase64

from calibtui.core.scores import Usage

MAX_TOKENS_BELIEVED = 50_000_000
"""A usage above this is no usage of one call: the worst case stands in for it."""
MAX_TEXT_CHARS = 64 * 1024
_IMAGE_PREFIX = "data:image/jpeg;base64,"
_MARK = "@@image@@"


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """All of a call that is the same for every frame. `schema`: JSON schema of the reply, None for free text."""

    model: str
    system: str
    user: str
    max_tokens: int
    temperature: float
    schema: Mapping[str, Any] | None = field(default=None, hash=False)

    @property
    def text_bytes(self) -> int:
        """UTF-8 bytes of everything that is billed as text."""
        schema = json.dumps(self.schema) if self.schema is not None else ""
        return len((self.system + self.user + schema).encode())


@dataclass(frozen=True, slots=True)
class Dialect:
    """What an endpoint takes, as learned from its refusals."""

    json_schema: bool = True
    max_completion_tokens: bool = False
    temperature: bool = True


@dataclass(frozen=True, slots=True)
class BodyTemplate:
    """The constant bytes before and after the image."""

    head: bytes
    tail: bytes

    def build(self, image: bytes) -> bytes:
        """The body of a call with the JPEG `image`."""
        return b"".join((self.head, pybase64.b64encode(image), self.tail))


@dataclass(frozen=True, slots=True)
class ParsedReply:
    """`text` None where there is none; `usage` None where it is absent or unbelievable."""

    text: str | None
    refusal: str | None
    completion_id: str
    answered_model: str
    finish_reason: str
    fingerprint: str
    usage: Usage | None


def body_template(request: ChatRequest, dialect: Dialect) -> BodyTemplate:
    image = {"type": "image_url", "image_url": {"url": _IMAGE_PREFIX + _MARK, "detail": "high"}}
    messages: list[dict[str, Any]] = [{"role": "system", "content": request.system}] if request.system else []
    messages.append({"role": "user", "content": [{"type": "text", "text": request.user}, image]})
    body: dict[str, Any] = {"model": request.model, "messages": messages}
    body["max_completion_tokens" if dialect.max_completion_tokens else "max_tokens"] = request.max_tokens
    if dialect.temperature:
        body["temperature"] = request.temperature
    if dialect.json_schema and request.schema is not None:
        named = {"name": "verdict", "strict": True, "schema": request.schema}
        body["response_format"] = {"type": "json_schema", "json_schema": named}
    # Quotes inside the prompt are escaped in JSON, so only the image part itself ends in the mark and a bare quote.
    head, _, tail = json.dumps(body).partition(f'"{_IMAGE_PREFIX}{_MARK}"')
    return BodyTemplate(f'{head}"{_IMAGE_PREFIX}'.encode(), f'"{tail}'.encode())


def learned(dialect: Dialect, param: str, message: str) -> Dialect | None:
    """The dialect without what a 400 has just refused by name; None where the refusal is about something else."""
    said = f"{param} {message}".lower()
    if dialect.json_schema and ("response_format" in said or "json_schema" in said or "structured output" in said):
        return replace(dialect, json_schema=False)
    if not dialect.max_completion_tokens and "max_completion_tokens" in said:
        return replace(dialect, max_completion_tokens=True)
    if dialect.temperature and "temperature" in said:
        return replace(dialect, temperature=False)
    return None


class _Part(msgspec.Struct):
    text: str = ""


class _Message(msgspec.Struct):
    content: str | list[_Part] | None = None
    refusal: str | None = None


class _Choice(msgspec.Struct):
    message: _Message
    finish_reason: str | None = None


class _Reply(msgspec.Struct):
    choices: list[_Choice]
    id: str | None = None
    model: str | None = None
    system_fingerprint: str | None = None
    # Read apart, so that an odd usage costs its figures and not the paid-for verdict.
    usage: msgspec.Raw = msgspec.Raw(b"")


class _Usage(msgspec.Struct):
    prompt_tokens: int
    completion_tokens: int


_DECODER = msgspec.json.Decoder(_Reply)
_USAGE_DECODER = msgspec.json.Decoder(_Usage)


def parse_reply(body: bytes) -> ParsedReply | None:
    """The first choice of a reply; None where the body is no completion with at least one choice."""
    try:
        reply = _DECODER.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    if not reply.choices:
        return None
    choice = reply.choices[0]
    return ParsedReply(
        text=_text_of(choice.message.content),
        refusal=choice.message.refusal,
        completion_id=_label(reply.id),
        answered_model=_label(reply.model),
        finish_reason=_label(choice.finish_reason),
        fingerprint=_label(reply.system_fingerprint),
        usage=_usage_of(bytes(reply.usage)),
    )


def _text_of(content: str | list[_Part] | None) -> str | None:
    if content is None:
        return None
    text = content if isinstance(content, str) else "".join(part.text for part in content)
    return text[:MAX_TEXT_CHARS]


def _usage_of(raw: bytes) -> Usage | None:
    try:
        usage = _USAGE_DECODER.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    counts = (usage.prompt_tokens, usage.completion_tokens)
    if min(counts) < 0 or max(counts) > MAX_TOKENS_BELIEVED or sum(counts) == 0:
        return None
    return Usage(*counts)


def _label(value: str | None) -> str:
    """An identifier that somebody else chose: printable and short."""
    return "".join(c for c in (value or "")[:200] if c.isprintable())
