"""A decoder of the user's own is found, called as the contract says, and not believed blindly."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from calibtui.core.errors import ModelError

OUTPUT = {"odd": np.array([[[64, 32, 20, 10, 0.9, 1]]], np.float32), "other": np.zeros((1, 2, 3, 4), np.float32)}
GOOD = """
import numpy as np

def decode(outputs, input_size):
    x, y, w, h, score, label = outputs["odd"][0, 0]
    assert input_size == (128, 128) and isinstance(outputs, dict)
    scores = np.zeros((1, 4), np.float32)
    scores[0, int(label)] = score
    return np.array([[x, y, x + w, y + h]], np.float32), scores
"""


@pytest.fixture
def custom(write_model, load, tmp_path):
    def loaded(source, name="mine:decode", **settings):
        (tmp_path / "mine.py").write_text(source)
        return load(write_model(OUTPUT), decoder=name, **settings)

    return loaded


def test_the_module_beside_the_settings_decodes(custom):
    detector = custom(GOOD)
    assert detector.layout.decoder == "mine:decode"
    assert len(detector.classes) == 4
    found = detector.detect(np.zeros((128, 128, 3), np.uint8))
    np.testing.assert_allclose(found.boxes, [[64, 32, 84, 42]])
    assert found.classes.tolist() == [1]


def test_suppression_and_the_way_back_are_ours(custom):
    twice = GOOD.replace("return np.array([[x, y, x + w, y + h]], np.float32), scores", "pass") + (
        "    return np.array([[x, y, x + w, y + h]] * 2, np.float32), np.repeat(scores, 2, axis=0)\n"
    )
    found = custom(twice).detect(np.zeros((256, 256, 3), np.uint8))
    np.testing.assert_allclose(found.boxes, [[128, 64, 168, 84]])


def test_a_module_in_a_package_beside_the_settings(custom, tmp_path):
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "heads.py").write_text(GOOD)
    assert custom("", "parts.heads:decode").layout.decoder == "parts.heads:decode"


def test_a_module_on_sys_path(custom, tmp_path, monkeypatch):
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "installed_decoder_of_a_test.py").write_text(GOOD)
    monkeypatch.syspath_prepend(str(tmp_path / "lib"))
    assert custom("", "installed_decoder_of_a_test:decode").layout.decoder == "installed_decoder_of_a_test:decode"


def test_a_package_of_the_same_name_on_sys_path_doesn_t_hide_it(custom, tmp_path):
    (tmp_path / "xml").mkdir()
    (tmp_path / "xml" / "heads.py").write_text(GOOD)
    assert custom("", "xml.heads:decode").layout.decoder == "xml.heads:decode"


def test_sys_path_is_left_as_it_was(custom):
    before = list(sys.path)
    custom(GOOD)
    assert sys.path == before


@pytest.mark.parametrize(
    ("returned", "reason"),
    [
        ("None", "a NoneType instead of"),
        ("np.zeros((2, 4), np.float32)", "instead of"),
        ("([[1, 2, 3, 4]], [[0.5]])", "a list as boxes"),
        ("(np.zeros((2, 4)), np.zeros((2, 3), np.float32))", "boxes of type float64"),
        ("(np.zeros((2, 5), np.float32), np.zeros((2, 3), np.float32))", r"\(2, 5\), not \(M, 4\)"),
        ("(np.zeros((2, 4), np.float32), np.zeros((3, 3), np.float32))", "2 boxes but 3 rows"),
        ("(np.zeros((2, 4), np.float32), np.zeros(2, np.float32))", r"scores of shape \(2,\)"),
        ("(np.zeros((0, 4), np.float32), np.zeros((0, 0), np.float32))", "no class"),
        ("(np.full((1, 4), np.nan, np.float32), np.zeros((1, 3), np.float32))", "not all finite"),
        ("1 / 0", "ZeroDivisionError"),
    ],
)
def test_a_wrong_answer_is_refused_by_the_decoder_s_name(custom, returned, reason):
    with pytest.raises(ModelError, match=reason) as caught:
        custom(f"import numpy as np\ndef decode(outputs, input_size):\n    return {returned}\n")
    assert "mine:decode" in str(caught.value)


@pytest.mark.parametrize(
    ("source", "name", "reason"),
    [
        (GOOD, "nowhere:decode", "neither on sys.path nor"),
        (GOOD, "mine:other", "no function 'other'"),
        ("import nothing_of_that_name", "mine:decode", "ModuleNotFoundError"),
        ("def decode(:", "mine:decode", "SyntaxError"),
        (GOOD, "mine:", "not of the form"),
        (GOOD, "../mine:decode", "not of the form"),
    ],
)
def test_a_decoder_that_can_t_be_had_is_named(custom, source, name, reason):
    with pytest.raises(ModelError, match=reason):
        custom(source, name)


def test_its_classes_are_held_against_the_names(custom):
    with pytest.raises(ModelError, match=r"names 2 classes, but .* tells 4 apart"):
        custom(GOOD, classes=("a", "b"))
