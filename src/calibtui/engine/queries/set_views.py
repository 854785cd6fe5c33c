"""The draft and the locked sets, as a screen shows them: frames, balance, coverage, and what changed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibtui.core.errors import ConfigurationError
from calibtui.engine.queries.drafting import Draft as DraftSet
from calibtui.engine.queries.drafting import draft, draft_key, strata_of
from calibtui.engine.queries.evaluation_frames import evaluated_digests
from calibtui.engine.queries.knobs import turned
from calibtui.engine.queries.known_sets import KnownSet, compared_set, known_set
from calibtui.engine.queries.measured_ranges import ranges_stamp
from calibtui.engine.queries.pool_view import PoolView, pool_view
from calibtui.engine.queries.registry import QueryContext, answers
from calibtui.engine.queries.remembering import remembered
from calibtui.engine.queries.set_coverage import SetCoverage, set_coverage
from calibtui.engine.queries.set_ranges import set_ranges
from calibtui.engine.wire.sets import Draft, LockedSet, SetFrame, SetView, Share
from calibtui.workspace.load import load_settings
from calibtui.workspace.settings import SelectionSettings

BINS = 20
VIEWS_KEPT = 8
MOST_SHARES = 200
WORTH_S = 1.0
"""A draft doesn't say what it is of, so it is of the newest scores wherever they can be had."""

Places = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class _Shown:
    """A set on its way to a view: `frames` of it, `places` of those that the pool has."""

    name: str
    digest: str
    locked: bool
    strategy: str
    seed: int
    wanted: int
    frames: tuple[SetFrame, ...]
    places: Places
    said: str


@answers(Draft)
def draft_view(context: QueryContext, query: Draft) -> SetView:
    """Raises ConfigurationError for an override that is no knob of [selection] and for an unknown set to compare with,
    SettingsError."""
    settings = _tried(context, query.overrides)
    view = pool_view(context, whole_truth=True, worth_s=WORTH_S)
    other = compared_set(context, query.compare)
    key = (draft_key(context, view, settings), *_besides(context, view, other))

    def made() -> SetView:
        chosen = draft(context, view, settings)
        return _view(context, view, _of_draft(view, chosen, settings), other)

    return remembered(context, "draft views", key, made, most=VIEWS_KEPT)


@answers(LockedSet)
def locked_view(context: QueryContext, query: LockedSet) -> SetView:
    """Raises ConfigurationError for a set that there isn't, and for a manifest that was changed."""
    shown = known_set(context, query.name)
    other = compared_set(context, query.compare, besides=shown.row.digest)
    view = pool_view(context, whole_truth=True)
    key = (shown.row, view.rows.extent, *_besides(context, view, other))
    return remembered(
        context, "set views", key, lambda: _view(context, view, _of_manifest(view, shown), other), most=VIEWS_KEPT
    )


def _besides(context: QueryContext, view: PoolView, other: KnownSet | None) -> tuple[Hashable, ...]:
    """What a view shows besides the set itself."""
    return view.annotations, other.row.digest if other else "", evaluated_digests(context), ranges_stamp(context)


def _tried(context: QueryContext, overrides: Sequence[str]) -> SelectionSettings:
    """The settings in force with what a screen tries out."""
    for override in overrides:
        if not override.strip().startswith("selection."):
            raise ConfigurationError(f"{override[:60]!r} changes no draft.", "Try a knob such as selection.size=64.")
    if not overrides:
        return context.settings.selection
    return load_settings(context.settings.root, [*turned(context.store), *overrides]).selection


def _of_draft(view: PoolView, chosen: DraftSet, settings: SelectionSettings) -> _Shown:
    difficulty = view.judged.difficulty[chosen.places]
    rows = zip(
        view.rows.digests_of(chosen.places),
        view.rows.uris_of(chosen.places),
        difficulty.tolist(),
        chosen.whys,
        strict=True,
    )
    frames = tuple(
        SetFrame(digest=digest, uri=uri, difficulty=None if value != value else value, why=why)
        for digest, uri, value, why in rows
    )
    said = chosen.error or (f"It holds {chosen.short}" if chosen.short else "")
    return _Shown("draft", "", False, settings.strategy, settings.seed, settings.size, frames, chosen.places, said)


def _of_manifest(view: PoolView, shown: KnownSet) -> _Shown:
    manifest = shown.manifest
    frames = tuple(
        SetFrame(digest=each["digest"], uri=each["uri"], difficulty=each["difficulty"], why=each["why"])
        for each in manifest["frames"]
    )
    places = view.rows.places([frame.digest for frame in frames])
    gone = int((places < 0).sum())
    said = f"{gone} of its frames are no longer in the pool." if gone else ""
    row = shown.row
    size = manifest["size"]
    return _Shown(shown.name, row.digest, True, row.strategy, row.seed, size, frames, places[places >= 0], said)


