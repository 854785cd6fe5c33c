"""What `calibtui status` and `calibtui budget show` show, for when an engine holds the store."""

from __future__ import annotations

import json
import time
from dataclasses import asdict

from calibtui.core.errors import ConfigurationError
from calibtui.engine.queries.registry import QueryContext, answers
from calibtui.engine.wire.runs import Headless, Sheet
from calibtui.pipeline.money import Books, balances
from calibtui.pipeline.status import status_of


@answers(Headless)
def headless(context: QueryContext, query: Headless) -> Sheet:
    """Raises ConfigurationError for a `what` that there isn't."""
    if query.what == "status":
        return Sheet(text=json.dumps(asdict(status_of(context.store, context.settings)), default=dict))
    if query.what == "books":
        return Sheet(text=json.dumps(asdict(_books(context)), default=dict))
    raise ConfigurationError(f"An engine has no {query.what!r} to show.")


def _books(context: QueryContext) -> Books:
    """As on disk, where every hold is before its request leaves."""
    store = context.store
    begun = [job.started_at for job in store.jobs.unfinished() if job.state == "running" and job.started_at is not None]
    flying_since = min(begun, default=time.time())
    unsettled = sum(call.held_at < flying_since for call in store.ledger.unsettled())
    lines = balances(context.settings, store, time.time())
    return Books(lines, tuple(store.ledger.audit()), tuple(store.spending.by_model()), unsettled)
