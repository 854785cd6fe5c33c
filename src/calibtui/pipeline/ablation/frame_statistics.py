"""Statistics frame by frame, kept on disk: a frame that is in many sets goes through the model once, ever."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from calibtui.core.digests import digest_of
from calibtui.core.errors import ModelError
from calibtui.detector.detector import Detector
from calibtui.pipeline.ablation.frame_kit import FrameKit
from calibtui.pipeline.calibration import CalibrationFrame
from calibtui.pipeline.context import Context
from calibtui.pipeline.detection_pass import layout_digest
from calibtui.pipeline.workers.files import FilesHere
from calibtui.pipeline.workers.opening import opened_crew
from calibtui.pipeline.workers.packed_detector import PackedDetector
from calibtui.pipeline.workers.packed_model import PackedModel
from calibtui.quantization.merging import merged_statistics
from calibtui.quantization.prepare import PreparedModel
from calibtui.quantization.statistics import Statistics


class FrameStatistics:
    """Of one model and one choice of tensors; a file a frame in .calibtui/ablation/, what workers write meanwhile in
    `scratch`."""

    def __init__(
        self, context: Context, detector: Detector, prepared: PreparedModel, tensors: Sequence[str], scratch: Path
    ) -> None:
        name = digest_of([prepared.digest, layout_digest(detector), list(tensors)])
        self._context, self._detector, self._prepared = context, detector, prepared
        self._tensors, self._scratch = tuple(tensors), scratch
        self._folder = context.state / "ablation" / name[:16]

    def collect(self, frames: Iterable[CalibrationFrame]) -> None:
        """Runs those frames through the model that are not on disk yet. Raises ConfigurationError for a frame whose
        file is no longer the one that was chosen, ModelError, naming it, for one with activations that are not
        finite."""
        wanted = {frame.digest: frame for frame in frames}
        todo = tuple(frame for digest, frame in sorted(wanted.items()) if not self._readable(digest))
        if not todo:
            return
        files = FilesHere(tuple(frame.path for frame in todo))
        model = PackedModel.of(self._prepared, self._scratch)
        kit = FrameKit(model, self._tensors, PackedDetector.of(self._detector), todo, files)
        with opened_crew(self._context, kit) as crew:
            for number, done in enumerate(crew.finished(range(len(todo))), 1):
                done.result.save(self._path(todo[done.place].digest))
                self._context.tell("ablate", number, len(todo), "calibrating, each frame once")

    def of(self, digests: Iterable[str]) -> Statistics:
        """The statistics of a set."""
        return merged_statistics(Statistics.load(self._path(digest)) for digest in sorted(digests))

    def _readable(self, digest: str) -> bool:
        path = self._path(digest)
        if not path.exists():
            return False
        try:
            Statistics.load(path)
        except ModelError:
            path.unlink()
            return False
        return True

    def _path(self, digest: str) -> Path:
        return self._folder / f"{digest}.npz"
