"""The practice judge's own books: what it was asked and what it answered, whoever else claims otherwise."""

from __future__ import annotations

from collections import Counter
from typing import Any


class Books:
    """Counts since the start. `images`: how often each picture, by SHA-256 of its bytes, came with a valid request;
    `turned_down`: batches that would have had too many tokens wait."""

    def __init__(self) -> None:
        self.requests = 0
        self.answered = 0
        self.input_tokens = 0
        self.output_tokens = 0
        self.batches = 0
        self.turned_down = 0
        self.refused: Counter[int] = Counter()
        self.images: Counter[str] = Counter()

    def asked(self, image_digest: str) -> int:
        """Enters a valid request; how often this picture has now been asked about."""
        self.images[image_digest] += 1
        return self.images[image_digest]

    def answer(self, input_tokens: int, output_tokens: int) -> None:
        self.answered += 1
        self.input_tokens += input_tokens
        self.output_tokens += output_tokens

    def refuse(self, status: int) -> None:
        self.refused[status] += 1

    def as_json(self) -> dict[str, Any]:
        return {
            "practice": True,
            "requests": self.requests,
            "answered": self.answered,
            "batches": self.batches,
            "turned_down": self.turned_down,
            "refused": {str(status): count for status, count in sorted(self.refused.items())},
            "input_tokens": self.input_tokens,
            "output_tokens": self.output_tokens,
            "images": dict(self.images),
        }
