"""Models beside each other, the frames that lost most, and what they find on one frame: after a real run."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.conftest import WORKSPACE, _copy_evaluation
from tests.engine.queries.conftest import Desk

from calibtui.core.errors import ConfigurationError
from calibtui.core.progress import StopFlag, silent
from calibtui.engine.wire.frames import Detect, Frame, FramePicture, Frames
from calibtui.engine.wire.models import Compare, Lost, Sensitivity
from calibtui.engine.wire.runs import Diff, Run, Runs
from calibtui.engine.wire.sets import Sets
from calibtui.pipeline.run import run_stages
from calibtui.store.store import Store
from calibtui.workspace.load import load_settings

EVALUATED = 16


@pytest.fixture(scope="module")
def made(tmp_path_factory, sample_data) -> Iterator[Desk]:
    """A workspace with two evaluated INT8 models: the second one's calibration set is a single frame."""
    root = tmp_path_factory.mktemp("made") / "workspace"
    (root / "pool").mkdir(parents=True)
    (root / "eval").mkdir()
    for source in sorted((sample_data / "pool").rglob("*.jpg"))[:8]:
        shutil.copy2(source, root / "pool" / source.name)
    _copy_evaluation(sample_data, root, EVALUATED)
    shutil.copy2(sample_data / "detector.onnx", root / "detector.onnx")
    (root / "calibtui.toml").write_text(WORKSPACE.format(url="http://127.0.0.1:9/v1"))
    for size in (6, 1):
        overrides = ["selection.strategy=random", f"selection.size={size}", "quantization.calibrator=minmax"]
        outcome = run_stages(
            load_settings(root, overrides),
            ["pool", "select", "quantize", "evaluate"],
            command="batch",
            on_progress=silent,
            stop=StopFlag(),
        )
        assert outcome.error is None, outcome.error
    with Store(root / ".calibtui") as store:
        yield Desk(root, store)


def test_comparisons_are_told_newest_first_with_how_each_model_was_made(made):
    newest, first = made.ask(Compare()).comparisons
    assert newest.at > first.at and first.frames == EVALUATED
    assert (first.target, first.calibrator) == ("ort-cpu", "minmax") and "op_types" in first.options
    assert first.reference.map == newest.reference.map and 0 < first.int8.map <= 1
    assert first.drop == pytest.approx(100 * (first.reference.map - first.int8.map), abs=1e-6)
    assert Path(first.report).is_file() and Path(first.model).is_file() and first.verdict
    assert set(first.int8.per_class) == set(first.reference.per_class)
    assert len(made.ask(Compare(limit=1)).comparisons) == 1


def test_a_comparison_names_the_set_of_its_model(made):
    names = [line.name for line in made.ask(Sets()).sets]
    assert [each.set_name for each in made.ask(Compare()).comparisons] == names
    assert [line.used_by for line in made.ask(Sets()).sets] == [1, 1]


def test_lost_frames_are_those_of_the_report_and_their_boxes_are_at_hand(made):
    newest = made.ask(Compare()).comparisons[0]
    lost = made.ask(Lost()).frames
    assert lost and lost == made.ask(Lost(run=newest.run)).frames
    assert [row.by_int8 - row.by_float for row in lost] == sorted(row.by_int8 - row.by_float for row in lost)
    report = Path(newest.report).read_text()
    assert all(row.said in report for row in lost[:12])
    detail = made.ask(Frame(digest=lost[0].digest))
    assert {"truth", "float", "int8"} <= set(detail.boxes) and detail.why == "an evaluation frame"
    assert len(detail.boxes["truth"]) == lost[0].objects
    labels = {box.label for boxes in detail.boxes.values() for box in boxes}
    assert labels <= set(newest.int8.per_class)
    assert all(0 <= box.x1 <= box.x2 <= 1 for box in detail.boxes["float"])
    assert made.ask(FramePicture(digest=lost[0].digest, width=64, height=64)).rgb


def test_a_run_that_compared_nothing_is_refused(made):
    with pytest.raises(ConfigurationError):
        made.ask(Lost(run="nothing"))


