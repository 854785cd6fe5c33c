"""Every state is a glyph, a word and a colour: any one of the three alone tells it."""

from __future__ import annotations

from typing import NamedTuple


class Sign(NamedTuple):
    """`role` of `calibtui.tui.palette`."""

    glyph: str
    word: str
    role: str

    @property
    def text(self) -> str:
        return f"{self.glyph} {self.word}"


SIGNS = {
    "never": Sign("·", "not yet", "muted"),
    "queued": Sign("◌", "queued", "muted"),
    "running": Sign("▶", "running", "accent"),
    "paused": Sign("‖", "paused", "warn"),
    "done": Sign("✓", "done", "good"),
    "failed": Sign("✗", "failed", "bad"),
    "interrupted": Sign("■", "interrupted", "warn"),
    "cancelled": Sign("■", "cancelled", "warn"),
    "outdated": Sign("↻", "outdated", "warn"),
    "connecting": Sign("○", "connecting", "muted"),
    "live": Sign("●", "live", "good"),
    "stale": Sign("◐", "stale", "warn"),
    "disconnected": Sign("✗", "disconnected", "bad"),
    "finished": Sign("✓", "finished", "good"),
}


def sign(state: str) -> Sign:
    """The sign of a state; of one that only a newer engine knows, the word itself."""
    return SIGNS.get(state) or Sign("?", state, "muted")
