"""What the APIs of all providers have in common: a body with one image part out, a strict, bounded reading of a reply.

The prompt is pinned, so all of a body but the image is constant: it is built once as a head and a tail, and a call
costs one base64 of the image.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import pybase64

from calibtui.core.scores import Usage

MAX_TOKENS_BELIEVED = 50_000_000
"""A usage above this is no usage of one call: the worst case stands in for it."""
MAX_TEXT_CHARS = 64 * 1024
IMAGE_MARK = "@@image@@"
"""Stands in a body for the image's base64."""


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """All of a call that is the same for every frame. `schema`: JSON schema of the reply, None for free text.
    `logprobs`: ask for the probabilities of the reply's tokens, where the API has them."""

    model: str
    system: str
    user: str
    max_tokens: int
    temperature: float
    schema: Mapping[str, Any] | None = field(default=None, hash=False)
    logprobs: bool = False

    @property
    def text_bytes(self) -> int:
        """UTF-8 bytes of everything that is billed as text."""
        schema = json.dumps(self.schema) if self.schema is not None else ""
        return len((self.system + self.user + schema).encode())


@dataclass(frozen=True, slots=True)
class BodyTemplate:
    """The constant bytes before and after the image."""

    head: bytes
    tail: bytes

    def build(self, image: bytes) -> bytes:
        """The body of a call with the JPEG `image`."""
        return b"".join((self.head, pybase64.b64encode(image), self.tail))


@dataclass(frozen=True, slots=True)
class TokenChoice:
    """A token of the reply with its log-probability; `top`: the likeliest at its place, itself among them or not."""

    token: str
    logprob: float
    top: tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True)
class ParsedReply:
    """`text` None where there is none; `usage` None where it is absent or unbelievable, in tokens at the plain prices.
    `tokens` is empty where the reply tells no probabilities."""

    text: str | None
    refusal: str | None
    completion_id: str
    answered_model: str
    finish_reason: str
    fingerprint: str
    usage: Usage | None
    tokens: tuple[TokenChoice, ...] = ()


class Dialect(Protocol):
    """One request in the words of one API, immutable. `path` follows the provider's base_url."""

    @property
    def path(self) -> str: ...

    @property
    def headers(self) -> Mapping[str, str]:
        """Those that the API wants of every call."""
        ...

    @property
    def overhead_tokens(self) -> int:
        """The most that the API adds to the text it is sent: roles, separators, its own words on structured output."""
        ...

    def key_header(self, key: str) -> tuple[str, str]: ...

    def template(self) -> BodyTemplate: ...

    def parse(self, body: bytes) -> ParsedReply | None:
        """The first choice of a reply; None where the body is no completion."""
        ...

    def learned(self, param: str, message: str) -> Dialect | None:
        """The same without what a 400 has just refused by name; None where the refusal is about something else."""
        ...


def template_of(body: Mapping[str, Any], prefix: str = "") -> BodyTemplate:
    """`body` cut where it holds `prefix` and the image mark, as a whole JSON string."""
    # Quotes inside the prompt are escaped in JSON, so only the image part itself ends in the mark and a bare quote.
    head, _, tail = json.dumps(body).partition(f'"{prefix}{IMAGE_MARK}"')
    return BodyTemplate(f'{head}"{prefix}'.encode(), f'"{tail}'.encode())


def believed(input_tokens: int, output_tokens: int) -> Usage | None:
    """A usage as told, None where it can't be one call's."""
    counts = (input_tokens, output_tokens)
    if min(counts) < 0 or max(counts) > MAX_TOKENS_BELIEVED or sum(counts) == 0:
        return None
    return Usage(*counts)


def label(value: str | None) -> str:
    """An identifier that somebody else chose: printable and short."""
    short = (value or "")[:200]
    return short if short.isprintable() else "".join(c for c in short if c.isprintable())
