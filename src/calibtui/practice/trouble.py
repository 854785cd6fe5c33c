"""Trouble on purpose: which request fails, which reply comes in bad shape, when it is too many a second."""

from __future__ import annotations

import hashlib
import json


def share(seed: int, salt: str, image_digest: str, nth: int) -> float:
    """A number in [0, 1) drawn by hashing: the same request of the same picture meets the same fate in every run."""
    drawn = hashlib.blake2b(f"{seed}/{salt}/{image_digest}/{nth}".encode(), digest_size=8).digest()
    return int.from_bytes(drawn, "big") / 2**64


def garbled(text: str, drawn: float) -> str:
    """`text` in one of five shapes that models are known to reply in, chosen by `drawn` in [0, 1).

    Two are readable with care (prose around it, a code fence), three are not (cut off, a number only, out of range).
    """
    fence = "`" * 3
    shapes = (
        f"Looking at this frame, here is my assessment:\n{text}\nLet me know if you need more.",
        f"{fence}json\n{text}\n{fence}",
        text[: len(text) // 2],
        "It is hard to say. Perhaps 60?",
        json.dumps({"difficulty": 7200, "reasons": []}),
    )
    return shapes[int(drawn * len(shapes))]


class RateLimit:
    """A token bucket of one second's worth. Times are the caller's monotonic clock, s."""

    def __init__(self, per_second: float) -> None:
        self._rate = per_second
        self._size = max(1.0, per_second)
        self._tokens = self._size
        self._filled_at: float | None = None

    def wait_s(self, now: float) -> float:
        """0 where a request may pass, and takes its token; else the seconds until the next one may."""
        if self._rate <= 0:
            return 0.0
        if self._filled_at is not None:
            self._tokens = min(self._size, self._tokens + (now - self._filled_at) * self._rate)
        self._filled_at = now
        if self._tokens >= 1:
            self._tokens -= 1
            return 0.0
        return (1 - self._tokens) / self._rate
