"""What people marked by hand, brought together with the strategy's choice.

The set is every pinned and picked frame, filled up to its size by the strategy from what is neither dropped nor
excluded. A mark made by hand counts more than what calibtui.toml pins and excludes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from calibtui.selection.pins import resolved
from calibtui.selection.select import Chosen, SelectionInput, select
from calibtui.workspace.settings import SelectionSettings

PICKED_BY_HAND = "picked by hand"
BY_HAND = (PICKED_BY_HAND, "pinned")
"""What a manifest says of frames that no strategy chose."""


@dataclass(frozen=True, slots=True)
class Curated:
    """`settings` with the marks among its pins and exclusions; `picked`: digests of frames that were picked."""

    settings: SelectionSettings
    picked: frozenset[str] = frozenset()


def curated(data: SelectionInput, settings: SelectionSettings, marks: Mapping[str, str]) -> Curated:
    """`marks`: "picked", "dropped", "pinned" or "excluded" by digest; those of frames that `data` hasn't don't count.

    More frames picked than the size make the set larger. Raises ConfigurationError as `select` does for names in
    calibtui.toml that no frame has."""
    uri = dict(zip(reversed(data.digests), reversed(data.uris), strict=True)) if marks else {}
    marked = {digest: mark for digest, mark in marks.items() if digest in uri}
    if not marked:
        return Curated(settings)
    written = {data.digests[place] for place in resolved(settings.pin, "pin", data.uris, data.digests)}
    barred = {data.digests[place] for place in resolved(settings.exclude, "exclude", data.uris, data.digests)}
    held = {digest for digest, mark in marked.items() if mark in ("picked", "pinned")}
    out = marked.keys() - held
    pins, excluded = (written - out) | held, (barred - held) | out
    size = settings.size if len(written) > settings.size else max(settings.size, len(pins))
    picked = frozenset(digest for digest, mark in marked.items() if mark == "picked")
    by_hand = replace(
        settings,
        pin=tuple(sorted(uri[digest] for digest in pins)),
        exclude=tuple(sorted(uri[digest] for digest in excluded)),
        size=size,
    )
    return Curated(by_hand, picked)


def choose(data: SelectionInput, hand: Curated) -> list[Chosen]:
    """`select`, with the frames that were picked by hand saying so. Raises ConfigurationError."""
    return [
        replace(each, why=PICKED_BY_HAND) if data.digests[each.index] in hand.picked else each
        for each in select(data, hand.settings)
    ]
