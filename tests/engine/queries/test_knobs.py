"""Knobs: turned settings hold for everyone and outlive the engine; calibtui.toml is never written."""

from __future__ import annotations

import json

import pytest

from calibtui.core.errors import CalibtuiError, ConfigurationError
from calibtui.engine.queries.knobs import effective
from calibtui.engine.wire.sets import Knobs, Turn


def knobs(desk, table: str) -> dict[str, object]:
    return {knob.key: knob for knob in desk.ask(Knobs(table=table)).knobs}


def test_every_knob_says_what_it_is_and_its_choices_mean_something(desk):
    for knob in (*knobs(desk, "selection").values(), *knobs(desk, "quantization").values()):
        assert knob.title and knob.meaning.endswith(".") and json.loads(knob.value) == json.loads(knob.written)
        assert all(value and meaning for value, meaning in knob.choices)


def test_a_turned_knob_is_in_force_and_the_file_is_left_alone(desk):
    before = (desk.root / "calibtui.toml").read_bytes()
    assert desk.do(Turn(key="selection.size", value="7")).said == "Size is 7."
    desk.do(Turn(key="selection.strategy", value='"random"'))
    desk.do(Turn(key="quantization.float_layers", value='["/model.22/*", "a \\"b\\""]'))
    desk.do(Turn(key="quantization.per_channel", value="false"))
    settings = desk.context.settings
    assert (settings.selection.size, settings.selection.strategy) == (7, "random")
    assert settings.quantization.float_layers == ("/model.22/*", 'a "b"') and settings.quantization.per_channel is False
    size = knobs(desk, "selection")["selection.size"]
    assert (size.value, size.written) == ("7", "4")
    assert (desk.root / "calibtui.toml").read_bytes() == before


def test_a_knob_goes_back_to_what_the_file_says(desk):
    desk.do(Turn(key="selection.size", value="7"))
    assert "back at 4" in desk.do(Turn(key="selection.size", value=None)).said
    desk.do(Turn(key="quantization.weights", value='"uint8"'))
    desk.do(Turn(key="quantization.weights", value="null"))
    assert desk.store.knobs.all() == {}
    desk.do(Turn(key="selection.size", value="7"))
    desk.do(Turn(key="selection.size", value="4"))
    assert desk.store.knobs.all() == {}, "the file's own value is no turned knob"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("selection.size", "0"),
        ("selection.size", '"many"'),
        ("selection.size", "1e999"),
        ("selection.size", "{}"),
        ("selection.size", "NaN"),
        ("selection.strategy", '"hardst"'),
        ("selection.strategy", '"\\u0000"'),
        ("selection.strategy", "random"),
        ("quantization.op_types", '["a\\nb"]'),
        ("selection.pin", '["x"]'),
        ("pool.images", '"/"'),
        ("selection.size\nx", "1"),
    ],
)
def test_what_a_setting_cannot_be_is_refused_and_changes_nothing(desk, key, value):
    with pytest.raises(CalibtuiError):
        desk.do(Turn(key=key, value=value))
    assert desk.store.knobs.all() == {}


def test_null_cannot_take_away_what_the_file_says(make_desk):
    from tests.engine.queries.conftest import DOCUMENT

    desk = make_desk(document=DOCUMENT + '[quantization]\nweights = "uint8"\n')
    with pytest.raises(ConfigurationError, match="uint8"):
        desk.do(Turn(key="quantization.weights", value="null"))


def test_overrides_go_over_knobs_and_knobs_over_the_file(desk):
    settings = effective(desk.root, {"selection.size": "7", "selection.seed": "3"}, ["selection.size=9"])
    assert (settings.selection.size, settings.selection.seed) == (9, 3)


def test_a_table_without_knobs_is_refused(desk):
    with pytest.raises(ConfigurationError):
        desk.ask(Knobs(table="providers"))
