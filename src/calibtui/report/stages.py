"""How each stage of a run ended, as lines for the terminal."""

from __future__ import annotations

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from calibtui.core.summary import (
    OutputsSummary,
    PoolSummary,
    QuantizationSummary,
    RunSummary,
    ScoringSummary,
    SelectionSummary,
)
from calibtui.report.figures import counted, counted_retries, duration, file_size, milliseconds, money, short_digest
from calibtui.report.judges import judge_in_words, note_on_scores
from calibtui.report.plain_text import plain

_LABEL_CELLS = 11
_STOPPED = {
    "budget": "a budget is exhausted",
    "failures": "more frames failed than allowed",
    "interrupt": "interrupted",
}


def stage_lines(summary: RunSummary) -> tuple[RenderableType, ...]:
    """The result of every stage that ran, in order, then the notes where no comparison follows that bears them;
    each to be printed on a line of its own."""
    lines: list[RenderableType] = []
    if summary.pool is not None:
        lines += _pool(summary.pool)
    if summary.scoring is not None:
        lines += _scoring(summary.scoring)
    if summary.selection is not None:
        lines += _selection(summary.selection)
    if summary.quantization is not None:
        lines += _quantization(summary.quantization)
    if summary.outputs is not None:
        lines += _outputs(summary.outputs)
    if summary.evaluation is None:
        lines += [_line("! note", plain(note), "yellow") for note in summary.notes]
    return tuple(lines)


def _pool(pool: PoolSummary) -> list[RenderableType]:
    found = f"{counted(pool.frames, 'frame')}, {pool.unreadable:,} unreadable, {counted(pool.duplicates, 'duplicate')}"
    return [_done("pool", found)]


def _scoring(scoring: ScoringSummary) -> list[RenderableType]:
    counts = f"{scoring.scored:,} scored, {scoring.failed:,} failed, {scoring.remaining:,} remaining"
    reason = _STOPPED.get(scoring.stopped_by or "", plain(scoring.stopped_by or "", 80))
    first = _line("■ stopped", f"scoring: {reason}; {counts}", "yellow") if reason else _done("scoring", counts)
    lines = [first, _more(f"by {judge_in_words(scoring)}")]
    note = note_on_scores(scoring)
    if note:
        lines.append(_more(f"! {note}", "yellow"))
    lines.append(_more(f"{counted(scoring.exact_hits, 'exact cache hit')}, {scoring.similar_hits:,} similar"))
    held = f" ({money(scoring.held)} held)" if scoring.held else ""
    calls = f"{counted(scoring.calls, 'call')}, {counted_retries(scoring.retries)}, {duration(scoring.seconds)}"
    lines.append(_more(f"{calls}, {money(scoring.spent)} spent{held}"))
    for node in scoring.budgets:
        held = f", {money(node.held)} held" if node.held else ""
        lines.append(_more(f"budget {plain(node.node, 120)}: {money(node.spent)} of {money(node.cap)} spent{held}"))
    return lines


def _selection(selection: SelectionSummary) -> list[RenderableType]:
    chosen = f"{counted(selection.size, 'frame')} by {plain(selection.strategy, 40)}, seed {selection.seed}"
    return [
        _done("selection", f"{chosen}, {short_digest(plain(selection.digest, 80))}"),
        _more(plain(selection.manifest, 4096)),
    ]


def _quantization(quantization: QuantizationSummary) -> list[RenderableType]:
    recipe = f"{plain(quantization.calibrator, 40)} over {counted(quantization.frames, 'frame')}"
    kept = counted(len(quantization.float_layers), "layer") if quantization.float_layers else "no layer"
    took = f"{duration(quantization.seconds)}, {duration(quantization.inference_seconds)} of it inference"
    share = quantization.int8_multiply_adds
    if share is not None:
        kept += f", {100 * share:.1f} % of the multiply-adds in INT8"
    if quantization.search is not None:
        recipe = f"{plain(quantization.search.recipe, 200)}, over {counted(quantization.frames, 'frame')}"
    return [
        _done("quantization", f"INT8 for {plain(quantization.target, 40)}, {recipe}"),
        _more(f"{kept} left in float, {took}, peak {quantization.peak_rss_mib:,} MiB"),
        _more(plain(quantization.model, 4096)),
    ]


def _outputs(outputs: OutputsSummary) -> list[RenderableType]:
    frames = counted(outputs.frames, f"{outputs.source} frame")
    lines = [_done("evaluation", f"outputs on {frames}, not decoded: no mAP")]
    for line in outputs.tensors:
        name = plain(line.name, 80)
        if not line.compared:
            lines.append(_more(f"{name}: its shape differs between the models, or it holds no numbers", "yellow"))
        elif line.relative == 0:
            lines.append(_more(f"{name}: equal"))
        else:
            lines.append(_more(f"{name}: SQNR {line.sqnr:.1f} dB, largest difference {line.largest:.4g}"))
    sizes = f"{file_size(outputs.reference_bytes)} and {file_size(outputs.int8_bytes)}"
    speeds = f"{milliseconds(outputs.reference_ms)} and {milliseconds(outputs.int8_ms)}"
    return [*lines, _more(f"float and INT8: {sizes}"), _more(f"one inference: {speeds}")]


def _done(stage: str, result: str) -> RenderableType:
    return _line("✓ done", f"{stage}: {result}", "green")


def _more(result: str, style: str = "") -> RenderableType:
    return _line("", result, result_style=style)


def _line(label: str, result: str, style: str = "", result_style: str = "") -> RenderableType:
    """`result` beside the label, and still beside it where it is wrapped."""
    row = Table.grid(padding=0)
    row.add_column(width=_LABEL_CELLS, no_wrap=True)
    row.add_column(overflow="fold")
    row.add_row(Text(label, style=style), Text(result, style=result_style))
    return row
