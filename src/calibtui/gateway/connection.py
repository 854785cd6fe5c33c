"""One keep-alive connection: a request's bytes out, one bounded reply in, and nothing after that which nobody asked
for."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Sequence
from typing import cast

import httptools

MOST_HEADER_BYTES = 1 << 16
_PACKED = {"gzip": 31, "x-gzip": 31, "deflate": 15}
"""zlib's window for each encoding that a server may choose though it was asked for none."""
_NO_BODY = frozenset({204, 304})

Reply = tuple[int, dict[str, str], bytes]
"""status, headers by lower-case name, body"""


class ReplyTooLargeError(Exception):
    """More than the bound, of headers or body, unpacked."""


class BrokenReplyError(Exception):
    """The connection ended inside a reply, or what came is no HTTP."""


class Connection(asyncio.Protocol):
    """Belongs to one request at a time."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._transport: asyncio.Transport | None = None
        self._parser: httptools.HttpResponseParser | None = None
        self._reply: asyncio.Future[Reply] | None = None
        self._replied = False
        self._headers: dict[str, str] = {}
        self._body: list[bytes] = []
        self._parsed: Reply | None = None
        self._clear()

    @property
    def reusable(self) -> bool:
        """Whether it may carry another request: the last reply is over, and neither side has ended it."""
        return self._replied and self._transport is not None and not self._transport.is_closing()

    def request(self, pieces: Sequence[bytes]) -> asyncio.Future[Reply]:
        """Sends the pieces one after the other, uncopied: a picture takes longer to copy than to send.

        The future has the reply, or raises OSError, BrokenReplyError or ReplyTooLargeError. Raises ConnectionError
        where the connection has ended already, so that nothing of the request left.
        """
        if self._transport is None or self._transport.is_closing():
            raise ConnectionError
        self._clear()
        self._parser = httptools.HttpResponseParser(self)
        self._reply = asyncio.get_running_loop().create_future()
        self._replied = False
        for piece in pieces:
            self._transport.write(piece)
        return self._reply

    def close(self) -> None:
        """At once: what was not sent is not sent any more."""
        self._replied = False
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        if self._reply is None or self._reply.done() or self._parser is None:
            self.close()
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserCallbackError as error:
            self._fail(error.__context__ if isinstance(error.__context__, ReplyTooLargeError) else BrokenReplyError())
            return
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._more = True
            if self._parsed is None:
                self._fail(BrokenReplyError())
                return
        if not self._headed:
            self._header_bytes += len(data)
            if self._header_bytes > MOST_HEADER_BYTES:
                self._fail(ReplyTooLargeError())
        elif self._parsed is not None:
            self._finish()

    def eof_received(self) -> bool:
        """A body without a length ends with the connection."""
        if self._until_end and self._reply is not None and not self._reply.done():
            self.on_message_complete()
            self._finish()
        return False

    def connection_lost(self, error: Exception | None) -> None:
        self._fail(error if isinstance(error, OSError) else BrokenReplyError())

    # What the parser calls, by the names that it has for it.

    def on_message_begin(self) -> None:
        self._more = self._parsed is not None

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._more:
            return
        self._held += len(name) + len(value)
        if self._held > MOST_HEADER_BYTES:
            raise ReplyTooLargeError
        self._headers[name.decode("latin-1").lower()] = value.decode("utf-8", "replace").strip()

    def on_headers_complete(self) -> None:
        assert self._parser is not None
        self._status = self._parser.get_status_code()
        if self._status < 200 or self._more:
            return
        self._headed = True
        chunked = "chunked" in self._headers.get("transfer-encoding", "").lower()
        self._until_end = not chunked and "content-length" not in self._headers and self._status not in _NO_BODY

    def on_body(self, body: bytes) -> None:
        if self._more:
            return
        self._size += len(body)
        if self._size > self._most_bytes:
            raise ReplyTooLargeError
        self._body.append(body)

    def on_message_complete(self) -> None:
        if not self._headed:
            # An interim answer, such as 103; the reply itself follows.
            self._headers, self._held = {}, 0
        elif not self._more and self._parser is not None:
            # Only here does the parser still know it.
            self._alive = self._parser.should_keep_alive() and not self._until_end
            self._parsed = (self._status, self._headers, b"".join(self._body))

    def _finish(self) -> None:
        assert self._reply is not None and self._parsed is not None
        # Bytes behind a reply are an answer to nothing, and what comes next can't be told from them.
        keep = self._alive and not self._more
        try:
            self._reply.set_result(_unpacked(self._parsed, self._most_bytes))
        except (ReplyTooLargeError, BrokenReplyError) as error:
            self._fail(error)
            return
        self._replied = keep
        if not keep:
            self.close()

    def _fail(self, error: BaseException) -> None:
        if self._reply is not None and not self._reply.done():
            self._reply.set_exception(error)
        self.close()

    def _clear(self) -> None:
        self._headers, self._body, self._parsed = {}, [], None
        self._status = self._size = self._held = self._header_bytes = 0
        self._headed = self._until_end = self._more = self._alive = False


def _unpacked(reply: Reply, most_bytes: int) -> Reply:
    """A server may pack a reply though it was asked not to; what comes out of it is bounded too."""
    status, headers, body = reply
    window = _PACKED.get(headers.get("content-encoding", "").lower())
    if window is None or not body:
        return reply
    unpacking = zlib.decompressobj(window)
    try:
        plain = unpacking.decompress(body, most_bytes + 1)
    except zlib.error:
        raise BrokenReplyError from None
    if len(plain) > most_bytes:
        raise ReplyTooLargeError
    return status, headers, plain
