"""What a search for INT8 settings weighed: accuracy against the share of multiply-adds in INT8."""

from __future__ import annotations

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from calibtui.core.summary import RunSummary, SearchSummary, TrialLine
from calibtui.report.data import ReportData
from calibtui.report.figures import counted
from calibtui.report.markup import Markup, el
from calibtui.report.plain_text import plain

MARK = "→"
_WIDTH, _HEIGHT, _EDGE = 320, 160, 24


def pareto(search: SearchSummary) -> tuple[TrialLine, ...]:
    """The trials that no other one beats in both share and error, most multiply-adds in INT8 first; and those whose mAP
    was measured, whatever it was."""
    lines = sorted(search.trials, key=lambda line: (-line.int8_multiply_adds, line.error))
    front = [
        line
        for place, line in enumerate(lines)
        if line.drop is not None or all(line.error < better.error for better in lines[:place])
    ]
    return tuple(front)


def search_table(summary: RunSummary) -> RenderableType | None:
    """The Pareto table for the terminal, 80 columns and more; None where nothing was searched for."""
    search = summary.quantization.search if summary.quantization else None
    if search is None or not search.trials:
        return None
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1), pad_edge=False, show_edge=False)
    table.add_column("", no_wrap=True)
    table.add_column("Recipe", overflow="fold")
    for heading in ("In INT8", "Error", "Drop"):
        table.add_column(heading, justify="right", no_wrap=True, min_width=7)
    for line in pareto(search):
        style = "bold" if line.chosen else ""
        table.add_row(MARK if line.chosen else "", Text(plain(line.what, 200), style=style), *_figures(line))
    said = (
        f"{counted(len(search.trials), 'trial')} in the time of {search.evaluations:g} evaluations of the float model; "
        f"drops are of the {counted(search.frames, 'frame')} that were searched on."
    )
    return Group(table, Text(said, style="italic"))


def search_section(data: ReportData) -> Markup | None:
    """The same for the page, with a plot."""
    search = data.summary.quantization.search if data.summary.quantization else None
    if search is None or not search.trials:
        return None
    words = (
        "The share of the multiply-adds in INT8, the error of the outputs on frames without annotation (0: equal to "
        f"float), and the drop in mAP on the {search.frames:,} evaluation frames that were searched on. The figures "
        "of this report are of the other frames."
    )
    titles = ("Recipe", "In INT8", "Error", "Drop", "")
    headings = el("tr", [el("th", title, scope="col") for title in titles])
    rows = [
        el(
            "tr",
            el("th", line.what, scope="row"),
            [el("td", figure) for figure in _figures(line)],
            el("td", "chosen" if line.chosen else "", class_="words"),
            class_="first" if line.chosen else None,
        )
        for line in pareto(search)
    ]
    table = el("div", el("table", el("thead", headings), el("tbody", rows)), class_="wide")
    return el("section", el("h2", "Search"), el("p", words, class_="lead"), _plot(search), table)


def _figures(line: TrialLine) -> tuple[str, str, str]:
    drop = "" if line.drop is None else f"{line.drop:+.2f}".replace("-", "−")
    return f"{100 * line.int8_multiply_adds:.1f} %", f"{line.error:.3f}", drop


def _plot(search: SearchSummary) -> Markup:
    """Share from left to right, error from bottom to top; hidden from screen readers, which have the table."""
    least = min(line.int8_multiply_adds for line in search.trials)
    span = max(1e-9, 1 - least)
    most = max(line.error for line in search.trials) or 1.0

    def circle(line: TrialLine) -> Markup:
        x = _EDGE + (_WIDTH - 2 * _EDGE) * (line.int8_multiply_adds - least) / span
        y = _HEIGHT - _EDGE - (_HEIGHT - 2 * _EDGE) * line.error / most
        shape = el("title", f"{line.what}: {', '.join(filter(None, _figures(line)))}")
        return el("circle", shape, cx=round(x, 1), cy=round(y, 1), r=6 if line.chosen else 3, class_=_colour(line))

    bottom, right = _HEIGHT - _EDGE, _WIDTH - _EDGE
    axes = el("path", d=f"M{_EDGE} {_EDGE}V{bottom}H{right}", class_="axis", fill="none", stroke="currentColor")
    labels = [
        el("text", f"{100 * least:.0f} % in INT8", x=_EDGE, y=_HEIGHT - 6, font_size=11, fill="currentColor"),
        el("text", "100 %", x=right, y=_HEIGHT - 6, font_size=11, text_anchor="end", fill="currentColor"),
        el("text", f"error {most:.2f}", x=_EDGE, y=_EDGE - 8, font_size=11, fill="currentColor"),
    ]
    circles = [circle(line) for line in search.trials]
    return el("svg", axes, labels, circles, viewBox=f"0 0 {_WIDTH} {_HEIGHT}", width=2 * _WIDTH, aria_hidden="true")


def _colour(line: TrialLine) -> str:
    return "q" if line.chosen else "f"
