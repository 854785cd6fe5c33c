"""docs/targets.md says of every target what its preset does."""

from __future__ import annotations

from pathlib import Path
from typing import get_args, get_type_hints

import pytest

from calibtui.quantization.cpu import CpuFeatures
from calibtui.quantization.presets import FOLDED_OPS, WEIGHTED_OPS, preset
from calibtui.workspace.settings import QuantizationSettings

DOCUMENT = (Path(__file__).resolve().parents[2] / "docs" / "targets.md").read_text()
CHOICES = get_type_hints(QuantizationSettings)


def rows():
    lines = [line for line in DOCUMENT.splitlines() if line.startswith("| `")]
    cells = [[cell.strip().strip("`") for cell in line.strip("|").split("|")] for line in lines]
    return [row for row in cells if len(row) == 10]


def said_of(scheme):
    yes = {True: "yes", False: "no"}
    rounded = {True: "rounded", False: "float"}
    return [
        scheme.activations,
        scheme.weights,
        yes[scheme.per_channel],
        yes[scheme.reduce_range],
        yes[scheme.symmetric_activations],
        rounded[scheme.quantize_outputs],
        rounded[scheme.quantize_bias],
        "rounded" if scheme.residual_adds else "as they come",
    ]


@pytest.mark.parametrize("row", rows(), ids=lambda row: "-".join(row[:2]))
def test_a_row_says_what_the_preset_does(row):
    target, cpu, *said = row
    settings = QuantizationSettings(cpu=cpu) if cpu != "–" else QuantizationSettings()
    scheme = preset(target, settings, CpuFeatures("x86", vnni=True))
    assert said == said_of(scheme)
    assert scheme.cpu == ("" if cpu == "–" else cpu)


def test_every_target_and_every_cpu_has_its_row():
    assert {row[0] for row in rows()} == set(get_args(CHOICES["target"]))
    assert {row[1] for row in rows()} - {"–"} == set(get_args(CHOICES["cpu"])) - {"auto"}
    for choice in get_args(CHOICES["cpu"]):
        assert f"| `{choice}` |" in DOCUMENT


def test_the_operators_are_named():
    for kind in (*WEIGHTED_OPS, *FOLDED_OPS):
        assert f"`{kind}`" in DOCUMENT
