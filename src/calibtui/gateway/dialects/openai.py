"""The OpenAI chat completions API, as OpenAI, vLLM and most gateways speak it.

https://platform.openai.com/docs/api-reference/chat and https://docs.vllm.ai/en/latest/serving/openai_compatible_server
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import msgspec

from calibtui.core.scores import Usage
from calibtui.gateway.dialects.dialect import (
    IMAGE_MARK,
    MAX_TEXT_CHARS,
    BodyTemplate,
    ChatRequest,
    ParsedReply,
    TokenChoice,
    believed,
    label,
    template_of,
)

_IMAGE_PREFIX = "data:image/jpeg;base64,"
_FEWER_TOP_LOGPROBS = {20: 5, 5: 0}
"""OpenAI and vLLM take 20; others take fewer, or none."""


@dataclass(frozen=True, slots=True)
class OpenAi:
    """What the endpoint takes, as learned from its refusals. `structure`: how it is told the reply's schema;
    "guided_json" is vLLM's own, from before it took response_format. `top_logprobs` 0: none are asked for."""

    request: ChatRequest
    structure: Literal["response_format", "guided_json", "none"] = "response_format"
    max_completion_tokens: bool = False
    temperature: bool = True
    top_logprobs: int = 20

    @property
    def path(self) -> str:
        return "/chat/completions"

    @property
    def headers(self) -> Mapping[str, str]:
        return {}

    @property
    def overhead_tokens(self) -> int:
        """A chat template that finds no system message may bring one of its own."""
        return 256

    def key_header(self, key: str) -> tuple[str, str]:
        return "Authorization", f"Bearer {key}"

    def template(self) -> BodyTemplate:
        request = self.request
        image = {"type": "image_url", "image_url": {"url": _IMAGE_PREFIX + IMAGE_MARK, "detail": "high"}}
        messages: list[dict[str, Any]] = [{"role": "system", "content": request.system}] if request.system else []
        messages.append({"role": "user", "content": [{"type": "text", "text": request.user}, image]})
        body: dict[str, Any] = {"model": request.model, "messages": messages}
        body["max_completion_tokens" if self.max_completion_tokens else "max_tokens"] = request.max_tokens
        if self.temperature:
            body["temperature"] = request.temperature
        if request.logprobs and self.top_logprobs:
            body |= {"logprobs": True, "top_logprobs": self.top_logprobs}
        return template_of(body | self._structured(), _IMAGE_PREFIX)

    def _structured(self) -> dict[str, Any]:
        schema = self.request.schema
        if schema is None or self.structure == "none":
            return {}
        if self.structure == "guided_json":
            return {"guided_json": schema}
        named = {"name": "verdict", "strict": True, "schema": schema}
        return {"response_format": {"type": "json_schema", "json_schema": named}}

    def learned(self, param: str, message: str) -> OpenAi | None:
        said = f"{param} {message}".lower()
        refuses_format = "response_format" in said or "json_schema" in said or "structured output" in said
        if self.structure == "response_format" and refuses_format:
            return replace(self, structure="guided_json")
        if self.structure == "guided_json" and ("guided" in said or refuses_format):
            return replace(self, structure="none")
        if not self.max_completion_tokens and "max_completion_tokens" in said:
            return replace(self, max_completion_tokens=True)
        if self.request.logprobs and self.top_logprobs and "logprobs" in said:
            return replace(self, top_logprobs=_FEWER_TOP_LOGPROBS[self.top_logprobs])
        if self.temperature and "temperature" in said:
            return replace(self, temperature=False)
        return None

    def parse(self, body: bytes) -> ParsedReply | None:
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
            completion_id=label(reply.id),
            answered_model=label(reply.model),
            finish_reason=label(choice.finish_reason),
            fingerprint=label(reply.system_fingerprint),
            usage=_usage_of(bytes(reply.usage)),
            tokens=_tokens_of(bytes(choice.logprobs)) if self.request.logprobs else (),
        )


class _Part(msgspec.Struct):
    text: str = ""


class _Message(msgspec.Struct):
    content: str | list[_Part] | None = None
    refusal: str | None = None


class _Choice(msgspec.Struct):
    message: _Message
    finish_reason: str | None = None
    logprobs: msgspec.Raw = msgspec.Raw(b"")


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


class _Top(msgspec.Struct):
    token: str
    logprob: float


class _Token(msgspec.Struct):
    token: str
    logprob: float
    top_logprobs: list[_Top] = []


class _Logprobs(msgspec.Struct):
    content: list[_Token] = []


_DECODER = msgspec.json.Decoder(_Reply)
_USAGE_DECODER = msgspec.json.Decoder(_Usage)
_LOGPROBS_DECODER = msgspec.json.Decoder(_Logprobs)


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
    return believed(usage.prompt_tokens, usage.completion_tokens)


def _tokens_of(raw: bytes) -> tuple[TokenChoice, ...]:
    """Empty where they are absent or odd: then the number in the text stands alone."""
    try:
        tokens = _LOGPROBS_DECODER.decode(raw).content
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return ()
    made = tuple(
        TokenChoice(token.token, token.logprob, tuple((top.token, top.logprob) for top in token.top_logprobs))
        for token in tokens
    )
    told = [choice.logprob for choice in made] + [logprob for choice in made for _, logprob in choice.top]
    return made if all(math.isfinite(logprob) and logprob <= 1e-3 for logprob in told) else ()
