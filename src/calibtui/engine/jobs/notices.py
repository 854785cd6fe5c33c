"""What everyone attached is told once."""

from __future__ import annotations

import itertools
import time
from collections import deque
from collections.abc import Sequence

from calibtui.core.text import one_line
from calibtui.engine.wire.snapshot import Notice

KEPT = 10


class Notices:
    """The newest few, by growing number. Numbers begin with the time, so that a viewer that stays through a restart of
    the engine doesn't take a new notice for one it has shown."""

    def __init__(self) -> None:
        self._numbers = itertools.count(int(time.time() * 1000))
        self._kept: deque[Notice] = deque(maxlen=KEPT)

    @property
    def newest(self) -> Sequence[Notice]:
        """Oldest first."""
        return tuple(self._kept)

    def add(self, level: str, text: str) -> None:
        self._kept.append(Notice(number=next(self._numbers), level=level, text=one_line(text), at=time.time()))
