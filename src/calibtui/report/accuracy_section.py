"""The page's comparison of both models: AP overall and by class with bars, files and speed."""

from __future__ import annotations

import math
from collections.abc import Sequence

from calibtui.core.summary import EvaluationSummary
from calibtui.report.comparison import ApRow, class_rows, most_changed, overall_rows, size_ratio, speed_up
from calibtui.report.data import ReportData
from calibtui.report.figures import ap_points, file_size, milliseconds, signed_points, times
from calibtui.report.markup import Markup, el, joined
from calibtui.report.verdict import verdict_of

CLASSES_LISTED = 1500


def accuracy_sections(data: ReportData) -> Markup | None:
    """None where the run did not come to an evaluation."""
    evaluation = data.summary.evaluation
    if evaluation is None:
        return None
    overall = el(
        "section",
        el("h2", "Accuracy"),
        el("p", f"Average precision in points (0 to 100), on {evaluation.frames:,} evaluation frames.", class_="lead"),
        _legend(),
        _ap_table("All classes", overall_rows(evaluation), verdict_of(evaluation).measured, emphasised=1),
    )
    return joined((overall, _classes(data, evaluation), _files_and_speed(data, evaluation)))


def _classes(data: ReportData, evaluation: EvaluationSummary) -> Markup | None:
    rows = class_rows(evaluation, data.class_names)
    if not rows:
        return None
    shown = most_changed(rows, CLASSES_LISTED)
    words = (
        "The class that lost most comes first. A change of one class has no interval of its own: the fewer objects, "
        "the more of it is chance."
    )
    hidden = len(rows) - len(shown)
    more = el("p", f"… and {hidden:,} classes that changed less.", class_="more") if hidden else None
    return el(
        "section",
        el("h2", "By class"),
        el("p", words, class_="lead"),
        _ap_table("Class", shown, verdict_of(evaluation).measured),
        more,
    )


def _legend() -> Markup:
    def key(colour: str, words: str) -> Markup:
        swatch = el("svg", el("rect", width="24", height="8", class_=colour), viewBox="0 0 24 8", aria_hidden="true")
        return el("span", swatch, words)

    return el("div", key("f", "float, upper bar"), key("q", "INT8, lower bar"), class_="legend")


def _ap_table(first: str, rows: Sequence[ApRow], coloured: bool, emphasised: int = 0) -> Markup:
    named = [el("th", name, scope="col") for name in (first, "Float", "INT8", "Change")]
    headings = el("tr", named, el("th", "0 to 100", scope="col", class_="scale"))
    body = [_ap_row(row, coloured, index < emphasised) for index, row in enumerate(rows)]
    return el("div", el("table", el("thead", headings), el("tbody", joined(body))), class_="wide")


def _ap_row(row: ApRow, coloured: bool, emphasised: bool) -> Markup:
    return el(
        "tr",
        el("th", row.name, scope="row"),
        el("td", ap_points(row.reference)),
        el("td", ap_points(row.int8)),
        el("td", _change(row.change, coloured)),
        el("td", _bars(row), class_="bars"),
        class_="first" if emphasised else None,
    )


def _change(points: float, coloured: bool) -> Markup:
    written = signed_points(points)
    glyph, state = {"−": ("▼", "worse"), "+": ("▲", "better")}.get(written[0], ("", None))
    return el("span", f"{glyph} {written}".strip(), class_=state if coloured else None)


def _bars(row: ApRow) -> Markup | None:
    """Two bars on one scale; hidden from screen readers, which have the figures beside them."""
    if math.isnan(row.reference) and math.isnan(row.int8):
        return None
    bars = [
        el("rect", x=0, y=top, width=max(0.4, 100 * min(1.0, max(0.0, value))), height=6, class_=colour)
        for value, top, colour in ((row.reference, 0, "f"), (row.int8, 7, "q"))
        if not math.isnan(value)
    ]
    return el("svg", joined(bars), viewBox="0 0 100 13", preserveAspectRatio="none", aria_hidden="true")


def _files_and_speed(data: ReportData, evaluation: EvaluationSummary) -> Markup:
    reference, int8 = evaluation.reference, evaluation.int8
    share, speed = size_ratio(evaluation), speed_up(evaluation)
    smaller = "" if math.isnan(share) else f"INT8 has {100 * share:.0f} % of the size"
    faster = "" if math.isnan(speed) else f"INT8 is {times(speed)} as fast"
    rows = (
        ("Size of the file", file_size(reference.size_bytes), file_size(int8.size_bytes), smaller),
        ("One inference, median", milliseconds(reference.ms_per_frame), milliseconds(int8.ms_per_frame), faster),
    )
    body = [
        el("tr", el("th", name, scope="row"), el("td", left), el("td", right), el("td", words, class_="words"))
        for name, left, right, words in rows
    ]
    headings = el("tr", [el("th", name, scope="col") for name in ("On this machine", "Float", "INT8", "")])
    table = el("table", el("thead", headings), el("tbody", joined(body)))
    facts = el("p", "Float: ", el("code", data.reference_name), " · INT8: ", el("code", data.int8_name), class_="lead")
    return el("section", el("h2", "Files and speed"), facts, el("div", table, class_="wide"))
