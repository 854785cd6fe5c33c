"""What a person reads in the terminal."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from io import StringIO

import pytest
from rich.cells import cell_len
from rich.console import Console, Group

from calibtui.report.terminal import comparison_table, stage_lines


def printed(renderable, width: int = 80, **console) -> str:
    screen = Console(width=width, file=StringIO(), **console)
    screen.print(renderable)
    return screen.file.getvalue()


def row(text: str, name: str) -> str:
    return next(line for line in text.splitlines() if line.startswith(name))


@pytest.mark.parametrize("width", [80, 120])
def test_no_line_is_wider_than_the_terminal_and_no_figure_is_cut(reports, width):
    classes = {f"a long name of a class, number {n}": n / 80 for n in range(80)}
    summary = reports.summary(classes, {name: ap * 0.97 for name, ap in classes.items()})
    text = printed(Group(*stage_lines(summary), comparison_table(summary)), width)
    assert max(cell_len(line.rstrip()) for line in text.splitlines()) <= width
    assert not re.search(r"\d…|…\d", text)
    mean = 100 * sum(classes.values()) / 80
    assert row(text, "mAP 50–95").split()[2:5] == [f"{mean:.1f}", f"{mean * 0.97:.1f}", f"−{mean * 0.03:.1f}"]


def test_each_class_shows_both_aps_in_points_and_the_signed_change(reports):
    text = printed(comparison_table(reports.summary()))
    assert row(text, "scratch").split()[1:4] == ["64.1", "59.0", "−5.1"]
    assert row(text, "pit").split()[1:4] == ["48.2", "49.3", "+1.1"]
    assert row(text, "stain").split()[1:4] == ["90.3", "90.3", "0.0"]


def test_an_ap_that_is_not_known_is_a_dash_without_a_bar(reports):
    text = printed(comparison_table(reports.summary()))
    assert row(text, "dent").split() == ["dent", "–", "–", "–"]
    assert "nan" not in text.lower()


def test_the_class_that_lost_most_comes_first(reports):
    lines = printed(comparison_table(reports.summary())).splitlines()
    first_words = [line.split()[0] for line in lines if line.split()]
    classes = [word for word in first_words if word in ("scratch", "pit", "stain", "dent")]
    assert classes == ["scratch", "stain", "pit", "dent"]


def test_of_eighty_classes_the_twelve_that_changed_most_are_shown_and_the_others_counted(reports):
    before = {f"class-{n}": 0.5 for n in range(80)}
    after = {f"class-{n}": 0.5 + (0.01 * n if n % 2 else -0.01 * n) / 2 for n in range(80)}
    text = printed(comparison_table(reports.summary(before, after)))
    assert set(re.findall(r"class-(\d+)", text)) == {str(n) for n in range(68, 80)}
    assert "… and 68 more, see report.html" in text


def test_up_to_twenty_classes_are_all_shown(reports):
    classes = {f"class-{n}": 0.5 for n in range(20)}
    text = printed(comparison_table(reports.summary(classes, classes)))
    assert len(re.findall(r"class-\d+", text)) == 20
    assert "more, see" not in text


def test_the_bar_shades_what_was_lost_and_what_was_gained_so_that_it_reads_without_colour(reports):
    text = printed(comparison_table(reports.summary()), no_color=True)
    assert re.search("━+┄+$", row(text, "scratch").rstrip())
    gained = row(printed(comparison_table(reports.summary({"a": 0.2}, {"a": 0.8})), no_color=True), "a ")
    assert gained.count("═") > 2 * gained.count("━") > 0 and "┄" not in gained


@pytest.mark.parametrize(
    ("drop", "label"),
    [
        ((1.3, 0.4, 2.2), "▼ worse"),
        ((-1.3, -2.2, -0.4), "▲ better"),
        ((0.3, -0.4, 1.0), "≈ level"),
        ((0.3, math.nan, math.nan), "? not measured"),
        ((math.nan, math.nan, math.nan), "? not measured"),
    ],
)
def test_the_verdict_is_a_glyph_and_a_word_and_claims_nothing_the_interval_does_not(reports, drop, label):
    assert printed(comparison_table(reports.summary(drop=drop))).startswith(label)


def test_the_change_and_its_interval_stand_in_words(reports):
    text = " ".join(printed(comparison_table(reports.summary())).split())
    assert "INT8 loses 1.3 points [0.4, 2.2]" in text
    assert "mAP −1.3 points, 95 % interval −2.2 to −0.4, on 300 evaluation frames." in text


def test_money_cache_hits_sizes_and_speed_are_shown(reports):
    text = printed(comparison_table(reports.summary()))
    assert "0.4123 EUR for 465 calls, 120 cache hits" in text
    assert row(text, "model file").split()[2:] == ["12.3", "MB", "3.5", "MB", "28", "%", "of", "the", "size"]
    assert row(text, "one inference").split()[2:] == ["14.2", "ms", "9.70", "ms", "1.46×", "as", "fast"]


def test_sizes_and_times_that_are_not_known_are_dashes(reports):
    summary = reports.summary()
    bare = replace(summary.evaluation.int8, size_bytes=0, ms_per_frame=math.nan)
    text = printed(comparison_table(replace(summary, evaluation=replace(summary.evaluation, int8=bare))))
    assert row(text, "model file").split()[2:] == ["12.3", "MB", "–"]
    assert row(text, "one inference").split()[2:] == ["14.2", "ms", "–"]


def test_hostile_names_are_shown_as_they_are_written_and_send_nothing_to_the_terminal(reports):
    names = ["[bold red]x[/bold red]", "[/]", "bell\x07\x1b[2Jwipe", "right\u202eleft", "lone\udcff"]
    hostile = dict.fromkeys(names, 0.5)
    summary = reports.summary(hostile, hostile, notes=("[blink]\x1b]0;title\x07",), report="[/red]\n/tmp/\x1b[1mr.html")
    summary = replace(summary, selection=replace(summary.selection, manifest="[i]\x1b[5m.json"))
    text = printed(Group(*stage_lines(summary), comparison_table(summary)))
    assert "[i]" in text
    assert "[bold red]x[/bold red]" in text and "[/] " in text and "[blink]" in text and "[/red]" in text
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e\ud800-\udfff]", text)


def test_without_colour_nothing_but_text_and_weight_is_sent(reports, monkeypatch, capsys):
    monkeypatch.setenv("NO_COLOR", "1")
    Console(width=80, force_terminal=True).print(comparison_table(reports.summary()))
    codes = set(re.findall(r"\x1b\[([\d;]*)m", capsys.readouterr().out))
    assert codes <= {"0", "1", "3"}


def test_changes_take_a_colour_only_where_a_difference_was_measured(reports):
    def shown(drop: tuple[float, float, float]) -> str:
        return printed(comparison_table(reports.summary(drop=drop)), force_terminal=True, color_system="standard")

    red = re.compile(r"\x1b\[31m *−5\.1")
    assert red.search(shown((1.3, 0.4, 2.2)))
    assert "−5.1" in shown((0.3, -0.4, 1.0)) and not red.search(shown((0.3, -0.4, 1.0)))


def test_a_run_without_an_evaluation_says_so(reports):
    text = printed(comparison_table(replace(reports.summary(), evaluation=None)))
    assert text.startswith("No comparison: ")


def test_every_stage_that_ran_has_its_result(reports):
    text = printed(Group(*stage_lines(reports.summary())))
    for promise in (
        "✓ done     pool: 600 frames, 4 unreadable, 12 duplicates",
        "✓ done     scoring: 585 scored, 3 failed, 0 remaining",
        "by vlm judge, model gpt-4o, prompt difficulty@1",
        "120 exact cache hits, 0 similar",
        "465 calls, 2 retries, 1 min 03 s, 0.4123 EUR spent",
        "budget team/marco: 12.35 EUR of 200.00 EUR spent",
        "✓ done     selection: 64 frames by hardest, seed 0, sha256:0123456789ab\n",
        "sets/hardest.json",
        "✓ done     quantization: INT8 for ort-cpu, percentile over 64 frames",
        "1 layer left in float, 48.3 s, 35.1 s of it inference, peak 412 MiB",
    ):
        assert promise in text


def test_notes_are_shown_once_whether_or_not_a_comparison_follows(reports):
    whole = reports.summary(notes=("Mind the gap.",))
    for summary in (whole, replace(whole, evaluation=None)):
        text = printed(Group(*stage_lines(summary), comparison_table(summary)))
        assert text.count("Mind the gap.") == 1


def test_stages_that_did_not_run_are_not_mentioned(reports):
    only_pool = replace(reports.summary(), scoring=None, selection=None, quantization=None, evaluation=None)
    text = printed(Group(*stage_lines(only_pool)))
    assert len(text.splitlines()) == 1


@pytest.mark.parametrize(
    ("stopped_by", "words"),
    [("budget", "a budget is exhausted"), ("failures", "more frames failed"), ("interrupt", "interrupted")],
)
def test_a_scoring_that_was_stopped_says_why_instead_of_done(reports, stopped_by, words):
    lines = printed(Group(*stage_lines(reports.summary(stopped_by=stopped_by)))).splitlines()
    assert lines[1].startswith(f"■ stopped  scoring: {words}")


def test_the_practice_judge_is_named_wherever_its_scores_are_spoken_of(reports):
    practice = reports.summary(model="practice-vlm-1")
    for text in (printed(comparison_table(practice)), printed(Group(*stage_lines(practice)))):
        assert "practice judge: its scores are a stand-in" in text
    real = reports.summary()
    assert "practice" not in printed(Group(*stage_lines(real), comparison_table(real)))
