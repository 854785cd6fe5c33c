"""Everything that is measured for Prometheus, in a registry of its own: two of them never meet.

    metrics = Metrics()
    metrics.run.began(); metrics.calls.observe(records); metrics.budgets.set(ledger.lines())
    with serving_metrics(settings.metrics.listen, metrics): ...

Names follow Prometheus's practice: prefix calibtui_, base units (seconds, bytes, EUR), counters end in _total. Labels
that a stranger's reply can choose are bounded in length and in number (metric_labels.py).
"""

from __future__ import annotations

from prometheus_client import CollectorRegistry
from prometheus_client.process_collector import ProcessCollector

from calibtui.gateway.observability.budget_metrics import BudgetMetrics
from calibtui.gateway.observability.call_metrics import CallMetrics
from calibtui.gateway.observability.run_metrics import RunMetrics


class Metrics:
    """`calls`, `budgets` and `run` are told what happened, from any thread; nobody has to read them."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self.calls = CallMetrics(self.registry)
        self.budgets = BudgetMetrics(self.registry)
        self.run = RunMetrics(self.registry)
