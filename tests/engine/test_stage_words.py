"""What is said of a stage that has ended, and of the one to start next."""

from __future__ import annotations

from pathlib import Path

import pytest

from calibtui.engine.server.composing import next_step
from calibtui.engine.server.stages import made_by
from calibtui.engine.wire.snapshot import STAGES, Stage
from calibtui.store.runs import RunRow
from calibtui.workspace.load import settings_from

VERDICT = "no measurable difference (-0.2 points [-0.6, +0.1])"


def test_a_comparison_is_said_in_the_words_of_its_verdict() -> None:
    """A drop that may be chance is not called a loss."""
    half = {"map": 0.5}
    evaluation = {"reference": half, "int8": half, "drop": {"points": 0.2, "ci95": [-0.1, 0.6]}, "verdict": VERDICT}
    made = made_by(RunRow("r", "launch", "done", 1.0, 2.0, {"evaluation": evaluation}))
    assert made is not None
    assert made.said["evaluate"] == VERDICT


@pytest.mark.parametrize(("state", "said"), [("failed", "score failed:"), ("interrupted", "score was interrupted:")])
def test_a_stage_that_did_not_end_well_is_named_with_how_it_ended(state: str, said: str, tmp_path: Path) -> None:
    settings = settings_from({"pool": {"images": "."}, "scoring": {"model": "m"}}, tmp_path, tmp_path / "calibtui.toml")
    stages = [Stage(name=name, state=state if name == "score" else "done") for name in STAGES]
    assert said in next_step(settings, stages)


def test_a_workspace_whose_judge_has_no_name_is_told_so_before_anything_is_started(tmp_path: Path) -> None:
    settings = settings_from({"pool": {"images": "."}}, tmp_path, tmp_path / "calibtui.toml")
    stages = [Stage(name=name, state="never") for name in STAGES]
    assert "[scoring]" in next_step(settings, stages)
