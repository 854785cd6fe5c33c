"""The engineer's detector, from a frame to its detections."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from calibtui.core.boxes import Detections
from calibtui.core.errors import ModelError
from calibtui.detector.candidates import final_candidates
from calibtui.detector.decoders.contract import Decoded, Outputs, RowShapes
from calibtui.detector.inputs import ModelInputs, find_inputs
from calibtui.detector.layout import Layout, detect_layout, outputs_of_one_frame
from calibtui.detector.preparation import Placement, prepare
from calibtui.detector.session import open_session, run_session
from calibtui.detector.shapes import keypoints_in_frame, masks_in_frame
from calibtui.workspace.settings import ModelSettings


@dataclass(frozen=True, slots=True)
class Detector:
    """An opened model with its layout and settings. Its methods may be called from several threads at once.

    `path` is the ONNX file; `threads` what its session uses.
    """

    path: Path
    settings: ModelSettings
    layout: Layout
    inputs: ModelInputs
    session: ort.InferenceSession
    threads: int = 1

    @classmethod
    def load(cls, settings: ModelSettings, root: Path, *, threads: int = 1) -> Detector:
        """Opens `settings.onnx`, relative to `root`, and finds its layout out. Raises ModelError, see
        `detect_layout`."""
        path = root / settings.onnx
        session = open_session(path, threads=threads)
        layout = detect_layout(path, settings, root, session)
        return cls(path, settings, layout, find_inputs(session, str(path)), session, threads)

    def with_model(self, onnx: Path, *, simulate: bool = False, precise: bool = False) -> Detector:
        """The same layout and settings on another file, such as this model's INT8 version: see `open_session` for the
        options. Raises ModelError where that file hasn't this one's inputs and outputs."""
        session = open_session(onnx, threads=self.threads, simulate=simulate, precise=precise)
        inputs = find_inputs(session, str(onnx))
        for what, ours, theirs in (
            ("outputs", _output_names(self.session), _output_names(session)),
            ("inputs", _input_names(self.inputs), _input_names(inputs)),
        ):
            if missing := sorted(ours ^ theirs):
                raise ModelError(
                    f"{onnx} is not a version of {self.path}: its {what} differ in {', '.join(missing)}.",
                    "Make it from that model again.",
                )
        return replace(self, path=onnx, inputs=inputs, session=session)

    def with_classes(self, names: tuple[str, ...]) -> Detector:
        """The same detector with other class names. Raises ModelError where the model is known to have another
        number."""
        if self.classes and len(names) != len(self.classes):
            raise ModelError(
                f"{len(names)} class names are given, but {self.path} tells {len(self.classes)} apart.",
                "Correct model.classes or the annotations.",
            )
        return replace(self, layout=replace(self.layout, classes=names, named=True))

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names in index order; () where the model can't say how many it has and nobody named them."""
        return self.layout.classes

    @property
    def input_name(self) -> str:
        return self.inputs.image.name

    @property
    def input_size(self) -> tuple[int, int]:
        """(width, height) px."""
        assert self.layout.input.size is not None
        return self.layout.input.size

    def prepare(self, image: NDArray[np.uint8]) -> tuple[NDArray[np.float32], Placement]:
        """(H, W, 3) RGB to (1, 3, h, w) and where the frame lies in it."""
        return prepare(image, self.layout.input)

    def feed(self, tensor: NDArray[np.float32]) -> dict[str, NDArray[Any]]:
        """Everything that a session of this model is run with for one prepared frame, in the model's own types and
        layout."""
        return self.inputs.feed(tensor)

    def infer(self, tensor: NDArray[np.float32]) -> dict[str, NDArray[Any]]:
        """The outputs by name for one prepared frame; half-precision ones as float32."""
        outputs = run_session(self.session, self.feed(tensor), str(self.path))
        return outputs_of_one_frame(outputs, self.inputs.image.batch)

    def raw_scores(self, outputs: Outputs) -> NDArray[np.float32]:
        """(M, C): every candidate's score for each class, before any suppression or threshold.

        A model that gives each box one class has zeros for the others, and a column more than its highest label where
        the number of its classes isn't known.
        """
        decoded = self.layout.reader.decode(outputs)
        if decoded.labels is None:
            return decoded.scores
        real = decoded.labels >= 0
        labels, scores = decoded.labels[real], decoded.scores[real]
        count = max(len(self.classes), int(labels.max(initial=-1)) + 1)
        table = np.zeros((len(labels), count), np.float32)
        table[np.arange(len(labels)), labels] = scores
        return table

    def finish(
        self, outputs: Outputs, placement: Placement, frame_size: tuple[int, int], *, shapes: bool = False
    ) -> Detections:
        """Decodes, drops what is under `score_min`, suppresses class by class (not where the model has done so, nor
        with an `nms_iou` of 0), keeps the best `max_detections`, and brings boxes to px of a frame of (width, height)
        `frame_size`, clipped to it. Every class of a box counts that reaches `score_min`, as the COCO protocol has
        it. `shapes`: with their masks or keypoints, where the model has them."""
        decoded = self.layout.reader.decode(outputs, self.settings.score_min)
        self._check_labels(decoded)
        iou_max = 0.0 if self.layout.suppressed else self.settings.nms_iou
        found = final_candidates(decoded, self.settings.score_min, iou_max, self.settings.max_detections)
        placed = placement.to_frame(found.boxes).clip(0, np.array(frame_size * 2, np.float32))
        visible = (placed[:, 2] > placed[:, 0]) & (placed[:, 3] > placed[:, 1])
        detections = Detections(placed[visible], found.scores[visible], found.classes[visible])
        if shapes and decoded.shapes is not None:
            return self._shaped(detections, decoded.shapes, found.rows[visible], placement, frame_size)
        return detections

    def _shaped(
        self,
        detections: Detections,
        shapes: RowShapes,
        rows: NDArray[np.int64],
        placement: Placement,
        frame_size: tuple[int, int],
    ) -> Detections:
        """`detections` with what the decoded rows they come from say beside boxes."""
        if shapes.keypoints is not None:
            return replace(detections, keypoints=keypoints_in_frame(shapes.keypoints[rows], placement))
        if shapes.coefficients is None or shapes.prototypes is None:
            return detections
        masks = masks_in_frame(
            shapes.coefficients[rows], shapes.prototypes, detections.boxes, placement, self.input_size, frame_size
        )
        return replace(detections, masks=masks)

    def detect(self, image: NDArray[np.uint8]) -> Detections:
        """(H, W, 3) RGB to its detections in frame px."""
        tensor, placement = self.prepare(image)
        return self.finish(self.infer(tensor), placement, (image.shape[1], image.shape[0]))

    def _check_labels(self, decoded: Decoded) -> None:
        if decoded.labels is None or not self.classes:
            return
        strange = decoded.labels[decoded.scores >= self.settings.score_min]
        if strange.max(initial=-1) >= len(self.classes):
            raise ModelError(
                f"{self.path} gave class number {int(strange.max())}, "
                f"but only {len(self.classes)} classes are named, from 0 on.",
                "Name all of them in model.classes; for a model that counts from 1, set model.decoder to torchvision.",
            )


def _output_names(session: ort.InferenceSession) -> set[str]:
    return {output.name for output in session.get_outputs()}


def _input_names(inputs: ModelInputs) -> set[str]:
    return {inputs.image.name, *inputs.extra_names}
