"""The draft set: what the selection stage would choose now, worked out on no more of the pool than can reach it."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from calibtui.core.errors import CalibtuiError, ConfigurationError
from calibtui.engine.queries.draft_ranges import with_measured_ranges
from calibtui.engine.queries.measured_ranges import ranges_stamp
from calibtui.engine.queries.neighbours import IN_MEMORY, descriptors, stored_descriptors
from calibtui.engine.queries.pool_rows import PoolRows
from calibtui.engine.queries.pool_view import DROPPED, EXCLUDED, PICKED, PINNED, PoolView
from calibtui.engine.queries.registry import QueryContext
from calibtui.engine.queries.remembering import remembered
from calibtui.pipeline.curation import Curated, choose
from calibtui.selection.candidates import tie_break
from calibtui.selection.pins import resolved
from calibtui.selection.select import NEEDS_SCORES, SelectionInput, shortfall
from calibtui.workspace.settings import SelectionSettings

DRAFTS_KEPT = 8
FEWEST_APART = 4096
"""Of the hardest frames, how many `hardest-nms` is tried on first."""

Places = NDArray[np.int64]


@dataclass(frozen=True)
class Draft:
    """`places` in the order of choice and `whys` beside them; `error`: why there are none; `short`: why there are fewer
    than asked for."""

    settings: SelectionSettings
    places: Places
    whys: tuple[str, ...]
    error: str = ""
    short: str = ""

    def why(self, place: int) -> str | None:
        found = np.flatnonzero(self.places == place)
        return self.whys[found[0]] if len(found) else None


def draft_key(context: QueryContext, view: PoolView, settings: SelectionSettings) -> Hashable:
    """Drafts of equal keys are equal."""
    besides: Hashable = None
    if settings.strategy == "stratified":
        besides = view.annotations
    elif settings.strategy == "range-cover":
        besides = ranges_stamp(context)
    return view.scores, view.hand, besides, settings


def draft(context: QueryContext, view: PoolView, settings: SelectionSettings) -> Draft:
    """With `settings` in place of those in force; never raises for what they ask, but says it in `error`."""
    return remembered(
        context, "drafts", draft_key(context, view, settings), lambda: _draft(context, view, settings), most=DRAFTS_KEPT
    )


def _draft(context: QueryContext, view: PoolView, settings: SelectionSettings) -> Draft:
    try:
        names = _written(context, view.rows, settings)
        held = view.places_marked(PICKED, PINNED)
        size = settings.size if names > settings.size else max(settings.size, len(held))
        return _chosen(context, view, replace(settings, size=size), held)
    except CalibtuiError as error:
        held = view.places_marked(PICKED, PINNED)
        return Draft(settings, held, tuple(_by_hand(view, int(place)) for place in held), error=error.message)


def _written(context: QueryContext, rows: PoolRows, settings: SelectionSettings) -> int:
    """How many frames calibtui.toml pins. Raises ConfigurationError for a name that no frame has."""

    def count() -> int:
        uris, digests = rows.usable_uris(), rows.usable_digests()
        resolved(settings.exclude, "exclude", uris, digests)
        return len({digests[place] for place in resolved(settings.pin, "pin", uris, digests)})

    if not settings.pin and not settings.exclude:
        return 0
    return remembered(context, "names of pins", (rows.extent, settings.pin, settings.exclude), count, most=4)


def _chosen(context: QueryContext, view: PoolView, settings: SelectionSettings, held: Places) -> Draft:
    if settings.strategy in ("k-center", "weighted-k-center") and view.rows.usable > IN_MEMORY:
        raise ConfigurationError(
            f"{settings.strategy} over {view.rows.usable:,} frames takes minutes: the set is known once it is chosen."
        )
    if settings.strategy in NEEDS_SCORES and not view.judged.scored.any():
        raise ConfigurationError("No frame is scored yet, and this strategy needs scores.", "Score the pool first.")
    free = np.ones(view.rows.usable, bool)
    free[view.places_marked(DROPPED, EXCLUDED)] = False
    reach = _reach(context, view, settings, free)
    wanted = reach(FEWEST_APART)
    while True:
        among = np.union1d(wanted, held[held < view.rows.usable])
        found = _select(context, view, settings, among, held)
        if settings.strategy != "hardest-nms" or not _ran_out(found, settings):
            return found
        # What was passed over for want of frames further down must be asked of all.
        larger = reach(4 * len(wanted))
        if len(larger) == len(wanted):
            return found
        wanted = larger


def _ran_out(found: Draft, settings: SelectionSettings) -> bool:
    return len(found.places) < settings.size or any("relaxed" in why or "nothing else" in why for why in found.whys)


def _select(context: QueryContext, view: PoolView, settings: SelectionSettings, among: Places, held: Places) -> Draft:
    rows = view.rows
    picked = frozenset(rows.digests_of(view.places_marked(PICKED)))
    uris = rows.uris_of(among)
    data = SelectionInput(
        uris=uris,
        digests=rows.digests_of(among),
        difficulty=view.judged.difficulty[among],
        reasons=[()] * len(among),
        descriptors=_descriptors(context, rows, settings, among),
        strata=_strata(context, view, among) if settings.strategy == "stratified" else None,
    )
    if settings.strategy == "range-cover":
        data = with_measured_ranges(context, data, settings.seed, frozenset(rows.digests_of(held)))
    asked = replace(settings, pin=tuple(rows.uris_of(held)), exclude=())
    chosen = choose(data, Curated(asked, picked))
    places = among[np.array([each.index for each in chosen], np.int64)]
    return Draft(settings, places, tuple(each.why for each in chosen), short=shortfall(data, asked, chosen) or "")


def _reach(
    context: QueryContext, view: PoolView, settings: SelectionSettings, free: NDArray[np.bool_]
) -> Callable[[int], Places]:
    """Gives the places that decide the choice, in ascending order, when at least that many of a long list are
    looked at."""
    usable = np.flatnonzero(free)
    match settings.strategy:
        case "hardest":
            return lambda _: _hardest(view, usable, settings.size)
        case "hardest-nms":
            return lambda count: _hardest(view, usable, max(4 * settings.size, count))
        case "random":
            order = _seeded(context, view.rows, settings.seed)
            return lambda _: np.sort(order[free[order]][: settings.size])
        case _:
            return lambda _: usable


def _hardest(view: PoolView, usable: Places, count: int) -> Places:
    """The hardest of `usable`, with all that are as hard as the last of them."""
    difficulty = view.judged.difficulty[usable]
    scored = usable[~np.isnan(difficulty)]
    if len(scored) <= count:
        return scored
    values = view.judged.difficulty[scored]
    cut = np.partition(values, len(values) - count)[len(values) - count]
    hardest: Places = scored[values >= cut]
    return hardest


def _seeded(context: QueryContext, rows: PoolRows, seed: int) -> Places:
    """Usable places in the order that the seed gives them."""

    def made() -> Places:
        keys = np.array([int.from_bytes(tie_break(seed, digest)[:8]) for digest in rows.usable_digests()], np.uint64)
        return np.argsort(keys, kind="stable")

    return remembered(context, "seeded order", (rows.extent, seed), made, most=2)


def _descriptors(
    context: QueryContext, rows: PoolRows, settings: SelectionSettings, among: Places
) -> NDArray[np.float32]:
    if settings.strategy in ("random", "stratified", "hardest", "range-cover"):
        return np.zeros((len(among), 1), np.float32)
    return descriptors_of(context, rows, among)


def descriptors_of(context: QueryContext, rows: PoolRows, places: Places) -> NDArray[np.float32]:
    """(P, D) float32 of usable places. Raises ConfigurationError as `stored_descriptors` does."""
    if rows.usable <= IN_MEMORY:
        return descriptors(context, rows)[places]
    return stored_descriptors(context, rows.digests_of(places))


def _strata(context: QueryContext, view: PoolView, among: Places) -> list[str]:
    strata = strata_of(context, view)
    if strata is None:
        raise ConfigurationError(
            'The strategy "stratified" needs strata.', "Write [pool] annotations, or [pool] stratum with a column."
        )
    return [strata[place] for place in among]


def strata_of(context: QueryContext, view: PoolView) -> list[str] | None:
    """One a usable place: the manifest's column where [pool] stratum names one, else the rarest annotated class; None
    where there is neither."""
    column = context.settings.pool.stratum
    if column is not None:
        return remembered(
            context, "strata by column", (view.rows.extent, column), lambda: _column(context, view.rows, column)
        )
    truth = view.truth
    if truth is None or not truth.annotated.any():
        return None
    return remembered(context, "strata by class", view.annotations, truth.strata)


def _column(context: QueryContext, rows: PoolRows, column: str) -> list[str]:
    table = context.store.browsing.column(column)
    value = dict(zip(table["uri"].to_pylist(), table["value"].to_pylist(), strict=True))
    return [value.get(uri, "") for uri in rows.usable_uris()]


def _by_hand(view: PoolView, place: int) -> str:
    return "pinned" if view.marks[place] == PINNED else "picked by hand"
