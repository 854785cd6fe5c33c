"""Metrics of the budget tree: one snapshot of all nodes, so that a scrape never mixes two."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from calibtui.core.money import eur
from calibtui.core.summary import BudgetLine

_GAUGES: tuple[tuple[str, str, Callable[[BudgetLine], int]], ...] = (
    ("calibtui_budget_cap_eur", "EUR that a node may spend in its period.", lambda line: line.cap),
    ("calibtui_budget_spent_eur", "EUR that a node has spent in its period.", lambda line: line.spent),
    ("calibtui_budget_held_eur", "EUR set aside for calls that aren't settled.", lambda line: line.held),
    (
        "calibtui_budget_remaining_eur",
        "EUR that a node may still hold in its period; below 0 where its cap was lowered under what is gone.",
        lambda line: line.cap - line.spent - line.held,
    ),
)


class BudgetMetrics(Collector):
    """Shows the lines it was last given; a node that is no longer among them is no longer exported."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._lines: tuple[BudgetLine, ...] = ()
        registry.register(self)

    def set(self, lines: Sequence[BudgetLine]) -> None:
        self._lines = tuple(lines)

    def collect(self) -> Iterable[GaugeMetricFamily]:
        lines = self._lines
        for name, text, value in _GAUGES:
            family = GaugeMetricFamily(name, text, labels=("node",))
            for line in lines:
                family.add_metric((line.node,), eur(value(line)))
            yield family
