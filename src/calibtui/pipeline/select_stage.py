"""The calibration set: chosen from the scored pool, written as a manifest that its digest names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibtui.core.boxes import Annotations
from calibtui.core.errors import ConfigurationError
from calibtui.core.summary import SelectionSummary
from calibtui.pipeline.cascade import JudgedPool
from calibtui.pipeline.context import Context
from calibtui.pipeline.curation import BY_HAND, choose, curated
from calibtui.pipeline.frame_ranges import with_ranges
from calibtui.pipeline.questions import Verdicts
from calibtui.pool.annotations import load_annotations
from calibtui.pool.index import DESCRIPTOR_SIZE, DESCRIPTOR_VERSION
from calibtui.selection.manifest import build_manifest, write_manifest
from calibtui.selection.select import NEEDS_SCORES, SelectionInput, shortfall
from calibtui.store.frames import FrameRow

NO_MARKS: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class ChosenSet:
    """`difficulties` (N,) of the whole pool, nan where unscored."""

    summary: SelectionSummary
    manifest: dict[str, Any]
    difficulties: NDArray[np.float64]


def select_set(context: Context, pool: JudgedPool) -> ChosenSet:
    """Chooses and writes the set; the same scores, settings and marks give the same digest."""
    settings = context.settings.selection
    context.tell("select", 0, settings.size, settings.strategy)
    manifest, sentence = proposed_set(context, pool, context.store.marks.all())
    size = manifest["size"]
    path = context.state / "sets" / f"{manifest['digest'].removeprefix('sha256:')[:16]}.json"
    write_manifest(path, manifest)
    relative = path.relative_to(context.state).as_posix()
    context.store.artifacts.add_set(manifest["digest"], settings.strategy, size, settings.seed, relative, context.run)
    if sentence:
        context.note(f"The set holds {sentence}")
    if by_hand := sum(frame["why"] in BY_HAND for frame in manifest["frames"]):
        context.note(f"{by_hand} of the set's {size} frames are pinned or were picked by hand.")
    context.tell("select", size, size, settings.strategy)
    summary = SelectionSummary(settings.strategy, size, settings.seed, str(path), manifest["digest"])
    return ChosenSet(summary, manifest, pool.verdicts.difficulty)


def proposed_set(
    context: Context, pool: JudgedPool, marks: Mapping[str, str] = NO_MARKS
) -> tuple[dict[str, Any], str | None]:
    """The manifest that the settings of `context` would give, not written anywhere; and why it is smaller than asked
    for, where it is. `marks` made by hand count besides what the settings pin and exclude."""
    settings = context.settings.selection
    answered = pool.verdicts
    data = _input(context, pool.frames, answered)
    hand = curated(data, settings, marks)
    if settings.strategy == "range-cover":
        data = with_ranges(context, data, pool.frames, hand.settings.pin)
    chosen = choose(data, hand)
    manifest = build_manifest(
        data,
        chosen,
        settings,
        prompt=pool.prompt if answered.scored > 0 else None,
        judge_models=answered.models,
    )
    return manifest, shortfall(data, hand.settings, chosen)


def _input(context: Context, frames: Sequence[FrameRow], answered: Verdicts) -> SelectionInput:
    settings = context.settings.selection
    if settings.strategy in NEEDS_SCORES and answered.scored == 0:
        raise ConfigurationError(
            f"No frame is scored by the judge of calibtui.toml, and the strategy {settings.strategy} needs scores.",
            'Run `calibtui score` first, or choose the strategy "random", "stratified" or "k-center".',
        )
    digests = [frame.digest for frame in frames]
    descriptors = (
        np.zeros((len(frames), DESCRIPTOR_SIZE), np.float32)
        if settings.strategy in ("random", "stratified", "hardest", "range-cover")
        else context.store.frames.descriptors(digests, DESCRIPTOR_VERSION)
    )
    return SelectionInput(
        uris=[frame.uri for frame in frames],
        digests=digests,
        difficulty=answered.difficulty,
        reasons=answered.reasons,
        descriptors=descriptors,
        strata=_strata(context, frames) if settings.strategy == "stratified" else None,
    )


def _strata(context: Context, frames: Sequence[FrameRow]) -> list[str]:
    """The manifest's column where [pool] stratum names one, else the annotated classes."""
    pool = context.settings.pool
    if pool.stratum is not None:
        if not any(pool.stratum in frame.columns for frame in frames):
            known = sorted({name for frame in frames for name in frame.columns})
            raise ConfigurationError(
                f"[pool] stratum: no manifest of the pool has a column {pool.stratum!r}.",
                f"Its columns are: {', '.join(known) or 'none'}.",
            )
        return [frame.columns.get(pool.stratum, "") for frame in frames]
    if pool.annotations is None:
        raise ConfigurationError(
            '[selection] strategy = "stratified" needs strata.',
            "Write [pool] annotations, or [pool] stratum with the name of a manifest's column.",
        )
    sizes = {frame.uri: (frame.width, frame.height) for frame in frames}
    return class_strata(load_annotations(pool.annotations, context.root, list(sizes), sizes, None), list(sizes))


def class_strata(annotations: Annotations, uris: list[str]) -> list[str]:
    """One stratum a frame: the rarest, over the pool, of the classes it shows; "nothing" and "not annotated" besides.
    So a class
    that is seldom seen is not hidden behind a common one in the same picture."""
    shown: Mapping[str, set[int]] = {uri: set(truth.classes.tolist()) for uri, truth in annotations.by_uri.items()}
    frequency = Counter(label for labels in shown.values() for label in labels)

    def stratum(uri: str) -> str:
        if uri not in shown:
            return "not annotated"
        labels = shown[uri]
        return annotations.classes[min(labels, key=lambda label: (frequency[label], label))] if labels else "nothing"

    return [stratum(uri) for uri in uris]
