"""The ledger of a run while it is open, for those who must reach it from another thread."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from threading import Lock

from calibtui.gateway.money.caps import cap_of
from calibtui.gateway.money.ledger import Ledger

PATIENCE_S = 30.0


class OpenLedger:
    """At most one at a time: one ledger a workspace owns the balances."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._open: tuple[Ledger, asyncio.AbstractEventLoop] | None = None

    @contextlib.contextmanager
    def holding(self, ledger: Ledger) -> Iterator[None]:
        """`ledger` is the open one while the block lasts. On its event loop."""
        with self._lock:
            self._open = ledger, asyncio.get_running_loop()
        try:
            yield
        finally:
            with self._lock:
                self._open = None

    def set_cap(self, node: str, eur: str, who: str, why: str, *, repeat: bool = False) -> bool:
        """Changes a cap, durable and audited when it returns; False where no ledger is open. `repeat`: somebody else
        has changed it on disk, so it is changed here only where this ledger was opened before. From any thread but the
        ledger's. Raises SettingsError."""
        with self._lock:
            if self._open is None:
                return False
            ledger, loop = self._open
            setting = asyncio.run_coroutine_threadsafe(_set_cap(ledger, node, eur, who, why, repeat), loop)
        setting.result(PATIENCE_S)
        return True


async def _set_cap(ledger: Ledger, node: str, eur: str, who: str, why: str, repeat: bool) -> None:
    now = next((line.cap for line in ledger.lines() if line.node == node), None)
    if not repeat or now != cap_of(eur):
        await ledger.set_cap(node, eur, who, why)
