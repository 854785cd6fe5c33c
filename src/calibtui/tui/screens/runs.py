"""The runs."""

from __future__ import annotations

from calibtui.tui.screens.workbench_screen import WorkbenchScreen


class RunsScreen(WorkbenchScreen):
    NAME = "runs"
