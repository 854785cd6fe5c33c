"""Decoding ahead of the model: pictures are read and prepared in threads while the one before is being inferred."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Ready = TypeVar("Ready")


def prefetched(
    items: Iterable[Item], load: Callable[[Item], Ready], *, workers: int, ahead: int = 8
) -> Iterator[tuple[Item, Ready]]:
    """(item, load(item)) in the order of `items`, with at most `ahead` loaded and not yet taken, so that memory stays
    flat.
    An error of `load` is raised when its item's turn comes."""
    with ThreadPoolExecutor(workers, thread_name_prefix="decode") as pool:
        waiting: deque[tuple[Item, Future[Ready]]] = deque()
        try:
            for item in items:
                waiting.append((item, pool.submit(load, item)))
                if len(waiting) > ahead:
                    ready, future = waiting.popleft()
                    yield ready, future.result()
            while waiting:
                ready, future = waiting.popleft()
                yield ready, future.result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
