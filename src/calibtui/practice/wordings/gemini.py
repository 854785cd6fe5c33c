"""Generated content as Google words it: https://ai.google.dev/api/generate-content

The model is named by the path and not by the body; names are read in either of the two spellings that the API takes.
"""

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

_STATUSES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    404: "NOT_FOUND",
    413: "INVALID_ARGUMENT",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
}


class GeminiWording:
    """Wording of Google."""

    def read(self, body: bytes) -> ChatAsked:
        asked = decoded(_DECODER, body, "contents")
        system = asked.systemInstruction or asked.system_instruction
        parts = [part for content in asked.contents for part in content.parts]
        pictures = [blob for part in parts if (blob := part.inline_data or part.inlineData) is not None]
        if any((blob.mime_type or blob.mimeType) not in MEDIA_TYPES for blob in pictures):
            raise BadRequestError("a picture is a JPEG, PNG or WebP", "inline_data")
        image = the_one_picture([blob.data for blob in pictures], "inline_data")
        said = [*(system.parts if system else []), *parts]
        return ChatAsked("\n".join(part.text for part in said if part.text), image)

    def completion(self, answered: Answered) -> dict[str, Any]:
        content = {"role": "model", "parts": [{"text": answered.text}]}
        return {
            "candidates": [{"content": content, "finishReason": "STOP", "index": 0}],
            "usageMetadata": {
                "promptTokenCount": answered.input_tokens,
                "candidatesTokenCount": answered.output_tokens,
                "totalTokenCount": answered.input_tokens + answered.output_tokens,
            },
            "modelVersion": MODEL,
            "responseId": answered.id,
        }

    def error(self, refused: Refused) -> dict[str, Any]:
        status = _STATUSES.get(refused.status, "INVALID_ARGUMENT")
        return {"error": {"code": refused.status, "message": refused.message, "status": status}}

    def key_of(self, headers: Mapping[str, str]) -> str:
        return headers.get("x-goog-api-key", "")


class _Blob(msgspec.Struct):
    data: str
    mime_type: str = ""
    mimeType: str = ""  # noqa: N815 - the API's own name


class _Part(msgspec.Struct):
    text: str = ""
    inline_data: _Blob | None = None
    inlineData: _Blob | None = None  # noqa: N815


class _Content(msgspec.Struct):
    parts: list[_Part]
    role: str = "user"


class _Body(msgspec.Struct):
    contents: list[_Content]
    systemInstruction: _Content | None = None  # noqa: N815
    system_instruction: _Content | None = None


_DECODER = msgspec.json.Decoder(_Body)
