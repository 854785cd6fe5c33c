"""The seven screens: key, name, title, and where the class is. A screen's module is imported when it is first
opened."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from calibtui.tui.screens.workbench_screen import WorkbenchScreen


@dataclass(frozen=True, slots=True)
class Place:
    """`key` opens it from anywhere; `name` is its mode, `where` "module:Class"."""

    key: str
    name: str
    title: str
    where: str
    purpose: str

    def screen_class(self) -> type[WorkbenchScreen]:
        module, name = self.where.split(":")
        return cast("type[WorkbenchScreen]", getattr(import_module(module), name))


_SCREENS = "calibtui.tui.screens"

PLACES = (
    Place("1", "overview", "Overview", f"{_SCREENS}.overview:OverviewScreen", "what runs, what it costs, what is next"),
    Place("2", "frames", "Frames", f"{_SCREENS}.frames:FramesScreen", "the pool by difficulty, frame by frame"),
    Place("3", "set", "Set", f"{_SCREENS}.set:SetScreen", "the calibration set as it grows"),
    Place("4", "quantize", "Quantize", f"{_SCREENS}.quantize:QuantizeScreen", "make the INT8 model"),
    Place("5", "compare", "Compare", f"{_SCREENS}.compare:CompareScreen", "float and INT8 side by side"),
    Place("6", "budgets", "Budgets", f"{_SCREENS}.budgets:BudgetsScreen", "caps, and who spent what"),
    Place("7", "runs", "Runs", f"{_SCREENS}.runs:RunsScreen", "everything ever done here"),
)


def place(name: str) -> Place:
    """The place of that name. Raises KeyError."""
    return {each.name: each for each in PLACES}[name]
