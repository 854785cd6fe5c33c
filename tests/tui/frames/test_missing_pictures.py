"""A frame whose file is gone says so, in full."""

from __future__ import annotations

from tests.tui.driving import Make, opened, said
from tests.tui.frames.pool_answers import pool_engine
from tests.tui.looks import text

from calibtui.core.errors import ConfigurationError
from calibtui.engine.wire.frames import FramePicture, Picture

PATH = "/data/line3/pcb/pool/station-e/of-the-second-hall/0032.jpg"


def _gone(query: FramePicture) -> Picture:
    raise ConfigurationError(f"{PATH} can't be read: there is no such file.", "Index the pool again.")


async def test_why_there_is_no_picture_and_what_to_do_is_not_cut_off(make_workbench: Make) -> None:
    engine = pool_engine()
    engine.answers[FramePicture] = _gone
    async with opened(make_workbench, engine, "frames", "rank 1", (120, 40)) as pilot:
        await said(pilot, "/data/line3/pcb")
        beside = " ".join(line.rpartition("▏")[2].strip() for line in text(pilot.app).splitlines())
        assert "there is no such file. Index the pool again." in beside
        assert PATH in beside.replace(" ", "")
