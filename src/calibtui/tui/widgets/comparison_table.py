"""Float, INT8 and earlier runs side by side."""

from __future__ import annotations

from collections.abc import Sequence

from calibtui.engine.wire.models import Comparison
from calibtui.tui.figures import moment
from calibtui.tui.text import padded, right
from calibtui.tui.widgets.comparison_rows import Cell, TableRow, as_text, table_rows
from calibtui.tui.widgets.lines import Line, Span
from calibtui.tui.widgets.points import known
from calibtui.tui.widgets.row_list import RowList
from calibtui.tui.widgets.verdict import BETTER, WORSE, sign_of

_FLOAT, _NARROW, _WIDE = 9, 15, 20
_NAMES = 14
_LEAST_BAR, _MOST_BAR = 12, 40


class ComparisonTable(RowList[TableRow]):
    """The first run's columns come right after float. A change has a colour only in runs whose whole interval says that
    there is one: else the colour would claim what was not measured."""

    HELP = """\
mAP in points, 0 to 100, on the evaluation frames; behind each INT8 figure its change against float. A change has a
colour
only where the run's whole interval says that there is one. A single class has no interval of its own: the fewer
objects, the more of it is chance."""

    def __init__(self, id: str | None = None) -> None:
        super().__init__(self._row, self._titles, empty="…", id=id)
        self._runs: Sequence[Comparison] = ()

    def show_runs(self, runs: Sequence[Comparison], empty: str = "") -> None:
        self._runs = runs
        self.show(table_rows(runs), empty=empty)

    def copied(self) -> str:
        """The table with tabs between its columns."""
        return as_text(self._runs, [f"{run.set_name} {moment(run.at)}" for run in self._runs]) if self._runs else ""

    def _cells(self, width: int) -> tuple[int, int]:
        """Cells of the names and of one run."""
        each = min(_WIDE, max(8, (width - _NAMES - _FLOAT) // max(1, len(self._runs))))
        return max(6, min(24, width - _FLOAT - each * len(self._runs))), each

    def _titles(self, width: int) -> Line:
        names, each = self._cells(width)
        return [
            (padded("points", names), "muted"),
            (right("float", _FLOAT), "strong"),
            *((right(column_title(run, each - 1), each), "title") for run in self._runs),
        ]

    def _row(self, row: TableRow, width: int) -> Line:
        names, each = self._cells(width)
        if row.heading:
            return [(row.name, "muted")]
        main = row is self.rows[0]
        spans: list[Span] = [(padded(row.name, names), "strong" if main else "plain")]
        spans.append((right(row.cells[0].text, _FLOAT), "strong" if main else "plain"))
        for run, cell in zip(self._runs, row.cells[1:], strict=True):
            spans += _cell(cell, each, run, main)
        room = width - names - _FLOAT - each * len(self._runs) - 2
        if room >= _LEAST_BAR and row.values:
            spans += [("  ", "plain"), *_bar(row.reference, row.values[0], min(_MOST_BAR, room), self._runs[0])]
        return spans


def _cell(cell: Cell, each: int, run: Comparison, main: bool) -> list[Span]:
    if not cell.change:
        return [(right(cell.text, each), "strong" if main else "plain")]
    changes = min(7, each // 2)
    role = "muted"
    if cell.worse and sign_of(run) in (WORSE, BETTER):
        role = "bad" if cell.worse > 0 else "good"
    return [(right(cell.text, each - changes), "strong" if main else "plain"), (right(cell.change, changes), role)]


def _bar(reference: float | None, value: float | None, width: int, run: Comparison) -> list[Span]:
    """What both reach as a heavy line, then dashes for what INT8 lost or a double line for what it gained."""
    if reference is None or value is None or not (known(reference) and known(value)):
        return []
    kept = round(width * min(reference, value))
    more = round(width * max(reference, value)) - kept
    measured = sign_of(run) in (WORSE, BETTER)
    lost = value < reference
    return [
        ("━" * kept, "accent"),
        (("┄" if lost else "═") * more, ("bad" if lost else "good") if measured else "muted"),
    ]


def column_title(run: Comparison, width: int) -> str:
    """The set's name where there is room, else when it was."""
    when = moment(run.at)
    for title in (f"{run.set_name} {when[5:]}", f"{run.set_name} {when[11:]}", when[5:], when[11:]):
        if len(title) <= width:
            return title
    return when[11:]
