"""The streaming calibrator: exact counts, whatever the order, the interruption or the shortcut."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnxruntime.quantization import CalibrationDataReader
from onnxruntime.quantization.calibrate import CalibrationMethod, create_calibrator

from calibtui.core.errors import ModelError
from calibtui.quantization import collector
from calibtui.quantization.collector import Calibrator
from calibtui.quantization.graph import graph_of
from calibtui.quantization.histogram import ranks_of
from calibtui.quantization.percentile import percentile_range
from calibtui.quantization.prepare import prepare_model
from calibtui.quantization.presets import preset
from calibtui.quantization.statistics import Statistics
from calibtui.quantization.tensors import tensors_to_observe
from calibtui.workspace.settings import QuantizationSettings

from .conftest import VNNI, NetworkBuilder

FRAMES = 6


class Reader(CalibrationDataReader):
    """Frames for onnxruntime's own calibrators."""

    def __init__(self, name, images):
        self._feeds = iter({name: image} for image in images)

    def get_next(self):
        return next(self._feeds, None)


def activations(prepared, tensors, images):
    """Every element of `tensors` over all images, from a session that exposes them all."""
    model = prepared.load()
    graph = graph_of(model)
    for name in tensors:
        if name not in graph.outputs and name in graph.producers:
            model.graph.output.append(onnx.helper.make_tensor_value_info(name, 1, None))
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    inner = [name for name in tensors if name in graph.producers]
    kept = {name: [] for name in tensors}
    for image in images:
        for name, values in zip(inner, session.run(inner, {prepared.inputs[0]: image}), strict=True):
            kept[name].append(values.reshape(-1))
        for name in set(tensors) - set(inner):
            kept[name].append(image.reshape(-1))
    return {name: np.concatenate(parts) for name, parts in kept.items()}


def calibrated(prepared, tensors, images, **options) -> Statistics:
    calibrator = Calibrator(prepared, tensors, **options)
    for number, image in enumerate(images):
        assert calibrator.observe(f"frame{number}", image)
    return calibrator.statistics


@pytest.fixture
def images(frame):
    return [frame(number) for number in range(FRAMES)]


@pytest.fixture
def tensors(prepared, scheme):
    return tensors_to_observe(prepared, scheme)


def assert_counts(statistics, kept, names):
    for name in names:
        ranks, counts = np.unique(ranks_of(kept[name]), return_counts=True)
        found = statistics.histograms[name]
        np.testing.assert_array_equal(found.ranks, ranks, err_msg=name)
        np.testing.assert_array_equal(found.counts, counts, err_msg=name)


def test_exact_histograms_are_those_of_all_kept_activations(prepared, images):
    """Counted ones and derived ones alike: Concat, Reshape, Resize, Relu and Clip move whole bins."""
    graph = graph_of(prepared.load())
    every = [name for name in graph.floats if name in graph.producers or name in prepared.inputs]
    calibrator = Calibrator(prepared, every, exact=True)
    assert {"both", "joined", "larger"} <= set(calibrator.plan.recipes)
    statistics = calibrated(prepared, every, images, exact=True)
    # Engines differ in the last bit where they fuse differently, which moves single elements over a bin's edge.
    kept = activations(prepared, calibrator.plan.observed, images)
    for name in calibrator.plan.observed:
        reference = np.sort(kept[name])
        ours = np.repeat(statistics.histograms[name].centres(), statistics.histograms[name].counts)
        assert len(ours) == len(reference)
        np.testing.assert_allclose(ours, reference, rtol=0.012, atol=2e-5, err_msg=name)


def test_derived_histograms_equal_observed_ones_bit_for_bit(prepared, images):
    graph = graph_of(prepared.load())
    every = [name for name in graph.floats if name in graph.producers]
    planned = Calibrator(prepared, every, exact=True)
    derived = calibrated(prepared, every, images, exact=True)
    for name in planned.plan.recipes:
        alone = calibrated(prepared, [name], images, exact=True)
        if name in Calibrator(prepared, [name], exact=True).plan.observed:
            np.testing.assert_array_equal(derived.histograms[name].ranks, alone.histograms[name].ranks, err_msg=name)
            np.testing.assert_array_equal(derived.histograms[name].counts, alone.histograms[name].counts, err_msg=name)
            assert derived.extremes(name) == alone.extremes(name)


