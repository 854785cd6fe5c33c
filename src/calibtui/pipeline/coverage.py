"""`calibtui coverage`: whether the newest calibration set is good, without quantizing anything."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibtui.core.errors import ConfigurationError
from calibtui.core.progress import OnProgress, StopFlag
from calibtui.detector.detector import Detector
from calibtui.pipeline.cascade import judged_pool
from calibtui.pipeline.context import Context, workers
from calibtui.pipeline.diagnose import newest_set
from calibtui.pipeline.frame_ranges import bounds_by_digest, frames_of, measured_ranges, sample_of
from calibtui.pipeline.index_stage import index_pool
from calibtui.pipeline.named_sets import named_set
from calibtui.pipeline.select_stage import proposed_set
from calibtui.pipeline.single_run import SingleRun, single_run
from calibtui.pool.index import DESCRIPTOR_VERSION
from calibtui.selection.coverage import Coverage, coverage
from calibtui.selection.manifest import read_manifest
from calibtui.selection.range_coverage import RangeCoverage, range_coverage
from calibtui.selection.select import Chosen, SelectionInput
from calibtui.store.frames import FrameRow
from calibtui.workspace.settings import Settings

DRAFT = "draft"


@dataclass(frozen=True, slots=True)
class SetQuality:
    """Of the set with `digest`: its activation ranges beside the pool's, and its pictures beside the pool's.

    `uris` (N,): of the distinct frames that `ranges` names by index. `duplicates`: exact copies in the pool.
    """

    workspace: str
    digest: str
    ranges: RangeCoverage
    pictures: Coverage
    uris: tuple[str, ...]
    digests: tuple[str, ...]
    pool_frames: int
    duplicates: int
    notes: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """The object that `--json` prints."""
        ranges, pictures = self.ranges, self.pictures
        return {
            "schema": 1,
            "workspace": self.workspace,
            "set": self.digest,
            "state": ranges.state,
            "sentence": ranges.sentence,
            "frames": ranges.frames,
            "pool": {"frames": self.pool_frames, "measured": ranges.pool_frames, "duplicates": self.duplicates},
            "reached": ranges.reached,
            "tensors": len(ranges.tensors),
            "clipping": [
                {
                    "tensor": each.tensor,
                    "set": [each.set_low, each.set_high],
                    "pool": [each.pool_low, each.pool_high],
                    "missing": each.missing,
                    "frames": each.frames,
                }
                for each in ranges.clipping
            ],
            "fixes": [self._frame(index) for index in ranges.fixes],
            "clipping_after": ranges.clipping_after,
            "stretching": [self._frame(index) | {"times": times} for index, times in ranges.stretching],
            "pictures": {
                "mean_similarity": pictures.mean_similarity,
                "least_similarity": pictures.least_similarity,
                "near_duplicates": pictures.near_duplicates,
            },
            "notes": list(self.notes),
        }

    def _frame(self, index: int) -> dict[str, Any]:
        return {"uri": self.uris[index], "digest": self.digests[index]}


def measure_coverage(settings: Settings, *, on_progress: OnProgress, stop: StopFlag) -> SetQuality:
    """Runs the float model over the set and the pool, or a sample of it; what is known already costs nothing.

    Raises ConfigurationError where there is no set, or none of its frames is in the pool any more.
    """
    with single_run(settings, "coverage", on_progress, stop) as run:
        return coverage_in(run)


def coverage_in(run: SingleRun, name: str = "") -> SetQuality:
    """The same within a run that is under way. `name` of the set, "" for the newest, DRAFT for the one that the
    settings, scores and marks would give now. Raises ConfigurationError for a name that no set has."""
    context = run.context
    manifest = newest_set(context) if not name else None
    pool = index_pool(context)
    manifest = manifest or _set_of_name(context, name)
    rows = context.store.frames.usable("pool", unique=True)
    of_set = _places(context, rows, manifest)
    detector = _detector(context)
    digests = [row.digest for row in rows]
    sample = sample_of(rows, {digests[place] for place in of_set}, context.settings.selection.seed)
    known = measured_ranges(context, detector, frames_of(context, sample), stage="coverage")
    if len(sample) < len(rows):
        context.note(f"{len(sample):,} of the pool's {len(rows):,} frames were measured, drawn by the seed.")
    ranges = range_coverage(known.tensors, *bounds_by_digest(known, digests), of_set)
    run.said = ranges.sentence
    return SetQuality(
        str(context.root),
        manifest["digest"],
        ranges,
        _pictures(context, rows, of_set),
        tuple(row.uri for row in rows),
        tuple(digests),
        len(rows),
        pool.duplicates,
        tuple(context.notes),
    )


def _set_of_name(context: Context, name: str) -> dict[str, Any]:
    if name != DRAFT:
        return read_manifest(context.state / named_set(context.store, name).manifest)
    pool = judged_pool(context, lambda: _detector(context))
    manifest, _ = proposed_set(context, pool, context.store.marks.all())
    return manifest


def _detector(context: Context) -> Detector:
    return Detector.load(context.model_settings(), context.root, threads=workers())


def _places(context: Context, rows: Sequence[FrameRow], manifest: Mapping[str, Any]) -> NDArray[np.int64]:
    """Where the set's frames stand among the pool's."""
    place = {row.digest: number for number, row in enumerate(rows)}
    found = [place[frame["digest"]] for frame in manifest["frames"] if frame["digest"] in place]
    if not found:
        raise ConfigurationError(
            f"No frame of the newest set is in the pool of {context.root} any more.", "Run `calibtui select` again."
        )
    gone = len(manifest["frames"]) - len(found)
    if gone:
        context.note(
            f"{gone} of the set's {len(manifest['frames'])} frames are not in the pool any more; left out here."
        )
    return np.array(sorted(found), np.int64)


def _pictures(context: Context, rows: Sequence[FrameRow], of_set: NDArray[np.int64]) -> Coverage:
    digests = [row.digest for row in rows]
    data = SelectionInput(
        uris=[row.uri for row in rows],
        digests=digests,
        difficulty=np.full(len(rows), np.nan),
        reasons=[()] * len(rows),
        descriptors=context.store.frames.descriptors(digests, DESCRIPTOR_VERSION),
    )
    return coverage(data, [Chosen(int(index), "") for index in of_set])
