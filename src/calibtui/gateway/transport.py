"""The seam between a call and the network: one request out, one bounded reply back.

Straight on asyncio with llhttp's parser, because the scoring path is bound by the cost of a request, not by the
network: for the same POST it takes a third to a half of the CPU time that aiohttp takes, and a twentieth of httpx's.
"""

from __future__ import annotations

import asyncio
import os
import re
import ssl
import types
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, Self
from urllib.parse import quote, urlsplit

from calibtui.core.errors import CalibtuiError
from calibtui.gateway.connection import BrokenReplyError, Connection, Reply, ReplyTooLargeError

MAX_REPLY_BYTES = 1 << 20
KEEP_ALIVE_S = 12.0
"""Under the 15 s and more that servers keep an idle connection, so that they seldom close one while a request
leaves."""
CONNECT_S = 10.0
NEXT_ADDRESS_S = 0.25
"""Until a host's next address is tried as well (RFC 8305)."""
MOST_HEADS = 64
_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_VALUE = re.compile(r"[^\x00-\x08\x0a-\x1f\x7f]*")


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


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a connection leads."""

    host: str
    port: int
    secure: bool


class HttpTransport:
    """HTTP/1.1 over keep-alive connections, at most `connections`; no proxy, no cookie, no redirect.

    Its connections belong to the loop that is running; `async with` or close() ends them.
    """

    def __init__(self, *, connections: int, max_reply_bytes: int = MAX_REPLY_BYTES) -> None:
        self._turns = asyncio.Semaphore(connections)
        self._max_reply_bytes = max_reply_bytes
        self._idle: dict[_Place, list[tuple[float, Connection]]] = {}
        self._heads: dict[tuple[object, ...], tuple[_Place, bytes]] = {}
        self._context: ssl.SSLContext | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: types.TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        idle, self._idle = self._idle, {}
        for connections in idle.values():
            for _, connection in connections:
                connection.close()

    async def send(self, request: HttpRequest) -> HttpResponse:
        try:
            place, head = self._head(request)
        except ValueError as error:
            raise TransportError("connect", str(error), maybe_sent=False) from None
        loop = asyncio.get_running_loop()
        ends = loop.time() + request.deadline_s
        data = (b"%b%d\r\n\r\n" % (head, len(request.body)), request.body)
        async with self._turns:
            connection, reply = await self._sent(place, data, ends, request.deadline_s)
            timer = loop.call_at(ends, _give_up, reply)
            try:
                status, headers, body = await reply
            except ReplyTooLargeError:
                bound = f"the reply is larger than {self._max_reply_bytes} bytes"
                raise TransportError("too_large", bound, maybe_sent=True) from None
            except TimeoutError as error:
                raise _too_late(request.deadline_s, maybe_sent=True) from error
            except (BrokenReplyError, OSError) as error:
                raise TransportError("broken", _told(error, True), maybe_sent=True) from error
            finally:
                timer.cancel()
                self._keep(place, connection, loop.time())
        return HttpResponse(status, headers, body)

    async def _sent(
        self, place: _Place, data: Sequence[bytes], ends: float, deadline_s: float
    ) -> tuple[Connection, asyncio.Future[Reply]]:
        """The connection that the request went out through. Raises TransportError where none was to be had."""
        idle, loop = self._idle.get(place, []), asyncio.get_running_loop()
        while idle:
            since, connection = idle.pop()
            if connection.reusable and loop.time() - since < KEEP_ALIVE_S:
                return connection, connection.request(data)
            connection.close()
        left = ends - loop.time()
        try:
            connection = await asyncio.wait_for(self._connected(place), min(left, CONNECT_S))
            return connection, connection.request(data)
        except TimeoutError as error:
            if left <= CONNECT_S:
                raise _too_late(deadline_s, maybe_sent=False) from error
            raise TransportError("connect", _told(error, False), maybe_sent=False) from error
        except (OSError, UnicodeError) as error:
            raise TransportError("connect", _told(error, False), maybe_sent=False) from error

    async def _connected(self, place: _Place) -> Connection:
        if place.secure and self._context is None:
            self._context = ssl.create_default_context()
            self._context.set_alpn_protocols(["http/1.1"])
        _, connection = await asyncio.get_running_loop().create_connection(
            lambda: Connection(self._max_reply_bytes),
            place.host,
            place.port,
            ssl=self._context if place.secure else None,
            happy_eyeballs_delay=NEXT_ADDRESS_S,
        )
        return connection

    def _keep(self, place: _Place, connection: Connection, now: float) -> None:
        """For the next request, or closed where its reply is not over: it would be taken for the next one's."""
        if connection.reusable:
            self._idle.setdefault(place, []).append((now, connection))
        else:
            connection.close()

    def _head(self, request: HttpRequest) -> tuple[_Place, bytes]:
        """Everything up to the number of the body's bytes, kept: a run sends few different ones. Raises ValueError."""
        key = (request.url, *request.headers.items())
        known = self._heads.get(key)
        if known is None:
            if len(self._heads) >= MOST_HEADS:
                self._heads.clear()
            known = self._heads[key] = _head(request.url, request.headers)
        return known


def _head(url: str, headers: Mapping[str, str]) -> tuple[_Place, bytes]:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("the address is not an http or https one")
    secure = parts.scheme == "https"
    host = parts.hostname if parts.hostname.isascii() else parts.hostname.encode("idna").decode()
    place = _Place(host, parts.port or (443 if secure else 80), secure)
    named = f"[{host}]" if ":" in host else host
    ours = {
        "Host": named if parts.port is None else f"{named}:{parts.port}",
        "User-Agent": "calibtui",
        "Accept": "*/*",
        # An unpacked reply has no bound that is known beforehand, and these replies are a few hundred bytes.
        "Accept-Encoding": "identity",
    }
    target = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~") + (f"?{parts.query}" if parts.query else "")
    given = {name.lower() for name in headers}
    lines = [f"POST {target} HTTP/1.1"]
    for name, value in [*((n, v) for n, v in ours.items() if n.lower() not in given), *headers.items()]:
        if not _NAME.fullmatch(name) or not _VALUE.fullmatch(value):
            # Never the value itself: it may be a key.
            raise ValueError("a header can't be sent: its name or value holds a character that ends a line")
        lines.append(f"{name}: {value}")
    return place, ("\r\n".join(lines) + "\r\nContent-Length: ").encode()


def _give_up(reply: asyncio.Future[Reply]) -> None:
    if not reply.done():
        reply.set_exception(TimeoutError())


def _too_late(deadline_s: float, *, maybe_sent: bool) -> TransportError:
    return TransportError("deadline", f"no reply within {deadline_s:.0f} s", maybe_sent=maybe_sent)


def _told(error: Exception, sent: bool) -> str:
    """One short clause about a failure of the network. Never the exception's own text: it may quote headers."""
    number = getattr(error, "errno", None)
    detail = os.strerror(number) if isinstance(number, int) and number > 0 else type(error).__name__
    return f"the connection broke off ({detail})" if sent else f"no connection ({detail})"
