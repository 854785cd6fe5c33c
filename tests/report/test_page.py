"""report.html: whole, self-contained, bounded, and safe against what the names in it say."""

from __future__ import annotations

import base64
import math
import re
from dataclasses import replace
from html.parser import HTMLParser
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from calibtui.core.errors import WorkspaceUnwritableError
from calibtui.report.contact_sheet import PICTURE_BYTES, data_uri, evenly_spaced
from calibtui.report.markup import el
from calibtui.report.page import LostFrame, SetFrame, render_page, write_page

VOID = {"meta", "img"}


class Page(HTMLParser):
    """Every element with its attributes, and the text that a reader sees; fails on tags that don't nest."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.texts: list[str] = []
        self.feed(source)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open[-1:] != ["style"]:
            self.texts.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())

    def attributes(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def test_the_page_says_what_came_of_the_run(reports):
    page = Page(render_page(reports.data()))
    for promise in (
        "▼ worse",
        "INT8 loses 1.3 points [0.4, 2.2]",
        "mAP −1.3 points, 95 % interval −2.2 to −0.4, on 300 evaluation frames.",
        "scratch 64.1 59.0 ▼ −5.1",
        "pit 48.2 49.3 ▲ +1.1",
        "dent – – –",
        "small objects – – –",
        "12.3 MB 3.5 MB INT8 has 28 % of the size",
        "14.2 ms 9.70 ms INT8 is 1.46× as fast",
    ):
        assert promise in page.text
    assert "nan" not in page.text.lower()


def test_the_page_says_how_the_model_was_made(reports):
    data = reports.data(reports.summary(notes=("Two frames are twins.",)), options={"onnxruntime": "1.31.1"})
    text = Page(render_page(data)).text
    for promise in (
        "Prompt difficulty@1",
        "Model gpt-4o",
        "120 exact, 0 similar",
        "Spent 0.4123 EUR",
        "team/marco 12.35 EUR of 200.00 EUR",
        "Seed 0",
        "sha256:" + "0123456789abcdef" * 4,
        "Calibrator percentile",
        "Target ort-cpu",
        "Layers in float Conv_7",
        "onnxruntime 1.31.1",
        "Two frames are twins.",
        "3 frames could not be scored",
    ):
        assert promise in text


def test_nothing_is_loaded_from_outside_and_no_script_is_there(reports):
    source = render_page(reports.data(losers=[LostFrame("eval/1.jpg", Path("gone.jpg"), "lost a pit")]))
    page = Page(source)
    tags = {tag for tag, _ in page.elements}
    assert tags.isdisjoint({"script", "link", "iframe", "object", "embed", "base", "form", "use", "image"})
    assert all(img["src"].startswith("data:image/jpeg;base64,") for img in page.attributes("img"))
    assert not re.search(r"https?://|url\(|@import|javascript:", source)
    assert not any(name.startswith("on") or name == "href" for _, attributes in page.elements for name in attributes)
    policy = next(meta["content"] for meta in page.attributes("meta") if meta.get("http-equiv"))
    assert policy.startswith("default-src 'none'")


def test_names_and_reasons_that_hold_markup_are_shown_as_text(reports):
    evil = "</figcaption><script>alert(1)</script><img src=x onerror=alert(2)>\"'&amp;\u202e\x00"
    frame = SetFrame(evil, Path("gone.jpg"), 0.5, (evil,), evil)
    summary = replace(reports.summary({evil: 0.5}, {evil: 0.4}, verdict=evil, notes=(evil,)), workspace=evil, run=evil)
    data = reports.data(summary, [frame], options={evil: evil}, judge_note=evil, int8_name=evil, class_names=[evil])
    page = Page(render_page(data))
    tags = [tag for tag, _ in page.elements]
    assert "script" not in tags and "img" not in tags
    assert "<script>alert(1)</script>" in page.text
    assert "\u202e" not in page.text and "\x00" not in page.text


def test_every_frame_of_a_small_set_shows_its_picture_difficulty_reasons_and_why(reports):
    frames = [replace(frame, why="pinned") for frame in reports.frames(3)]
    page = Page(render_page(reports.data(frames=frames)))
    pictures = page.attributes("img")
    assert len(pictures) == 3
    shown = Image.open(BytesIO(base64.b64decode(pictures[0]["src"].split(",")[1])))
    assert shown.format == "JPEG" and shown.size == (64, 48)
    assert "difficulty 1.00 low contrast pinned pool/0000.jpg" in page.text


def test_a_frame_that_cannot_be_opened_any_more_has_a_placeholder_with_the_reason(reports, tmp_path):
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"\xff\xd8 no picture")
    frames = [
        SetFrame("gone.jpg", tmp_path / "gone.jpg", 0.5, (), ""),
        SetFrame("broken.jpg", broken, None, (), "pinned"),
        SetFrame("directory", tmp_path, math.nan, (), ""),
    ]
    page = Page(render_page(reports.data(frames=frames)))
    assert page.text.count("? no picture:") == 3
    assert "the file is missing" in page.text
    assert page.text.count("not scored") >= 2


def test_of_two_thousand_frames_ninety_six_are_shown_and_the_others_counted(reports):
    source = render_page(reports.data(frames=reports.frames(2000)))
    page = Page(source)
    assert len(page.attributes("img")) == 96
    assert "96 of 2,000 frames" in page.text
    assert "… and 1,904 more" in page.text
    assert "pool/0000.jpg" in page.text and "pool/1999.jpg" in page.text


def test_the_page_stays_under_three_megabytes_with_the_worst_pictures_and_a_thousand_classes(reports):
    random = np.random.default_rng(0)
    frames = reports.frames(200, paint=lambda _: random.integers(0, 256, (240, 240, 3), np.uint8))
    long = [replace(f, uri="u" * 4000, reasons=("r" * 4000,) * 50, why="w" * 4000) for f in frames]
    classes = {f"class {n} " + "c" * 500: 0.5 for n in range(1000)}
    data = reports.data(reports.summary(classes, classes), long, options={str(n): "o" * 9000 for n in range(500)})
    assert len(render_page(data).encode()) < 3_000_000


def test_a_picture_of_noise_is_coded_more_coarsely_until_it_fits():
    noise = Image.fromarray(np.random.default_rng(1).integers(0, 256, (600, 600, 3), np.uint8))
    small = noise.resize((240, 240), Image.Resampling.NEAREST)
    assert Image.open(BytesIO(base64.b64decode(data_uri(small).split(",")[1]))).size == (240, 240)
    coded = base64.b64decode(data_uri(noise).split(",")[1])
    assert len(coded) <= PICTURE_BYTES
    assert Image.open(BytesIO(coded)).width >= 100


def test_a_part_of_the_set_keeps_both_ends_and_its_order_is_hardest_first_with_the_unscored_last():
    frames = [SetFrame(str(n), Path(), n / 999, (), "") for n in range(1000)]
    frames.append(SetFrame("unscored", Path(), None, (), ""))
    part = evenly_spaced(frames, 96)
    assert len({frame.uri for frame in part}) == 96
    assert part[0].uri == "999" and part[-1].uri == "unscored"
    known = [frame.difficulty for frame in part[:-1]]
    assert known == sorted(known, reverse=True)
    assert np.mean(known) == pytest.approx(0.5, abs=0.02)


@pytest.mark.parametrize(("drop", "side"), [((1.3, 0.4, 2.2), -1), ((-1.3, -2.2, -0.4), 1)])
def test_the_whisker_lies_on_the_side_that_its_scale_calls_worse_or_better(reports, drop, side):
    page = Page(render_page(reports.data(reports.summary(drop=drop))))
    dot = float(page.attributes("circle")[0]["cx"].rstrip("%"))
    whisker = next(line for line in page.attributes("line") if line["class"] == "mark")
    ends = [float(whisker[end].rstrip("%")) for end in ("x1", "x2")]
    assert ends[0] < dot < ends[1]
    assert all((x - 50) * side > 0 for x in (dot, *ends))
    assert re.search(r"−[\d.]+ INT8 worse 0 no change INT8 better \+[\d.]+", page.text)


def test_an_attribute_cannot_be_broken_out_of():
    assert el("img", alt='"><script>', data_x="a&b") == '<img alt="&quot;&gt;&lt;script&gt;" data-x="a&amp;b">'


def test_the_distributions_are_described_in_words_for_who_does_not_see_them(reports):
    page = Page(render_page(reports.data()))
    ids = {attributes["id"] for _, attributes in page.elements if attributes.get("id")}
    labelled = [svg["aria-labelledby"].split() for svg in page.attributes("svg") if svg.get("aria-labelledby")]
    assert len(labelled) == 2 and all(set(pair) <= ids for pair in labelled)
    assert "600 scored frames, median 0.50, the middle half from 0.25 to 0.75." in page.text
    silent = [svg for svg in page.attributes("svg") if svg.get("role") != "img"]
    assert all(svg.get("aria-hidden") == "true" for svg in silent)


def test_histogram_bars_stand_where_the_difficulties_are(reports):
    data = replace(reports.data(), difficulties=np.array([0.02, 0.03, 1.0, math.nan]), set_difficulties=np.zeros(0))
    source = render_page(data)
    pool = source[source.index('id="pool-desc"') : source.index("</svg>", source.index('id="pool-desc"'))]
    bars = re.findall(r'<rect x="([\d.]+)" y="[\d.]+" width="9" height="([\d.]+)"', pool)
    assert bars == [("0.5", "98"), ("190.5", "49")]
    assert "Calibration set: no scored frame." in Page(source).text


def test_the_practice_judge_is_named_at_the_distribution_the_set_and_the_provenance(reports):
    text = Page(render_page(reports.data(reports.summary(model="practice-vlm-1")))).text
    assert text.count("! practice judge: its scores are a stand-in") == 3
    assert "practice" not in Page(render_page(reports.data())).text


def test_a_note_on_the_judge_replaces_the_practice_judges_own(reports):
    text = Page(render_page(reports.data(judge_note="scores of a quick look"))).text
    assert text.count("! scores of a quick look") == 3


def test_a_class_of_the_model_that_no_frame_shows_has_a_row_of_dashes(reports):
    text = Page(render_page(reports.data(class_names=["scratch", "never seen"]))).text
    assert "never seen – – –" in text


def test_changes_claim_no_difference_by_colour_where_none_was_measured(reports):
    level = render_page(reports.data(reports.summary(drop=(0.3, -0.4, 1.0), verdict="no measurable difference")))
    assert '<span class="worse">' not in level
    assert '<span class="worse">▼ −5.1</span>' in render_page(reports.data())


def test_a_run_without_evaluation_set_or_scores_still_makes_a_page(reports):
    bare = replace(reports.summary(), pool=None, scoring=None, selection=None, quantization=None, evaluation=None)
    data = replace(reports.data(bare, []), difficulties=np.zeros(0))
    page = Page(render_page(data))
    assert "No comparison yet" in page.text
    assert page.attributes("img") == []


def test_an_evaluation_without_a_figure_still_makes_a_page(reports):
    nothing = {"scratch": math.nan}
    summary = reports.summary(nothing, nothing, drop=(math.nan,) * 3, verdict="no mAP: no object of the classes")
    text = Page(render_page(reports.data(summary))).text
    assert "? not measured" in text and "No mAP: no object of the classes" in text
    assert "nan" not in text.lower()


def test_both_colour_schemes_are_there_and_paper_gets_the_light_one(reports):
    source = render_page(reports.data())
    assert "@media screen and (prefers-color-scheme: dark)" in source
    used = set(re.findall(r"var\(--([a-z0-9]+)\)", source))
    style = source[source.index("<style>") : source.index("</style>")]
    assert used <= set(re.findall(r"--([a-z0-9]+):", style))


def test_the_same_data_give_the_same_page(reports):
    assert render_page(reports.data()) == render_page(reports.data())


def test_the_page_is_written_whole(reports, tmp_path):
    path = tmp_path / "made" / "report.html"
    write_page(path, reports.data())
    assert path.read_text(encoding="utf-8") == render_page(reports.data())
    assert [file.name for file in path.parent.iterdir()] == ["report.html"]


def test_a_page_that_cannot_be_written_is_an_error_that_names_it(reports):
    with pytest.raises(WorkspaceUnwritableError, match=r"/sys/report\.html"):
        write_page(Path("/sys/report.html"), reports.data())
