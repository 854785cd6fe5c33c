"""A transport that counts what passes: in flight, status, class of error, bytes."""

from __future__ import annotations

import time

from calibtui.gateway.errors import ErrorClass, classify
from calibtui.gateway.observability.call_metrics import CallMetrics
from calibtui.gateway.transport import HttpRequest, HttpResponse, Transport, TransportError


class MeteredTransport:
    """Passes every request of one provider to `inner`, and every answer and error back, unchanged."""

    def __init__(self, inner: Transport, metrics: CallMetrics, provider: str) -> None:
        label = metrics.provider_label(provider)
        self._inner = inner
        self._provider = label
        self._requests, self._errors = metrics.requests, metrics.errors
        self._in_flight = metrics.in_flight.labels(label)
        self._sent, self._received = metrics.sent.labels(label), metrics.received.labels(label)
        for kind in ErrorClass:
            self._errors.labels(label, kind.value)

    async def send(self, request: HttpRequest) -> HttpResponse:
        self._sent.inc(len(request.body))
        code, kind = "none", None
        with self._in_flight.track_inprogress():
            try:
                response = await self._inner.send(request)
            except TransportError:
                kind = ErrorClass.UPSTREAM
                raise
            else:
                code = _code(response.status)
                self._received.inc(len(response.body))
                if response.status != 200:
                    kind = classify(response.status, response.headers, response.body, now=time.time()).kind
                return response
            finally:
                self._requests.labels(self._provider, code).inc()
                if kind is not None:
                    self._errors.labels(self._provider, kind.value).inc()

    async def close(self) -> None:
        await self._inner.close()


def _code(status: int) -> str:
    return str(status) if 100 <= status < 600 else "other"
