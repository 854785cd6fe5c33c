"""Who spent what, who changed which cap; micro-EUR throughout."""

from __future__ import annotations

from typing import ClassVar

import msgspec

from calibtui.engine.wire.exchange import Command, Query
from calibtui.engine.wire.snapshot import Budget


class Spend(msgspec.Struct, frozen=True, kw_only=True):
    node: str
    model: str
    prompt: str
    run: str
    calls: int
    input_tokens: int
    output_tokens: int
    spent: int


class Audit(msgspec.Struct, frozen=True, kw_only=True):
    """A changed cap or a reconciled difference. `before` and `after` None: there was, or is, no cap."""

    at: float
    by: str
    node: str
    before: int | None
    after: int | None
    why: str


class Books(msgspec.Struct, frozen=True, kw_only=True):
    """`unsettled`: calls without a reply's usage, counted at their worst case, and what they hold together."""

    budgets: tuple[Budget, ...]
    spending: tuple[Spend, ...]
    audit: tuple[Audit, ...]
    unsettled: int
    unsettled_held: int


class Money(Query[Books], frozen=True, kw_only=True):
    path: ClassVar[str] = "money"
    answer: ClassVar[type] = Books


class SetCap(Command, frozen=True, kw_only=True):
    """A new cap for a node, with the reason for the audit trail; refused with "confirmation" unless `confirmed`."""

    path: ClassVar[str] = "set-cap"
    node: str
    eur: str
    why: str
    confirmed: bool = False
