"""The budgets."""

from __future__ import annotations

from calibtui.tui.screens.workbench_screen import WorkbenchScreen


class BudgetsScreen(WorkbenchScreen):
    NAME = "budgets"
