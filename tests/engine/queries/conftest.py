"""A workspace with a real store, as the queries see it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from calibtui.core.progress import StopFlag, silent
from calibtui.core.scores import FailedScore, Score
from calibtui.engine.queries import registry
from calibtui.engine.queries.registry import COMMANDS, QUERIES, QueryContext
from calibtui.pipeline.cascade import JudgedPool, judged_pool
from calibtui.pipeline.context import Context
from calibtui.pipeline.index_stage import index_pool
from calibtui.pipeline.judges import configured_judge
from calibtui.store.store import Store
from calibtui.workspace.load import load_settings

DOCUMENT = """\
[pool]
images = "pool"
annotations = "pool.json"
[scoring]
model = "m"
[providers.p]
base_url = "http://127.0.0.1:9/v1"
[providers.p.models.m]
eur_per_million_input = 1.0
eur_per_million_output = 1.0
[selection]
strategy = "hardest"
size = 4
"""


@dataclass
class Desk:
    """One workspace, asked as the engine asks. `data` is the snapshot's: raise it when rows changed."""

    root: Path
    store: Store
    overrides: tuple[str, ...] = ()
    memory: dict[Any, Any] = field(default_factory=dict)
    data: int = 0
    user: str = "marco"

    @property
    def context(self) -> QueryContext:
        knobs = tuple(text for turned in registry.KNOBS for text in turned(self.store))
        settings = load_settings(self.root, (*knobs, *self.overrides))
        return QueryContext(settings, load_settings(self.root), self.store, self.data, self.user, self.memory)

    def ask(self, query: Any) -> Any:
        return QUERIES[type(query)](self.context, query)

    def do(self, command: Any) -> Any:
        done = COMMANDS[type(command)](self.context, command)
        self.data += 1
        return done

    def index(self) -> None:
        index_pool(self._within("index"))
        self.data += 1

    def score(
        self, difficulties: Sequence[float | None], *, run: str = "r1", pass_number: int = 1, **said: Any
    ) -> None:
        """Commits a score for each frame of the pool by uri; None leaves one out."""
        judge = self._judge()
        rows = [
            (judge.questions.key(place, pass_number), self._score(judge, place, value, pass_number, **said))
            for place, value in enumerate(difficulties)
            if value is not None
        ]
        self.store.scores.commit(run, rows)
        self.data += 1

    def fail(self, place: int, error: str) -> None:
        questions = self._judge().questions
        frame = questions.frames[place]
        self.store.scores.commit(
            "r1", failures=[(questions.key(place, 1), FailedScore(frame.uri, frame.digest, error, ""))]
        )
        self.data += 1

    def judged(self) -> JudgedPool:
        """The pool as `calibtui select` sees it."""
        return judged_pool(self._within("select"), _no_detector)

    def digests(self) -> list[str]:
        return [row.digest for row in self.store.frames.usable("pool", unique=True)]

    def _score(self, judge: Any, place: int, value: float, pass_number: int, reasons: Any = ("blur",)) -> Score:
        frame = judge.questions.frames[place]
        said = reasons(place) if callable(reasons) else reasons
        return Score(
            frame.uri, frame.digest, value, tuple(said), "difficulty@1", judge.questions.identity.prompt_digest, "m",
            "m-2026", "p", pass_number, None, 5, 6, 7, None, 1.5, 100.0 + place,
        )  # fmt: skip

    def _judge(self) -> Any:
        within = self._within("score")
        frames = self.store.frames.usable("pool", unique=True)
        return configured_judge(within, _no_detector, within.settings.scoring, frames)

    def _within(self, run: str) -> Context:
        return Context(self.context.settings, self.store, run, silent, StopFlag())


def _no_detector() -> Any:
    raise AssertionError("no detector is needed")


@pytest.fixture(scope="session", autouse=True)
def _registered() -> None:
    registry.load_all()


def write_frame(path: Path, number: int, size: tuple[int, int] = (64, 48)) -> None:
    """A picture like no other of another number."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draw = np.random.default_rng(number)
    small = draw.integers(0, 255, (6, 8, 3), np.uint8)
    Image.fromarray(small).resize(size, Image.Resampling.NEAREST).save(path)


def write_annotations(root: Path, objects: dict[str, list[str]], classes: Sequence[str] = ("dent", "scratch")) -> None:
    """COCO json: classes of each file's objects."""
    images = [{"id": i, "file_name": name, "width": 64, "height": 48} for i, name in enumerate(objects)]
    annotations = [
        {"id": 100 * i + k, "image_id": i, "category_id": classes.index(name), "bbox": [4 * k, 2, 8, 10], "area": 80,
         "iscrowd": 0}
        for i, names in enumerate(objects.values())
        for k, name in enumerate(names)
    ]  # fmt: skip
    categories = [{"id": i, "name": name} for i, name in enumerate(classes)]
    text = json.dumps({"images": images, "annotations": annotations, "categories": categories})
    (root / "pool.json").write_text(text)


@pytest.fixture
def make_desk(tmp_path: Path) -> Iterator[Callable[..., Desk]]:
    """Makes a workspace of `frames` indexed pictures; frame i is pool/lineK/NN.png with K = i % 3."""
    opened: list[Store] = []

    def make(frames: int = 12, document: str = DOCUMENT, prepare: Callable[[Path], None] = lambda _: None) -> Desk:
        root = tmp_path / f"workspace{len(opened)}"
        names = [f"line{i % 3}/{i:02}.png" for i in range(frames)]
        for i, name in enumerate(names):
            write_frame(root / "pool" / name, i)
        objects = {name: ["scratch"] * (i % 3) + ["dent"] * (i % 2) for i, name in enumerate(names) if i != 5}
        write_annotations(root, objects)
        (root / "calibtui.toml").write_text(document)
        prepare(root)
        opened.append(Store(root / ".calibtui"))
        desk = Desk(root, opened[-1])
        desk.index()
        return desk

    yield make
    for store in opened:
        store.close()


@pytest.fixture
def desk(make_desk: Callable[..., Desk]) -> Desk:
    """Twelve frames by uri, scored 0.00, 0.05, … but for the last, which isn't."""
    made = make_desk()
    made.score([place / 20 for place in range(11)] + [None], reasons=lambda place: ("glare", f"r{place}"))
    return made
