"""Real detectors that minmax and percentile alike ruin: the diagnosis names the layers whose leaving out restores
them."""

from __future__ import annotations

import numpy as np
import pytest

from calibtui.detector.detector import Detector
from calibtui.pool.images import open_rgb
from calibtui.quantization.collector import Calibrator
from calibtui.quantization.cpu import cpu_features
from calibtui.quantization.diagnosis.diagnosis import Subject, diagnose
from calibtui.quantization.diagnosis.trials import Trials
from calibtui.quantization.output_error import FloatAnswers
from calibtui.quantization.prepare import prepare_model
from calibtui.quantization.ranges import ranges
from calibtui.quantization.tensors import tensors_to_observe
from calibtui.quantization.twin import twin_scheme
from calibtui.workspace.settings import ModelSettings

CALIBRATED, MEASURED = 8, 2


def others(shares: dict[str, float], named: tuple[str, ...], seed: int) -> list[str]:
    """Random layers besides `named` that together do at least as much of the multiply-adds."""
    names = sorted(set(shares) - set(named))
    wanted = sum(shares[name] for name in named)
    drawn: list[str] = []
    for place in np.random.default_rng(seed).permutation(len(names)):
        if sum(shares[name] for name in drawn) >= wanted:
            break
        drawn.append(names[place])
    return drawn


@pytest.mark.shared
@pytest.mark.timeout(900)
@pytest.mark.parametrize("files", ["yolox_nano*.onnx", "picodet*.onnx"])
def test_leaving_the_named_layers_in_float_restores_it_and_as_much_work_at_random_does_not(
    shared_data, tmp_path, files
):
    model = next((shared_data / "coco128").glob(files), None)
    if model is None:
        pytest.skip(f"there is no {files} beside the frames of coco128")
    detector = Detector.load(ModelSettings(str(model)), tmp_path)
    prepared = prepare_model(detector.path, tmp_path / "prepared.onnx")
    scheme = twin_scheme()
    calibrator = Calibrator(prepared, tensors_to_observe(prepared, scheme))
    frames = sorted((shared_data / "coco128" / "pool").iterdir())
    tensors = [detector.prepare(open_rgb(path))[0] for path in frames[: CALIBRATED + 4]]
    for path, tensor in zip(frames[:CALIBRATED], tensors[:CALIBRATED], strict=True):
        calibrator.observe(path.name, detector.feed(tensor))
    found = ranges(calibrator.statistics, "percentile", percentile=99.999, scheme=scheme)
    subject = Subject(prepared, scheme, calibrator.statistics, found, detector.feed)
    diagnosis = diagnose(
        subject, tensors[:MEASURED], FloatAnswers.of_detector(detector, tensors[:MEASURED]), cpu_features()
    )

    culprits = diagnosis.effects.culprits
    assert culprits is not None
    assert len(culprits.layers) <= 8
    assert culprits.share < 0.25
    assert set(culprits.layers) == {name for each in diagnosis.findings if each.kind == "layer" for name in each.layers}

    unseen = FloatAnswers.of_detector(detector, tensors[CALIBRATED:])
    judged = Trials(prepared, scheme, found, unseen, detector.feed)
    whole, named = judged.without(()), judged.without(culprits.layers)
    shares = {each.name: each.share for each in diagnosis.layers}
    random = [judged.without(others(shares, culprits.layers, seed)) for seed in range(3)]
    assert named < 0.5 * whole, "on frames that neither calibrated nor diagnosed"
    assert min(random) > 0.75 * whole
