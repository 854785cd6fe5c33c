"""The figures of tensors, layers and ranges against the plain way to take them."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from calibtui.core.errors import ModelError
from calibtui.quantization.collector import Calibrator
from calibtui.quantization.diagnosis.comparison import Comparison
from calibtui.quantization.diagnosis.document import document_of, load_document, save_document
from calibtui.quantization.diagnosis.effects import Effects, LayerEffect, Proof
from calibtui.quantization.diagnosis.layer_causes import float_layers
from calibtui.quantization.diagnosis.stretching import stretches
from calibtui.quantization.graph import graph_of
from calibtui.quantization.qdq import qdq_model
from calibtui.quantization.tensors import nodes_in_float
from calibtui.quantization.twin import twin_scheme


def int8_graph(subject):
    model = subject.prepared.load()
    kept = nodes_in_float(graph_of(model), subject.scheme)
    return qdq_model(model, subject.ranges, subject.scheme, tuple(kept))


def test_rounding_reckoned_here_is_what_onnxruntime_computes(network, frames, subject):
    """The input is the same in both graphs, so its whole error is its own rounding."""
    made = subject(network.model(["output"]), frames)
    comparison = Comparison(made.prepared, int8_graph(made))
    for frame in frames:
        comparison.add({"image": frame})
    image = comparison.figures["image"]
    assert image.rounding_db == pytest.approx(image.sqnr_db, abs=1e-3)
    step = (image.range_high - image.range_low) / 255
    exact = np.mean([np.square(frame).mean() for frame in frames])
    assert image.rounding_db == pytest.approx(10 * np.log10(exact / (step * step / 12)), abs=0.3)


def test_every_rounded_activation_is_compared_the_folded_ones_by_what_they_fold(network, frames, subject):
    made = subject(network.model(["output"]), frames)
    comparison = Comparison(made.prepared, int8_graph(made))
    comparison.add({"image": frames[0]})
    figures = comparison.figures
    assert {"image", "left.act", "cap.act", "head", "stem.act"} <= set(figures)
    assert "left" not in figures
    assert figures["left.act"].low == 0
    assert all(each.sqnr_db > 15 for each in figures.values())


def test_what_lies_outside_the_range_counts_as_clipped(network, frames, subject):
    made = subject(network.model(["output"]), [frame / 10 for frame in frames])
    comparison = Comparison(made.prepared, int8_graph(made))
    comparison.add({"image": frames[0]})
    image = comparison.figures["image"]
    outside = (frames[0] < image.range_low) | (frames[0] > image.range_high)
    assert image.clipped == pytest.approx(outside.mean(), abs=0.01)
    assert image.clipped > 0.5


def test_a_stretch_is_the_range_with_the_frame_over_that_without_it(prepared, scheme, frames):
    def counted(numbers):
        calibrator = Calibrator(prepared, ["image", "head"], histograms=False)
        for number in numbers:
            calibrator.observe(f"frame {number}", frames[number] * (10 if number == 3 else 1))
        return calibrator.statistics

    whole, rest = counted(range(8)), counted([0, 1, 2, 4, 5, 6, 7])
    ranges = {name: whole.extremes(name) for name in whole.tensors}
    (stretch,) = stretches(whole, ranges)
    assert stretch.frame == "frame 3"
    for tensor, times in stretch.times.items():
        low, high = rest.extremes(tensor)
        assert stretch.without[tensor] == (low, high)
        assert times == pytest.approx((ranges[tensor][1] - ranges[tensor][0]) / (high - low))
    assert stretches(counted([0, 1, 3]), ranges) == ()


def test_a_frame_beyond_a_clipped_range_stretches_nothing(prepared, frames):
    calibrator = Calibrator(prepared, ["image"], histograms=False)
    for number, frame in enumerate(frames):
        calibrator.observe(f"frame {number}", frame * (10 if number == 3 else 1))
    assert stretches(calibrator.statistics, {"image": (-2.0, 2.0)}) == ()


def effects(*errors: float) -> Effects:
    names = ("a", "b", "c")
    layers = tuple(LayerEffect(name, 0.5, 0.1) for name in names)
    proofs = tuple(Proof(names[: i + 1], error, 0.1 * (i + 1)) for i, error in enumerate(errors))
    return Effects(1.0, layers, proofs)


def test_culprits_are_the_layers_that_take_most_of_the_error_away_for_their_multiply_adds():
    assert effects(0.3, 0.29, 0.295).culprits.layers == ("a",)
    assert effects(0.9, 0.3, 0.29).culprits.layers == ("a", "b")
    assert effects(0.99, 1.01, 1.0).culprits is None
    assert effects(0.9, 0.8, 0.7).culprits is None, "spread evenly over the work"


def test_a_diagnosis_is_kept_and_read_back_as_it_was(network, frames, subject, diagnosed, tmp_path):
    document = document_of(diagnosed(subject(network.model(["output"]), frames), frames))
    path = tmp_path / "diagnosis" / "one.json"
    save_document(path, document)
    assert load_document(path) == document
    assert json.loads(path.read_text()) == document


@pytest.mark.parametrize("text", ["", "[]", '{"schema": 99}', '{"schema": 1}', "\x00\x01"])
def test_a_file_that_is_no_diagnosis_is_refused(text, tmp_path):
    path = tmp_path / "one.json"
    path.write_text(text)
    with pytest.raises(ModelError, match=r"one\.json does not hold a diagnosis"):
        load_document(path)


def test_the_remedy_keeps_what_is_in_float_already_and_escapes_what_globs_would_read(
    network, frames, subject, diagnosed
):
    assert float_layers(["/a[0]/Conv"], ["stem*"]) == 'float_layers = ["stem*", "/a[[]0]/Conv"]'
    scheme = replace(twin_scheme(), float_patterns=("Conv:head",))
    found = diagnosed(subject(network.model(["output"]), frames, scheme), frames)
    assert "Conv:head" not in [each.layer for each in found.effects.layers]
    assert found.remedy == "" or '"Conv:head", ' in found.remedy
