"""The table of the comparison as rows: float and up to three INT8 models, figure by figure. Pure; drawn elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from calibtui.core.text import one_line
from calibtui.engine.wire.models import Comparison, Figures
from calibtui.tui.widgets.points import change, file_size, milliseconds, points, signed

MOST_RUNS = 4


@dataclass(frozen=True, slots=True)
class Cell:
    """`text` of the figure, `change` against float with its sign, "" where there is none; `worse`: 1 where it is lower
    than float, −1 where it is higher, 0 where neither or unknown."""

    text: str
    change: str = ""
    worse: int = 0


@dataclass(frozen=True, slots=True)
class TableRow:
    """`cells`: the float model, then one a run. `heading`: a title line without cells."""

    name: str
    cells: tuple[Cell, ...] = ()
    heading: bool = False
    reference: float | None = None
    values: tuple[float | None, ...] = ()


def table_rows(runs: Sequence[Comparison]) -> tuple[TableRow, ...]:
    """Rows of the runs given, the first of them setting the float column; each change is against the run's own float
    figures. Classes that lost most in the first run come first, unknown ones last."""
    if not runs:
        return ()
    overall = (("mAP 50–95", "map"), ("mAP 50", "map50"), ("mAP 75", "map75"))
    sizes = (("small objects", "map_small"), ("medium objects", "map_medium"), ("large objects", "map_large"))
    return (
        *(_figure(name, runs, attribute) for name, attribute in overall),
        *(_figure(name, runs, attribute) for name, attribute in sizes),
        _drop(runs),
        TableRow("on this machine", heading=True),
        _size(runs),
        _speed(runs),
        TableRow("by class", heading=True),
        *_classes(runs),
    )


def _figure(name: str, runs: Sequence[Comparison], attribute: str) -> TableRow:
    pairs = [(getattr(run.reference, attribute), getattr(run.int8, attribute)) for run in runs]
    return _row(name, pairs)


def _row(name: str, pairs: Sequence[tuple[float | None, float | None]]) -> TableRow:
    cells = (Cell(points(pairs[0][0])), *(_cell(before, after) for before, after in pairs))
    return TableRow(name, cells, False, pairs[0][0], tuple(after for _, after in pairs))


def _cell(before: float | None, after: float | None) -> Cell:
    difference = change(before, after)
    text = signed(difference) if difference is not None else ""
    return Cell(points(after), text, 1 if text.startswith("−") else -1 if text.startswith("+") else 0)


def _drop(runs: Sequence[Comparison]) -> TableRow:
    """The change of mAP50–95 with its 95 % interval."""
    cells = [Cell(f"{signed(-run.high)} to {signed(-run.low)}") for run in runs]
    return TableRow("95 % interval", (Cell(""), *cells))


def _size(runs: Sequence[Comparison]) -> TableRow:
    cells = [
        Cell(file_size(run.int8.size_bytes), _ratio(run.int8.size_bytes, run.reference.size_bytes)) for run in runs
    ]
    return TableRow("file", (Cell(file_size(runs[0].reference.size_bytes)), *cells))


def _speed(runs: Sequence[Comparison]) -> TableRow:
    cells = [Cell(milliseconds(run.int8.ms_per_frame), _speed_up(run.reference, run.int8)) for run in runs]
    return TableRow("one inference", (Cell(milliseconds(runs[0].reference.ms_per_frame)), *cells))


def _ratio(part: float, whole: float) -> str:
    return f"{100 * part / whole:.0f} %" if part > 0 and whole > 0 else ""


def _speed_up(reference: Figures, int8: Figures) -> str:
    both = reference.ms_per_frame > 0 and int8.ms_per_frame > 0
    return f"{reference.ms_per_frame / int8.ms_per_frame:.2f}×" if both else ""


def _classes(runs: Sequence[Comparison]) -> list[TableRow]:
    names = dict.fromkeys(name for run in runs for name in (*run.reference.per_class, *run.int8.per_class))
    rows = [
        _row(name, [(run.reference.per_class.get(name), run.int8.per_class.get(name)) for run in runs])
        for name in names
    ]

    def lost(row: TableRow) -> tuple[bool, float]:
        difference = change(row.reference, row.values[0])
        return (difference is None, difference or 0.0)

    return sorted(rows, key=lost)


def as_text(runs: Sequence[Comparison], titles: Sequence[str]) -> str:
    """The table as text with tabs between the columns, for a spreadsheet or a message."""
    lines = ["\t".join(["", "float", *titles])]
    for row in table_rows(runs):
        cells = [f"{cell.text} ({cell.change})" if cell.change else cell.text for cell in row.cells]
        lines.append("\t".join([one_line(row.name), *cells]))
    return "\n".join(lines)
