"""The page's picture of the scores: how difficult the pool is, and how difficult the chosen set."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from calibtui.report.data import ReportData
from calibtui.report.figures import counted
from calibtui.report.judges import judge_in_words, note_on_scores
from calibtui.report.markup import Markup, el, joined

BINS = 20


def score_section(data: ReportData) -> Markup | None:
    """Two histograms on one scale from 0 (easy) to 1 (hard); None where nothing was scored."""
    pool, chosen = _known(data.difficulties), _known(data.set_difficulties)
    if not len(pool) and not len(chosen):
        return None
    scoring = data.summary.scoring
    note = note_on_scores(scoring, data.judge_note)
    by = f" Scored by the {judge_in_words(scoring)}." if scoring is not None else ""
    return el(
        "section",
        el("h2", "Difficulty of the pool and of the set"),
        el("p", f"From 0, easy, to 1, hard.{by}", class_="lead"),
        el("p", f"! {note}", class_="note") if note else None,
        _histogram("Pool", "pool", "f", pool),
        _histogram("Calibration set", "set", "q", chosen),
    )


def _known(difficulties: NDArray[np.float64]) -> NDArray[np.float64]:
    values = np.asarray(difficulties, np.float64).ravel()
    known: NDArray[np.float64] = np.clip(values[np.isfinite(values)], 0.0, 1.0)
    return known


def _histogram(name: str, identifier: str, colour: str, values: NDArray[np.float64]) -> Markup:
    if not len(values):
        return el("p", f"{name}: no scored frame.", class_="lead")
    counts, edges = np.histogram(values, BINS, (0.0, 1.0))
    tallest = int(counts.argmax())
    summary = (
        f"{counted(len(values), 'scored frame')}, median {np.median(values):.2f}, the middle half from "
        f"{np.percentile(values, 25):.2f} to {np.percentile(values, 75):.2f}."
    )
    peak = (
        f"Most between {edges[tallest]:.2f} and {edges[tallest + 1]:.2f}: {100 * counts[tallest] / len(values):.0f} %."
    )
    width = 200 / BINS
    bars = (
        el("rect", x=i * width + 0.5, y=100 - high, width=width - 1, height=high, class_=colour)
        for i, high in enumerate(98.0 * counts / counts.max())
        if high > 0
    )
    ids = (f"{identifier}-title", f"{identifier}-desc")
    picture = el(
        "svg",
        el("title", f"{name}: difficulty of its frames", id=ids[0]),
        el("desc", f"{summary} {peak}", id=ids[1]),
        joined(bars),
        el("rect", x=0, y=99.4, width=200, height=0.6, class_="f"),
        viewBox="0 0 200 100",
        preserveAspectRatio="none",
        role="img",
        aria_labelledby=" ".join(ids),
    )
    axis = el("div", [el("span", tick) for tick in ("0 easy", "0.5", "1 hard")], class_="axis", aria_hidden="true")
    return el("figure", el("figcaption", el("b", name), f" {summary} {peak}"), picture, axis, class_="histogram")
