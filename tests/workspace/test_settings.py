"""calibtui.toml is read strictly: every mistake is one error that names file, table, key and what was probably
meant."""

from __future__ import annotations

import dataclasses

import pytest

from calibtui.core.errors import ConfigurationError, SettingsError
from calibtui.workspace.load import load_settings

FULL = """
[pool]
images = ["images", "more/*.png"]
annotations = "annotations.json"
[model]
onnx = "detector.onnx"
decoder = "auto"
input = { size = [640, 480], resize = "letterbox", mean = [1, 2.5, 3] }
classes = ["scratch", "pit"]
[evaluation]
images = "eval"
annotations = "annotations.json"
[scoring]
judge = "vlm"
model = "gpt-4o"
[providers.openai]
api = "openai"
base_url = "https://models.example/v1"
keys = [{ env = "KEY_A", weight = 0.5 }, { env = "KEY_B", weight = 0.5 }]
headers = { "x-bf-vk" = "env:BIFROST_VK" }
[providers.openai.models."gpt-4o"]
eur_per_million_input = 2.30
eur_per_million_output = 9.20
[budgets]
team = { eur = 600 }
"team/marco" = { eur = 200, user = "marco", period = "month" }
[cache]
similar = { threshold = 0.92 }
[selection]
size = 64
[quantization]
max_map_drop = 0.6
[metrics]
listen = "127.0.0.1:9464"
"""


@pytest.fixture
def workspace(tmp_path):
    (tmp_path / "images").mkdir()
    (tmp_path / "eval").mkdir()
    (tmp_path / "annotations.json").write_text("{}")
    (tmp_path / "detector.onnx").write_bytes(b"x")
    (tmp_path / "calibtui.toml").write_text(FULL)
    return tmp_path


def test_the_whole_file_becomes_frozen_settings(workspace):
    settings = load_settings(workspace)
    assert settings.pool.images == ("images", "more/*.png")
    assert settings.model.input.size == (640, 480)
    assert settings.model.input.mean == (1.0, 2.5, 3.0)
    assert settings.model.classes == ("scratch", "pit")
    assert settings.evaluation.images == ("eval",)
    assert [key.env for key in settings.providers["openai"].keys] == ["KEY_A", "KEY_B"]
    assert settings.providers["openai"].models["gpt-4o"].eur_per_million_input == 2.30
    assert settings.budgets["team/marco"].period == "month"
    assert settings.cache.similar.threshold == 0.92
    assert settings.quantization.max_map_drop == 0.6
    with pytest.raises(dataclasses.FrozenInstanceError):
        settings.selection.size = 3


def test_set_wins_over_the_file_and_takes_quoted_keys_and_bare_text(workspace):
    settings = load_settings(
        workspace,
        [
            "selection.size=128",
            "selection.strategy=k-center",
            'providers.openai.models."gpt-4o".eur_per_million_input=1',
            "providers.openai.base_url=http://127.0.0.1:9/v1",
        ],
    )
    assert settings.selection.size == 128
    assert settings.selection.strategy == "k-center"
    assert settings.providers["openai"].models["gpt-4o"].eur_per_million_input == 1.0
    assert settings.providers["openai"].models["gpt-4o"].eur_per_million_output == 9.20
    assert settings.providers["openai"].base_url == "http://127.0.0.1:9/v1"


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("selection.sise=3", r"\[selection\] sise: is not a known key.\n  Did you mean size\?"),
        ("selektion.size=3", r"selektion: is not a known table.\n  Did you mean selection\?"),
        ("selection.size=big", r"\[selection\] size: must be a whole number, not 'big'"),
        ("selection.size=true", r"\[selection\] size: must be a whole number, not True"),
        ("selection.size=0", r"\[selection\] size: must lie between 1 and"),
        ("selection.strategy=hardst", r"\[selection\] strategy: must be one of .*\n  Did you mean hardest\?"),
        ("scoring.max_failed=nan", r"\[scoring\] max_failed: must be a finite number"),
        ("model.onnx=detectr.onnx", r"\[model\] onnx: detectr.onnx does not exist.\n  Did you mean detector.onnx"),
        ("model.onnx=other.bin", r"Put the detector's ONNX file there, or write where it is; without \[model\]"),
        ("pool.images=nowhere", r"Put the frames there, or write where they are"),
        ("pool.images=imags", r"\[pool\] images: imags does not exist.\n  Did you mean images"),
        ("evaluation.annotations=nowhere/x.json", r"\[evaluation\] annotations: nowhere/x.json does not exist"),
        ("model.input.size=[640]", r"\[model.input\] size: must have 2 values, not 1"),
        ("model.input.resize=letterbx", r"\[model.input\] resize: must be one of .*\n  Did you mean letterbox\?"),
        ("pool=3", r"pool: must be a table, not 3"),
        ("providers.openai.keys=[{weight=1}]", r"\[providers.openai.keys\] env: is missing"),
        ("providers.openai.fallback=anthropc", r"\[providers.openai\] fallback: 'anthropc' is no provider"),
        ("budgets.team.euro=3", r"\[budgets.team\] euro: is not a known key.\n  Did you mean eur\?"),
    ],
)
def test_each_mistake_names_its_table_and_key(workspace, override, says):
    with pytest.raises(SettingsError, match=says):
        load_settings(workspace, [override])


def test_a_missing_required_key_is_named(workspace):
    (workspace / "calibtui.toml").write_text("[pool]\n")
    with pytest.raises(SettingsError, match=r"\[pool\] images: is missing"):
        load_settings(workspace)


def test_no_file_no_toml_and_no_pool_each_say_what_to_do(workspace, tmp_path_factory):
    with pytest.raises(ConfigurationError, match="calibtui init"):
        load_settings(tmp_path_factory.mktemp("empty"))
    (workspace / "calibtui.toml").write_text("[pool\n")
    with pytest.raises(SettingsError, match=r"calibtui\.toml: not valid TOML"):
        load_settings(workspace)
    (workspace / "calibtui.toml").write_text("")
    with pytest.raises(SettingsError, match="pool: the table is missing"):
        load_settings(workspace)


@pytest.mark.parametrize("override", ["selection.size", "=3", "a b=3"])
def test_a_malformed_set_is_refused(workspace, override):
    with pytest.raises(ConfigurationError, match="--set"):
        load_settings(workspace, [override])
