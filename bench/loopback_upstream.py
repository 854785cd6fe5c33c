"""A chat endpoint on loopback that costs next to nothing: `python -m bench.loopback_upstream LATENCY_S`.

Prints its port, answers every POST with the same completion after LATENCY_S, and ends when standard input closes. No
HTTP library, so that what is measured is the client.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_TEXT = json.dumps({"difficulty": 40, "reasons": ["blur", "low contrast"]})
_CHOICE = {"index": 0, "message": {"role": "assistant", "content": _TEXT}, "finish_reason": "stop"}
_USAGE = {"prompt_tokens": 1042, "completion_tokens": 24, "total_tokens": 1066}
_BODY = json.dumps({"id": "chatcmpl-1", "model": "judge-1", "choices": [_CHOICE], "usage": _USAGE}).encode()
_REPLY = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (len(_BODY), _BODY)


class Chat(asyncio.Protocol):
    """One keep-alive connection, one request at a time."""

    def __init__(self, latency_s: float) -> None:
        self._latency_s = latency_s
        self._head = b""
        self._left = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        if not self._left:
            self._head += data
            end = self._head.find(b"\r\n\r\n")
            if end < 0:
                return
            match = _LENGTH.search(self._head)
            self._left = int(match[1]) if match else 0
            data, self._head = self._head[end + 4 :], b""
        self._left -= len(data)
        if self._left <= 0:
            self._left = 0
            self._answer()

    def _answer(self) -> None:
        if self._latency_s:
            asyncio.get_running_loop().call_later(self._latency_s, self._write)
        else:
            self._write()

    def _write(self) -> None:
        if not self._transport.is_closing():
            self._transport.write(_REPLY)  # type: ignore[attr-defined]


async def main() -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Chat(float(sys.argv[1])), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main())
