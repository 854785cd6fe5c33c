"""Who gave the scores, said wherever they show."""

from __future__ import annotations

from calibtui.core.summary import ScoringSummary
from calibtui.report.plain_text import plain

PRACTICE_PREFIX = "practice-"
PRACTICE_NOTE = "practice judge: its scores are a stand-in, no vision-language model looked"


def is_practice(scoring: ScoringSummary | None) -> bool:
    """True for the practice judge, which says what it is at the beginning of its model's name."""
    return scoring is not None and scoring.model.startswith(PRACTICE_PREFIX)


def judge_in_words(scoring: ScoringSummary) -> str:
    """ "vlm judge, model gpt-4o, prompt difficulty@1", as far as each is known."""
    parts = [f"{plain(scoring.judge, 40)} judge"]
    if scoring.model:
        parts.append(f"model {plain(scoring.model, 80)}")
    if scoring.prompt:
        parts.append(f"prompt {plain(scoring.prompt, 80)}")
    return ", ".join(parts)


def note_on_scores(scoring: ScoringSummary | None, note: str = "") -> str:
    """`note`, or the practice judge's own where the caller gave none; "" for a real judge without a note."""
    return plain(note) or (PRACTICE_NOTE if is_practice(scoring) else "")