def _view(context: QueryContext, view: PoolView, shown: _Shown, other: KnownSet | None) -> SetView:
    frames, added, dropped, overlap = _against(shown.frames, other)
    difficulties = [frame.difficulty for frame in shown.frames if frame.difficulty is not None]
    histogram, _ = np.histogram(difficulties, BINS, (0.0, 1.0))
    coverage = _coverage(context, view, shown.places)
    ranges, range_said = set_ranges(context, view, shown.places)
    return SetView(
        name=shown.name,
        digest=shown.digest,
        locked=shown.locked,
        strategy=shown.strategy,
        seed=shown.seed,
        size=len(shown.frames),
        wanted=shown.wanted,
        said=shown.said,
        frames=frames,
        picked=sum(frame.why == "picked by hand" for frame in shown.frames),
        pinned=sum(frame.why == "pinned" for frame in shown.frames),
        mean_difficulty=float(np.mean(difficulties)) if difficulties else None,
        histogram=tuple(histogram.tolist()),
        classes=_classes(view, shown.places),
        strata=_strata(context, view, shown.places),
        coverage=coverage.mean if coverage else None,
        random_coverage=coverage.random_mean if coverage else None,
        duplicates=coverage.duplicates if coverage else 0,
        compared_with=other.name if other else "",
        added=added,
        dropped=dropped,
        overlap=overlap,
        ranges=ranges,
        range_said=range_said,
        warnings=_warnings(context, view, shown),
    )


def _against(
    frames: tuple[SetFrame, ...], other: KnownSet | None
) -> tuple[tuple[SetFrame, ...], int, int, float | None]:
    """The frames with what changed, those that `other` alone has last; how many were added and dropped; the share of
    the frames that both have."""
    if other is None:
        return frames, 0, 0, None
    own, others = {frame.digest for frame in frames}, other.digests
    told = tuple(
        SetFrame(digest=f.digest, uri=f.uri, difficulty=f.difficulty, why=f.why, change="added")
        if f.digest not in others
        else f
        for f in frames
    )
    gone = tuple(
        SetFrame(
            digest=each["digest"], uri=each["uri"], difficulty=each["difficulty"], why=each["why"], change="dropped"
        )
        for each in other.manifest["frames"]
        if each["digest"] not in own
    )
    both = len(own & others)
    return told + gone, len(own) - both, len(gone), both / len(own) if own else None


def _coverage(context: QueryContext, view: PoolView, places: Places) -> SetCoverage | None:
    """None too where the pool has no descriptors of this version."""
    try:
        return set_coverage(context, view.rows, places)
    except ConfigurationError:
        return None


def _classes(view: PoolView, places: Places) -> tuple[Share, ...]:
    truth = view.truth
    if truth is None or not truth.classes:
        return ()
    in_set = truth.shown_in(places)
    shares = [
        Share(name=name, in_pool=int(truth.frames_of_class[label]), in_set=int(in_set[label]))
        for label, name in enumerate(truth.classes)
        if truth.frames_of_class[label]
    ]
    return tuple(sorted(shares, key=lambda share: (-share.in_pool, share.name)))[:MOST_SHARES]


def _strata(context: QueryContext, view: PoolView, places: Places) -> tuple[Share, ...]:
    strata = strata_of(context, view)
    if strata is None:
        return ()
    usable = view.rows.usable
    key = (view.annotations, context.settings.pool.stratum)
    in_pool = remembered(context, "strata counted", key, lambda: Counter(strata[:usable]))
    in_set = Counter(strata[place] for place in places if place < usable)
    shares = [Share(name=name, in_pool=count, in_set=in_set[name]) for name, count in in_pool.items()]
    return tuple(sorted(shares, key=lambda share: (-share.in_pool, share.name)))[:MOST_SHARES]


def _warnings(context: QueryContext, view: PoolView, shown: _Shown) -> tuple[str, ...]:
    told = []
    both = len(evaluated_digests(context).intersection(frame.digest for frame in shown.frames))
    if both:
        told.append(f"{both} of its frames are evaluation frames too: the mAP would flatter the INT8 model.")
    if view.truth is not None and view.truth.warning:
        told.append(view.truth.warning)
    if view.judged.warning:
        told.append(view.judged.warning)
    return tuple(told)
