"""Scoring as it goes: how far, how fast, what the caches saved, what went wrong."""

from __future__ import annotations

from collections.abc import Sequence

from calibtui.engine.wire.snapshot import Scoring, Snapshot
from calibtui.tui.figures import count, duration, percent, sparkline
from calibtui.tui.text import cut
from calibtui.tui.widgets.lines import Line, Span

LABEL = 9


def scoring(snapshot: Snapshot, width: int) -> Sequence[Line]:
    """Seven lines, so that nothing below moves when a figure comes or goes."""
    now = snapshot.scoring
    if now is None:
        earlier = snapshot.totals.scored
        said = f"{count(earlier)} scored earlier; nothing runs." if earlier else "Nothing has been scored yet."
        return [[("Scoring", "title")], [(cut(said, width), "muted")]]
    return [
        [("Scoring", "title"), (cut(f"  {now.model} · {now.prompt}", width - 7), "muted")],
        _far(now, width),
        _fast(now, any(job.run == now.run and job.state == "running" for job in snapshot.jobs), width),
        _cache(now, width),
        _calls(now, width),
        _failed(now, width),
        _errors(now, width),
    ]


def _labelled(label: str, spans: Sequence[Span], width: int) -> Line:
    """As many of the spans as fit behind a label."""
    line: list[Span] = [(label.ljust(LABEL), "muted")]
    left = width - LABEL
    for span in spans:
        if len(span[0]) > left:
            break
        line.append(span)
        left -= len(span[0])
    return line


def _far(now: Scoring, width: int) -> Line:
    return _labelled(
        "frames",
        [
            (count(now.done), "strong"),
            (f" of {count(now.total)}", "plain"),
            (f" {percent(now.done, now.total)}", "muted"),
        ],
        width,
    )


def _fast(now: Scoring, runs: bool, width: int) -> Line:
    """The rate now; once nothing is left or its job has ended, only how it went."""
    spans: list[Span] = []
    if runs and now.done + now.failed < now.total:
        spans.append((f"{now.rate:.1f}/s", "strong"))
        spans.append((f"  {duration(now.seconds_left)} left" if now.seconds_left is not None else "", "plain"))
    taken = sum(len(span[0]) for span in spans)
    line = sparkline(now.rates, min(60, max(0, width - LABEL - taken - 2)))
    return _labelled("pace", [*spans, ("  " + line if spans else line.lstrip(), "accent")], width)


def _cache(now: Scoring, width: int) -> Line:
    spans: list[Span] = [(f"{count(now.exact_hits)} exact", "plain"), (f"  {count(now.similar_hits)} similar", "plain")]
    if now.done:
        spans.append((f" {percent(now.exact_hits + now.similar_hits, now.done)}", "muted"))
    return _labelled("cached", spans, width)


def _calls(now: Scoring, width: int) -> Line:
    spans: list[Span] = [
        (count(now.calls), "plain"),
        (f"  {now.in_flight} in flight", "muted"),
        (f"  {count(now.retries)} retried", "muted"),
    ]
    if now.latency_ms_p50 is not None:
        spans.append((f"  {now.latency_ms_p50:.0f} ms", "muted"))
    return _labelled("calls", spans, width)


def _failed(now: Scoring, width: int) -> Line:
    if not now.failed:
        return _labelled("failed", [("✓ none", "good")], width)
    return _labelled("failed", [(f"✗ {count(now.failed)} frames", "bad")], width)


def _errors(now: Scoring, width: int) -> Line:
    """Replies by class of error, most first."""
    most = sorted(now.errors, key=lambda error: -error[1])
    spans: list[Span] = [(f"{name} {count(times)}  ", "warn") for name, times in most]
    return _labelled("errors", spans or [("none", "muted")], width)
