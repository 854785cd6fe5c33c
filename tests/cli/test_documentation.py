"""The docs name every command, every option and every key there is."""

from __future__ import annotations

import argparse
import dataclasses
import re
from pathlib import Path

import pytest

from calibtui.cli.arguments import _parser
from calibtui.workspace import settings

DOCS = Path(__file__).resolve().parents[2] / "docs"
INTERNAL_OPTIONS = {"-h", "--help"}


def _commands() -> dict[str, argparse.ArgumentParser]:
    (action,) = (a for a in _parser()._actions if isinstance(a, argparse._SubParsersAction))
    return action.choices


@pytest.mark.parametrize("name", sorted(_commands()))
def test_every_command_and_option_is_documented(name):
    text = (DOCS / "commands.md").read_text()
    assert f"`calibtui {name}" in text
    for action in _commands()[name]._actions:
        for option in set(action.option_strings) - INTERNAL_OPTIONS:
            assert option in text, f"{name} {option}"


@pytest.mark.parametrize(
    "table",
    [
        settings.PoolSettings,
        settings.InputSettings,
        settings.ModelSettings,
        settings.EvaluationSettings,
        settings.ScoringSettings,
        settings.StageSettings,
        settings.ProviderSettings,
        settings.PriceSettings,
        settings.BudgetSettings,
        settings.SelectionSettings,
        settings.QuantizationSettings,
        settings.TrialsSettings,
        settings.CacheSettings,
        settings.MetricsSettings,
        settings.EngineSettings,
    ],
)
def test_every_key_is_documented(table):
    text = (DOCS / "workspace.md").read_text()
    for field in dataclasses.fields(table):
        if field.name not in ("name", "node"):
            assert re.search(rf"\b{field.name}\b", text), f"{table.__name__}.{field.name}"
