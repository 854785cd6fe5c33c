"""HTTP of the batch APIs: small JSON both ways, large files streamed, every trouble told in one of two ways."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Mapping
from types import MappingProxyType
from typing import TypeVar
from urllib.parse import quote

import aiohttp
import msgspec

from calibtui.core.errors import BudgetExhaustedError, CalibtuiError, JudgeFailedError
from calibtui.gateway.batch.contract import BatchUnavailableError, QueueFullError
from calibtui.gateway.dialects.dialect import Dialect
from calibtui.gateway.endpoint import Endpoint, Key
from calibtui.gateway.errors import ErrorClass, beginning, classify
from calibtui.gateway.secrets import Redactor
from calibtui.gateway.transport import CONNECT_S

MAX_JSON_BYTES = 8 << 20
MAX_LINE_BYTES = 8 << 20
ANSWER_S = 60.0
TRANSFER_S = 1800.0
"""For a file of some hundred megabytes either way."""
_CHUNK = 1 << 18
_PATIENCE = frozenset({ErrorClass.UPSTREAM, ErrorClass.UNREADABLE})
T = TypeVar("T")
Body = bytes | Callable[[], aiohttp.FormData | object]


class NotThereError(JudgeFailedError):
    """A 404: no such batch, or no batch API at all."""


class BatchHttp:
    """Requests to one endpoint with one key; opens its session on first use, close() ends it."""

    def __init__(self, endpoint: Endpoint, dialect: Dialect, key: Key | None) -> None:
        self.endpoint, self._key = endpoint, key
        self._headers = {"Accept-Encoding": "identity", **dialect.headers, **endpoint.headers}
        if key is not None:
            name, value = dialect.key_header(key.secret.reveal())
            self._headers[name] = value
        self._headers |= {name: secret.reveal() for name, secret in endpoint.secret_headers.items()}
        self.redact = Redactor(endpoint.secrets)
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def get(
        self, path: str, query: Mapping[str, str] = MappingProxyType({}), most: int = MAX_JSON_BYTES
    ) -> bytes:
        """The body of a 200, of at most `most` bytes."""
        return (await self.request("GET", self.endpoint.url + path, query=query, most=most))[1]

    async def post(self, path: str, body: Body, *, json: bool = True) -> bytes:
        """`body`: bytes, or what makes a form or an open file. The body of a 2xx."""
        headers = {"Content-Type": "application/json"} if json else {}
        return (await self.request("POST", self.endpoint.url + path, body, headers))[1]

    async def lines(self, url: str, **query: str) -> AsyncIterator[bytes]:
        """The lines of the file at `url`, an address under the endpoint's own, however large it is; one of more than
        MAX_LINE_BYTES raises. A file that was deleted,
        or kept no longer, has none: what was in it counts as unanswered."""
        rest = b""
        try:
            async with self._open().get(
                url, params=query, headers=self._headers, allow_redirects=False, timeout=_timeout(TRANSFER_S)
            ) as reply:
                if reply.status in (404, 410):
                    return
                if reply.status != 200:
                    raise self._error(reply.status, reply.headers, await _bounded(reply, MAX_JSON_BYTES), url)
                async for chunk in reply.content.iter_chunked(_CHUNK):
                    *whole, rest = (rest + chunk).split(b"\n")
                    for line in filter(bytes.strip, whole):
                        yield line
                    if len(rest) > MAX_LINE_BYTES:
                        raise BatchUnavailableError(f"A result of {self._what} is too long.", maybe_taken=False)
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise self._broken(error, sent=False) from error
        if rest.strip():
            yield rest

    @property
    def _what(self) -> str:
        return f"the batch API of {self.endpoint.provider}"

    async def request(
        self,
        method: str,
        url: str,
        body: Body | None = None,
        headers: Mapping[str, str] = MappingProxyType({}),
        *,
        query: Mapping[str, str] = MappingProxyType({}),
        most: int = MAX_JSON_BYTES,
    ) -> tuple[Mapping[str, str], bytes]:
        """Headers and body of a 2xx. The key goes along, so `url` is never one that a reply names."""
        data = body() if callable(body) else body
        seconds = TRANSFER_S if callable(body) else ANSWER_S
        try:
            async with self._open().request(
                method,
                url,
                data=data,
                params=query,
                headers={**self._headers, **headers},
                allow_redirects=False,
                timeout=_timeout(seconds),
            ) as reply:
                content = await _bounded(reply, most)
                if 200 <= reply.status < 300:
                    return reply.headers, content
                raise self._error(reply.status, reply.headers, content, url)
        except aiohttp.ClientConnectorError as error:
            raise self._broken(error, sent=False) from error
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise self._broken(error, sent=True) from error

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar())
        return self._session

    def _broken(self, error: Exception, *, sent: bool) -> BatchUnavailableError:
        """The exception's own text may quote headers, so only its name is told."""
        return BatchUnavailableError(f"No answer from {self._what}: {type(error).__name__}.", maybe_taken=sent)

    def _error(self, status: int, headers: Mapping[str, str], body: bytes, url: str) -> CalibtuiError:
        trouble = classify(status, {name.lower(): value for name, value in headers.items()}, body, now=time.time())
        said = beginning(self.redact(trouble.message).encode()) or trouble.kind.value
        if status in (404, 405):
            hint = 'Set mode = "live" in [scoring], or a base_url that has a batch API.'
            return NotThereError(f"{self.endpoint.provider} has nothing at {url}: {said}", hint)
        if trouble.kind is ErrorClass.RATE_LIMIT:
            return QueueFullError(f"{self._what[0].upper()}{self._what[1:]} takes no more for now: {said}")
        if trouble.kind in _PATIENCE:
            # A gateway that gave up waiting may have passed the request on.
            return BatchUnavailableError(f"Trouble with {self._what}: {said}", maybe_taken=True)
        if trouble.kind is ErrorClass.BUDGET:
            message = f"The budget of the key at {self.endpoint.provider} is exhausted: {said}"
            return BudgetExhaustedError(message, f"{trouble.hint} Every score so far is kept.")
        if trouble.kind is ErrorClass.AUTH:
            which = f"the key in {self._key.secret.source}" if self._key else "a call without a key"
            return JudgeFailedError(f"{self.endpoint.provider} rejected {which}: {said}", trouble.hint)
        return JudgeFailedError(f"{self._what[0].upper()}{self._what[1:]} refused the request: {said}", trouble.hint)


def segment(identifier: str) -> str:
    """Somebody else's id as one piece of a path."""
    return quote(identifier, safe="")


def decoded(decoder: msgspec.json.Decoder[T], body: bytes) -> T:
    """Raises BatchUnavailableError for a body that is something else."""
    try:
        return decoder.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        message = f"The batch API answered with something else: {beginning(body)}"
        raise BatchUnavailableError(message, maybe_taken=True) from error


def _timeout(seconds: float) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(total=seconds, sock_connect=CONNECT_S)


async def _bounded(reply: aiohttp.ClientResponse, most: int) -> bytes:
    content = b""
    async for chunk in reply.content.iter_chunked(_CHUNK):
        content += chunk
        if len(content) > most:
            raise BatchUnavailableError(f"A reply of more than {most:,} bytes.", maybe_taken=True)
    return content
