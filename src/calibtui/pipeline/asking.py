"""Asking the judge: money held before each request, every answer durable before its worker's next question leaves."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from calibtui.core.errors import BudgetExhaustedError, CalibtuiError
from calibtui.core.money import eur
from calibtui.core.progress import Progress
from calibtui.core.scores import CallRecord
from calibtui.core.summary import BudgetLine
from calibtui.gateway.money.charging import Payer
from calibtui.gateway.money.forecast import Forecast, Spent, forecast
from calibtui.gateway.money.ledger import BudgetWarning, Ledger
from calibtui.pipeline.batches.scoring import note_batches_out, score_in_batches
from calibtui.pipeline.context import Context, workers
from calibtui.pipeline.judges import ConfiguredJudge
from calibtui.pipeline.money import node_charged
from calibtui.pipeline.observation import budget_warned
from calibtui.pipeline.records import Records
from calibtui.pipeline.score_shards import RunShards
from calibtui.scoring.judge import FrameToScore
from calibtui.scoring.run import ScoringOutcome, score_frames

MEASURED_FIRST = 50
"""Frames after which a run knows what the rest will cost."""


@dataclass(frozen=True, slots=True)
class Asked:
    """`budgets` as they stand afterwards; `held`: micro-EUR of calls that are not settled, under the root nodes."""

    outcome: ScoringOutcome
    budgets: tuple[BudgetLine, ...]
    held: int


async def ask(context: Context, judge: ConfiguredJudge, missing: Sequence[FrameToScore], shards: RunShards) -> Asked:
    """Asks for every missing score. Raises what the store or the ledger raises; what the judge does is in the
    outcome."""
    if not judge.paid:
        return Asked(await _scored(context, judge, None, missing, Records(context, judge, shards)), (), 0)
    node = node_charged(context.store, context.settings)
    warn = _warn(context)
    async with Ledger.open(context.store.ledger, context.settings.budgets, on_warning=warn) as ledger:
        payer = Payer(ledger, node)
        context.metrics.budgets.set(ledger.lines())
        try:
            with context.open_ledger.holding(ledger):
                outcome = await _paid(context, judge, payer, ledger, missing, shards)
        finally:
            context.metrics.budgets.set(ledger.lines())
        lines = ledger.lines()
        return Asked(outcome, lines, sum(line.held for line in lines if "/" not in line.node))


async def _paid(
    context: Context,
    judge: ConfiguredJudge,
    payer: Payer,
    ledger: Ledger,
    missing: Sequence[FrameToScore],
    shards: RunShards,
) -> ScoringOutcome:
    """The canary, then a first draw that measures the cost, then the rest if it is likely to fit."""
    probes: list[CallRecord] = []
    try:
        if missing:
            await judge.prove(payer, probes.append)
    except CalibtuiError as error:
        return _ended_early(probes, len(missing), error)
    finally:
        context.store.scores.commit(context.run, calls=probes)
        context.metrics.calls.observe(probes)
        context.log.failures(probes)
    measured: dict[str, list[CallRecord]] = defaultdict(list)

    def after(calls: Sequence[CallRecord]) -> None:
        for call in calls:
            measured[call.digest].append(call)

    def watch() -> None:
        context.metrics.budgets.set(ledger.lines())

    records = Records(context, judge, shards, after)
    if judge.scoring.mode == "batch":
        outcome = await score_in_batches(context, judge, payer, ledger, missing, records.commit, _too_dear)
        return _joined(_ended_early(probes, 0, None), outcome)
    note_batches_out(context)
    if not context.settings.budgets or context.confirmed or len(missing) <= MEASURED_FIRST:
        scored = await _scored(context, judge, payer, missing, records, watch, ledger)
        return _joined(_ended_early(probes, 0, None), scored)
    draw, rest = missing[:MEASURED_FIRST], missing[MEASURED_FIRST:]
    first = await _scored(context, judge, payer, draw, records, watch, ledger)
    first = _joined(_ended_early(probes, 0, None), first)
    if first.error is not None:
        return replace(first, remaining=first.remaining + len(rest))
    # Frames that took their score over cost nothing, and of the rest some will do so too.
    free = [Spent(0, 0, 0, 0)] * max(0, first.scored + first.failed - len(measured))
    too_dear = _too_dear(ledger, payer.node, [*map(_spent, measured.values()), *free], len(rest))
    if too_dear is not None:
        return replace(first, remaining=first.remaining + len(rest), stopped_by="budget", error=too_dear)
    return _joined(first, await _scored(context, judge, payer, rest, records, watch, ledger))


async def _scored(
    context: Context,
    judge: ConfiguredJudge,
    payer: Payer | None,
    frames: Sequence[FrameToScore],
    records: Records,
    watch: Callable[[], None] = lambda: None,
    ledger: Ledger | None = None,
) -> ScoringOutcome:
    """`watch` is called now and then, on this thread."""
    scoring = judge.scoring

    def on_progress(progress: Progress) -> None:
        watch()
        context.tell("score", progress.done, progress.total, progress.note)

    opened, sink = judge.open(payer), records.sink(ledger)
    try:
        return await score_frames(
            frames,
            opened,
            sink,
            concurrency=scoring.concurrency if judge.paid else workers(),
            stop=context.stop,
            on_progress=on_progress,
            max_failed=scoring.max_failed,
            pool_size=len(judge.questions),
            prepare_threads=workers(),
        )
    finally:
        try:
            await sink.close()
        finally:
            await opened.close()


def _too_dear(ledger: Ledger, node: str | None, measured: Sequence[Spent], remaining: int) -> CalibtuiError | None:
    """What to say where the rest is likely to cost more than is left under some node on the way to the root."""
    if len(measured) < 2:
        return None
    expected = forecast(measured, remaining)
    path = [line for line in ledger.lines() if node == line.node or (node or "").startswith(f"{line.node}/")]
    for line in path:
        left = max(0, line.cap - line.spent - line.held)
        if expected.passes(left):
            return BudgetExhaustedError(
                f"{_in_words(expected)}, and the budget {line.node} has {eur(left):.2f} EUR left.",
                "Nothing more was asked. Raise the cap with `calibtui budget set`, score fewer frames, or spend what "
                "is left with --yes.",
            )
    return None


def _in_words(expected: Forecast) -> str:
    cost = expected.cost_micro_eur
    amounts = f"{cost.mean / 1e6:.2f} EUR [{cost.low / 1e6:.2f}, {cost.high / 1e6:.2f}]"
    return f"The remaining {expected.remaining:,} questions are likely to cost {amounts}"


def _spent(calls: Sequence[CallRecord]) -> Spent:
    return Spent(
        sum(call.attempts for call in calls),
        sum(call.input_tokens for call in calls),
        sum(call.output_tokens for call in calls),
        sum(call.cost_micro_eur for call in calls),
    )


def _ended_early(calls: Sequence[CallRecord], remaining: int, error: CalibtuiError | None) -> ScoringOutcome:
    """An outcome of calls that scored nothing."""
    by = "budget" if isinstance(error, BudgetExhaustedError) else "failures" if error else None
    sent, cost = sum(call.attempts for call in calls), sum(call.cost_micro_eur for call in calls)
    return ScoringOutcome(0, 0, remaining, sent, 0, 0.0, cost, by, error)  # type: ignore[arg-type]


def _joined(first: ScoringOutcome, second: ScoringOutcome) -> ScoringOutcome:
    return replace(
        second,
        scored=first.scored + second.scored,
        failed=first.failed + second.failed,
        remaining=first.remaining + second.remaining,
        calls=first.calls + second.calls,
        retries=first.retries + second.retries,
        seconds=first.seconds + second.seconds,
        spent_micro_eur=first.spent_micro_eur + second.spent_micro_eur,
    )


def _warn(context: Context) -> Callable[[BudgetWarning], None]:
    def warn(warning: BudgetWarning) -> None:
        context.note(str(warning))
        budget_warned(context, warning)

    return warn
