"""What the practice judge is asked and what it says, whatever the API it is said in."""

from __future__ import annotations

import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import msgspec
import pybase64

MODEL = "practice-vlm-1"
FINGERPRINT = "practice-judge-measures-pictures-not-a-model"
MEDIA_TYPES = frozenset({"image/jpeg", "image/png", "image/webp"})
T = TypeVar("T")


class BadRequestError(ValueError):
    """`param` names the field; the message is for the sender."""

    def __init__(self, message: str, param: str) -> None:
        super().__init__(message)
        self.param = param


@dataclass(frozen=True, slots=True)
class ChatAsked:
    """The text and the one picture, an encoded file, of a request."""

    text: str
    image: bytes


@dataclass(frozen=True, slots=True)
class Answered:
    """A verdict in words, its id, and the tokens that it is counted with."""

    id: str
    text: str
    input_tokens: int
    output_tokens: int


@dataclass(frozen=True, slots=True)
class Refused:
    """`status` of HTTP; `code` and `param` where the API has room for them."""

    status: int
    message: str
    param: str | None = None
    code: str | None = None


class Wording(Protocol):
    """One API's words."""

    def read(self, body: bytes) -> ChatAsked:
        """Raises BadRequestError for anything but a request for MODEL with exactly one inline picture; its `param` is
        "model" where only the model is another."""
        ...

    def completion(self, answered: Answered) -> dict[str, Any]: ...

    def error(self, refused: Refused) -> dict[str, Any]: ...

    def key_of(self, headers: Mapping[str, str]) -> str:
        """The key that a request bears, "" for none."""
        ...


def decoded(decoder: msgspec.json.Decoder[T], body: bytes, param: str) -> T:
    """Raises BadRequestError."""
    try:
        return decoder.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise BadRequestError(f"the body is no chat request: {str(error)[:200]}", param) from error


def the_one_picture(encoded: list[str], param: str) -> bytes:
    """Of the base64 of every picture in a request. Raises BadRequestError."""
    if len(encoded) != 1:
        raise BadRequestError(f"the request has {len(encoded)} images, and exactly one is measured", param)
    try:
        return pybase64.b64decode(encoded[0], validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadRequestError("the image is not valid base64", param) from error
