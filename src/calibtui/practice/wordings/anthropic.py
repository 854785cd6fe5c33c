"""Messages as Anthropic words them: https://platform.claude.com/docs/en/api/messages"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from calibtui.practice.wordings.wording import (
    MEDIA_TYPES,
    MODEL,
    Answered,
    BadRequestError,
    ChatAsked,
    Refused,
    decoded,
    the_one_picture,
)

_TYPES = {
    401: "authentication_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    500: "api_error",
}


class AnthropicWording:
    """Wording of Anthropic."""

    def read(self, body: bytes) -> ChatAsked:
        asked = decoded(_DECODER, body, "messages")
        if asked.model != MODEL:
            raise BadRequestError(f"the model is {MODEL}", "model")
        if asked.max_tokens < 1:
            raise BadRequestError("max_tokens must be positive", "max_tokens")
        blocks = [block for message in asked.messages if isinstance(message.content, list) for block in message.content]
        texts = [message.content for message in asked.messages if isinstance(message.content, str)]
        sources = [block.source for block in blocks if block.source is not None]
        if any(source.type != "base64" or source.media_type not in MEDIA_TYPES for source in sources):
            raise BadRequestError("a source is base64 of a JPEG, PNG or WebP", "source")
        image = the_one_picture([source.data for source in sources], "source")
        return ChatAsked("\n".join([asked.system, *texts, *(block.text for block in blocks if block.text)]), image)

    def completion(self, answered: Answered) -> dict[str, Any]:
        return {
            "id": answered.id,
            "type": "message",
            "role": "assistant",
            "model": MODEL,
            "content": [{"type": "text", "text": answered.text}],
            "stop_reason": "end_turn",
            "stop_sequence": None,
            "usage": {"input_tokens": answered.input_tokens, "output_tokens": answered.output_tokens},
        }

    def error(self, refused: Refused) -> dict[str, Any]:
        kind = _TYPES.get(refused.status, "invalid_request_error")
        return {"type": "error", "error": {"type": kind, "message": refused.message}}

    def key_of(self, headers: Mapping[str, str]) -> str:
        return headers.get("x-api-key", "")


class _Source(msgspec.Struct):
    type: str
    media_type: str = ""
    data: str = ""


class _Block(msgspec.Struct):
    type: str
    text: str = ""
    source: _Source | None = None


class _Message(msgspec.Struct):
    role: str
    content: str | list[_Block]


class _Body(msgspec.Struct):
    model: str
    max_tokens: int
    messages: list[_Message]
    system: str = ""


_DECODER = msgspec.json.Decoder(_Body)
