"""Statistics of single frames, in whichever process."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from calibtui.pipeline.calibration import CalibrationFrame, checked_pixels
from calibtui.pipeline.workers.files import Files
from calibtui.pipeline.workers.kit import Carry
from calibtui.pipeline.workers.packed_detector import PackedDetector
from calibtui.pipeline.workers.packed_model import PackedModel
from calibtui.quantization.collector import Calibrator
from calibtui.quantization.statistics import Statistics


@dataclass(frozen=True)
class FrameKit:
    """`files` of the `frames`; a job is a frame's place among them."""

    model: PackedModel
    tensors: tuple[str, ...]
    detector: PackedDetector
    frames: tuple[CalibrationFrame, ...]
    files: Files

    def opened(self) -> Callable[[int], Statistics]:
        with self.model.unpacked() as prepared:
            # On one thread: with more, onnxruntime's floats differ in their last bits.
            calibrator = Calibrator(prepared, self.tensors, threads=1)

        def of(place: int) -> Statistics:
            frame = self.frames[place]
            pixels = checked_pixels(frame, self.files.read(place))
            calibrator.observe(frame.digest, self.detector.feed(pixels))
            return calibrator.take()

        return of

    def carried(self, carry: Carry) -> FrameKit:
        return replace(self, files=carry(self.files), model=replace(self.model, scratch=None))
