"""Which key the next request uses: weighted, seldom one that fails, and never one that was told to wait."""

from __future__ import annotations

import random
from collections.abc import Sequence

from calibtui.gateway.endpoint import Key

LEAST_HEALTH = 1 / 64
"""A key in trouble is still tried now and then, or nobody would learn that it has recovered."""


class KeyRing:
    """Weighted choice among the keys of one endpoint that are not paused. An endpoint without keys has one nameless
    lane.

    A key's health halves with each failure and doubles with each success, between LEAST_HEALTH and 1; its weight counts
    by that much. Times are of the caller's monotonic clock, s.
    """

    def __init__(self, keys: Sequence[Key], rng: random.Random) -> None:
        self._lanes: list[Key | None] = list(keys) or [None]
        self._weights = [key.weight for key in keys] or [1.0]
        self._health = [1.0] * len(self._lanes)
        self._paused_until = [0.0] * len(self._lanes)
        self._rng = rng

    def pick(self, now: float) -> int | None:
        """A lane that may be used now, None where all are paused."""
        open_lanes = [lane for lane, until in enumerate(self._paused_until) if until <= now]
        if not open_lanes:
            return None
        if len(open_lanes) == 1:
            return open_lanes[0]
        weights = [self._weights[lane] * self._health[lane] for lane in open_lanes]
        if sum(weights) <= 0:
            return self._rng.choice(open_lanes)
        return self._rng.choices(open_lanes, weights)[0]

    def key(self, lane: int) -> Key | None:
        return self._lanes[lane]

    def worked(self, lane: int) -> None:
        self._health[lane] = min(1.0, self._health[lane] * 2)

    def failed(self, lane: int) -> None:
        self._health[lane] = max(LEAST_HEALTH, self._health[lane] / 2)

    def pause(self, lane: int, until: float) -> None:
        """No request leaves with this lane's key before `until`; a later pause is never shortened."""
        self._paused_until[lane] = max(self._paused_until[lane], until)

    def opens_at(self) -> float:
        """When the first lane may be used again."""
        return min(self._paused_until)
