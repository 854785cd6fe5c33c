"""An ablation as one HTML file that needs nothing else."""

from __future__ import annotations

import math
from pathlib import Path

from calibtui.core.files import written_whole
from calibtui.evaluation.ablation import Ablation, ConditionResult
from calibtui.report.ablation import basis_in_words, scale_of
from calibtui.report.figures import UNKNOWN, ap_points, signed_points
from calibtui.report.markup import Markup, el, joined
from calibtui.report.page import document

WIDTH = 200


def write_ablation_page(path: Path, found: Ablation) -> None:
    """Writes the page, whole or not at all. Raises WorkspaceUnwritableError."""
    text = render_ablation_page(found)
    with written_whole(path) as part:
        part.write_text(text, encoding="utf-8")


def render_ablation_page(found: Ablation) -> str:
    """The whole page."""
    low, high = scale_of(found)
    scale = f"{ap_points(low)} to {ap_points(high)} mAP"
    names = ("Strategy", "Size", "Calibrator", "Change", "Worst seed", "Worst class")
    headings = [el("th", name, scope="col") for name in names]
    headings.insert(4, el("th", f"A mark a seed, {scale}; the line is float", scope="col", class_="scale"))
    figures = _table(headings, [_figures_row(found, result, low, high) for result in found.results])
    named = [el("th", name, scope="col") for name in ("Strategy", "Size", "Calibrator", "Beside random")]
    verdicts = _table(named, [_verdict_row(result) for result in found.results if result.difference is not None])
    words = (
        "Change: the mean over seeds against the float model, in points of mAP. Beside random: the difference from "
        "random sets of the same size and calibrator, with what chance adds through frames and seeds; it counts as "
        "measured where p after Holm's correction is below 0.05."
    )
    body = el(
        "main",
        el("p", found.workspace, class_="where"),
        el("h1", found.verdict),
        el("p", basis_in_words(found), class_="detail"),
        el("section", el("h2", "Conditions"), el("p", words, class_="lead"), figures),
        el("section", el("h2", "Beside random sets"), verdicts),
        el("section", el("h2", "Notes"), [el("p", note, class_="note") for note in found.notes])
        if found.notes
        else None,
        el("footer", f"Written by calibtui for run {found.run}. This file needs no network."),
    )
    return document(f"calibtui ablation: {found.workspace}", body)


def _table(headings: list[Markup], rows: list[Markup]) -> Markup:
    return el("div", el("table", el("thead", el("tr", headings)), el("tbody", joined(rows))), class_="wide")


def _named(result: ConditionResult) -> list[Markup]:
    condition = result.condition
    return [
        el("th", condition.strategy, scope="row"),
        el("td", f"{condition.size:,}"),
        el("td", condition.calibrator),
    ]


def _figures_row(found: Ablation, result: ConditionResult, low: float, high: float) -> Markup:
    worst = result.worst_class
    lost = UNKNOWN if worst is None else f"{worst.name} {signed_points(-worst.points)}"
    return el(
        "tr",
        _named(result),
        el("td", signed_points(-result.drop)),
        el("td", _marks(found, result, low, high), class_="bars"),
        el("td", f"{signed_points(-result.worst_drop)} (seed {result.worst_seed})"),
        el("td", lost),
    )


def _verdict_row(result: ConditionResult) -> Markup:
    difference, state = result.difference, None
    if difference is not None and difference.measurable:
        state = "better" if difference.points > 0 else "worse"
    return el("tr", _named(result), el("td", el("span", result.verdict, class_=state), class_="words"))


def _marks(found: Ablation, result: ConditionResult, low: float, high: float) -> Markup:
    """A mark a seed on one scale; hidden from screen readers, which have the figures beside it."""

    def place(value: float) -> float:
        return WIDTH / 2 if high <= low else (WIDTH - 2) * (value - low) / (high - low)

    marks = [
        el("rect", x=place(value), y=2, width=2, height=9, class_="q")
        for value in result.maps.values()
        if not math.isnan(value)
    ]
    line = el("rect", x=place(found.reference_map), y=0, width=1, height=13, class_="f")
    return el("svg", line, joined(marks), viewBox=f"0 0 {WIDTH} 13", preserveAspectRatio="none", aria_hidden="true")
