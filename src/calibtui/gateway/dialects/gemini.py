"""Google's Gemini API, models.generateContent: https://ai.google.dev/api/generate-content

Thinking counts into maxOutputTokens and is billed as output, so a short verdict needs it off, or a larger max_tokens.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote

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

_SCHEMA_KEYS = {"properties", "required", "items", "enum", "description", "minimum", "maximum"}
"""Of a JSON schema, what the OpenAPI subset of responseSchema knows too."""
_BLOCKED = {"SAFETY", "RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "IMAGE_SAFETY"}


@dataclass(frozen=True, slots=True)
class Gemini:
    """What the model takes, as learned from its refusals. `no_thinking`: it is asked to answer without thinking, which
    some models refuse."""

    request: ChatRequest
    schema: bool = True
    no_thinking: bool = True
    temperature: bool = True

    @property
    def path(self) -> str:
        return f"/models/{quote(self.request.model.removeprefix('models/'), safe='')}:generateContent"

    @property
    def headers(self) -> Mapping[str, str]:
        return {}

    @property
    def overhead_tokens(self) -> int:
        return 256

    def key_header(self, key: str) -> tuple[str, str]:
        return "x-goog-api-key", key

    def template(self) -> BodyTemplate:
        request = self.request
        image = {"inline_data": {"mime_type": "image/jpeg", "data": IMAGE_MARK}}
        body: dict[str, Any] = {"contents": [{"role": "user", "parts": [image, {"text": request.user}]}]}
        if request.system:
            body["systemInstruction"] = {"parts": [{"text": request.system}]}
        config: dict[str, Any] = {"maxOutputTokens": request.max_tokens, "candidateCount": 1}
        if self.temperature:
            config["temperature"] = request.temperature
        if request.schema is not None:
            config["responseMimeType"] = "application/json"
            if self.schema:
                config["responseSchema"] = _open_api(request.schema)
        if self.no_thinking:
            config["thinkingConfig"] = {"thinkingBudget": 0}
        body["generationConfig"] = config
        return template_of(body)

    def learned(self, param: str, message: str) -> Gemini | None:
        said = f"{param} {message}".lower().replace("_", "")
        # Models that only think say of a budget of 0 that it is invalid, and name nothing else.
        if self.no_thinking and ("thinking" in said or "budget 0" in said):
            return replace(self, no_thinking=False)
        if self.schema and self.request.schema is not None and "schema" in said:
            return replace(self, schema=False)
        if self.temperature and "temperature" in said:
            return replace(self, temperature=False)
        return None

    def parse(self, body: bytes) -> ParsedReply | None:
        try:
            reply = _DECODER.decode(body)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return None
        candidate = reply.candidates[0] if reply.candidates else None
        blocked = (reply.promptFeedback.blockReason if reply.promptFeedback else None) or ""
        if candidate is None and not blocked:
            return None
        reason = (candidate.finishReason if candidate else None) or blocked
        parts = candidate.content.parts if candidate and candidate.content else []
        text = "".join(part.text for part in parts if not part.thought)[:MAX_TEXT_CHARS]
        return ParsedReply(
            text=text or None,
            refusal=f"blocked: {label(reason)}" if blocked or (reason in _BLOCKED and not text) else None,
            completion_id=label(reply.responseId),
            answered_model=label(reply.modelVersion),
            finish_reason=label(reason),
            fingerprint="",
            usage=_usage_of(bytes(reply.usageMetadata)),
        )


def _open_api(schema: Mapping[str, Any]) -> dict[str, Any]:
    """A JSON schema as the OpenAPI subset of responseSchema: its types in capitals, its properties in their order."""
    made: dict[str, Any] = {key: value for key, value in schema.items() if key in _SCHEMA_KEYS}
    if "type" in schema:
        made["type"] = str(schema["type"]).upper()
    if "properties" in made:
        made["properties"] = {name: _open_api(value) for name, value in made["properties"].items()}
        made["propertyOrdering"] = list(made["properties"])
    if "items" in made:
        made["items"] = _open_api(made["items"])
    return made


class _Part(msgspec.Struct):
    text: str = ""
    thought: bool = False


class _Content(msgspec.Struct):
    parts: list[_Part] = []


class _Candidate(msgspec.Struct):
    content: _Content | None = None
    finishReason: str | None = None  # noqa: N815 - the API's own name


class _Feedback(msgspec.Struct):
    blockReason: str | None = None  # noqa: N815


class _Reply(msgspec.Struct):
    candidates: list[_Candidate] = []
    promptFeedback: _Feedback | None = None  # noqa: N815
    responseId: str | None = None  # noqa: N815
    modelVersion: str | None = None  # noqa: N815
    usageMetadata: msgspec.Raw = msgspec.Raw(b"")  # noqa: N815


class _Usage(msgspec.Struct):
    """Counts of 0 are left out of a reply."""

    promptTokenCount: int  # noqa: N815
    candidatesTokenCount: int = 0  # noqa: N815
    thoughtsTokenCount: int = 0  # noqa: N815
    toolUsePromptTokenCount: int = 0  # noqa: N815


_DECODER = msgspec.json.Decoder(_Reply)
_USAGE_DECODER = msgspec.json.Decoder(_Usage)


def _usage_of(raw: bytes) -> Usage | None:
    try:
        usage = _USAGE_DECODER.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    told = (usage.promptTokenCount, usage.candidatesTokenCount, usage.thoughtsTokenCount, usage.toolUsePromptTokenCount)
    if min(told) < 0:
        return None
    return believed(told[0] + told[3], told[1] + told[2])
