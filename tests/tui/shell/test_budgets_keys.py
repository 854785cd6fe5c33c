"""Every key of the budgets, over a real engine."""

from __future__ import annotations

import getpass

from tests.tui.driving import pressed, said, until
from tests.tui.looks import text
from tests.tui.shell.conftest import Open
from textual.widgets import Input

from calibtui.tui.screens.lift_cap import LiftCapScreen


async def test_it_shows_the_tree_and_says_that_every_call_is_settled(open_workbench: Open) -> None:
    async with open_workbench("budgets", "of €600.00") as pilot:
        assert f"  {getpass.getuser()}" in text(pilot.app)
        await said(pilot, "Every call is settled.")


async def test_e_lifts_a_cap_with_a_reason_and_the_audit_trail_keeps_it(open_workbench: Open) -> None:
    async with open_workbench("budgets", "of €600.00") as pilot:
        await pressed(pilot, "down", "e")
        await until(pilot, lambda: isinstance(pilot.app.screen, LiftCapScreen))
        pilot.app.screen.query_one("#eur", Input).value = "250"
        await pressed(pilot, "enter", *"two", "enter")
        await said(pilot, "yes, go ahead")
        await pressed(pilot, "enter")
        await said(pilot, "of €250.00")
        await said(pilot, "€200.00 → €250.00")
        assert "two" in text(pilot.app)
        pilot.app.clear_notifications()
        await pressed(pilot, "tab", "tab", "enter")
        await until(pilot, lambda: any(note.message.startswith("two\n") for note in pilot.app._notifications))


async def test_a_cap_that_is_no_number_or_has_no_reason_is_not_set(open_workbench: Open) -> None:
    async with open_workbench("budgets", "of €600.00") as pilot:
        await pressed(pilot, "enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, LiftCapScreen))
        await pressed(pilot, *"x", "enter", *"why", "enter")
        await said(pilot, "is not a number of EUR")
        pilot.app.screen.query_one("#eur", Input).value = "10"
        pilot.app.screen.query_one("#why", Input).value = ""
        await pressed(pilot, "enter")
        await said(pilot, "A reason is missing")
        await pressed(pilot, "escape")
        await until(pilot, lambda: not isinstance(pilot.app.screen, LiftCapScreen))
        assert "of €600.00" in text(pilot.app)


async def test_y_copies_the_tree_as_a_table(open_workbench: Open) -> None:
    async with open_workbench("budgets", "of €600.00") as pilot:
        await pressed(pilot, "y")
        await said(pilot, "Copied 3 lines.")
        assert pilot.app.clipboard.splitlines()[1] == "team\t600.0\t0.0\t0.0"


async def test_r_reads_the_books_again(open_workbench: Open) -> None:
    async with open_workbench("budgets", "Every call is settled.") as pilot:
        await pressed(pilot, "r")
        await said(pilot, "Every call is settled.")
