"""What the comparison comes to: one of four states, in a glyph, a word and a sentence."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from calibtui.core.summary import EvaluationSummary
from calibtui.report.figures import counted, signed_points, span
from calibtui.report.plain_text import plain

State = Literal["worse", "better", "level", "unknown"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """`sentence` is the evaluation's own; `detail` gives the change, its interval and what it was measured on."""

    state: State
    glyph: str
    word: str
    sentence: str
    detail: str

    @property
    def measured(self) -> bool:
        """Whether a difference was found: only then do single changes take a colour, which would claim one."""
        return self.state in ("worse", "better")


_SIGNS: dict[State, tuple[str, str]] = {
    "worse": ("▼", "worse"),
    "better": ("▲", "better"),
    "level": ("≈", "level"),
    "unknown": ("?", "not measured"),
}


def verdict_of(evaluation: EvaluationSummary) -> Verdict:
    """Worse or better only where the whole 95 % interval says so; unknown where there is no interval."""
    state = _state(evaluation)
    glyph, word = _SIGNS[state]
    sentence = plain(evaluation.verdict).strip() or word
    return Verdict(state, glyph, word, sentence[:1].upper() + sentence[1:], _detail(evaluation))


def _state(evaluation: EvaluationSummary) -> State:
    drop, low, high = evaluation.drop, evaluation.low, evaluation.high
    if math.isnan(drop) or math.isnan(low) or math.isnan(high):
        return "unknown"
    if drop > 0 and low > 0:
        return "worse"
    if drop < 0 and high < 0:
        return "better"
    return "level"


def _detail(evaluation: EvaluationSummary) -> str:
    frames = counted(evaluation.frames, "evaluation frame")
    if math.isnan(evaluation.drop):
        return f"The change in mAP could not be measured on {frames}."
    change = f"mAP {signed_points(-evaluation.drop)} points"
    if math.isnan(evaluation.low) or math.isnan(evaluation.high):
        return f"{change} on {frames}; without an interval, nobody can say how much of it is chance."
    return f"{change}, 95 % interval {span(-evaluation.high, -evaluation.low)}, on {frames}."
