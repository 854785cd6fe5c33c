"""How well a set stands for the pool: coverage beside random, duplicates, activation ranges it misses, warnings."""

from __future__ import annotations

from collections.abc import Sequence

from calibtui.engine.wire.sets import SetView, TensorRange
from calibtui.tui.text import cut, cut_path, padded
from calibtui.tui.widgets.bars import bar_spans
from calibtui.tui.widgets.lines import Line, LineView, Span
from calibtui.tui.widgets.points import counted, decimals, share
from calibtui.tui.widgets.wrapping import wrapped

_NAMES = 11


class SetCoverage(LineView):
    """Sentences and bars about one set; its height is what it needs."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._view: SetView | None = None

    def show(self, view: SetView | None) -> None:
        self._view = view
        self.refill()

    def lines(self, width: int) -> Sequence[Line]:
        view = self._view
        if view is None:
            return [[("…", "muted")]]
        lines = [*_coverage(view, width), _duplicates(view), [("", "plain")], *_ranges(view, width)]
        for warning in view.warnings:
            lines += [[(line, "warn")] for line in wrapped(f"! {warning}", width)]
        return lines


def _coverage(view: SetView, width: int) -> list[Line]:
    if view.coverage is None:
        return [[("coverage of the pool: n/a", "muted")]]
    cells = max(6, min(30, width - _NAMES - 6))
    meaning = "mean similarity of a pool frame to its nearest in the set"
    lines: list[Line] = [[(line, "muted")] for line in wrapped(meaning, width)]
    rows = (("this set", view.coverage, "accent"), ("random", view.random_coverage, "muted"))
    for name, value, role in rows:
        figure: Span = (decimals(value, 3).rjust(6), "strong" if role == "accent" else "muted")
        lines.append([(padded(name, _NAMES), "plain"), *bar_spans(value or 0.0, cells, role), figure])
    if view.random_coverage:
        said, role = _against_random(view.coverage, view.random_coverage)
        lines += [[(line, role)] for line in wrapped(said, width)]
    return lines


def _against_random(coverage: float, random: float) -> tuple[str, str]:
    if round(coverage, 3) == round(random, 3):
        return ("≈ covers the pool like a random set of its size", "muted")
    if coverage > random:
        return ("▲ covers the pool better than a random set of its size", "good")
    return ("▼ covers the pool less than a random set of its size", "warn")


def _duplicates(view: SetView) -> Line:
    if not view.duplicates:
        return [("✓ no near-duplicates", "good")]
    return [(f"! {counted(view.duplicates, 'pair')} of near-duplicates", "warn")]


def _ranges(view: SetView, width: int) -> list[Line]:
    heading: Line = [("activation ranges", "muted")]
    if view.ranges is None:
        said = view.range_said or "Not known yet: a quantization measures those of the set."
        return [heading, *([(line, "plain")] for line in wrapped(said, width))]
    lines: list[Line] = [heading, *([(line, "plain")] for line in wrapped(view.range_said, width) if line)]
    if not view.ranges:
        return [heading, [("✓ the set reaches as far as the pool does", "good")], *lines[1:]]
    frames = {digest for one in view.ranges for digest in one.fixed_by}
    lines += [line for one in view.ranges for line in _range(one, width)]
    if frames:
        said = f"picks {counted(len(frames), 'frame')} to cover them"
        lines.append([("R ", "key"), (cut(said, width - 2), "plain")])
    return lines


def _range(one: TensorRange, width: int) -> list[Line]:
    """The pool's range as a thin line, the part of it that the set covers as a thick one."""
    cells = max(8, min(40, width - 14))
    span = one.pool_high - one.pool_low
    first, last = (
        max(0, min(cells, round((edge - one.pool_low) / span * cells))) if span > 0 else end
        for edge, end in ((one.set_low, 0), (one.set_high, cells))
    )
    last = max(first, last)
    return [
        [(cut_path(one.tensor, width), "plain")],
        [
            ("─" * first, "warn"),
            ("━" * (last - first), "accent"),
            ("─" * (cells - last), "warn"),
            (f" {share(one.clipped)} missed", "warn"),
        ],
    ]
