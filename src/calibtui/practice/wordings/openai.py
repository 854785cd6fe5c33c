"""Chat completions as OpenAI words them: https://platform.openai.com/docs/api-reference/chat"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import msgspec

from calibtui.practice.wordings.wording import (
    FINGERPRINT,
    MEDIA_TYPES,
    MODEL,
    Answered,
    BadRequestError,
    ChatAsked,
    Refused,
    decoded,
    the_one_picture,
)

_PREFIXES = tuple(f"data:{media_type};base64," for media_type in sorted(MEDIA_TYPES))
_TYPES = {401: "authentication_error", 429: "rate_limit_error", 500: "server_error"}


class OpenAiWording:
    """Wording of OpenAI."""

    def read(self, body: bytes) -> ChatAsked:
        asked = decoded(_DECODER, body, "messages")
        if asked.model != MODEL:
            raise BadRequestError(f"the model is {MODEL}", "model")
        if asked.stream:
            raise BadRequestError("streaming is not offered", "stream")
        parts = [part for message in asked.messages if isinstance(message.content, list) for part in message.content]
        texts = [message.content for message in asked.messages if isinstance(message.content, str)]
        urls = [part.image_url.url for part in parts if part.image_url is not None]
        image = the_one_picture([_inline(url) for url in urls], "image_url")
        return ChatAsked("\n".join(texts + [part.text for part in parts if part.text]), image)

    def completion(self, answered: Answered) -> dict[str, Any]:
        message = {"role": "assistant", "content": answered.text, "refusal": None}
        return {
            "id": answered.id,
            "object": "chat.completion",
            "created": int(time.time()),
            "model": MODEL,
            "system_fingerprint": FINGERPRINT,
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
            "usage": {
                "prompt_tokens": answered.input_tokens,
                "completion_tokens": answered.output_tokens,
                "total_tokens": answered.input_tokens + answered.output_tokens,
            },
        }

    def error(self, refused: Refused) -> dict[str, Any]:
        kind = _TYPES.get(refused.status, "invalid_request_error")
        return {
            "error": {"message": refused.message, "type": kind, "param": refused.param, "code": refused.code},
        }

    def key_of(self, headers: Mapping[str, str]) -> str:
        return headers.get("Authorization", "").removeprefix("Bearer ")


class _Url(msgspec.Struct):
    url: str


class _Part(msgspec.Struct):
    type: str
    text: str = ""
    image_url: _Url | None = None


class _Message(msgspec.Struct):
    role: str
    content: str | list[_Part]


class _Body(msgspec.Struct):
    model: str
    messages: list[_Message]
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    stream: bool = False


_DECODER = msgspec.json.Decoder(_Body)


def _inline(url: str) -> str:
    for prefix in _PREFIXES:
        if url.startswith(prefix):
            return url[len(prefix) :]
    raise BadRequestError("the image must be inline: data:image/jpeg;base64,…", "image_url")
