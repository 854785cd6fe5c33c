"""The top of the page: the verdict, the interval as a picture, and the four figures that matter most."""

from __future__ import annotations

import math

from calibtui.core.summary import EvaluationSummary
from calibtui.report.comparison import size_ratio, speed_up
from calibtui.report.data import ReportData
from calibtui.report.figures import ap_points, file_size, milliseconds, signed_points, times
from calibtui.report.markup import Markup, el, joined
from calibtui.report.verdict import verdict_of


def headline(data: ReportData) -> Markup:
    """Which run this is and what came of it; without an evaluation, that there is none."""
    summary = data.summary
    where = el("p", f"calibtui report · {summary.workspace} · run {summary.run}", class_="where")
    evaluation = summary.evaluation
    if evaluation is None:
        words = "This run did not come to the evaluation of both models."
        chip = el("p", "? not measured", class_="chip unknown")
        return el("header", where, chip, el("h1", "No comparison yet"), el("p", words, class_="detail"))
    verdict = verdict_of(evaluation)
    return el(
        "header",
        where,
        el("p", f"{verdict.glyph} {verdict.word}", class_=f"chip {verdict.state}"),
        el("h1", verdict.sentence),
        el("p", verdict.detail, class_="detail"),
        _interval(evaluation, verdict.state),
        _tiles(evaluation),
    )


def _interval(evaluation: EvaluationSummary, state: str) -> Markup | None:
    """The change in mAP as a dot on a whisker, beside the zero that would mean no change."""
    change, low, high = -evaluation.drop, -evaluation.high, -evaluation.low
    if not all(math.isfinite(value) for value in (change, low, high)):
        return None
    reach = 1.25 * max(abs(low), abs(high), abs(change), 0.4)
    x, left, right = (100 * (value + reach) / (2 * reach) for value in (change, low, high))
    words = (
        f"Change in mAP {signed_points(change)} points; 95 % interval {signed_points(low)} to {signed_points(high)}."
    )
    picture = el(
        "svg",
        el("title", words),
        el("line", x1="0%", x2="100%", y1="50%", y2="50%", class_="axisline", stroke_opacity=".45"),
        el("line", x1="50%", x2="50%", y1="12%", y2="88%", class_="axisline", stroke_width="1.5"),
        el("line", x1=f"{left:.2f}%", x2=f"{right:.2f}%", y1="50%", y2="50%", class_="mark", stroke_width="5"),
        el("circle", cx=f"{x:.2f}%", cy="50%", r="7", class_="mark"),
        role="img",
        class_=state,
    )
    ends = (f"{signed_points(-reach)} INT8 worse", "0 no change", f"INT8 better {signed_points(reach)}")
    return el("figure", picture, el("div", [el("span", end) for end in ends], class_="axis"), class_="interval")


def _tiles(evaluation: EvaluationSummary) -> Markup:
    reference, int8 = evaluation.reference, evaluation.int8
    share, speed = size_ratio(evaluation), speed_up(evaluation)
    sizes = f"{file_size(reference.size_bytes)} to {file_size(int8.size_bytes)}"
    speeds = f"{milliseconds(reference.ms_per_frame)} to {milliseconds(int8.ms_per_frame)} a frame, on this machine"
    tiles = (
        ("Float mAP 50–95", ap_points(reference.map), "points"),
        ("INT8 mAP 50–95", ap_points(int8.map), "points"),
        ("INT8 file", "–" if math.isnan(share) else f"{100 * share:.0f} %", f"of the size: {sizes}"),
        ("INT8 speed", times(speed), f"{speeds}"),
    )
    cells = (el("div", el("dt", name), el("dd", figure, el("small", words))) for name, figure, words in tiles)
    return el("dl", joined(cells), class_="tiles")
