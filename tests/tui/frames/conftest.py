"""The Frames screen over a real engine on a real store: sixty annotated frames of the sample data, scored."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.engines import connected, serving
from tests.tui.looks import text

from calibtui.engine.wire.curation import MarkMatching
from calibtui.engine.wire.frames import FrameLine, Frames
from calibtui.engine.wire.runs import Start
from calibtui.tui.app import Workbench
from calibtui.tui.screens.frames import FramesScreen

FRAMES = 60
HOSTILE = (
    "[red]markup[blink].jpg",
    "[@click=app.quit]x.jpg",
    "esc\x1b[2J\x1b]0;title\x07.jpg",
    "line\nend.jpg",
    "\u202egpj.jpg",
)
"""Names of five of the frames: markup, a click, escape sequences, a line end, text that runs from right to left."""

DOCUMENT = """\
[pool]
images = "pool"
annotations = "pool.json"
[model]
onnx = "detector.onnx"
[scoring]
judge = "vlm"
model = "practice-vlm-1"
concurrency = 4
[providers.practice]
base_url = "{url}"
[providers.practice.models."practice-vlm-1"]
eur_per_million_input = 2.30
eur_per_million_output = 9.20
[cache]
canary = false
[selection]
strategy = "hardest"
size = 8
"""


def _workspace(root: Path, sample_data: Path, url: str) -> None:
    """The first frames of the evaluation set as a pool, in their order, five of them under other names."""
    truth = json.loads((sample_data / "eval.json").read_text())
    (root / "pool").mkdir(parents=True)
    images = []
    for place, image in enumerate(truth["images"][:FRAMES]):
        source = next(
            file
            for file in (sample_data / image["file_name"], sample_data / "eval" / image["file_name"])
            if file.is_file()
        )
        name = (
            HOSTILE[place // 10]
            if place % 10 == 5 and place // 10 < len(HOSTILE)
            else f"line{place % 3}_{place:03}.jpg"
        )
        shutil.copy2(source, root / "pool" / name)
        images.append({**image, "file_name": name})
    kept = {image["id"] for image in images}
    annotations = [each for each in truth["annotations"] if each["image_id"] in kept]
    (root / "pool.json").write_text(json.dumps({**truth, "images": images, "annotations": annotations}))
    shutil.copy2(sample_data / "detector.onnx", root / "detector.onnx")
    (root / "calibtui.toml").write_text(DOCUMENT.format(url=url))


@pytest.fixture(scope="session")
def scored_workspace(tmp_path_factory: pytest.TempPathFactory, sample_data: Path, practice_url: str) -> Iterator[Path]:
    """Its engine runs for the whole session; what a test marks, the next one's `frames` takes back."""
    root = tmp_path_factory.mktemp("frames") / "workspace"
    _workspace(root, sample_data, practice_url)
    with serving(root):
        asyncio.run(_score(root))
        yield root


async def _score(root: Path) -> None:
    engine = connected(root)
    done = await engine.do(Start(stages=("pool", "score"), confirmed=True))
    async for snapshot in engine.snapshots():
        job = next(job for job in snapshot.jobs if job.name == done.job)
        if job.ended_at is not None:
            assert job.exit_code == 0, job.error
            break
    await engine.close()


class Bench:
    """The workbench with the Frames screen open, and a second client of the same engine to check it by."""

    def __init__(self, app: Workbench, pilot: Any, engine: Any) -> None:
        self.app, self.pilot, self.engine = app, pilot, engine

    @property
    def screen(self) -> FramesScreen:
        screen = self.app.screen_stack[0]
        assert isinstance(screen, FramesScreen)
        return screen

    @property
    def line(self) -> FrameLine:
        line = self.screen.table.line
        assert line is not None
        return line

    def text(self) -> str:
        return text(self.app)

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)

    async def until(self, condition: Callable[[], Any]) -> None:
        """Waits until it holds; fails after ten seconds."""
        for _ in range(500):
            if condition():
                return
            await self.pilot.pause(0.02)
        raise AssertionError(f"it never came true; the screen:\n{self.text()}")

    async def settled(self) -> None:
        """Everything asked for has come: rows, the frame in full, its picture."""
        detail = self.screen.detail
        await self.until(lambda: not self.screen.table.reader.loading and not self.screen.table.reader.marking)
        await self.until(
            lambda: (
                not detail.display
                or (
                    detail.detail is not None
                    and self.screen.table.line is not None
                    and detail.detail.line == self.screen.table.line
                    and detail.view.complete
                )
            )
        )
        await self.pilot.pause(0.05)

    async def rows(self, **asked: Any) -> tuple[FrameLine, ...]:
        """The pool as the engine has it."""
        return (await self.engine.ask(Frames(limit=200, **asked))).rows

    async def mark_of(self, digest: str) -> str:
        return next(row.mark for row in await self.rows() if row.digest == digest)


Open = Callable[..., Any]


@pytest.fixture
async def frames(scored_workspace: Path, make_workbench: Callable[..., Workbench]) -> AsyncIterator[Open]:
    """Opens the Frames screen: `async with frames(size=(80, 24)) as bench`. No frame has a mark at first."""
    checking = connected(scored_workspace)
    await checking.do(MarkMatching(mark=""))

    @asynccontextmanager
    async def opened(size: tuple[int, int] = (120, 40), theme: str = "dark") -> AsyncIterator[Bench]:
        app = make_workbench(connected(scored_workspace), theme=theme)
        async with app.run_test(size=size) as pilot:
            await pilot.press("2")
            bench = Bench(app, pilot, checking)
            await bench.until(lambda: isinstance(app.screen, FramesScreen))
            await bench.until(lambda: bench.screen.table.line is not None)
            await bench.settled()
            yield bench

    yield opened
    await checking.close()


Settle = Callable[[Bench], Awaitable[None]]
