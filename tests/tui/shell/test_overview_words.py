"""What the overview says of a snapshot, in words."""

from __future__ import annotations

from msgspec.structs import replace
from tests.tui.stand_in import snapshot

from calibtui.engine.wire.snapshot import Job, Notice, Outcome, Snapshot
from calibtui.tui.news import news
from calibtui.tui.overview.people import jobs, outcome
from calibtui.tui.overview.scoring import scoring


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


def test_no_pace_is_shown_of_a_run_that_has_ended() -> None:
    now = snapshot(1)
    assert now.scoring is not None
    run = replace(now.jobs[0], run=now.scoring.run)
    assert "/s" in _text(scoring(replace(now, jobs=(replace(run, state="running"),)), 80))
    assert "/s" not in _text(scoring(replace(now, jobs=(replace(run, state="failed"),)), 80))
