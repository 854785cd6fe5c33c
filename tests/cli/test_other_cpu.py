"""An INT8 model for another machine's CPU is judged by what that CPU computes."""

from __future__ import annotations

import pytest

from calibtui.quantization.cpu import cpu_features


@pytest.fixture
def ready(make_workspace, calibtui):
    """A workspace with a set of four frames."""
    root = make_workspace(pool=8, evaluation=4)
    chosen = ("--set", "selection.strategy=random", "--set", "selection.size=4")
    assert calibtui("--batch", "--only", "pool", root).code == 0
    assert calibtui("select", root, *chosen).code == 0
    return root


def judged(calibtui, root, cpu):
    option = ("--set", f"quantization.cpu={cpu}")
    assert calibtui("quantize", root, *option).code == 0
    done = calibtui("evaluate", root, "--json", *option)
    assert done.code == 0, done.err
    return done.json


def test_it_is_another_file_with_a_note_that_it_was_simulated(ready, calibtui):
    here = cpu_features().kind
    other = "vnni" if here == "avx2" else "avx2"
    own, others = judged(calibtui, ready, "auto"), judged(calibtui, ready, other)
    assert not any("simulation" in note for note in own["notes"])
    assert any("which this machine's is not, is judged by simulation" in note for note in others["notes"])
    if here in ("vnni", "avx2", "arm"):
        assert judged(calibtui, ready, here)["evaluation"]["int8"] == own["evaluation"]["int8"], "nothing is made anew"


def test_a_cpu_that_nobody_knows_is_an_error_that_names_the_key(ready, calibtui):
    done = calibtui("quantize", ready, "--set", "quantization.cpu=avx3")
    assert done.code == 2
    assert "[quantization] cpu" in done.err and "avx2" in done.err
