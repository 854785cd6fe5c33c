"""The page's contact sheets: the calibration set, and the evaluation frames that lost most, as small pictures."""

from __future__ import annotations

import base64
import math
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

from PIL import Image

from calibtui.pool.images import UnreadableImage, thumbnail
from calibtui.report.data import LostFrame, ReportData, SetFrame
from calibtui.report.figures import counted, difficulty
from calibtui.report.judges import note_on_scores
from calibtui.report.markup import Markup, el, joined
from calibtui.report.plain_text import plain

PICTURES = 96
LOSERS = 12
LONGEST_PX = 240
PICTURE_BYTES = 14_000
"""Bytes of one small JPEG at most: all pictures of a page then stay under 2.1 MB as data URIs."""
REASONS = 4
REASON_LIMIT = 80
NAME_LIMIT = 160


def set_section(data: ReportData) -> Markup | None:
    """Up to PICTURES frames of the set, the hardest first; None where the run chose no set."""
    if not data.frames:
        return None
    shown = evenly_spaced(data.frames, PICTURES)
    total = len(data.frames)
    order = "the hardest first"
    words = f"{counted(total, 'frame')}, {order}."
    more = None
    if len(shown) < total:
        words = f"{len(shown)} of {total:,} frames, {order}, spread evenly over the whole range of difficulty."
        more = el("p", f"… and {total - len(shown):,} more; the set's manifest names all of them.", class_="more")
    note = note_on_scores(data.summary.scoring, data.judge_note)
    return el(
        "section",
        el("h2", "Calibration set"),
        el("p", words, class_="lead"),
        el("p", f"! {note}", class_="note") if note else None,
        el("div", joined(_set_card(frame) for frame in shown), class_="sheet"),
        more,
    )


def losers_section(data: ReportData) -> Markup | None:
    """The evaluation frames that lost most; None where they are not known."""
    if not data.losers:
        return None
    cards = joined(_lost_card(frame) for frame in data.losers[:LOSERS])
    words = "Evaluation frames on which INT8 lost most against the float model, the worst first."
    return el(
        "section",
        el("h2", "Where it was lost"),
        el("p", words, class_="lead"),
        el("div", cards, class_="sheet"),
    )


def evenly_spaced(frames: Sequence[SetFrame], count: int) -> list[SetFrame]:
    """At most `count` frames in order of difficulty, hardest first and unscored ones last, at even steps of rank,
    so that a part of the set shows the same mixture as the whole. Equal ones keep the set's order."""
    ranked = sorted(frames, key=_ease)
    if len(ranked) <= count:
        return ranked
    return [ranked[round(i * (len(ranked) - 1) / (count - 1))] for i in range(count)]


def _ease(frame: SetFrame) -> float:
    known = frame.difficulty is not None and math.isfinite(frame.difficulty)
    return -frame.difficulty if known and frame.difficulty is not None else math.inf


def _set_card(frame: SetFrame) -> Markup:
    reasons = ", ".join(plain(reason, REASON_LIMIT) for reason in frame.reasons[:REASONS])
    hidden = len(frame.reasons) - REASONS
    return el(
        "figure",
        _picture(frame.path),
        el(
            "figcaption",
            _score(frame.difficulty),
            el("span", f"{reasons}, and {hidden} more" if hidden > 0 else reasons, class_="reasons")
            if reasons
            else None,
            el("span", plain(frame.why, NAME_LIMIT), class_="why") if frame.why else None,
            el("span", plain(frame.uri, NAME_LIMIT), class_="name"),
        ),
    )


def _lost_card(frame: LostFrame) -> Markup:
    return el(
        "figure",
        _picture(frame.path),
        el(
            "figcaption",
            el("span", plain(frame.what, 200), class_="reasons"),
            el("span", plain(frame.uri, NAME_LIMIT), class_="name"),
        ),
    )


def _score(value: float | None) -> Markup:
    if value is None or not math.isfinite(value):
        return el("span", el("b", "not scored"), class_="score")
    gauge = el(
        "svg",
        el("rect", width=100, height=4, class_="track"),
        el("rect", width=100 * min(1.0, max(0.0, value)), height=4, class_="q"),
        viewBox="0 0 100 4",
        preserveAspectRatio="none",
        aria_hidden="true",
    )
    return el("span", el("b", "difficulty "), difficulty(value), gauge, class_="score")


def _picture(path: Path) -> Markup:
    """The frame as a small JPEG inside the page, or why it can't be shown any more."""
    try:
        source = data_uri(thumbnail(path, LONGEST_PX))
    except UnreadableImage as error:
        return el("div", el("span", f"? no picture: {plain(error.reason, 100)}", class_="gone"), class_="picture")
    # The file's name stands beneath the picture; said twice, it would only be noise to a screen reader.
    return el("div", el("img", src=source, alt=""), class_="picture")


def data_uri(image: Image.Image) -> str:
    """`image` as a JPEG data URI of at most PICTURE_BYTES before base64: what noise makes large is coded more
    coarsely, then shrunk."""
    for quality in (80, 60, 40, 20):
        data = _jpeg(image, quality)
        if len(data) <= PICTURE_BYTES:
            break
    while len(data) > PICTURE_BYTES:
        image = image.resize((max(1, image.width // 2), max(1, image.height // 2)))
        data = _jpeg(image, 40)
    return "data:image/jpeg;base64," + base64.b64encode(data).decode("ascii")


def _jpeg(image: Image.Image, quality: int) -> bytes:
    coded = BytesIO()
    image.save(coded, "JPEG", quality=quality, optimize=True)
    return coded.getvalue()
