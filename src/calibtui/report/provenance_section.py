"""The page's account of how the model was made, and of what its figures can't say."""

from __future__ import annotations

from collections.abc import Iterable

from calibtui.core.summary import QuantizationSummary, RunSummary, ScoringSummary, SelectionSummary
from calibtui.report.data import ReportData
from calibtui.report.figures import counted, counted_retries, duration, money
from calibtui.report.judges import note_on_scores
from calibtui.report.markup import Markup, el, joined

OPTIONS_LISTED = 60
LAYERS_LISTED = 40

Fact = tuple[str, str | Markup | None]


def provenance_section(data: ReportData) -> Markup:
    """Every stage that ran, fact by fact."""
    summary = data.summary
    groups: list[Markup | None] = [
        _pool(summary),
        _scoring(summary.scoring, data.judge_note) if summary.scoring else None,
        _selection(summary.selection) if summary.selection else None,
        _quantization(summary.quantization) if summary.quantization else None,
        _group("Options and versions", list(data.options.items())[:OPTIONS_LISTED]),
        _budgets(summary.scoring) if summary.scoring else None,
    ]
    return el("section", el("h2", "How it was made"), el("div", joined(groups), class_="facts"))


def limits_section(summary: RunSummary) -> Markup:
    """The notes of the run, then what holds for every run."""
    return el(
        "section",
        el("h2", "Notes and limits"),
        el("ul", [el("li", sentence) for sentence in (*summary.notes, *limits(summary))], class_="limits"),
    )


def limits(summary: RunSummary) -> tuple[str, ...]:
    """Sentences on what the figures of this run can't say."""
    sentences: list[str] = []
    scoring, evaluation = summary.scoring, summary.evaluation
    if scoring is not None and (scoring.failed or scoring.remaining):
        sentences.append(
            f"{counted(scoring.failed, 'frame')} could not be scored and {scoring.remaining:,} were not reached: "
            "a selection by difficulty knew nothing of them."
        )
    if evaluation is not None:
        sentences.append(
            f"The interval covers the chance in which {counted(evaluation.frames, 'evaluation frame')} happened to be "
            "annotated. It says nothing of another camera, another site or another season."
        )
        sentences.append(
            "Speed is the median of single inferences on the machine that wrote this report. Another device will "
            "differ, and may gain more or less from INT8."
        )
    sentences.append(
        "Difficulty is a judge's opinion of a picture. Harder frames don't always calibrate better: only the mAP of "
        "the INT8 model, beside that of a set chosen at random, tells."
    )
    return tuple(sentences)


def _group(title: str, facts: Iterable[Fact]) -> Markup | None:
    pairs = [(name, fact) for name, fact in facts if fact]
    if not pairs:
        return None
    listed = joined(joined((el("dt", name), el("dd", fact))) for name, fact in pairs)
    return el("div", el("h3", title), el("dl", listed))


def _pool(summary: RunSummary) -> Markup | None:
    pool = summary.pool
    if pool is None:
        return None
    return _group(
        "Pool",
        (
            ("Readable frames", f"{pool.frames:,}"),
            ("Unreadable", f"{pool.unreadable:,}"),
            ("Exact duplicates", f"{pool.duplicates:,}"),
        ),
    )


def _scoring(scoring: ScoringSummary, note: str) -> Markup | None:
    said = note_on_scores(scoring, note)
    return _group(
        "Scoring",
        (
            ("Judge", scoring.judge),
            ("Model", scoring.model),
            ("", el("span", f"! {said}", class_="caution") if said else None),
            ("Prompt", scoring.prompt),
            ("Frames", f"{scoring.scored:,} scored, {scoring.failed:,} failed, {scoring.remaining:,} remaining"),
            ("Stopped by", scoring.stopped_by),
            ("Cache hits", f"{scoring.exact_hits:,} exact, {scoring.similar_hits:,} similar"),
            ("Calls", f"{scoring.calls:,}, {counted_retries(scoring.retries)}"),
            ("Spent", money(scoring.spent)),
            ("Held", money(scoring.held) if scoring.held else None),
            ("Time", duration(scoring.seconds)),
        ),
    )


def _budgets(scoring: ScoringSummary) -> Markup | None:
    def line(spent: int, cap: int, held: int) -> str:
        return f"{money(spent)} of {money(cap)}" + (f", {money(held)} held" if held else "")

    return _group("Budgets", ((node.node, line(node.spent, node.cap, node.held)) for node in scoring.budgets))


def _selection(selection: SelectionSummary) -> Markup | None:
    return _group(
        "Selection",
        (
            ("Strategy", selection.strategy),
            ("Frames", f"{selection.size:,}"),
            ("Seed", str(selection.seed)),
            ("Digest", el("code", selection.digest)),
            ("Manifest", el("code", selection.manifest)),
        ),
    )


def _quantization(quantization: QuantizationSummary) -> Markup | None:
    layers = list(quantization.float_layers)
    named = ", ".join(layers[:LAYERS_LISTED])
    hidden = len(layers) - LAYERS_LISTED
    in_float = f"{named}, and {hidden:,} more" if hidden > 0 else named or "none"
    return _group(
        "Quantization",
        (
            ("Target", quantization.target),
            ("Calibrator", quantization.calibrator),
            ("Frames", f"{quantization.frames:,}"),
            ("Layers in float", in_float),
            ("Time", f"{duration(quantization.seconds)}, {duration(quantization.inference_seconds)} of it inference"),
            ("Peak memory", f"{quantization.peak_rss_mib:,} MiB"),
            ("Model", el("code", quantization.model)),
        ),
    )
