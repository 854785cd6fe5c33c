"""How long and how often one frame is tried."""

from __future__ import annotations

import random
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Waits double from `first_wait_s` to `longest_wait_s`, each drawn between half and all of that.

    `most_lost`: requests of one frame that may have been charged without a reply, before the frame is given up.
    `most_unreadable`: replies of one frame that were no completion. `unreachable_after`: tries that found nobody there,
    before the endpoint has ever answered anything, that end the run. One try gets at most `try_share` of the deadline,
    a provider with another behind it at most `provider_share` of what is left of it.
    """

    first_wait_s: float = 0.5
    longest_wait_s: float = 20.0
    most_lost: int = 3
    most_unreadable: int = 2
    unreachable_after: int = 5
    try_share: float = 0.5
    provider_share: float = 0.5

    def wait_s(self, tries: int, rng: random.Random) -> float:
        """Before the next try, after so many."""
        longest = min(self.longest_wait_s, self.first_wait_s * 2.0 ** min(tries - 1, 16))
        return longest * (0.5 + 0.5 * rng.random())
