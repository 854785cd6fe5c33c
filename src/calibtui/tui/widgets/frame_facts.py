"""What is known of one frame, in lines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import floor
from textwrap import wrap

from rich.cells import cell_len

from calibtui.engine.wire.frames import Box, FrameDetail, FrameLine, Neighbour, PastScore
from calibtui.tui.figures import count, euros, moment
from calibtui.tui.text import cut, padded, right, shown
from calibtui.tui.widgets.lines import Line, LineView, Span
from calibtui.tui.widgets.path_cells import path_cells
from calibtui.tui.widgets.pool_row import bar, counted, glyph, score_text, spread_text

LABEL = 10
"""Cells of the names of facts."""

LONGEST = 2000
MOST_LINES = 6
"""Lines that a text of unknown length may take."""

WORDS = {"picked": "picked", "dropped": "dropped", "pinned": "pinned", "excluded": "excluded"}
CACHED = {"exact": "stored answer", "similar": "taken over from a frame that shows the same", "": ""}


class FrameFacts(LineView):
    """`line` and, once it has come, `detail` of a frame; `chosen` is the similar frame that is pointed at.

    It scrolls by itself: a scroll bar that comes and goes would lay the screen out anew with every frame.
    """

    DEFAULT_CSS = "FrameFacts { height: 1fr; width: 1fr; padding: 0 1; }"

    def __init__(self) -> None:
        super().__init__()
        self.line: FrameLine | None = None
        self.detail: FrameDetail | None = None
        self.chosen: int | None = None
        self.note = ""
        self.first = 0
        """The line that is on top."""

    def lines(self, width: int) -> Sequence[Line]:
        height = max(1, self.content_size.height)
        found = self.everything(width)
        self.first = max(0, min(self.first, len(found) - height))
        shown = list(found[self.first : self.first + height])
        below = len(found) - self.first - height
        if below > 0:
            shown[-1] = [(f"↓ {below + 1} more lines", "muted")]
        return shown + [[]] * (height - len(shown))

    def scroll_lines(self, by: int) -> None:
        """Further down, or up, as far as there are lines."""
        self.first = max(0, self.first + by)
        self.refill()

    def everything(self, width: int) -> Sequence[Line]:
        """All lines there are."""
        if self.line is None:
            return ([(self.note, "muted")],)
        found = [*head(self.line, self.detail, width), *_said(self.line, self.detail, width)]
        if self.note:
            found += [[], [(self.note, "warn")]]
        if self.detail is None:
            return found
        found += similar(self.detail.neighbours, self.chosen, width)
        found += history(self.detail.history, width)
        return [*found, *_file(self.detail, width)]


def head(line: FrameLine, detail: FrameDetail | None, width: int) -> list[Line]:
    """Path, difficulty, rank, mark."""
    spans: list[Span] = [(f"{score_text(line).strip()} ", "strong")]
    if line.difficulty is not None:
        spans.append((f"{bar(line.difficulty, 12).rstrip()}  ", "accent"))
    if spread_text(line):
        spans.append((f"{spread_text(line)} between passes", "muted"))
    return [[(path_cells(line.uri, width), "strong")], _fitting(spans, width), *_rank(detail, width), _mark(line)]


def _rank(detail: FrameDetail | None, width: int) -> list[Line]:
    spans: list[Span] = []
    if detail is not None and detail.rank is not None:
        spans.append((f"rank {count(detail.rank)}", "plain"))
        if detail.percentile is not None:
            spans.append((f", percentile {floor(10 * detail.percentile) / 10:.1f}", "muted"))
    return [_fitting(spans, width)] if spans else []


def legend(boxes: Mapping[str, Sequence[Box]], shown_sources: Sequence[str]) -> list[Span]:
    """How the boxes of each source are drawn, and how many there are; the sources that are put away are faint."""
    samples = {"truth": ("━━", "truth", "good"), "float": ("╍╍", "float", "accent"), "int8": ("┅┅", "int8", "warn")}
    spans: list[Span] = []
    for source, (sample, word, role) in samples.items():
        if source in boxes:
            on = source in shown_sources
            spans.append((f"{sample if on else '  '} {word} {len(boxes[source])}   ", role if on else "muted"))
    return spans


def similar(neighbours: Sequence[Neighbour], chosen: int | None, width: int) -> list[Line]:
    """The frames that look like it, a click apart; `chosen` of them is pointed at."""
    if not neighbours:
        return []
    lines: list[Line] = [[], [("looks like it", "muted")]]
    for number, other in enumerate(neighbours):
        here = number == chosen
        score = "  ·" if other.difficulty is None else f"{round(100 * other.difficulty):3}"
        action = f"screen.open_similar({number})"
        spans: list[Span] = [
            ("▸ " if here else "  ", "accent"),
            (f"{other.similarity:.3f} ", "cursor" if here else "muted", action),
            (f"{score} {'•' if other.in_set else ' '} ", "cursor" if here else "accent", action),
            (path_cells(other.uri, max(1, width - 14)), "cursor" if here else "plain", action),
        ]
        lines.append(spans)
    return lines


def history(scores: Sequence[PastScore], width: int) -> list[Line]:
    """Every stored verdict, the current one marked."""
    if not scores:
        return []
    lines: list[Line] = [[], [("scores", "muted")]]
    for score in scores:
        lines.append(
            [
                ("● " if score.current else "  ", "good"),
                (f"{round(100 * score.difficulty):3} ", "strong" if score.current else "plain"),
                (cut(_verdict(score), max(1, width - 6)), "plain" if score.current else "muted"),
            ]
        )
    return lines


def _verdict(score: PastScore) -> str:
    model = score.answered_model or score.requested_model
    parts = [shown(model), shown(score.prompt), f"pass {score.pass_number}", moment(score.at)]
    parts.append(CACHED.get(score.cached, score.cached) or f"{euros(score.cost)} {score.latency_ms:.0f} ms")
    return "  ".join(parts)


def _fitting(spans: Sequence[Span], width: int) -> Line:
    """The first spans that fit whole."""
    kept: list[Span] = []
    for span in spans:
        width -= cell_len(span[0])
        if width < 0:
            break
        kept.append(span)
    return kept


def _mark(line: FrameLine) -> Line:
    sign, role = glyph(line)
    word = WORDS.get(line.mark, "in the draft set" if line.in_set else "not in the draft set")
    return [(f"{sign} {word}" if sign != " " else word, role)]


def _said(line: FrameLine, detail: FrameDetail | None, width: int) -> list[Line]:
    lines: list[Line] = [[]]
    if line.error:
        lines += _wrapped("error", line.error, width, "bad")
    if detail is not None and detail.why:
        lines += _wrapped("why", detail.why, width, "plain")
    if line.reasons:
        lines += _wrapped("reasons", ", ".join(line.reasons), width, "plain")
    if line.classes:
        lines += _wrapped("annotated", counted(line.classes), width, "plain")
    if line.cached:
        lines += _wrapped("score", CACHED.get(line.cached, line.cached), width, "muted")
    return lines if len(lines) > 1 else []


def _file(detail: FrameDetail, width: int) -> list[Line]:
    line = detail.line
    size = f"{line.width}×{line.height} px  " if line.width else ""
    lines: list[Line] = [[]]
    lines += _wrapped("file", f"{size}{detail.format}  {_bytes(detail.size_bytes)}", width, "muted")
    lines += _wrapped("path", detail.path, width, "muted")
    lines += _wrapped("digest", detail.line.digest[:16], width, "muted")
    for name, value in list(detail.columns.items())[:20]:
        lines += _wrapped(name, value, width, "muted")
    return lines


def _wrapped(name: str, text: str, width: int, role: str) -> list[Line]:
    room = max(8, width - LABEL - 1)
    text = shown(text[:LONGEST])
    pieces = wrap(text, room, max_lines=MOST_LINES, placeholder=" …") or [""]
    labels = [padded(name, LABEL), *([" " * LABEL] * (len(pieces) - 1))]
    return [[(label + " ", "muted"), (piece, role)] for label, piece in zip(labels, pieces, strict=True)]


def _bytes(size: int) -> str:
    if size < 1024 * 1024:
        return f"{max(1, round(size / 1024))} KiB"
    return right(f"{size / 1024 / 1024:.1f} MiB", 8).strip()
