"""From scored frames to the frames of a calibration set.

Strategies: `random`; `stratified`, equal shares of strata; `hardest`; `hardest-nms`, without frames that resemble a
harder one; `k-center`, spread over the pool; `weighted-k-center`, spread and hard; `range-cover`, reaching the pool's
activation ranges. The same frames, settings and seed
give the same set, in whatever order the frames come and on whatever machine: ties are settled by a hash of seed and
digest.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from calibtui.core.errors import ConfigurationError
from calibtui.selection.candidates import Candidates, SelectionInput, candidates
from calibtui.selection.hardest import hardest, hardest_apart
from calibtui.selection.k_center import k_center, weighted_k_center
from calibtui.selection.pins import resolved
from calibtui.selection.range_cover import range_cover
from calibtui.selection.stratified import stratified
from calibtui.workspace.settings import SelectionSettings

__all__ = ["Chosen", "SelectionInput", "select", "shortfall"]

NEEDS_SCORES = ("hardest", "hardest-nms", "weighted-k-center")


@dataclass(frozen=True)
class Chosen:
    """`index` into the input's frames, and `why` in a few words: "pinned", "hardest: rank 3"."""

    index: int
    why: str


def select(data: SelectionInput, settings: SelectionSettings) -> list[Chosen]:
    """The calibration set, pinned frames first, then in the order of choice.

    Frames of equal digest count as one, and an exclusion takes all of them out. A frame without a difficulty is never
    chosen by a strategy that goes by it, unless pinned. Where fewer frames are to be had than `settings.size`, all are
    taken: `shortfall` says it. Raises ConfigurationError for pins and exclusions that name no frame, contradict each
    other or exceed the size, and where not a single frame can be chosen.
    """
    pins = resolved(settings.pin, "pin", data.uris, data.digests)
    excluded = {data.digests[i] for i in resolved(settings.exclude, "exclude", data.uris, data.digests)}
    _refuse_contradictions(data, settings, pins, excluded)
    frames = candidates(data, pins, excluded, settings.seed)
    chosen = [Chosen(int(frames.index[position]), "pinned") for position in frames.pinned]
    choices = _chosen(frames, settings, settings.size - len(chosen))
    chosen += [Chosen(int(frames.index[position]), why) for position, why in choices]
    if not chosen:
        raise _nothing(data, settings)
    return chosen


def shortfall(data: SelectionInput, settings: SelectionSettings, chosen: list[Chosen]) -> str | None:
    """One sentence on why the set is smaller than asked for; None where it is not."""
    if len(chosen) >= settings.size:
        return None
    copies = len(data.digests) - len(set(data.digests))
    out = {data.digests[i] for i in resolved(settings.exclude, "exclude", data.uris, data.digests)}
    unscored = int(np.isnan(data.difficulty).sum()) if settings.strategy in NEEDS_SCORES else 0
    parts = ((copies, "exact copies"), (len(out), "excluded"), (unscored, "not scored"))
    because = ", ".join(f"{number} {what}" for number, what in parts if number)
    pool = f"the pool has {len(data.uris)} frames" + (f" ({because})" if because else "")
    return f"{len(chosen)} of the {settings.size} frames asked for: {pool}."


def _chosen(frames: Candidates, settings: SelectionSettings, count: int) -> list[tuple[int, str]]:
    """Positions of `count` frames besides the pinned ones, and why each."""
    match settings.strategy:
        case "random":
            return [(int(position), "random") for position in np.flatnonzero(frames.free)[:count]]
        case "stratified":
            return stratified(frames, count, settings.seed)
        case "hardest":
            return hardest(frames, count)
        case "hardest-nms":
            return hardest_apart(frames, count, settings.suppress)
        case "k-center":
            return k_center(frames, count)
        case "weighted-k-center":
            return weighted_k_center(frames, count)
        case "range-cover":
            return _covering(frames, count)


def _covering(frames: Candidates, count: int) -> list[tuple[int, str]]:
    if frames.ranges is None:
        raise ConfigurationError(
            'selection.strategy is "range-cover", but no frame\'s activation ranges are known.',
            "They are measured by running the float model over the pool: write [model] onnx.",
        )
    return range_cover(frames.ranges, frames.free, frames.pinned, count)


def _refuse_contradictions(
    data: SelectionInput, settings: SelectionSettings, pins: list[int], excluded: set[str]
) -> None:
    for index in pins:
        if data.digests[index] in excluded:
            raise ConfigurationError(
                f"Frame {data.uris[index]!r} is both in selection.pin and in selection.exclude.", "Take it out of one."
            )
    pinned = len({data.digests[index] for index in pins})
    if pinned > settings.size:
        raise ConfigurationError(
            f"selection.pin names {pinned} frames, but selection.size is {settings.size}.",
            "Raise the size or pin fewer frames.",
        )


def _nothing(data: SelectionInput, settings: SelectionSettings) -> ConfigurationError:
    if settings.size < 1:
        return ConfigurationError(
            f"selection.size is {settings.size}, so no frame can be chosen.", "Set it to 1 or more."
        )
    if settings.strategy in NEEDS_SCORES and len(data.uris) and np.isnan(data.difficulty).all():
        return ConfigurationError(
            f'No frame is scored, and selection.strategy "{settings.strategy}" goes by scores.',
            'Run the scoring stage first, or choose "random", "stratified" or "k-center".',
        )
    return ConfigurationError(
        f"The pool of {len(data.uris)} frames has none to choose.", "Check pool.images and selection.exclude."
    )
