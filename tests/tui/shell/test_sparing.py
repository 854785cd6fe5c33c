"""Textual's inner parts may change with any version: then the workbench writes more bytes, and works."""

from __future__ import annotations

import subprocess
import sys
import tomllib

import pytest
from rich.console import Console
from tests.conftest import REPOSITORY
from textual._compositor import ChopsUpdate, LayoutUpdate
from textual.geometry import Region
from textual.strip import Strip

from calibtui.tui import sparing as sparing_module
from calibtui.tui.sparing import SparingUpdate, sparing

CONSOLE = Console(force_terminal=True, color_system="truecolor")


class ChangedUpdate(ChopsUpdate):
    """As a later Textual might have it: the cells are somewhere else."""

    def __init__(self) -> None:
        self.pieces = ["cells"]

    def render_segments(self, console: Console) -> str:
        return "Textual's own"


def test_an_update_that_is_not_as_it_was_known_is_written_as_textual_writes_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sparing_module, "ChopsUpdate", ChangedUpdate)
    update = sparing(ChangedUpdate())
    assert isinstance(update, SparingUpdate)
    assert update.render_segments(CONSOLE) == "Textual's own"


def test_an_update_that_is_as_it_was_known_is_written_tersely() -> None:
    known = ChopsUpdate([{0: Strip.blank(80)}], [(0, 3, 5)], [[80]])
    assert len(sparing(known).render_segments(CONSOLE)) < len(known.render_segments(CONSOLE))


def test_what_is_no_partial_update_is_displayed_as_it_is() -> None:
    whole = LayoutUpdate([Strip.blank(3)], Region(0, 0, 3, 1))
    assert sparing(whole) is whole
    assert sparing(None) is None


def test_the_workbench_opens_where_the_inner_parts_are_gone() -> None:
    code = (
        "import sys; sys.modules['calibtui.tui.terse'] = sys.modules['calibtui.tui.compositing'] = None\n"
        "from calibtui.tui.app import Workbench, sparing\n"
        "assert sparing('whatever') == 'whatever'"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_a_textual_that_may_change_its_public_parts_is_not_installed() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    assert "textual>=8.2,<9" in project["dependencies"]
