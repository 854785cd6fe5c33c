"""A benchmark's rows as a table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table


def print_table(result: Mapping[str, Any]) -> None:
    """Prints `result["rows"]`: each has what, value, unit, and where it is held to something ratio, target, ok."""
    table = Table(title=str(result["name"]), title_justify="left", title_style="bold")
    table.add_column("what")
    table.add_column("value", justify="right")
    table.add_column("unit")
    table.add_column("ratio", justify="right")
    table.add_column("target")
    table.add_column("")
    for row in result["rows"]:
        verdict = {True: "✓ met", False: "✗ missed"}.get(row.get("ok"), "")
        table.add_row(
            str(row["what"]), _number(row.get("value")), str(row.get("unit") or ""),
            _number(row.get("ratio")), str(row.get("target") or ""), verdict,
        )  # fmt: skip
    console = Console(highlight=False)
    console.width = max(console.width, 110)
    console.print(table)


def _number(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:,.3g}" if abs(value) < 100 else f"{value:,.0f}"
    return "" if value is None else f"{value:,}" if isinstance(value, int) else str(value)
