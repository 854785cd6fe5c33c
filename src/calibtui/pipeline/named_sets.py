"""Sets by the names that people gave them."""

from __future__ import annotations

from calibtui.core.errors import ConfigurationError
from calibtui.store.knobs import SetRow
from calibtui.store.store import Store

SHORT = 12


def named_set(store: Store, name: str) -> SetRow:
    """The set of that name, of a digest that begins so, or for "" the newest. Raises ConfigurationError."""
    rows = store.set_names.sets()
    wanted = name.removeprefix("sha256:")
    row = next((row for row in rows if name and row.name == name), None) or next(
        (row for row in rows if row.digest.removeprefix("sha256:").startswith(wanted)), None
    )
    if row is None:
        hint = f"There are {', '.join(map(shown_name, rows[:5]))}." if rows else "Run `calibtui --batch` first."
        raise ConfigurationError(
            f"There is no set {name[:60]!r}." if name else "There is no calibration set yet.", hint
        )
    return row


def shown_name(row: SetRow) -> str:
    """The set's name, or the beginning of its digest."""
    return row.name or row.digest.removeprefix("sha256:")[:SHORT]
