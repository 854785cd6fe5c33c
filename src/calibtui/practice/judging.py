"""The verdict on one request: measured, worded, counted, with trouble on purpose."""

from __future__ import annotations

import asyncio
import hashlib
import json
import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from calibtui.gateway.money.prices import tile_tokens
from calibtui.practice.books import Books
from calibtui.practice.measures import PictureError, measure
from calibtui.practice.options import PracticeOptions
from calibtui.practice.trouble import garbled, share
from calibtui.practice.verdict import verdict
from calibtui.practice.wordings.wording import Answered, BadRequestError, ChatAsked, Refused, Wording

_REMEMBERED = 4096


@dataclass(frozen=True, slots=True)
class Measured:
    """What is said of one picture."""

    difficulty: int
    reasons: tuple[str, ...]
    image_tokens: int


class Judging:
    """One server's, whatever APIs it is asked through: the same picture gets the same verdict in each."""

    def __init__(self, options: PracticeOptions, books: Books) -> None:
        self.options, self.books = options, books
        self._measured = lru_cache(_REMEMBERED)(_measured)
        self._threads = ThreadPoolExecutor(1, "measure")

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def answer(self, wording: Wording, body: bytes, wait_s: float = 0.0) -> tuple[int, dict[str, Any]]:
        """Status and body for the body of a request."""
        try:
            asked = wording.read(body)
        except BadRequestError as error:
            if error.param == "model":
                return self.refused(wording, Refused(404, str(error), "model", "model_not_found"))
            return self.refused(wording, Refused(400, str(error), error.param))
        digest = hashlib.sha256(asked.image).hexdigest()
        nth = self.books.asked(digest)
        if wait_s > 0:
            await asyncio.sleep(wait_s)
        if share(self.options.seed, "fail", digest, nth) < self.options.fail_rate:
            return self.refused(wording, Refused(500, "Failing on purpose (--fail-rate)."))
        try:
            measured = await self._measure(asked.image)
        except PictureError as error:
            return self.refused(wording, Refused(400, str(error), "image_url"))
        text = self._text(measured, digest, nth)
        spent = _input_tokens(asked, measured), math.ceil(len(text.encode()) / 4)
        self.books.answer(*spent)
        return 200, wording.completion(Answered(f"practice-{digest[:12]}-{nth}", text, *spent))

    def refused(self, wording: Wording, refused: Refused) -> tuple[int, dict[str, Any]]:
        self.books.refuse(refused.status)
        return refused.status, wording.error(refused)

    async def input_tokens(self, wording: Wording, body: bytes) -> int:
        """What the request will be counted with, before it is answered; 0 for one that won't be."""
        try:
            asked = wording.read(body)
            return _input_tokens(asked, await self._measure(asked.image))
        except (BadRequestError, PictureError):
            return 0

    async def _measure(self, image: bytes) -> Measured:
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._measured, image)

    def _text(self, measured: Measured, digest: str, nth: int) -> str:
        text = json.dumps({"difficulty": measured.difficulty, "reasons": list(measured.reasons)})
        seed = self.options.seed
        if share(seed, "garbage", digest, nth) < self.options.garbage_rate:
            return garbled(text, share(seed, "shape", digest, nth))
        return text


def _measured(image: bytes) -> Measured:
    measures, width, height = measure(image)
    difficulty, reasons = verdict(measures)
    return Measured(difficulty, reasons, tile_tokens(width, height))


def _input_tokens(asked: ChatAsked, measured: Measured) -> int:
    """Four bytes of text a token, and the image by OpenAI's tile rule: close to what a paid endpoint declares."""
    return measured.image_tokens + math.ceil(len(asked.text.encode()) / 4)
