"""Every key of the overview, over a real engine."""

from __future__ import annotations

from tests.tui.driving import pressed, said, until
from tests.tui.looks import text
from tests.tui.shell.conftest import Open

STARTED = "1 Everything"


async def test_an_empty_workspace_says_what_to_do_first(open_workbench: Open) -> None:
    async with open_workbench(words="not yet") as pilot:
        assert "→" in text(pilot.app)
        assert "Nothing has been scored yet." in text(pilot.app)


async def test_s_starts_what_is_chosen_after_the_price_was_agreed_to(open_workbench: Open) -> None:
    async with open_workbench(words="not yet") as pilot:
        await pressed(pilot, "s")
        await said(pilot, STARTED)
        await pressed(pilot, "2")
        await said(pilot, "yes, go ahead")
        await pressed(pilot, "enter")
        await said(pilot, "12 of 12", 60)
        await said(pilot, "✓ finished", 60)
        await said(pilot, "Difficulty  12 scored")
        await said(pilot, "✓ done        Indexing and scoring", 10)


async def test_no_price_is_paid_without_a_yes(open_workbench: Open) -> None:
    async with open_workbench(words="not yet") as pilot:
        await pressed(pilot, "s")
        await said(pilot, STARTED)
        await pressed(pilot, "down", "enter")
        await said(pilot, "yes, go ahead")
        await pressed(pilot, "escape")
        await until(pilot, lambda: "yes, go ahead" not in text(pilot.app))
        assert not pilot.app.snapshot.jobs
        await pressed(pilot, "s")
        await said(pilot, STARTED)
        await pressed(pilot, "escape")
        await until(pilot, lambda: STARTED not in text(pilot.app))
        assert not pilot.app.snapshot.jobs


async def test_p_holds_everything_for_everyone_and_lets_it_go_on(open_workbench: Open) -> None:
    async with open_workbench(words="not yet") as pilot, open_workbench(words="not yet") as other:
        await pressed(pilot, "p")
        await said(pilot, "‖ paused")
        await said(other, "‖ paused")
        await pressed(other, "p")
        await said(pilot, "● live")


async def test_c_takes_a_job_back_after_a_question(open_workbench: Open) -> None:
    async with open_workbench(words="not yet") as pilot:
        await pressed(pilot, "c")
        await said(pilot, "No job runs or waits.")
        await pressed(pilot, "p")
        await said(pilot, "‖ paused")
        await pressed(pilot, "s")
        await said(pilot, STARTED)
        await pressed(pilot, "2")
        await said(pilot, "yes, go ahead")
        await pressed(pilot, "enter")
        await until(pilot, lambda: pilot.app.snapshot.jobs)
        await pressed(pilot, "c")
        await said(pilot, "Cancel the")
        await pressed(pilot, "y")
        await until(pilot, lambda: pilot.app.snapshot.jobs[0].state == "cancelled", 30)


async def test_y_copies_the_state_in_words(open_workbench: Open) -> None:
    async with open_workbench(words="not yet") as pilot:
        await pressed(pilot, "y")
        await said(pilot, "Copied")
        copied = (pilot.app.config / "copied.txt").read_text()
        assert "evaluate  · not yet" in copied
        assert pilot.app.clipboard + "\n" == copied


async def test_runs_say_that_nothing_was_ever_done(open_workbench: Open) -> None:
    async with open_workbench("runs", "Nothing was ever done here"):
        pass
