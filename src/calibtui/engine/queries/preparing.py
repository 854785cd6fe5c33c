"""What is worked out before anybody asks, so that the first who does needn't wait."""

from __future__ import annotations

from calibtui.engine.queries.frame_order import prepare_orders
from calibtui.engine.queries.neighbours import pool_sketch
from calibtui.engine.queries.pool_view import pool_view
from calibtui.engine.queries.registry import QueryContext


def prepare(context: QueryContext) -> None:
    """The orders of the pool when it returns; what a large pool's frames look like is still being worked out then."""
    view = pool_view(context)
    prepare_orders(context, view)
    pool_sketch(context, view.rows)
