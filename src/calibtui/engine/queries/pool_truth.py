"""The pool's annotations as columns, read beside the answers where they take long."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Hashable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from calibtui.core.boxes import Annotations
from calibtui.core.errors import CalibtuiError
from calibtui.engine.queries.pool_rows import PoolRows
from calibtui.engine.queries.registry import QueryContext
from calibtui.engine.queries.remembering import place_for
from calibtui.pool.annotations import load_annotations

AT_ONCE = 20_000
"""Frames whose annotations are read while somebody waits for them."""


@dataclass(frozen=True)
class Truth:
    """Objects of N places, those of place i from `start[i]` to `start[i + 1]`: `boxes` (M, 4) float32 px, `label` (M,)
    int32, an index of `classes`. `annotated` (N,): named by the annotations, with objects or without. `warning`: why
    there are none."""

    classes: tuple[str, ...]
    start: NDArray[np.int64]
    boxes: NDArray[np.float32]
    label: NDArray[np.int32]
    annotated: NDArray[np.bool_]
    warning: str = ""
    number: int = 0

    @cached_property
    def objects(self) -> NDArray[np.int64]:
        """(N,) objects of each place."""
        return np.diff(self.start)

    @cached_property
    def different(self) -> NDArray[np.int64]:
        """(N,) different classes of each place."""
        pairs = np.unique(self.place_of * max(1, len(self.classes)) + self.label)
        return np.bincount(pairs // max(1, len(self.classes)), minlength=len(self.annotated)).astype(np.int64)

    @cached_property
    def place_of(self) -> NDArray[np.int64]:
        """(M,) the place of each object."""
        return np.repeat(np.arange(len(self.annotated)), self.objects)

    @cached_property
    def frames_of_class(self) -> NDArray[np.int64]:
        """(C,) places that show each class."""
        pairs = np.unique(self.place_of * max(1, len(self.classes)) + self.label)
        return np.bincount(pairs % max(1, len(self.classes)), minlength=len(self.classes)).astype(np.int64)

    def classes_at(self, place: int) -> tuple[tuple[str, int], ...]:
        """Names with counts, most first."""
        labels = self.label[self.start[place] : self.start[place + 1]]
        counted = Counter(labels.tolist())
        return tuple(
            (self.classes[label], count) for label, count in sorted(counted.items(), key=lambda p: (-p[1], p[0]))
        )

    def shown_in(self, places: NDArray[np.int64]) -> NDArray[np.int64]:
        """(C,) how many of `places` show each class."""
        counts = np.zeros(len(self.classes), np.int64)
        for place in places:
            counts[np.unique(self.label[self.start[place] : self.start[place + 1]])] += 1
        return counts

    def strata(self) -> list[str]:
        """One a place: the rarest class that it shows, as the strategy `stratified` has it."""
        frequency = self.frames_of_class
        order = np.lexsort((np.arange(len(self.classes)), frequency))
        rank = np.empty(len(order), np.int64)
        rank[order] = np.arange(len(order))
        rarest = np.full(len(self.annotated), len(order), np.int64)
        np.minimum.at(rarest, self.place_of, rank[self.label])
        names = [*(self.classes[label] for label in order), "nothing"]
        return [
            names[rarest[place]] if annotated else "not annotated" for place, annotated in enumerate(self.annotated)
        ]


class TruthReader:
    """For several threads. Annotations of a large pool are read by one of its own; meanwhile nothing is known."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._key: Hashable = None
        self._truth: Truth | None = None
        self._thread: threading.Thread | None = None
        self._read = 0

    def read(self, context: QueryContext, rows: PoolRows, *, wait: bool) -> Truth | None:
        key = _key(context, rows)
        with self._lock:
            if key != self._key:
                self._key, self._truth = key, None
                self._thread = threading.Thread(target=self._make, args=(context, rows, key), daemon=True)
                self._thread.start()
            thread = self._thread
        if thread is not None and (wait or rows.usable <= AT_ONCE):
            thread.join()
        return self._truth

    def _make(self, context: QueryContext, rows: PoolRows, key: Hashable) -> None:
        truth = _load(context, rows)
        with self._lock:
            if key == self._key:
                self._read += 1
                self._truth = replace(truth, number=self._read)


def pool_truth(context: QueryContext, rows: PoolRows, *, wait: bool = False) -> Truth | None:
    """The pool's annotations; None without any, and while they are being read, unless `wait`."""
    if context.settings.pool.annotations is None or not rows.usable:
        return None
    return place_for(context, "truth reader", TruthReader).read(context, rows, wait=wait)


def _key(context: QueryContext, rows: PoolRows) -> Hashable:
    where = context.settings.pool.annotations
    path = context.settings.root / str(where)
    try:
        about = path.stat()
    except OSError:
        return (rows.extent, where, None)
    return (rows.extent, where, about.st_mtime_ns, about.st_size)


def _load(context: QueryContext, rows: PoolRows) -> Truth:
    uris = rows.usable_uris()
    sizes = zip(rows.width[: rows.usable].tolist(), rows.height[: rows.usable].tolist(), strict=True)
    try:
        annotations = load_annotations(
            str(context.settings.pool.annotations),
            context.settings.root,
            uris,
            dict(zip(uris, sizes, strict=True)),
            None,
        )
    except CalibtuiError as error:
        return _nothing(rows, error.message)
    return columns_of(annotations, uris, len(rows))


def columns_of(annotations: Annotations, uris: list[str], count: int) -> Truth:
    """`annotations` of the frames `uris`, which are the first of `count` places."""
    found = [annotations.by_uri.get(uri) for uri in uris]
    objects = np.zeros(count, np.int64)
    objects[: len(found)] = [0 if truth is None else len(truth) for truth in found]
    annotated = np.zeros(count, bool)
    annotated[: len(found)] = [truth is not None for truth in found]
    shown = [truth for truth in found if truth is not None and len(truth)]
    return Truth(
        classes=tuple(annotations.classes),
        start=_starts(objects),
        boxes=np.concatenate([truth.boxes for truth in shown] or [np.zeros((0, 4))]).astype(np.float32),
        label=np.concatenate([truth.classes for truth in shown] or [np.zeros(0, np.int64)]).astype(np.int32),
        annotated=annotated,
    )


def _nothing(rows: PoolRows, warning: str) -> Truth:
    empty = np.zeros(0, np.int32)
    annotated = np.zeros(len(rows), bool)
    return Truth((), np.zeros(len(rows) + 1, np.int64), np.zeros((0, 4), np.float32), empty, annotated, warning)


def _starts(objects: NDArray[np.int64]) -> NDArray[np.int64]:
    starts = np.zeros(len(objects) + 1, np.int64)
    np.cumsum(objects, out=starts[1:])
    return starts
