"""Server-sent events out of a stream of bytes, as far as the engine uses them: `data` alone; comments keep it alive."""

from __future__ import annotations

from collections.abc import Iterator


class EventParser:
    """Fed with bytes as they come, in pieces of any size."""

    def __init__(self) -> None:
        self._rest = b""
        self._data: list[bytes] = []

    def feed(self, piece: bytes) -> Iterator[bytes]:
        """The data of every event that ended within `piece`, its lines joined."""
        lines = (self._rest + piece).split(b"\n")
        self._rest = lines.pop()
        for line in lines:
            line = line.removesuffix(b"\r")
            if line.startswith(b"data:"):
                self._data.append(line[5:].removeprefix(b" "))
            elif not line and self._data:
                data, self._data = b"\n".join(self._data), []
                yield data
