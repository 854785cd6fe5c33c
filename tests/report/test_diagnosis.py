"""What people read of a diagnosis and of a set's quality: within 80 columns, whatever names a model or a frame has."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from calibtui.report.coverage import coverage_report
from calibtui.report.diagnosis import diagnosis_report

HOSTILE = "[bold]/head/\x1b[31mconv\u202e" + "x" * 300


def layer(name: str, alone: float | None) -> dict:
    figures = dict.fromkeys(("input_db", "weight_db", "output_db", "leaving_db"), 30.0)
    return {"name": name, "alone": alone, "used": None, "share": 0.25, **figures}


def finding(effect: float | None, sentence: str = "Layer a costs much.") -> dict:
    return {"effect": effect, "sentence": sentence, "remedy": 'float_layers = ["a"]'}


@pytest.fixture
def diagnosis() -> dict:
    return {
        "sentence": "The INT8 model's output error is 0.700.",
        "remedy": 'float_layers = ["a"]',
        "error": 0.7,
        "frames": 16,
        "effect_frames": 4,
        "findings": [finding(0.6), finding(None, "Nobody tried this.")],
        "layers": [layer("a", 0.5), layer("b", None)],
        "proofs": [{"layers": ["a"], "error": 0.1, "share": 0.25}],
        "notes": ["A note."],
    }


@pytest.fixture
def quality() -> dict:
    return {
        "state": "poor",
        "sentence": "The set is poor.",
        "frames": 32,
        "pool": {"frames": 128, "measured": 128, "duplicates": 0},
        "tensors": 43,
        "clipping": [{"tensor": "a", "set": [0.0, 1.0], "pool": [0.0, 2.0], "missing": 0.5, "frames": 0.3}],
        "fixes": [{"uri": "pool/1.jpg"}],
        "clipping_after": 0,
        "stretching": [{"uri": "pool/2.jpg", "times": 3.0}],
        "pictures": {"mean_similarity": 0.5, "least_similarity": 0.1, "near_duplicates": 0},
        "notes": [],
    }


def shown(renderable, width: int = 80) -> str:
    console = Console(file=io.StringIO(), width=width, highlight=False, color_system=None)
    console.print(renderable)
    return console.file.getvalue()


def test_causes_come_with_their_share_of_the_error_and_their_remedy(diagnosis):
    text = shown(diagnosis_report(diagnosis))
    assert "60 %" in text
    assert '→ float_layers = ["a"]' in text
    assert "not tried" in text
    assert "1 layer" in text
    assert "! A note." in text


def test_the_layers_that_cost_most_are_first_and_the_rest_is_counted(diagnosis):
    diagnosis["layers"] = [layer(f"layer {number}", number / 100) for number in range(20)]
    text = shown(diagnosis_report(diagnosis))
    assert text.index("layer 19") < text.index("layer 18") < text.index("layer 8")
    assert "layer 7 " not in text
    assert "… and 8 more layers" in text


def test_a_model_without_a_cause_says_so(diagnosis):
    diagnosis |= {"findings": [], "proofs": [], "remedy": ""}
    assert "Nothing stands out" in shown(diagnosis_report(diagnosis))


@pytest.mark.parametrize("width", [80, 200])
def test_names_from_outside_can_neither_break_the_lines_nor_colour_them(width, diagnosis, quality):
    diagnosis["layers"].append(layer(HOSTILE, 0.9))
    diagnosis["findings"].append(finding(0.5, HOSTILE))
    quality["clipping"][0]["tensor"] = HOSTILE
    quality["fixes"][0]["uri"] = HOSTILE
    for renderable in (diagnosis_report(diagnosis), coverage_report(quality)):
        text = shown(renderable, width)
        assert "\x1b" not in text
        assert "\u202e" not in text
        assert "[bold]" in text
        assert max(map(len, text.splitlines())) <= width


def test_the_verdict_of_a_set_names_what_clips_what_fixes_it_and_what_stretches(quality):
    text = shown(coverage_report(quality))
    assert text.startswith("▼ poor  The set is poor.")
    assert "0 … 2" in text
    assert "With 1 frame more, none would clip:" in text
    assert "pool/1.jpg" in text
    assert "pool/2.jpg stretches a range 3.0×" in text
