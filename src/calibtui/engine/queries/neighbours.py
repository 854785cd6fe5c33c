"""Frames that look like one: by the cosine of their descriptors."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from calibtui.core.errors import ConfigurationError
from calibtui.engine.queries.descriptor_sketch import Sketch, newest_sketch
from calibtui.engine.queries.pool_rows import PoolRows
from calibtui.engine.queries.pool_view import PoolView
from calibtui.engine.queries.registry import QueryContext
from calibtui.engine.queries.remembering import remembered
from calibtui.engine.wire.frames import Neighbour
from calibtui.pool.index import DESCRIPTOR_SIZE, DESCRIPTOR_VERSION

SHOWN = 6
IN_MEMORY = 200_000
"""Frames whose descriptors are kept beside the store: 200 MB; of a larger pool a sketch is."""
KEPT = 256


def neighbours(context: QueryContext, view: PoolView, members: NDArray[np.bool_], place: int) -> tuple[Neighbour, ...]:
    """The SHOWN frames of the pool most like the one at `place`, the likest first."""
    rows = view.rows
    if place >= rows.usable:
        return ()
    try:
        near = remembered(
            context, "neighbours", (rows.extent, place), lambda: _nearest(context, rows, place), most=KEPT
        )
    except ConfigurationError:
        return ()
    difficulty = view.judged.difficulty
    return tuple(
        Neighbour(
            digest=rows.digest(other),
            uri=rows.uri(other),
            similarity=similarity,
            difficulty=None if np.isnan(difficulty[other]) else float(difficulty[other]),
            in_set=bool(members[other]),
        )
        for other, similarity in near
    )


def descriptors(context: QueryContext, rows: PoolRows) -> NDArray[np.float32]:
    """(U, D) float32 of unit length, of the usable frames by place."""
    return remembered(context, "descriptors", rows.extent, lambda: stored_descriptors(context, rows.usable_digests()))


def stored_descriptors(context: QueryContext, digests: Sequence[str]) -> NDArray[np.float32]:
    """(P, D) float32. Raises ConfigurationError where the pool was indexed by another version."""
    try:
        found = context.store.frames.descriptors(digests, DESCRIPTOR_VERSION)
    except ValueError:
        found = np.zeros((0, 0), np.float32)
    if found.shape != (len(digests), DESCRIPTOR_SIZE):
        raise ConfigurationError("The pool was indexed by another version of calibtui.", "Index it anew.")
    return found


def pool_sketch(context: QueryContext, rows: PoolRows) -> Sketch | None:
    """Of a pool of more than IN_MEMORY frames; None while it is being made."""
    if rows.usable <= IN_MEMORY:
        return None
    return newest_sketch(context, rows, DESCRIPTOR_VERSION)


def _nearest(context: QueryContext, rows: PoolRows, place: int) -> list[tuple[int, float]]:
    if rows.usable <= IN_MEMORY:
        vectors = descriptors(context, rows)
        cosine = vectors @ vectors[place]
        cosine[place] = -np.inf
        count = min(SHOWN, rows.usable - 1)
        if count < 1:
            return []
        best = np.argpartition(-cosine, count - 1)[:count]
        best = best[np.argsort(-cosine[best], kind="stable")]
        return [(int(other), float(cosine[other])) for other in best]
    sketch = pool_sketch(context, rows)
    if sketch is not None:
        return sketch.nearest(place, SHOWN)
    own = stored_descriptors(context, [rows.digest(place)])[0]
    found = context.store.browsing.nearest(own.tolist(), DESCRIPTOR_VERSION, SHOWN + 1)
    places = rows.places([digest for digest, _ in found])
    near = [(int(other), cosine) for other, (_, cosine) in zip(places, found, strict=True)]
    return [(other, cosine) for other, cosine in near if other not in (-1, place)][:SHOWN]
