"""The pool as it is now: new and changed files are indexed, the rest is known already."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Sequence

from calibtui.core.errors import PoolError
from calibtui.core.frames import Candidate
from calibtui.core.summary import PoolSummary
from calibtui.pipeline.context import Context, workers
from calibtui.pool.index import DESCRIPTOR_VERSION, changed, index_frames
from calibtui.pool.sources import find_candidates
from calibtui.store.frames import Role


def index_pool(context: Context) -> PoolSummary:
    """Brings the pool's rows up to date. Raises PoolError where no file of it is a readable image."""
    index_role(context, "pool", context.settings.pool.images)
    counts = context.store.frames.counts("pool")
    if counts.frames == 0:
        uri, reason = context.store.frames.unreadable("pool")[0]
        raise PoolError(
            f"None of the pool's {counts.unreadable} files is a readable image; the first is {uri}: {reason}",
            "Check [pool] images in calibtui.toml.",
        )
    if counts.unreadable:
        context.note(f"{counts.unreadable} of the pool's files are not readable images; `calibtui status` names them.")
    return PoolSummary(**dataclasses.asdict(counts))


def index_role(context: Context, role: Role, images: Sequence[str]) -> None:
    """Indexes what `images` name under `role`, batch by batch, each committed before the next is read."""
    frames = context.store.frames
    context.tell("pool", 0, 0, "looking for files")
    candidates = find_candidates(images, context.root)
    known = frames.known(role, DESCRIPTOR_VERSION)
    fresh = changed(candidates, known)
    done, started = 0, time.monotonic()
    for batch in index_frames(fresh, {}, workers=workers(), stop=context.stop):
        frames.write(role, batch, DESCRIPTOR_VERSION)
        done += len(batch)
        context.tell("pool", done, len(fresh), f"{done / max(time.monotonic() - started, 1e-9):,.0f} frames/s")
    context.stop.raise_if_set()
    _mark_present(context, role, candidates)
    frames.set_columns(role, {candidate.uri: candidate.columns for candidate in candidates if candidate.columns})


def _mark_present(context: Context, role: Role, candidates: Sequence[Candidate]) -> None:
    named = {candidate.uri for candidate in candidates}
    absent = context.store.frames.absent(role)
    gone = context.store.frames.uris(role) - named - absent
    context.store.frames.set_present(role, gone=gone, back=absent & named)
