"""Drawing only what changed shows what drawing everything shows."""

from __future__ import annotations

import random

import pytest
from rich.console import Console
from tests.tui.driving import Make, opened
from tests.tui.stand_in import MemoryEngine
from textual._compositor import Compositor
from textual.geometry import Region

from calibtui.tui.compositing import FrugalCompositor, blocks
from calibtui.tui.screens.registry import PLACES
from calibtui.tui.terse import TerseUpdate

CONSOLE = Console(color_system="truecolor", force_terminal=True)
SIZE = (120, 40)


def _regions(random_: random.Random) -> set[Region]:
    """Some that lie over several widgets, on neighbouring lines or far apart, and some that leave the screen."""
    return {
        Region(random_.randrange(120), random_.randrange(40), random_.randint(1, 90), random_.randint(1, 12))
        for _ in range(random_.randint(1, 4))
    }


@pytest.mark.parametrize("place", [place.name for place in PLACES])
async def test_every_screen_is_repainted_as_textual_would(make_workbench: Make, place: str) -> None:
    async with opened(make_workbench, MemoryEngine(), place, "", SIZE) as pilot:
        compositor, random_ = pilot.app.screen._compositor, random.Random(7)
        assert isinstance(compositor, FrugalCompositor)
        for _ in range(40):
            regions = _regions(random_)
            shown = []
            for render in (compositor._changed, lambda: Compositor.render_partial_update(compositor)):
                compositor._dirty_regions = {region.intersection(compositor.size.region) for region in regions}
                update = render()
                assert update is not None
                shown.append(TerseUpdate(update).render_segments(CONSOLE))
            assert shown[0] == shown[1], regions


async def test_a_line_that_changed_has_no_other_line_drawn(
    make_workbench: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(make_workbench, MemoryEngine(), "overview", "", SIZE) as pilot:
        compositor = pilot.app.screen._compositor
        drawn: list[int] = []
        for widget in compositor.visible_widgets:
            render = widget.render_lines
            monkeypatch.setattr(
                widget, "render_lines", lambda crop, render=render: drawn.append(crop.height) or render(crop)
            )
        compositor._dirty_regions = {Region(0, 0, 120, 1)}
        assert compositor.render_partial_update() is not None
        assert drawn == [1], "the heading alone, and of it the one line"


def test_lines_without_a_gap_are_drawn_together() -> None:
    spans = [(3, 0, 9), (4, 0, 5), (4, 7, 9), (9, 0, 1)]
    assert list(blocks(spans)) == [spans[:3], spans[3:]]


async def test_nothing_changed_paints_nothing(make_workbench: Make) -> None:
    async with opened(make_workbench, MemoryEngine(), "overview", "", SIZE) as pilot:
        compositor = pilot.app.screen._compositor
        compositor._dirty_regions = set()
        assert compositor.render_partial_update() is None


async def test_where_textual_is_another_it_draws_in_its_own_way(
    make_workbench: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(make_workbench, MemoryEngine(), "overview", "", SIZE) as pilot:
        compositor = pilot.app.screen._compositor
        regions = {Region(0, 0, 120, 2)}
        compositor._dirty_regions = set(regions)
        expected = compositor.render_partial_update()
        monkeypatch.setattr(FrugalCompositor, "_fill", lambda self: None)
        compositor._dirty_regions = set(regions)
        update = compositor.render_partial_update()
        assert expected is not None and update is not None
        assert TerseUpdate(update).render_segments(CONSOLE) == TerseUpdate(expected).render_segments(CONSOLE)
