"""A detector as it travels: all that it knows, but no session."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import onnxruntime as ort

from calibtui.detector.detector import Detector
from calibtui.detector.inputs import ModelInputs
from calibtui.detector.layout import Layout
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

    def with_session(self, session: ort.InferenceSession) -> Detector:
        """The detector on a model with the same inputs and outputs."""
        return Detector(self.path, self.settings, self.layout, self.inputs, session)
