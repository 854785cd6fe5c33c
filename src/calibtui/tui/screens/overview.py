"""The overview."""

from __future__ import annotations

from calibtui.tui.screens.workbench_screen import WorkbenchScreen


class OverviewScreen(WorkbenchScreen):
    NAME = "overview"
