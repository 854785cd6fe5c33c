"""Money from the command line: balances, caps, reconciliation, and who spent what."""

from __future__ import annotations

import asyncio
import csv
import json
import os
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from calibtui.core.errors import ConfigurationError
from calibtui.core.money import micro_eur
from calibtui.core.summary import BudgetLine
from calibtui.gateway.money.balances import fill
from calibtui.gateway.money.budget_tree import BudgetTree
from calibtui.gateway.money.caps import caps_in_force, changes_of_file
from calibtui.gateway.money.ledger import Ledger
from calibtui.gateway.money.os_user import os_user
from calibtui.gateway.money.reconciliation import Difference
from calibtui.gateway.money.virtual_keys import VARIABLE, node_of_key
from calibtui.store.ledger import AuditRow
from calibtui.store.spending import SpendRow
from calibtui.store.store import Store
from calibtui.workspace.settings import Settings

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Books:
    """`lines` a budget node; `audit` newest last; `spent` by node, prompt and model; `unsettled` calls of crashed
    runs."""

    lines: tuple[BudgetLine, ...]
    audit: tuple[AuditRow, ...]
    spent: tuple[SpendRow, ...]
    unsettled: int


def node_charged(store: Store, settings: Settings, environ: Mapping[str, str] = os.environ) -> str | None:
    """The budget node that this process's calls go to: by the virtual key in the environment, else by the OS user.
    None without
    [budgets]. Raises SettingsError where neither names one."""
    if not settings.budgets:
        return None
    if key := environ.get(VARIABLE):
        return node_of_key(store.keys, settings.budgets, key)
    return BudgetTree.from_settings(settings.budgets).node_of(os_user())


def read_books(settings: Settings) -> Books:
    """What the ledger says now."""

    async def work(ledger: Ledger, store: Store) -> Books:
        unsettled = len(await ledger.unsettled())
        return Books(ledger.lines(), tuple(await ledger.audit()), tuple(store.spending.by_model()), unsettled)

    return _with_ledger(settings, work)


def balances(settings: Settings, store: Store, now: float) -> tuple[BudgetLine, ...]:
    """Every node's cap and balance in the period of `now` (UTC seconds), read from the rows alone: nothing is written,
    and another ledger may be open. Raises SettingsError."""
    tree = BudgetTree.from_settings(settings.budgets)
    history = store.ledger.caps()
    fill(tree, store.ledger, caps_in_force([*history, *changes_of_file(settings.budgets, history, "", now)]), now)
    return tree.lines(now)


def set_cap(settings: Settings, node: str, eur: str, why: str) -> tuple[BudgetLine, ...]:
    """Changes a cap durably, with its audit row. Raises SettingsError for an unknown node or a cap that is no
    amount."""

    async def work(ledger: Ledger, _: Store) -> tuple[BudgetLine, ...]:
        await ledger.set_cap(node, eur, os_user(), why)
        return ledger.lines()

    return _with_ledger(settings, work)


def set_cap_in(store: Store, settings: Settings, node: str, eur: str, who: str, why: str) -> tuple[BudgetLine, ...]:
    """The same in a store that is open already, by whoever `who` is."""

    async def work() -> tuple[BudgetLine, ...]:
        async with Ledger.open(store.ledger, settings.budgets, who=who) as ledger:
            await ledger.set_cap(node, eur, who, why)
            return ledger.lines()

    return asyncio.run(work())


def reconcile(settings: Settings, statement: Path | None, why: str, *, complete: bool) -> list[Difference]:
    """Settles what crashes left open by a statement of EUR a call id (.json object or .csv with two columns)."""
    stated = _statement(statement) if statement is not None else {}

    async def work(ledger: Ledger, _: Store) -> list[Difference]:
        return await ledger.reconcile(stated, who=os_user(), why=why, complete=complete)

    return _with_ledger(settings, work)


def _with_ledger(settings: Settings, work: Callable[[Ledger, Store], Awaitable[Result]]) -> Result:
    async def run() -> Result:
        with Store(settings.state) as store:
            async with Ledger.open(store.ledger, settings.budgets) as ledger:
                return await work(ledger, store)

    return asyncio.run(run())


def _statement(path: Path) -> dict[str, int]:
    try:
        text = path.read_text(encoding="utf-8")
        if path.suffix.lower() == ".json":
            rows = list(json.loads(text).items())
        else:
            rows = [(row[0], row[1]) for row in csv.reader(text.splitlines()) if row]
        return {str(call_id): micro_eur(str(amount).strip()) for call_id, amount in rows}
    except OSError as error:
        raise ConfigurationError(f"The statement {path} can't be read: {error.strerror}.") from error
    except (ValueError, AttributeError, IndexError) as error:
        raise ConfigurationError(
            f"The statement {path} is not what was expected: {error}.",
            'A JSON object {"call id": EUR, …}, or CSV rows of call id and EUR, without a header.',
        ) from error
