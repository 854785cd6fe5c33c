"""How much is handed in at once, where a provider lets only so much wait: learned from what it turns down.

Providers limit the tokens or requests of all batches that wait, an organisation's or a project's together, and tell
neither the limit nor what others use of it. So what was turned down is tried again as half of it, and what was taken
lets the next be a quarter larger.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

GIVES_UP_AFTER_S = 26 * 3600.0
"""Longer than any batch takes that somebody else may have waiting there."""


@dataclass(slots=True)
class Pace:
    """`most`: requests that may be with the provider together, None while no limit is known."""

    most: int | None = None
    _full_since: float | None = None

    def room(self, out: int) -> int | None:
        """Requests that may be handed in beside `out` that are there; None: any number. At least one where none is."""
        if self.most is None:
            return None
        return max(self.most - out, 0 if out else 1)

    def refused(self, requests: int, out: int) -> bool:
        """So many were turned down while `out` were there; whether fewer can be tried."""
        before = self.most
        most = max(1, out + requests // 2)
        self.most = most if before is None else min(before, most)
        if not out and requests <= 1 and self._full_since is None:
            self._full_since = time.monotonic()
        return requests > 1 and self.most != before

    def taken(self) -> None:
        """One of ours was let through to its end."""
        self._full_since = None
        if self.most is not None:
            self.most += max(1, self.most // 4)

    @property
    def hopeless(self) -> bool:
        """Not a single request was let in for longer than anything waits there."""
        return self._full_since is not None and time.monotonic() > self._full_since + GIVES_UP_AFTER_S