def test_an_activation_function_moves_every_element_by_less_than_two_bins(prepared, tensors, images):
    quick, exact = calibrated(prepared, tensors, images), calibrated(prepared, tensors, images, exact=True)
    assert len(Calibrator(prepared, tensors).plan.observed) < len(
        Calibrator(prepared, tensors, exact=True).plan.observed
    )
    for name in tensors:
        assert quick.histograms[name].total == exact.histograms[name].total
        for share in (0.5, 0.9, 0.999, 1):
            place = int(share * (exact.histograms[name].total - 1))
            ours, theirs = (
                np.repeat(part.histograms[name].centres(), part.histograms[name].counts)[place]
                for part in (quick, exact)
            )
            assert ours == pytest.approx(theirs, rel=0.016, abs=1e-3)


def test_minmax_is_that_of_onnxruntime_to_the_rounding_of_its_kernels(tmp_path, prepared, tensors, images):
    """Its calibrator turns graph optimisation off, so its convolutions add up in another order."""
    theirs = create_calibrator(
        str(prepared.path),
        augmented_model_path=str(tmp_path / "augmented.onnx"),
        calibrate_method=CalibrationMethod.MinMax,
    )
    theirs.collect_data(Reader(prepared.inputs[0], images))
    reference = theirs.compute_data().data
    statistics = calibrated(prepared, tensors, images, histograms=False)
    assert statistics.histograms == {}
    compared = [name for name in tensors if name in reference]
    assert len(compared) > 10
    for name in compared:
        low, high = (float(value.reshape(-1)[0]) for value in reference[name].range_value)
        assert statistics.extremes(name) == pytest.approx((low, high), rel=2e-6, abs=1e-7), name


def test_percentiles_agree_with_numpy_on_all_kept_activations(prepared, tensors, images):
    statistics = calibrated(prepared, tensors, images, exact=True)
    kept = activations(prepared, tensors, images)
    for name in tensors:
        for percentile in (99.999, 99.9, 99, 90):
            cut = (100 - percentile) / 2
            exact = np.percentile(kept[name], [cut, 100 - cut], method="inverted_cdf")
            found = percentile_range(
                statistics.histograms[name], statistics.extremes(name), percentile, symmetric=False
            )
            assert found == pytest.approx(tuple(exact), rel=0.008, abs=1e-4), (name, percentile)


def test_the_order_of_frames_does_not_change_a_bit(prepared, tensors, images):
    forward, backward = Calibrator(prepared, tensors), Calibrator(prepared, tensors)
    for number in range(FRAMES):
        forward.observe(f"frame{number}", images[number])
    for number in reversed(range(FRAMES)):
        backward.observe(f"frame{number}", images[number])
    assert forward.statistics.digest == backward.statistics.digest


@pytest.mark.parametrize("stop", range(FRAMES + 1))
def test_stopped_after_any_frame_and_resumed_is_uninterrupted_bit_for_bit(tmp_path, prepared, tensors, images, stop):
    whole = calibrated(prepared, tensors, images)
    first = Calibrator(prepared, tensors)
    for number in range(stop):
        first.observe(f"frame{number}", images[number])
    first.save(tmp_path / "statistics.npz")
    second = Calibrator(prepared, tensors)
    second.resume(tmp_path / "statistics.npz")
    assert len(second.frames) == stop
    for number in range(FRAMES):
        assert second.observe(f"frame{number}", images[number]) is (number >= stop)
    second.save(tmp_path / "again.npz")
    assert second.statistics.digest == whole.digest


def test_parts_merge_to_the_whole_in_any_order(prepared, tensors, images):
    whole = calibrated(prepared, tensors, images)
    parts = []
    for start in range(0, FRAMES, 2):
        calibrator = Calibrator(prepared, tensors)
        for number in (start, start + 1):
            calibrator.observe(f"frame{number}", images[number])
        parts.append(calibrator.statistics)
    a, b, c = parts
    assert a.merge(b).merge(c).digest == c.merge(a).merge(b).digest == b.merge(c.merge(a)).digest == whole.digest


def test_counters_are_carried_over_before_they_overflow(monkeypatch, prepared, tensors, images):
    whole = calibrated(prepared, tensors, images)
    monkeypatch.setattr(collector, "_UNTIL_CARRIED", 5000)
    assert calibrated(prepared, tensors, images).digest == whole.digest


