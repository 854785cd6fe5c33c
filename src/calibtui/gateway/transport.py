"""The seam between a call and the network: one request out, one bounded reply back.

aiohttp because the scoring path is bound by the cost of a request, not by the network: at 64 connections it takes
about an eighth of the CPU time that httpx takes for the same POST.
"""

from __future__ import annotations

import os
import types
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, Self

import aiohttp

from calibtui.core.errors import CalibtuiError

MAX_REPLY_BYTES = 1 << 20
KEEP_ALIVE_S = 12.0
"""Under the 15 s and more that servers keep an idle connection, so that they seldom close one while a request
leaves."""
CONNECT_S = 10.0


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """A POST. `deadline_s`: connecting, sending and the whole reply together. Headers and body hold keys: they never
    show."""

    url: str
    body: bytes = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    deadline_s: float


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """`headers` by lower-case name."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


class TransportError(CalibtuiError):
    """No whole reply. `maybe_sent` is False only where the request certainly never left; else it may have cost money.

    `kind`: "connect", "deadline", "broken" or "too_large".
    """

    exit_code = 4

    def __init__(self, kind: str, message: str, *, maybe_sent: bool) -> None:
        super().__init__(message)
        self.kind = kind
        self.maybe_sent = maybe_sent


class Transport(Protocol):
    async def send(self, request: HttpRequest) -> HttpResponse:
        """Raises TransportError; never follows a redirect, never sends twice."""
        ...

    async def close(self) -> None: ...


class _Trace:
    """Whether the request's first byte may have left; set before it does, so an exception's class need not be
    trusted."""

    __slots__ = ("sent",)

    def __init__(self) -> None:
        self.sent = False


class AiohttpTransport:
    """Keep-alive connections, at most `connections`; proxies from the environment only where `proxies_from_env`.

    Opens its session on first use, in the running loop; `async with` or close() ends it.
    """

    def __init__(
        self, *, connections: int, max_reply_bytes: int = MAX_REPLY_BYTES, proxies_from_env: bool = False
    ) -> None:
        self._connections = connections
        self._max_reply_bytes = max_reply_bytes
        self._proxies_from_env = proxies_from_env
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: types.TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def send(self, request: HttpRequest) -> HttpResponse:
        trace = _Trace()
        try:
            return await self._send(request, trace)
        except TransportError:
            raise
        except TimeoutError as error:
            message = f"no reply within {request.deadline_s:.0f} s"
            raise TransportError("deadline", message, maybe_sent=trace.sent) from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            kind = "broken" if trace.sent else "connect"
            raise TransportError(kind, _told(error, trace.sent), maybe_sent=trace.sent) from error

    async def _send(self, request: HttpRequest, trace: _Trace) -> HttpResponse:
        session = self._session or self._open()
        timeout = aiohttp.ClientTimeout(total=request.deadline_s, sock_connect=CONNECT_S)
        async with session.post(
            request.url,
            data=request.body,
            headers=request.headers,
            allow_redirects=False,
            timeout=timeout,
            trace_request_ctx=trace,
        ) as reply:
            body = await _read_bounded(reply.content, self._max_reply_bytes)
            headers = {name.lower(): value for name, value in reply.headers.items()}
            return HttpResponse(reply.status, headers, body)

    def _open(self) -> aiohttp.ClientSession:
        tracing = aiohttp.TraceConfig(trace_config_ctx_factory=_context)  # type: ignore[arg-type]
        tracing.on_request_headers_sent.append(_mark_sent)
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=self._connections, keepalive_timeout=KEEP_ALIVE_S, ttl_dns_cache=300, enable_cleanup_closed=False
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=self._proxies_from_env,
            # An unpacked reply has no bound that is known beforehand, and these replies are a few hundred bytes.
            headers={"Accept-Encoding": "identity"},
            trace_configs=[tracing],
        )
        return self._session


async def _read_bounded(content: aiohttp.StreamReader, limit: int) -> bytes:
    chunks: list[bytes] = []
    size = 0
    async for chunk in content.iter_any():
        size += len(chunk)
        if size > limit:
            raise TransportError("too_large", f"the reply is larger than {limit} bytes", maybe_sent=True)
        chunks.append(chunk)
    return b"".join(chunks)


def _context(trace_request_ctx: Any = None) -> Any:
    return trace_request_ctx


async def _mark_sent(_: aiohttp.ClientSession, trace: Any, __: aiohttp.TraceRequestHeadersSentParams) -> None:
    trace.sent = True


def _told(error: Exception, sent: bool) -> str:
    """One short clause about a failure of the network. Never the exception's own text: it may quote headers."""
    reason = getattr(error, "os_error", None) or error
    number = getattr(reason, "errno", None)
    detail = os.strerror(number) if isinstance(number, int) and number > 0 else type(error).__name__
    return f"the connection broke off ({detail})" if sent else f"no connection ({detail})"
