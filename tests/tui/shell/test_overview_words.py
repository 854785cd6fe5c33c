"""What the overview says of a snapshot, in words."""

from __future__ import annotations

from msgspec.structs import replace
from tests.tui.stand_in import snapshot

from calibtui.engine.wire.snapshot import Job, Notice, Outcome, Snapshot, Stage
from calibtui.tui.news import news
from calibtui.tui.overview.people import jobs, outcome
from calibtui.tui.overview.pipeline import pipeline
from calibtui.tui.overview.scoring import scoring
from calibtui.tui.pace import pace
from calibtui.tui.remedies import remedy


def _text(lines: object) -> str:
    return "\n".join("".join(span[0] for span in line).rstrip() for line in lines)  # type: ignore[attr-defined]


def _ended(state: str, error: str = "", hint: str = "") -> tuple[Snapshot, Job]:
    before = snapshot(1)
    return before, replace(before.jobs[0], state=state, ended_at=2.0, error=error, hint=hint)


def test_a_failed_job_is_told_once_though_everyone_is_told_of_its_end() -> None:
    before, job = _ended("failed", "The disk is full.", "Free some.")
    notice = Notice(number=9, level="error", text=f"{job.title} failed: The disk is full.", at=0.0)
    now = replace(snapshot(2), jobs=(job,), notices=(notice,))
    assert [item.hint for item in news(before, now)] == ["Free some."]


def test_the_end_of_a_job_that_was_never_seen_is_told_by_its_notice() -> None:
    before, job = _ended("failed", "The disk is full.")
    notice = Notice(number=9, level="error", text=f"{job.title} failed: The disk is full.", at=0.0)
    now = replace(snapshot(2), jobs=(*before.jobs, replace(job, name="another", ended_at=3.0)), notices=(notice,))
    assert [item.text for item in news(before, now)] == [notice.text]


def test_what_went_wrong_with_the_newest_job_is_read_in_full_with_what_to_do() -> None:
    _, job = _ended("failed", "The budget team is exhausted, and " + "this is long " * 8 + "to its end.", "Raise it.")
    said = _text(jobs(replace(snapshot(2), jobs=(job,)), 40))
    assert "to its\n" in said + "\n" or "to its end." in said
    assert "…" not in said and said.endswith("Raise it.")


def test_the_title_of_a_job_is_not_cut_for_who_asked_for_it() -> None:
    _, job = _ended("done")
    job = replace(job, title="The whole pipeline", by="root")
    assert "The whole pipeline" in _text(jobs(replace(snapshot(2), jobs=(job,)), 38))


def test_the_outcome_says_its_figure_once() -> None:
    won = Outcome(reference_map=0.688, int8_map=0.68, drop=0.78, low=0.2, high=1.18,
                  verdict="INT8 loses 0.8 points [0.2, 1.2]", at=0.0)  # fmt: skip
    said = _text(outcome(replace(snapshot(1), outcome=won), 80))
    assert said.count("0.8") == 1
    assert "+0.78" not in said


def test_frames_scored_by_an_earlier_engine_count_as_scored() -> None:
    now = replace(snapshot(1), scoring=None)
    assert now.totals.scored
    assert "Nothing has been scored yet" not in _text(scoring(now, 80))
    assert f"{now.totals.scored:,}" in _text(scoring(now, 80))


def test_one_pace_is_told_while_the_pool_is_indexed() -> None:
    """The note of the index pass tells its own, and the engine measures another."""
    indexing = Stage(name="pool", state="running", done=256, total=600, rate=512.0, seconds_left=1, said="703 frames/s")
    now = replace(snapshot(1), stages=(indexing,))
    said = _text(pipeline(now, 160))
    assert said.count("/s") == 1 and "703 frames/s" in said and "1 s left" in said
    assert pace(indexing) == (["703 frames/s", "1 s left"], "")


def test_what_is_counted_to_its_end_has_no_pace_any_more() -> None:
    """The stage goes on with something that isn't counted."""
    ending = Stage(name="quantize", state="running", done=64, total=64, rate=11.5, seconds_left=0, said="ranges")
    said = _text(pipeline(replace(snapshot(1), stages=(ending,)), 160))
    assert "left" not in said and "/s" not in said and "ranges" in said


EXHAUSTED = "Raise it with `calibtui budget set team EUR`; everything so far is kept, and the same command resumes."


def test_a_run_that_a_budget_stopped_names_the_keys_that_lift_its_cap() -> None:
    before, job = _ended("failed", "The budget team is exhausted.", EXHAUSTED)
    job = replace(job, exit_code=3)
    now = replace(snapshot(2), jobs=(job,))
    (item,) = news(before, now)
    assert item.hint == "Lift its cap: 6, then e; everything so far is kept, and s on the Overview resumes."
    said = _text(jobs(now, 200))
    assert "6, then e" in said and "calibtui budget" not in said


def test_the_keys_are_named_whatever_the_hint_of_an_exhausted_budget_says() -> None:
    _, job = _ended("failed", "A gateway says that the budget is exhausted.", "Ask who pays.")
    assert remedy(replace(job, exit_code=3)) == "Ask who pays. Lift its cap: 6, then e."
    assert remedy(replace(job, exit_code=4)) == "Ask who pays."


def test_no_pace_is_shown_of_a_run_that_has_ended() -> None:
    now = snapshot(1)
    assert now.scoring is not None
    run = replace(now.jobs[0], run=now.scoring.run)
    assert "/s" in _text(scoring(replace(now, jobs=(replace(run, state="running"),)), 80))
    assert "/s" not in _text(scoring(replace(now, jobs=(replace(run, state="failed"),)), 80))
