"""The same questions over the socket: what is answered survives JSON, and refusals are refusals."""

from __future__ import annotations

import shutil

import pytest
from tests.conftest import REPOSITORY
from tests.engine.queries.conftest import DOCUMENT
from tests.engines import connected, serving

from calibtui.core.errors import EngineRefusedError
from calibtui.engine.queries.registry import COMMANDS, QUERIES
from calibtui.engine.wire import curation, frames, models, money, runs, sets
from calibtui.engine.wire.exchange import Command, Query
from calibtui.engine.wire.frames import Frame, FramePicture, Frames
from calibtui.engine.wire.sets import Draft, Export, Lock, Turn
from calibtui.selection.manifest import read_manifest

ENGINES_OWN = {"start", "rerun", "pause", "resume", "cancel", "stop", "set-cap", "headless", "task"}


def test_every_question_and_command_of_the_wire_has_somebody_who_answers():
    asked = {
        thing
        for module in (curation, frames, models, money, runs, sets)
        for thing in vars(module).values()
        if isinstance(thing, type) and issubclass(thing, Query | Command) and hasattr(thing, "path")
    }
    unanswered = {thing.path for thing in asked if thing not in QUERIES and thing not in COMMANDS}
    assert unanswered <= ENGINES_OWN


async def test_a_screens_session_over_the_socket(make_desk, tmp_path):
    model = REPOSITORY / "sample_data" / "detector.onnx"
    desk = make_desk(
        document=DOCUMENT + '[model]\nonnx = "detector.onnx"\n',
        prepare=lambda root: shutil.copy2(model, root / "detector.onnx"),
    )
    desk.score([place / 20 for place in range(12)])
    desk.store.close()
    with serving(desk.root):
        engine = connected(desk.root)
        try:
            page = await engine.ask(Frames(limit=5, filter="score>20"))
            assert [row.uri[-6:-4] for row in page.rows] == ["11", "08", "05", "02", "10"]
            detail = await engine.ask(Frame(digest=page.rows[0].digest))
            assert detail.line == page.rows[0] and detail.boxes["truth"]
            picture = await engine.ask(FramePicture(digest=page.rows[0].digest, width=16, height=16))
            assert len(picture.rgb) == picture.width * picture.height * 3
            await engine.do(Turn(key="selection.size", value="3"))
            draft = await engine.ask(Draft())
            assert draft.size == 3 and draft.ranges is None
            assert "marked" not in (await engine.do(curation.Mark(digests=(page.rows[4].digest,), toggle=True))).said
            done = await engine.do(Lock(name="release"))
            assert read_manifest(desk.root / done.files[0])["size"] == 3
            out = tmp_path / "out"
            assert len((await engine.do(Export(to=str(out), what=("reader", "coco")))).files) == 6
            with pytest.raises(EngineRefusedError) as refused:
                await engine.ask(Frames(filter="scroe>1"))
            assert refused.value.kind == "configuration" and "score" in refused.value.hint
        finally:
            await engine.close()
