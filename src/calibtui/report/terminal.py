"""What a person reads in the terminal: how each stage ended, and the comparison of both models."""

from __future__ import annotations

import math

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from calibtui.core.summary import EvaluationSummary, RunSummary
from calibtui.report.ap_bar import GAINED, KEPT, LOST, ApBar
from calibtui.report.comparison import (
    ApRow,
    class_rows,
    most_changed,
    overall_rows,
    size_ratio,
    speed_up,
)
from calibtui.report.figures import (
    ap_points,
    counted,
    file_size,
    milliseconds,
    money,
    signed_points,
    times,
)
from calibtui.report.judges import judge_in_words, note_on_scores
from calibtui.report.plain_text import plain
from calibtui.report.search_section import search_table
from calibtui.report.stages import stage_lines
from calibtui.report.verdict import State, verdict_of

__all__ = ["comparison_table", "stage_lines"]

CLASSES_LISTED_ALL = 20
CLASSES_LISTED = 12
NAME_CELLS = 28

_STATE_STYLE: dict[State, str] = {
    "worse": "bold red",
    "better": "bold green",
    "level": "bold cyan",
    "unknown": "bold yellow",
}


def comparison_table(summary: RunSummary) -> RenderableType:
    """Verdict, AP of both models with bars, sizes and speed, spend and cache hits; made for 80 columns and more.

    Where the run did not come to an evaluation, one sentence that says so.
    """
    evaluation = summary.evaluation
    if evaluation is None:
        return Text("No comparison: this run did not come to the evaluation of both models.")
    return Group(
        _headline(evaluation),
        Text(),
        _accuracy(evaluation),
        Text(),
        _legend(),
        Text(),
        _files_and_speed(evaluation),
        Text(),
        *_search(summary),
        _closing_lines(summary, evaluation),
    )


def _search(summary: RunSummary) -> tuple[RenderableType, ...]:
    table = search_table(summary)
    return (table, Text()) if table is not None else ()


def _headline(evaluation: EvaluationSummary) -> Text:
    verdict = verdict_of(evaluation)
    style = _STATE_STYLE[verdict.state]
    return Text.assemble(
        (f"{verdict.glyph} {verdict.word}", style), "  ", (verdict.sentence, "bold"), "\n", verdict.detail
    )


def _accuracy(evaluation: EvaluationSummary) -> RenderableType:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1), pad_edge=False, show_edge=False)
    table.add_column("AP in points", overflow="fold", min_width=14, max_width=NAME_CELLS)
    for heading in ("Float", "INT8", "Change"):
        table.add_column(heading, justify="right", no_wrap=True, min_width=6)
    table.add_column("0 to 100", no_wrap=True)
    coloured = verdict_of(evaluation).measured
    for row in overall_rows(evaluation):
        _add(table, row, coloured)
    rows = class_rows(evaluation)
    shown = rows if len(rows) <= CLASSES_LISTED_ALL else most_changed(rows, CLASSES_LISTED)
    if shown:
        table.add_section()
    for row in shown:
        _add(table, row, coloured)
    hidden = len(rows) - len(shown)
    where = ", see report.html" if evaluation.report else ""
    return Group(table, Text(f"… and {hidden:,} more{where}", style="italic")) if hidden else table


def _add(table: Table, row: ApRow, coloured: bool) -> None:
    table.add_row(
        Text(plain(row.name, 120)),
        ap_points(row.reference),
        ap_points(row.int8),
        Text(signed_points(row.change), style=_change_style(row.change) if coloured else ""),
        ApBar(row.reference, row.int8),
    )


def _change_style(points: float) -> str:
    written = signed_points(points)
    return "red" if written.startswith("−") else "green" if written.startswith("+") else ""


def _legend() -> Text:
    return Text.assemble(
        (KEPT, "cyan"), " both models   ", (LOST, "red"), " lost by INT8   ", (GAINED, "green"), " gained by INT8"
    )


def _files_and_speed(evaluation: EvaluationSummary) -> Table:
    reference, int8 = evaluation.reference, evaluation.int8
    ratio = size_ratio(evaluation)
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1), pad_edge=False, show_edge=False)
    table.add_column("On this machine", max_width=NAME_CELLS)
    for heading in ("Float", "INT8"):
        table.add_column(heading, justify="right", no_wrap=True, min_width=8)
    table.add_column("INT8 is", no_wrap=True)
    smaller = "" if math.isnan(ratio) else f"{100 * ratio:.0f} % of the size"
    table.add_row("model file", file_size(reference.size_bytes), file_size(int8.size_bytes), smaller)
    speed = speed_up(evaluation)
    faster = "" if math.isnan(speed) else f"{times(speed)} as fast"
    table.add_row("one inference", milliseconds(reference.ms_per_frame), milliseconds(int8.ms_per_frame), faster)
    return table


def _closing_lines(summary: RunSummary, evaluation: EvaluationSummary) -> Table:
    lines = Table.grid(padding=(0, 2))
    lines.add_column(no_wrap=True)
    lines.add_column(overflow="fold")
    scoring = summary.scoring
    if scoring is not None:
        hits = scoring.exact_hits + scoring.similar_hits
        spent = f"{money(scoring.spent)} for {counted(scoring.calls, 'call')}, {counted(hits, 'cache hit')}"
        lines.add_row("Spent", Text(spent))
        lines.add_row("Scores", Text(judge_in_words(scoring)))
        note = note_on_scores(scoring)
        if note:
            lines.add_row("", Text(f"! {note}", style="yellow"))
    if evaluation.shapes is not None:
        lines.add_row(evaluation.shapes.kind.capitalize(), Text(evaluation.shapes.verdict))
    for note in summary.notes:
        lines.add_row("Note", Text(plain(note)))
    if evaluation.report:
        lines.add_row("Report", Text(plain(evaluation.report, 4096)))
    return lines
