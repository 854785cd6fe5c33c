"""The metrics of a worker, which remember what Prometheus has no use for and the screens do."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from statistics import median
from threading import Lock

from prometheus_client import CollectorRegistry

from calibtui.core.scores import CallRecord, FailedScore, Score
from calibtui.core.summary import BudgetLine
from calibtui.gateway.money.forecast import Spent, forecast
from calibtui.gateway.observability.budget_metrics import BudgetMetrics
from calibtui.gateway.observability.call_metrics import CallMetrics
from calibtui.gateway.observability.metrics import Metrics
from calibtui.gateway.observability.run_metrics import RunMetrics

LATELY = 500
"""Frames, and answers, that the forecast and the latency are told from: frames come in a random order, so the latest
are as good a draw as any."""


class WatchedCalls(CallMetrics):
    """Remembers what the latest frames cost and how long the latest answers took."""

    def __init__(self, registry: CollectorRegistry) -> None:
        super().__init__(registry)
        self._measured: deque[Spent] = deque(maxlen=LATELY)
        self._latencies: deque[float] = deque(maxlen=LATELY)
        self._watching = Lock()

    def observe(self, records: Iterable[CallRecord | Score | FailedScore]) -> None:
        records = list(records)
        super().observe(records)
        calls: dict[str, list[CallRecord]] = {}
        for record in records:
            if isinstance(record, CallRecord):
                calls.setdefault(record.digest, []).append(record)
        with self._watching:
            for of_frame in calls.values():
                self._measured.append(_spent(of_frame))
                self._latencies += [call.latency_ms for call in of_frame if call.status == "ok"]

    def forecast(self, remaining: int) -> tuple[int, int, int] | None:
        """micro-EUR that `remaining` frames will take: expected, and the ends of the interval; None while too little is
        measured."""
        with self._watching:
            measured = list(self._measured)
        if len(measured) < 2:
            return None
        cost = forecast(measured, remaining).cost_micro_eur
        return round(cost.mean), round(cost.low), round(cost.high)

    def latency_ms_p50(self) -> float | None:
        with self._watching:
            latencies = list(self._latencies)
        return round(median(latencies), 1) if latencies else None


class WatchedBudgets(BudgetMetrics):
    """Remembers the lines, and what was held before this run held anything."""

    def __init__(self, registry: CollectorRegistry) -> None:
        super().__init__(registry)
        self.lines: tuple[BudgetLine, ...] | None = None
        self._before = 0

    def set(self, lines: Sequence[BudgetLine]) -> None:
        super().set(lines)
        if self.lines is None:
            self._before = _held(lines)
        self.lines = tuple(lines)

    @property
    def held(self) -> int:
        """micro-EUR that this run holds, where there are budgets to hold it in."""
        return max(0, _held(self.lines or ()) - self._before)


class WatchedMetrics(Metrics):
    """A worker's. Its process is left out: the engine's own is what /metrics shows."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.watched_calls = self.calls = WatchedCalls(self.registry)
        self.watched_budgets = self.budgets = WatchedBudgets(self.registry)
        self.run = RunMetrics(self.registry)


def _spent(calls: Sequence[CallRecord]) -> Spent:
    return Spent(
        sum(call.attempts for call in calls),
        sum(call.input_tokens for call in calls),
        sum(call.output_tokens for call in calls),
        sum(call.cost_micro_eur for call in calls),
    )


def _held(lines: Iterable[BudgetLine]) -> int:
    """Of the roots: what is held below is held there too."""
    return sum(line.held for line in lines if "/" not in line.node)