def test_the_frames_that_set_a_range_are_known(prepared, tensors, images):
    statistics = calibrated(prepared, tensors, images)
    lowest, highest = statistics.widest("image")
    assert lowest == f"frame{np.argmin([image.min() for image in images])}"
    assert highest == f"frame{np.argmax([image.max() for image in images])}"


def test_a_frame_that_is_in_already_is_not_counted_again(prepared, tensors, images):
    calibrator = Calibrator(prepared, tensors)
    assert calibrator.observe("frame0", images[0])
    before = calibrator.statistics.digest
    assert not calibrator.observe("frame0", images[0])
    assert calibrator.statistics.digest == before


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_nan_and_infinity_name_tensor_and_frame(prepared, tensors, images, value):
    calibrator = Calibrator(prepared, tensors)
    images[0][0, 1, 5, 5] = value
    with pytest.raises(ModelError, match=r"'image'.*frame f00d"):
        calibrator.observe("f00d", images[0])
    with pytest.raises(ModelError, match="f00d"):
        _ = calibrator.statistics


def test_statistics_of_another_model_are_refused(tmp_path, prepared, tensors, images):
    other_source = tmp_path / "other.onnx"
    net = NetworkBuilder(seed=5)
    net.conv("image", "output", (3, 8))
    onnx.save(net.model(["output"]), str(other_source))
    other = prepare_model(other_source, tmp_path / "other.prepared.onnx")
    calibrated(prepared, tensors, images).save(tmp_path / "statistics.npz")
    with pytest.raises(ModelError, match="don't merge"):
        Calibrator(other, ["image", "output"]).resume(tmp_path / "statistics.npz")


def test_a_frame_in_both_parts_is_refused(prepared, tensors, images):
    part = calibrated(prepared, tensors, images)
    with pytest.raises(ModelError, match="frame0"):
        part.merge(part)


@pytest.mark.parametrize("content", [b"", b"no statistics", b"PK\x03\x04 cut short"])
def test_a_damaged_file_is_named(tmp_path, content):
    path = tmp_path / "damaged.npz"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=r"damaged\.npz"):
        Statistics.load(path)


def test_a_dynamic_batch_is_calibrated_frame_by_frame(tmp_path, images):
    source = tmp_path / "dynamic.onnx"
    net = NetworkBuilder()
    net.conv("image", "output", (3, 16))
    onnx.save(net.model(["output"], batch="N"), str(source))
    made = prepare_model(source, tmp_path / "prepared.onnx")
    wanted = tensors_to_observe(made, preset("ort-cpu", QuantizationSettings(), VNNI))
    statistics = calibrated(made, wanted, images)
    assert statistics.histograms["output"].total == FRAMES * 16 * 32 * 32


@pytest.mark.shared
def test_a_real_detector_is_counted_exactly(tmp_path, shared_data):
    """Derived tensors equal observed ones bit for bit, and percentiles those of all kept activations to a bin."""
    made = prepare_model(shared_data / "deeppcb" / "pcb_tiny_320.onnx", tmp_path / "prepared.onnx")
    wanted = tensors_to_observe(made, preset("ort-cpu", QuantizationSettings(), VNNI))
    images = [np.random.default_rng(n).random((1, 3, 320, 320), dtype=np.float32) for n in range(2)]
    graph = graph_of(made.load())
    followed = [n for n in made.load().graph.node if n.op_type in ("Concat", "Reshape") and n.output[0] in graph.floats]
    every = [*wanted, *(name for n in followed for name in (*n.input, *n.output) if name in graph.floats)]
    planned, together = Calibrator(made, every, exact=True), calibrated(made, every, images, exact=True)
    assert planned.plan.recipes
    for name in planned.plan.recipes:
        alone = calibrated(made, [name], images, exact=True)
        np.testing.assert_array_equal(together.histograms[name].counts, alone.histograms[name].counts)
    kept = activations(made, wanted, images)
    for name in wanted:
        exact = np.percentile(kept[name], [0.0005, 99.9995], method="inverted_cdf")
        found = percentile_range(together.histograms[name], together.extremes(name), 99.999, symmetric=False)
        assert found == pytest.approx(tuple(exact), rel=0.008, abs=1e-4), name
