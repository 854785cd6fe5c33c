"""What the comparison comes to, before any table: the change in mAP, its interval drawn, and a sentence."""

from __future__ import annotations

from collections.abc import Sequence

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.widgets import Digits

from calibtui.engine.wire.models import Comparison
from calibtui.tui.figures import moment
from calibtui.tui.states import Sign
from calibtui.tui.widgets.interval_line import interval_line
from calibtui.tui.widgets.lines import Line, LineView
from calibtui.tui.widgets.points import counted, known, points, signed
from calibtui.tui.widgets.wrapping import wrapped

WORSE = Sign("▼", "worse", "bad")
BETTER = Sign("▲", "better", "good")
LEVEL = Sign("≈", "no measurable difference", "good")
UNMEASURED = Sign("?", "not measured", "warn")


def sign_of(comparison: Comparison) -> Sign:
    """Worse or better only where the whole interval says so."""
    if not (known(comparison.drop) and known(comparison.low) and known(comparison.high)):
        return UNMEASURED
    if comparison.drop > 0 and comparison.low > 0:
        return WORSE
    if comparison.drop < 0 and comparison.high < 0:
        return BETTER
    return LEVEL


def interval_words(comparison: Comparison) -> str:
    """The change with its interval, "−2.1 points, 95 % interval −2.9 to −1.2"."""
    if not known(comparison.drop):
        return "the change in mAP could not be measured"
    change = f"{signed(-comparison.drop)} points"
    if not (known(comparison.low) and known(comparison.high)):
        return f"{change}; without an interval nobody can say how much of it is chance"
    return f"{change}, 95 % interval {signed(-comparison.high)} to {signed(-comparison.low)}"


class VerdictWords(LineView):
    """The sentence, the interval as a line and in words, and what it was measured on."""

    def __init__(self) -> None:
        super().__init__()
        self._comparison: Comparison | None = None
        self._instead = ""

    def say(self, comparison: Comparison | None, instead: str = "") -> None:
        self._comparison, self._instead = comparison, instead
        self.refill()

    def lines(self, width: int) -> Sequence[Line]:
        one = self._comparison
        if one is None:
            return [[(line, "muted")] for line in wrapped(self._instead, width)]
        state = sign_of(one)
        sentence = one.verdict.strip() or state.word
        sentence = f"{state.glyph} {sentence[:1].upper()}{sentence[1:]}"
        lines: list[Line] = [[(line, "bad" if state is WORSE else "strong")] for line in wrapped(sentence, width)]
        if drawn := interval_line(-one.drop, -one.high, -one.low, min(width, 72), state.role):
            lines.append(drawn)
        lines += [[(line, "plain")] for line in wrapped(interval_words(one), width)]
        lines += [[(line, "muted")] for line in wrapped(_measured_on(one), width)]
        return lines


def _measured_on(one: Comparison) -> str:
    maps = f"mAP50–95 float {points(one.reference.map)} → INT8 {points(one.int8.map)}"
    on = f"{counted(one.frames, 'evaluation frame')}, {moment(one.at)}"
    return f"{maps} · {on} · set {one.set_name or 'n/a'} · {one.target} {one.calibrator}"


class Verdict(Horizontal):
    """The change in points in large digits, and its words beside it."""

    DEFAULT_CSS = """
    Verdict { height: auto; }
    Verdict > Digits { width: auto; min-width: 16; height: 3; margin-right: 2; color: $foreground; display: none; }
    Verdict.-measured > Digits { display: block; }
    Verdict.-worse > Digits { color: $bad; }
    Verdict.-good > Digits { color: $good; }
    """

    def compose(self) -> ComposeResult:
        yield Digits("")
        yield VerdictWords()

    def show(self, comparison: Comparison | None, instead: str = "") -> None:
        """`instead`: what to say where there is no comparison."""
        measured = comparison is not None and known(comparison.drop)
        self.set_class(measured, "-measured")
        if comparison is not None:
            state = sign_of(comparison)
            self.set_class(state is WORSE, "-worse")
            self.set_class(state in (BETTER, LEVEL), "-good")
            # Digits draws an ASCII hyphen, not a minus sign.
            self.query_one(Digits).update(signed(-comparison.drop).replace("−", "-"))
        self.query_one(VerdictWords).say(comparison, instead)
