"""The evaluation frames in two parts: a third that a search may look at, the rest for the figure that is reported.

The output error on frames without annotation does most of a search's deciding, so that its part can be the smaller one:
the larger the other, the less of the reported drop is chance.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from calibtui.core.digests import digest_of
from calibtui.core.files import written_whole
from calibtui.pipeline.context import Context
from calibtui.pipeline.evaluation_set import EvaluationSet, part_of, scenes_of

FEWEST = 8
"""Frames with objects that each part must have; fewer say nothing of a drop."""
REPORTED = 2
"""Frames that are reported on for one that is searched on."""
SCENES = 8
"""Directories from which on each counts as a scene of its own, whose frames stay together."""


@dataclass(frozen=True, slots=True)
class Split:
    """Two parts of one evaluation set, no scene in both; `digest` names the division."""

    search: EvaluationSet
    report: EvaluationSet
    seed: int
    digest: str


def split_evaluation(evaluation: EvaluationSet, seed: int, scenes: str | None = None) -> Split | None:
    """Two parts of `evaluation`, alike in classes and crowdedness, the same for the same seed. None where one of them
    would be too small to measure anything on.

    Frames of one scene stay together: as `scenes` ([evaluation] scenes) tells them apart, else by directory where there
    are several; equal frames always do.
    """
    searched: list[int] = []
    reported: list[int] = []
    for alike in _threes(evaluation, seed, scenes):
        first, *others = sorted(alike, key=lambda unit: _chance(seed, "side", *_names(evaluation, unit)))
        short = REPORTED * len(searched) <= len(reported)
        (searched if short else reported).extend(first)
        for unit in others:
            reported.extend(unit)
    if min(_with_objects(evaluation, side) for side in (searched, reported)) < FEWEST:
        return None
    search, report = part_of(evaluation, sorted(searched)), part_of(evaluation, sorted(reported))
    return Split(search, report, seed, digest_of([search.digest, report.digest]))


def keep_split(context: Context, split: Split) -> Path:
    """Writes which frame is on which side beside the sets; returns where. Raises WorkspaceUnwritableError."""
    path = context.state / "splits" / f"{split.digest[:16]}.json"
    sides = {"search": [f.uri for f in split.search.frames], "report": [f.uri for f in split.report.frames]}
    with written_whole(path) as part:
        part.write_text(json.dumps({"schema": 1, "seed": split.seed, "digest": split.digest, **sides}, indent=1) + "\n")
    return path


def _threes(evaluation: EvaluationSet, seed: int, scenes: str | None) -> list[list[list[int]]]:
    """Units of frames, three by three of those most alike: by their rarest class, then by how many objects they
    show."""
    units = _units(evaluation, scenes)
    seen = Counter(int(label) for frame in evaluation.frames for label in frame.truth.classes)

    def alike(unit: list[int]) -> tuple[int, int, float]:
        labels = [int(label) for place in unit for label in evaluation.frames[place].truth.classes]
        rarest = min(labels, key=lambda label: (seen[label], label), default=-1)
        return rarest, len(labels), _chance(seed, "order", *_names(evaluation, unit))

    ordered = sorted(units, key=alike)
    size = 1 + REPORTED
    return [ordered[place : place + size] for place in range(0, len(ordered), size)]


def _units(evaluation: EvaluationSet, scenes: str | None) -> list[list[int]]:
    frames = evaluation.frames
    told = scenes_of(evaluation, scenes)
    folders = [str(PurePosixPath(frame.uri).parent) for frame in frames]
    by_folder = len(set(folders)) >= SCENES
    units: dict[str, list[int]] = defaultdict(list)
    for place, frame in enumerate(frames):
        scene = folders[place] if by_folder else frame.digest
        units[scene if told is None else str(told[place])].append(place)
    return list(units.values())


def _names(evaluation: EvaluationSet, unit: Sequence[int]) -> list[str]:
    return [evaluation.frames[place].digest for place in unit]


def _with_objects(evaluation: EvaluationSet, places: Sequence[int]) -> int:
    return sum(len(evaluation.frames[place].truth) > 0 for place in places)


def _chance(*parts: object) -> float:
    return int.from_bytes(hashlib.sha256(" ".join(map(str, parts)).encode()).digest()[:6]) / 2**48
