"""Ranges of frames on disk: measured once a model and frame, added to as further frames are.

The first line is JSON (`format`, `key`, `tensors`). Then one record a frame: its digest (32 bytes), `bounds` as
little-endian float32 (4 × T, see FrameRanges), and the CRC-32 of both (4 bytes). A record that a kill cut short is the
last one, and is dropped when the file is opened: 3.4 kB a frame for 210 tensors.
"""

from __future__ import annotations

import json
import struct
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from calibtui.core.errors import ModelError
from calibtui.core.files import unwritable_named, written_whole

_FORMAT = 1
_HEADER_MOST = 8 << 20


class RangeFile:
    """The file at `path` for ranges known by `key` of `tensors`: opened, or begun anew where there is none.

    Raises ModelError for a file that is something else; WorkspaceUnwritableError.
    """

    def __init__(self, path: Path, key: str, tensors: tuple[str, ...]) -> None:
        self._path = path
        self._shape = (4, len(tensors))
        self._head = json.dumps({"format": _FORMAT, "key": key, "tensors": tensors}).encode() + b"\n"
        self.known: dict[str, NDArray[np.float32]] = {}
        """Bounds (4, T) by frame digest."""
        if path.exists():
            self._read()
        else:
            with written_whole(path) as part:
                part.write_bytes(self._head)
        with unwritable_named(path):
            self._file = path.open("ab")

    def add(self, frame: str, bounds: NDArray[np.float32]) -> None:
        """One frame's `bounds` (4, T); on its way to the disk after `flush`."""
        content = bytes.fromhex(frame) + np.ascontiguousarray(bounds, "<f4").tobytes()
        with unwritable_named(self._path):
            self._file.write(content + struct.pack("<I", zlib.crc32(content)))
        self.known[frame] = bounds

    def flush(self) -> None:
        with unwritable_named(self._path):
            self._file.flush()

    def close(self) -> None:
        with unwritable_named(self._path):
            self._file.close()

    def _read(self) -> None:
        data = self._path.read_bytes()
        head = data[: data.find(b"\n", 0, _HEADER_MOST) + 1]
        if head != self._head:
            raise ModelError(f"{self._path} holds ranges of another model, or none.", "Delete it; they are taken anew.")
        size = 32 + 4 * self._shape[0] * self._shape[1] + 4
        good = len(head)
        while good + size <= len(data):
            content, check = data[good : good + size - 4], data[good + size - 4 : good + size]
            if struct.pack("<I", zlib.crc32(content)) != check:
                break
            bounds = np.frombuffer(content, "<f4", offset=32).reshape(self._shape)
            self.known[content[:32].hex()] = bounds
            good += size
        if good < len(data):
            with unwritable_named(self._path), self._path.open("r+b") as file:
                file.truncate(good)
