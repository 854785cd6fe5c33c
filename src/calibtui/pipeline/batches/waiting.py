"""Waiting that a stop ends at once, and a pause prolongs."""

from __future__ import annotations

import asyncio
import time

from calibtui.core.progress import StopFlag

WATCH_S = 0.1


async def while_paused(stop: StopFlag) -> None:
    """Returns when it goes on, or is to stop."""
    while stop.paused:  # noqa: ASYNC110 - set by signal handlers and other threads
        await asyncio.sleep(WATCH_S)


async def rest(stop: StopFlag, seconds: float) -> None:
    """For `seconds`, and then as long as it is paused; no longer once it is to stop."""
    until = time.monotonic() + seconds
    while not stop and (left := until - time.monotonic()) > 0:  # noqa: ASYNC110 - set as above
        await asyncio.sleep(min(left, WATCH_S))
    await while_paused(stop)
