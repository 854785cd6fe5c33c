"""Metrics of what is asked of the judges: requests on the wire, calls, frames, tokens and EUR."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from calibtui.core.money import eur
from calibtui.core.scores import CallRecord, FailedScore, Score
from calibtui.gateway.observability.metric_labels import BoundedLabel

CACHE_KINDS = ("exact", "similar")
SECONDS = (0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 7.5, 10.0, 15.0, 20.0, 30.0, 60.0, 120.0)
LARGEST = 1 << 53
"""A count that a stranger declares is added up to here: beyond it a float no longer counts one by one."""


@dataclass(frozen=True, slots=True)
class _ModelMetrics:
    """The series of one model at one provider: finding them anew for each call would be most of its cost."""

    cost: Counter
    input_tokens: Counter
    output_tokens: Counter
    unmeasured: Counter
    duration: Histogram


class CallMetrics:
    """Fed with records once they are durable. Safe from any thread."""

    def __init__(self, registry: CollectorRegistry) -> None:
        counter, gauge = partial(Counter, registry=registry), partial(Gauge, registry=registry)
        model = ("provider", "model")
        self._calls = counter(
            "calibtui_calls", "Calls that ended, by how: ok, or the class of error.", (*model, "status")
        )
        self._cost = counter("calibtui_cost_eur", "EUR that calls have cost, at the configured prices.", model)
        self._tokens = counter("calibtui_tokens", "Tokens charged.", (*model, "direction"))
        self._unmeasured = counter(
            "calibtui_unmeasured_calls", "Calls charged at their worst case because no usage came back.", model
        )
        self._answers = counter("calibtui_answers", "Answers by the model that really gave them.", (*model, "answered"))
        self._duration = Histogram(
            "calibtui_call_duration_seconds",
            "Seconds from sending a request to its whole good answer.",
            model,
            buckets=SECONDS,
            registry=registry,
        )
        self._retries = counter("calibtui_retries", "Requests beyond the first of a frame.")
        self._scored = counter("calibtui_frames_scored", "Frames that got a score by asking a judge.")
        self._failed = counter("calibtui_frames_failed", "Frames that got no score, by the class of error.", ("class",))
        self._hits = counter("calibtui_cache_hits", "Frames whose score came from a cache, by its kind.", ("kind",))
        self.in_flight = gauge("calibtui_requests_in_flight", "Requests sent and not answered yet.", ("provider",))
        self.requests = counter(
            "calibtui_requests",
            "Requests by the HTTP status of their answer; none: no whole answer.",
            ("provider", "code"),
        )
        self.errors = counter(
            "calibtui_errors", "Requests answered with an error or not at all, by its class.", ("provider", "class")
        )
        self.sent = counter("calibtui_sent_bytes", "Bytes of request bodies.", ("provider",))
        self.received = counter("calibtui_received_bytes", "Bytes of reply bodies.", ("provider",))
        for kind in CACHE_KINDS:
            self._hits.labels(kind)
        self._label = {name: BoundedLabel() for name in ("provider", "model", "answered", "status", "class", "kind")}
        self._models: dict[tuple[str, str], _ModelMetrics] = {}

    def provider_label(self, provider: str) -> str:
        return self._label["provider"](provider)

    def observe(self, records: Iterable[CallRecord | Score | FailedScore]) -> None:
        """Records as they are stored: a frame's calls in their order, then its verdict where it has one."""
        digest, sent = "", 0
        for record in records:
            if isinstance(record, CallRecord):
                if record.digest != digest:
                    digest, sent = record.digest, 0
                self._retries.inc(record.attempts if sent else max(0, record.attempts - 1))
                sent += record.attempts
                self.observe_call(record)
            else:
                digest, sent = "", 0
                self._observe_verdict(record)

    def observe_call(self, call: CallRecord) -> None:
        """One call's status, cost, tokens and, where it was answered well, its duration."""
        provider, model = self.provider_label(call.provider), self._label["model"](call.requested_model)
        self._calls.labels(provider, model, self._label["status"](call.status)).inc()
        series = self._models.get((provider, model)) or self._open(provider, model)
        series.cost.inc(eur(_bounded(call.cost_micro_eur)))
        series.input_tokens.inc(_bounded(call.input_tokens))
        series.output_tokens.inc(_bounded(call.output_tokens))
        if not call.measured:
            series.unmeasured.inc()
        if call.status == "ok":
            series.duration.observe(call.latency_ms / 1000)
            answered = self._label["answered"](call.answered_model or call.requested_model)
            self._answers.labels(provider, model, answered).inc()

    def observe_hits(self, kind: str, frames: int) -> None:
        """`frames` scores came from the cache `kind`: "exact" or "similar"."""
        self._hits.labels(self._label["kind"](kind)).inc(frames)

    def _observe_verdict(self, verdict: Score | FailedScore) -> None:
        if isinstance(verdict, FailedScore):
            self._failed.labels(self._label["class"](verdict.error)).inc()
        else:
            self._scored.inc()

    def _open(self, provider: str, model: str) -> _ModelMetrics:
        series = _ModelMetrics(
            cost=self._cost.labels(provider, model),
            input_tokens=self._tokens.labels(provider, model, "input"),
            output_tokens=self._tokens.labels(provider, model, "output"),
            unmeasured=self._unmeasured.labels(provider, model),
            duration=self._duration.labels(provider, model),
        )
        return self._models.setdefault((provider, model), series)


def _bounded(count: int) -> int:
    return min(max(count, 0), LARGEST)
