"""Coarse steps of a search: which calibrator and remedies leave the smallest output error, one decision at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from calibtui.pipeline.search.recipe import Recipe
from calibtui.quantization.products import KINDS

BETTER = 0.98
"""A remedy that takes less than this off the error is not worth having in the file."""
BETTER_RANGES = 0.8
"""Another calibrator must take more off than that: one that clips more has a smaller mean error and can still lose mAP,
which hangs on the few answers that reach the ends of the ranges."""
ANY_BETTER = 1.0
"""What isn't rounded can do no harm, and the layer that needed it most may be left in float for lack of it."""
CALIBRATORS = (("mse", None), ("percentile", 99.99), ("percentile", 99.999), ("minmax", None))
"""Calibrators and percentiles, %."""


def best_remedies(
    first: Recipe,
    error: Callable[[Recipe], float],
    *,
    can_equalize: bool,
    can_unround: Sequence[str],
    can_clip: Callable[[], bool],
    affordable: Callable[[], bool],
    expect: Callable[[Sequence[Recipe]], None] = lambda _: None,
) -> Recipe:
    """The best recipe on the way from `first`; every decision keeps what was decided before. Ends early where
    `affordable` says so. `expect` is told which recipes will be asked for next, whatever is decided in between."""
    if can_equalize:
        expect([first, replace(first, equalized=True)])
    best, lowest = first, error(first)
    others = _other_calibrators(first)
    for change in _changes(others, can_equalize, can_unround, can_clip):
        if not affordable():
            break
        if others and change == others[0]:
            expect([replace(best, **each) for each in others])
        tried = replace(best, **change)
        found = error(tried)
        if found < _enough(change) * lowest:
            best, lowest = tried, found
    return best


def remedies_tried_again(
    recipe: Recipe,
    error: Callable[[Recipe], float],
    *,
    can_unround: Sequence[str],
    can_scale: bool,
    affordable: Callable[[], bool],
) -> Recipe:
    """`recipe`, which has layers in float, with the remedies that take something off its error now: with everything in
    INT8 a few layers are so far off that what helps the others doesn't show.

    A scale a channel is tried only here: taken before the layers are chosen, it has led to worse ones."""
    best = recipe
    changes: list[dict[str, Any]] = [
        *({kind: True} for kind in can_unround),
        {"by_channel": can_scale},
        {"well_rounded": True},
    ]
    for change in changes:
        tried = replace(best, **change)
        if tried != best and affordable() and error(tried) < BETTER * error(best):
            best = tried
    return best


def _enough(change: dict[str, Any]) -> float:
    """The share of the error that may be left for a change to be kept."""
    if "calibrator" in change:
        return BETTER_RANGES
    return ANY_BETTER if change.keys() <= set(KINDS) else BETTER


def _other_calibrators(first: Recipe) -> list[dict[str, Any]]:
    return [
        {"calibrator": calibrator, "percentile": percentile}
        for calibrator, percentile in CALIBRATORS
        if (calibrator, percentile) != (first.calibrator, first.percentile)
    ]


def _changes(
    others: Sequence[dict[str, Any]], can_equalize: bool, can_unround: Sequence[str], can_clip: Callable[[], bool]
) -> Iterator[dict[str, Any]]:
    """What is to be tried on the best so far, the remedies that can change most before those that build on them."""
    if can_equalize:
        yield {"equalized": True}
    if can_clip():
        yield {"through_activations": True}
    for kind in can_unround:
        yield {kind: True}
    yield from others
    yield {"well_rounded": True}
