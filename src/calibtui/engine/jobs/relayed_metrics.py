"""The engine's metrics: what its workers counted, added up over its lifetime.

Each worker process counts in a registry of its own and sends the whole of it now and then. A worker that ended keeps
its counts here, so no counter ever goes back; of gauges the newest worker's are shown.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from threading import Lock

from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import Metric
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector
from prometheus_client.samples import Sample

from calibtui.gateway.observability.metrics import Metrics

_PROCESS = "process_"
_SUMMED = ("counter", "histogram")
_TIMES = "_created"
_UNDER_WAY = "calibtui_requests_in_flight"

Key = tuple[str, tuple[tuple[str, str], ...]]


def collected(metrics: Metrics) -> list[Metric]:
    """What a worker sends: everything but what is of its process."""
    return [family for family in metrics.registry.collect() if not family.name.startswith(_PROCESS)]


class RelayedMetrics(Collector):
    """`registry` is what /metrics shows. Safe from any thread."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._ended: list[Metric] = collected(Metrics())
        self._running: dict[str, list[Metric]] = {}
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self.registry.register(self)

    def report(self, worker: str, families: Sequence[Metric]) -> None:
        """The newest counts of a worker, under a name that is its own."""
        with self._lock:
            self._running[worker] = list(families)

    def ended(self, worker: str) -> None:
        """Adds what the worker counted to what ended before it."""
        with self._lock:
            last = self._running.pop(worker, None)
            if last is not None:
                # Of a worker that was killed nothing is under way any more, whatever it said last.
                self._ended = _added(self._ended, [family for family in last if family.name != _UNDER_WAY])

    def collect(self) -> Iterable[Metric]:
        with self._lock:
            families = self._ended
            for last in self._running.values():
                families = _added(families, last)
        return families


def value_of(families: Iterable[Metric], name: str, **labels: str) -> float:
    """The sum of the samples called `name` with at least these labels."""
    return sum(
        sample.value
        for family in families
        for sample in family.samples
        if sample.name == name and labels.items() <= sample.labels.items()
    )


def by_label(families: Iterable[Metric], name: str, label: str) -> dict[str, float]:
    """The samples called `name`, summed by the value of one label."""
    sums: dict[str, float] = {}
    for family in families:
        for sample in family.samples:
            if sample.name == name and label in sample.labels:
                sums[sample.labels[label]] = sums.get(sample.labels[label], 0.0) + sample.value
    return sums


def _added(before: Sequence[Metric], after: Sequence[Metric]) -> list[Metric]:
    older = {family.name: family for family in before}
    newer = {family.name: family for family in after}
    return [_family(older.get(name), newer.get(name)) for name in dict.fromkeys([*older, *newer])]


def _family(before: Metric | None, after: Metric | None) -> Metric:
    if before is None or after is None:
        only = before or after
        assert only is not None
        return only
    if after.type not in _SUMMED:
        return after
    made = Metric(after.name, after.documentation, after.type, after.unit)
    old, new = _by_key(before), _by_key(after)
    made.samples = [_sum(old.get(key), new.get(key)) for key in dict.fromkeys([*old, *new])]
    return made


def _by_key(family: Metric) -> Mapping[Key, Sample]:
    return {(sample.name, tuple(sorted(sample.labels.items()))): sample for sample in family.samples}


def _sum(before: Sample | None, after: Sample | None) -> Sample:
    if before is None or after is None:
        only = before or after
        assert only is not None
        return only
    if after.name.endswith(_TIMES):
        return before
    return after._replace(value=before.value + after.value)
