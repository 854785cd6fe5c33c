"""A chat request of a stranger, read strictly: its text and its one picture."""

from __future__ import annotations

import binascii
from dataclasses import dataclass

import msgspec
import pybase64

_PREFIXES = ("data:image/jpeg;base64,", "data:image/png;base64,", "data:image/webp;base64,")


class BadRequestError(ValueError):
    """`param` names the field; the message is for the sender."""

    def __init__(self, message: str, param: str) -> None:
        super().__init__(message)
        self.param = param


@dataclass(frozen=True, slots=True)
class ChatAsked:
    text: str
    image: bytes
    max_tokens: int | None


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


def read_request(body: bytes, model: str) -> ChatAsked:
    """Raises BadRequestError for anything but a chat request for `model` with exactly one inline picture."""
    try:
        asked = _DECODER.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise BadRequestError(f"the body is no chat request: {str(error)[:200]}", "messages") from error
    if asked.model != model:
        raise BadRequestError(f"the model is {model}", "model")
    if asked.stream:
        raise BadRequestError("streaming is not offered", "stream")
    parts = [part for message in asked.messages if isinstance(message.content, list) for part in message.content]
    texts = [message.content for message in asked.messages if isinstance(message.content, str)]
    urls = [part.image_url.url for part in parts if part.image_url is not None]
    if len(urls) != 1:
        raise BadRequestError(f"the request has {len(urls)} images, and exactly one is measured", "messages")
    limit = asked.max_completion_tokens or asked.max_tokens
    return ChatAsked("\n".join(texts + [part.text for part in parts if part.text]), _inline(urls[0]), limit)


def _inline(url: str) -> bytes:
    for prefix in _PREFIXES:
        if url.startswith(prefix):
            try:
                return pybase64.b64decode(url[len(prefix) :], validate=True)
            except (binascii.Error, ValueError) as error:
                raise BadRequestError("the image is not valid base64", "image_url") from error
    raise BadRequestError("the image must be inline: data:image/jpeg;base64,…", "image_url")
