"""The search on a real detector that INT8 ruins with the usual settings."""

from __future__ import annotations

import pytest

DOCUMENT = """\
[pool]
images = "{data}/pool"
[model]
onnx = "{data}/yolox_nano_416.onnx"
[evaluation]
images = "{data}/eval"
annotations = "{data}/eval.json"
[scoring]
judge = "detector"
[selection]
strategy = "random"
size = 32
[quantization]
max_map_drop = 0.6
"""
MISSED = 5
# Over three sets and seven divisions of the frames each, the drop on the report frames was between −0.4 and 0.5 with a
# limit of 0.6; the usual settings lose 12 to 16.
MOST_LOST = 1.2
# A remedy that takes less than 2 % off the error is left out, and layers that together take less than 1 %.
NEARLY = 1.01 / 0.98


@pytest.mark.shared
def test_a_search_keeps_nine_tenths_of_yolox_nano_in_int8_and_nearly_all_of_its_map(shared_data, tmp_path, calibtui):
    (tmp_path / "calibtui.toml").write_text(DOCUMENT.format(data=shared_data.resolve() / "coco128"))
    ran = calibtui("--batch", "--json", tmp_path)
    evaluation, quantization = ran.json["evaluation"], ran.json["quantization"]
    assert quantization["int8_multiply_adds"] >= 0.9
    assert evaluation["drop"]["points"] <= MOST_LOST
    assert ran.code == (0 if evaluation["drop"]["points"] <= 0.6 else MISSED), ran.err
    assert quantization["search"]["evaluations"] <= 40
    errors = [trial["error"] for trial in quantization["search"]["trials"]]
    chosen = next(trial for trial in quantization["search"]["trials"] if trial["chosen"])
    assert chosen["error"] <= NEARLY * min(errors) < errors[0] / 8
