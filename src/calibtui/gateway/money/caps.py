"""Which cap is in force: the newest thing anybody said.

calibtui.toml declares caps and `calibtui budget set` changes them. A set cap stays until the file's cap, period or zone
of that node is changed, which wins then, being newer; and each of these changes is a row of the audit.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import ROUND_FLOOR, Decimal, InvalidOperation, localcontext

from calibtui.core.errors import SettingsError
from calibtui.core.money import MICRO
from calibtui.store.ledger import AuditRow
from calibtui.workspace.settings import BudgetSettings

LARGEST_EUR = 1_000_000_000


def cap_of(eur: float | int | str) -> int:
    """EUR as a cap in micro-EUR, rounded down: a cap never lets through more than was written. Raises SettingsError."""
    try:
        exact = Decimal(str(eur))
    except InvalidOperation:
        exact = Decimal("NaN")
    if not exact.is_finite() or not 0 <= exact <= LARGEST_EUR:
        raise SettingsError(
            f"A budget of {eur!s:.40} EUR can't be set.", f"Write a number from 0 to {LARGEST_EUR}, such as 12.50."
        )
    with localcontext(rounding=ROUND_FLOOR):
        return int((exact * MICRO).to_integral_value())


def declared_period(settings: BudgetSettings) -> str:
    """The period as the audit writes it, such as "month UTC"."""
    return "none" if settings.period == "none" else f"{settings.period} {settings.zone}"


def changes_of_file(
    budgets: Mapping[str, BudgetSettings], history: Iterable[AuditRow], who: str, at: float
) -> list[AuditRow]:
    """Audit rows for what the file declares otherwise than it last did; `history` are the changes of caps so far."""
    history = list(history)
    current = caps_in_force(history)
    last = {row.node: (row.to_micro_eur, row.period) for row in history if row.kind == "file" and row.node}
    changed = []
    for node, settings in budgets.items():
        cap, period = cap_of(settings.eur), declared_period(settings)
        if last.get(node) != (cap, period):
            why = "changed in calibtui.toml" if last.get(node, (None,))[0] is not None else "new in calibtui.toml"
            changed.append(AuditRow(at, "file", node, None, who, current.get(node), cap, period, why))
    for node, (cap_then, _) in last.items():
        if node not in budgets and cap_then is not None:
            why = "no longer in calibtui.toml"
            changed.append(AuditRow(at, "file", node, None, who, current.get(node), None, None, why))
    return changed


def caps_in_force(history: Iterable[AuditRow]) -> dict[str, int]:
    """micro-EUR by node, the newest row of each node last in `history`."""
    caps: dict[str, int] = {}
    for row in history:
        if row.node is not None and row.to_micro_eur is not None:
            caps[row.node] = row.to_micro_eur
        elif row.node is not None:
            caps.pop(row.node, None)
    return caps