def test_both_models_are_run_on_one_frame_and_the_answer_is_remembered(made):
    digest = made.ask(Frames()).rows[0].digest
    found = made.ask(Detect(digest=digest))
    assert set(found.boxes) == {"float", "int8"} and found.said == ""
    assert found.boxes["float"] and all(0 < box.confidence <= 1 for box in found.boxes["float"])
    assert made.ask(Detect(digest=digest)) is found
    with pytest.raises(ConfigurationError):
        made.ask(Detect(digest="0" * 64))


def test_what_is_found_on_one_frame_is_what_the_evaluation_found(made):
    lost = made.ask(Lost()).frames[0]
    stored = made.ask(Frame(digest=lost.digest)).boxes
    now = made.ask(Detect(digest=lost.digest)).boxes
    for name in ("float", "int8"):
        assert [box.label for box in now[name]] == [box.label for box in stored[name]]
        for ours, theirs in zip(now[name], stored[name], strict=True):
            assert ours.confidence == pytest.approx(theirs.confidence, abs=1e-4)


def test_runs_are_listed_filtered_and_told_apart(made):
    page = made.ask(Runs())
    assert page.total == 2 and [run.state for run in page.runs] == ["done", "done"]
    newest, first = page.runs
    assert [stage for stage, _ in first.stages] == ["pool", "select", "quantize", "evaluate"]
    assert newest.said == made.ask(Compare()).comparisons[0].verdict
    assert made.ask(Runs(filter=f"{first.run} DONE")).runs == (first,)
    assert made.ask(Runs(filter="failed")).total == 0 and made.ask(Runs(offset=1)).runs == (first,)
    detail = made.ask(Run(run=first.run))
    assert json.loads(detail.summary)["selection"]["size"] == 6 and detail.settings["selection.size"] == "6"
    lines = {name: (a, b) for name, a, b in made.ask(Diff(first=first.run, second=newest.run)).lines}
    assert lines["selection.size"] == ("6", "1") and "quantization.calibrator" not in lines
    with pytest.raises(ConfigurationError):
        made.ask(Run(run="20010101-000000-0000"))


def test_without_a_diagnosis_it_is_said_how_to_make_one(made):
    layers = made.ask(Sensitivity())
    assert layers.layers == () and "calibtui diagnose" in layers.said


def test_a_diagnosis_is_told_layer_by_layer_the_worst_first(made):
    figures = {
        "op_type": "Conv", "reads": "a", "gives": "b", "weight_db": 30.0, "worst_channel_db": 20.0, "input_db": 30.0,
        "output_db": 30.0, "arriving_db": None, "leaving_db": 12.5, "clipped": 0.0, "used": 1.0, "outliers": [],
    }  # fmt: skip
    document = {
        "schema": 1, "sentence": "One layer does it.", "remedy": "Leave it in float.", "error": 0.5, "frames": 4,
        "effect_frames": 4, "tensors": {}, "proofs": [],
        "findings": [{"layers": ["b"], "sentence": "Its range is stretched.", "remedy": "Clip it."}],
        "layers": [
            figures | {"name": "a", "share": 0.1, "alone": 0.1},
            figures | {"name": "b", "share": 0.2, "alone": 0.4},
        ],
    }  # fmt: skip
    folder = made.root / ".calibtui" / "diagnosis"
    folder.mkdir()
    (folder / "x.json").write_text(json.dumps(document))
    told = made.ask(Sensitivity())
    measured = [(layer.name, layer.effect, layer.sqnr_db) for layer in told.layers if not layer.in_float]
    assert measured == [("b", 0.8, 12.5), ("a", 0.2, 12.5)]
    assert [layer.effect for layer in told.layers if layer.in_float] == [None], "the preset leaves one in float"
    assert told.layers[0].said == "Its range is stretched. Clip it." and "One layer" in told.said
    (folder / "x.json").write_text("{}")
    assert made.ask(Sensitivity()).layers == ()
