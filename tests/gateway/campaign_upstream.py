"""An upstream that charges what it likes within a call's worst case, breaks off when it likes, and keeps books."""

from __future__ import annotations

import asyncio
import json
import random
import re
from contextlib import suppress
from dataclasses import dataclass, field

from calibtui.core.money import Price

CALL_HEADER = "x-call-id"
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_CALL = re.compile(rb"\r\nx-call-id: *([0-9a-f-]+)", re.IGNORECASE)


@dataclass
class CampaignUpstream:
    """`charged`: micro-EUR by call id, entered once the whole request is there and before any answer leaves.

    Of the requests, 90 % are answered with their usage, 3 % without it, 3 % break off after they were charged, 2 % are
    refused as too many and 2 % fail, uncharged. At most `most_input` and `most_output` tokens are charged.
    """

    price: Price
    most_input: int
    most_output: int
    rng: random.Random
    charged: dict[str, int] = field(default_factory=dict)
    refused: int = 0
    broken: int = 0

    async def start(self) -> str:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, backlog=512)
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/v1"

    async def stop(self) -> None:
        self._server.close()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._server.wait_closed(), 1)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length, call = _LENGTH.search(head), _CALL.search(head)
                assert length is not None and call is not None
                await reader.readexactly(int(length[1]))
                reply = self._answer(call[1].decode())
                await asyncio.sleep(0.03 * self.rng.random())
                if not reply:
                    break
                writer.write(reply)
                await writer.drain()
        writer.close()

    def _answer(self, call_id: str) -> bytes:
        chance = self.rng.random()
        if chance < 0.04:
            self.refused += 1
            return _reply(429, {"error": {"message": "slow down"}}) if chance < 0.02 else _reply(500, {"error": {}})
        usage = (self.rng.randint(1, self.most_input), self.rng.randint(0, self.most_output))
        assert call_id not in self.charged, "a call is sent once"
        self.charged[call_id] = self.price.cost(*usage)
        if chance < 0.07:
            self.broken += 1
            return b""
        told = {"prompt_tokens": usage[0], "completion_tokens": usage[1], "total_tokens": sum(usage)}
        text = json.dumps({"difficulty": 40, "reasons": []})
        choices = [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}]
        document = {"id": f"done-{call_id}", "model": "m", "choices": choices}
        return _reply(200, document if chance < 0.10 else {**document, "usage": told})


def _reply(status: int, document: object) -> bytes:
    body = json.dumps(document).encode()
    head = f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body
