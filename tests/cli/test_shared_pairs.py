"""The whole job on real detectors and real frames, from a calibtui.toml of a dozen lines."""

from __future__ import annotations

import pytest

PAIRS = [
    ("coco128", "yolox_nano_416", 34.1),
    ("coco128", "nanodet_m_320", 29.2),
    ("deeppcb", "pcb_tiny_320", 60.1),
]
DOCUMENT = """\
[pool]
images = "{data}/pool"
[model]
onnx = "{data}/{model}.onnx"
[evaluation]
images = "{data}/eval"
annotations = "{data}/eval.json"
[scoring]
judge = "detector"
[selection]
size = 32
"""


@pytest.mark.shared
@pytest.mark.parametrize(("data", "model", "expected"), PAIRS)
def test_the_float_map_is_the_known_one_and_the_int8_one_is_measured(
    shared_data, tmp_path, calibtui, data, model, expected
):
    (tmp_path / "calibtui.toml").write_text(DOCUMENT.format(data=shared_data.resolve() / data, model=model))
    result = calibtui("--batch", "--json", tmp_path)
    assert result.code == 0, result.err
    evaluation = result.json["evaluation"]
    assert 100 * evaluation["reference"]["map"] == pytest.approx(expected, abs=0.5)
    assert 0 < evaluation["int8"]["map"] < 1
    assert result.json["scoring"]["judge"] == "detector"
    assert result.json["scoring"]["scored"] == result.json["pool"]["frames"] - result.json["pool"]["duplicates"]
