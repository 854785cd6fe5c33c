"""The draft made a set that doesn't change any more."""

from __future__ import annotations

import math
import time

import numpy as np

from calibtui.core.errors import ConfigurationError
from calibtui.engine.queries.judged import pipeline_context
from calibtui.engine.queries.pool_view import PoolView, pool_view
from calibtui.engine.queries.registry import QueryContext, does
from calibtui.engine.wire.exchange import Done
from calibtui.engine.wire.sets import Lock
from calibtui.pipeline.cascade import JudgedPool
from calibtui.pipeline.questions import Verdicts
from calibtui.pipeline.select_stage import select_set

LONGEST_NAME = 80


@does(Lock)
def lock(context: QueryContext, command: Lock) -> Done:
    """Raises ConfigurationError for a name that can't be or is taken, and where nothing can be chosen."""
    name = command.name.strip()
    if not name or len(name) > LONGEST_NAME or not name.isprintable() or name == "last":
        raise ConfigurationError(
            f"{name[:40]!r} can't be a set's name.", f"Give it 1 to {LONGEST_NAME} characters, such as release-7."
        )
    if context.store.set_names.digest_of(name) is not None:
        raise ConfigurationError(f"A set is named {name} already.", "Sets don't change: choose another name.")
    view = pool_view(context, worth_s=math.inf)
    chosen = select_set(pipeline_context(context), judged_by(context, view))
    summary = chosen.summary
    context.store.set_names.name(name, summary.digest, context.user, time.time())
    ended = {digest: "" for digest, mark in context.store.marks.all().items() if mark in ("picked", "dropped")}
    context.store.marks.set(ended, f"the picks and drops of {name} ended as it was locked", context.user, time.time())
    return Done(said=f"{name} is locked: {summary.size} frames by {summary.strategy}.", files=(summary.manifest,))


def judged_by(context: QueryContext, view: PoolView) -> JudgedPool:
    """What `pipeline.cascade.judged_pool` would say, from what is known already."""
    frames = context.store.frames.usable("pool", unique=True)
    if len(frames) != view.rows.usable:
        raise ConfigurationError("The pool is being indexed.", "Try again when that has ended.")
    places = np.arange(view.rows.usable)
    verdicts = Verdicts(
        view.judged.difficulty[: view.rows.usable], tuple(view.judged.reasons_of(places)), view.judged.models
    )
    return JudgedPool(frames, verdicts, view.judged.prompt)
