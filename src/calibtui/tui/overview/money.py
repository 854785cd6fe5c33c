"""What this run costs and how full the budgets are."""

from __future__ import annotations

from collections.abc import Sequence

from calibtui.engine.wire.snapshot import Budget, Scoring, Snapshot
from calibtui.tui.figures import bar, euros, percent
from calibtui.tui.text import cut, padded, right
from calibtui.tui.widgets.lines import Line, Span

PERIODS = {"day": "a day", "week": "a week", "month": "a month"}


def money(snapshot: Snapshot, width: int) -> Sequence[Line]:
    lines: list[Line] = [[("Money", "title"), *_run(snapshot.scoring, width - 5)]]
    if not snapshot.budgets:
        lines.append([(cut("No budget is set: [budgets] in calibtui.toml sets one.", width), "muted")])
    return [*lines, *(budget_line(budget, width, forecast(budget, snapshot)) for budget in snapshot.budgets)]


def forecast(budget: Budget, snapshot: Snapshot) -> int | None:
    """Where the running job will have brought a node, micro-EUR: what is spent, and what the run is still expected to
    cost where it is charged there; None where nothing is known or it isn't."""
    now = snapshot.scoring
    runs = next((job for job in snapshot.jobs if job.state in ("running", "paused")), None)
    if now is None or now.forecast is None or runs is None or now.run != runs.run:
        return None
    charged = next((each.node for each in snapshot.budgets if each.user == runs.by), None)
    if charged is None or not (charged + "/").startswith(budget.node + "/"):
        return None
    return budget.spent + max(0, now.forecast - now.spent)


def _run(scoring: Scoring | None, width: int) -> list[Span]:
    if scoring is None:
        return []
    spans: list[Span] = [(f"  this run {euros(scoring.spent)}", "strong")]
    if scoring.held:
        spans.append((f" + {euros(scoring.held)} held", "muted"))
    if scoring.forecast is not None:
        spans.append((f"  forecast {euros(scoring.forecast)}", "plain"))
        if scoring.forecast_low is not None and scoring.forecast_high is not None:
            spans.append((f" ({euros(scoring.forecast_low)} to {euros(scoring.forecast_high)})", "muted"))
    return _fitting(spans, width)


def budget_line(budget: Budget, width: int, expected: int | None = None) -> Line:
    """Name, bar, spent of cap, share, what there is to say; a bar only where there is a cap."""
    depth = budget.node.count("/")
    name = "  " * depth + budget.node.rsplit("/", 1)[-1]
    wide = min(28, max(12, width // 5))
    lead: list[Span] = [(padded(name, wide), "plain" if depth else "strong")]
    used = budget.spent + budget.held
    spent = right(euros(used), 11)
    if budget.cap is None:
        return [*lead, *_fitting([(spent, "strong"), ("  no cap of its own", "muted")], width - wide)]
    share = used / budget.cap if budget.cap else 1.0
    role = "bad" if share >= 0.95 else "warn" if share >= 0.8 else ""
    filled, rest = bar(share, max(4, min(30, (width - wide - 32) // 2)))
    figures: list[Span] = [
        (spent, "strong"),
        (f" of {euros(budget.cap)}".ljust(14), "plain"),
        (percent(used, budget.cap), "muted"),
        *_remarks(budget, share, expected),
    ]
    fill = f"fill-{role}" if role else "fill"
    return [*lead, (filled, fill), (rest, fill), *_fitting(figures, width - wide - len(filled + rest))]


def _remarks(budget: Budget, share: float, expected: int | None) -> list[Span]:
    remarks: list[Span] = []
    if share >= 0.8:
        word = "✗ used up" if share >= 1 else "▲ nearly used up" if share >= 0.95 else "▲ running low"
        remarks.append((f"  {word}", "bad" if share >= 0.95 else "warn"))
    elif expected is not None and budget.cap is not None and expected > budget.cap:
        remarks.append(("  ▲ won't last", "warn"))
    if expected is not None:
        remarks.append((f"  forecast {euros(expected)}", "muted"))
    if budget.held:
        remarks.append((f"  {euros(budget.held)} held", "muted"))
    if budget.period in PERIODS:
        remarks.append((f"  {PERIODS[budget.period]}", "muted"))
    return remarks


def _fitting(spans: Sequence[Span], width: int) -> list[Span]:
    kept: list[Span] = []
    for span in spans:
        width -= len(span[0])
        if width < 0:
            break
        kept.append(span)
    return kept
