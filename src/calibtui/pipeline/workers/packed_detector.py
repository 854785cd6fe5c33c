"""A detector as it travels: all that it knows, but no session."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from calibtui.detector.detector import Detector
from calibtui.detector.inputs import ModelInputs
from calibtui.detector.layout import Layout
from calibtui.detector.preparation import prepare
from calibtui.workspace.settings import ModelSettings


@dataclass(frozen=True, slots=True)
class PackedDetector:
    """`path`: where the model was, for messages."""

    path: Path
    settings: ModelSettings
    layout: Layout
    inputs: ModelInputs

    @classmethod
    def of(cls, detector: Detector) -> PackedDetector:
        return cls(detector.path, detector.settings, detector.layout, detector.inputs)

    def feed(self, image: NDArray[np.uint8]) -> dict[str, NDArray[Any]]:
        """(H, W, 3) RGB to everything that a session of the model is run with."""
        return self.inputs.feed(prepare(image, self.layout.input)[0])

    def with_session(self, session: ort.InferenceSession) -> Detector:
        """The detector on a model with the same inputs and outputs."""
        return Detector(self.path, self.settings, self.layout, self.inputs, session)
