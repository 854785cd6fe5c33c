"""Which frames a user means by the digests and uris of `pin` and `exclude`."""

from __future__ import annotations

import bisect
import difflib
import itertools
import re
from collections.abc import Sequence
from pathlib import PurePosixPath

from calibtui.core.errors import ConfigurationError

HEX_DIGITS_LEAST = 8
DIGEST = re.compile(rf"(?:sha256:)?([0-9a-f]{{{HEX_DIGITS_LEAST},64}})", re.IGNORECASE)
LIKENESS_TRIED = 20_000


def resolved(names: Sequence[str], key: str, uris: Sequence[str], digests: Sequence[str]) -> list[int]:
    """An index for each name of the setting selection.`key`: a uri, a digest, or 8 or more leading digits of one.

    Of frames with the same digest the first by uri stands for all. Raises ConfigurationError for a name that no frame
    answers to, with the nearest, and for leading digits that several do.
    """
    by_uri = {uri: index for index, uri in enumerate(uris)} if names else {}
    order = (
        [] if all(name in by_uri for name in names) else sorted(range(len(uris)), key=lambda i: (digests[i], uris[i]))
    )
    return [by_uri[name] if name in by_uri else _by_digest(name, key, uris, digests, order) for name in names]


def _by_digest(name: str, key: str, uris: Sequence[str], digests: Sequence[str], order: Sequence[int]) -> int:
    """`order`: all indices, sorted by digest, then uri."""
    match = DIGEST.fullmatch(name)
    prefix = match[1].lower() if match else ""
    at = bisect.bisect_left(order, prefix, key=digests.__getitem__)
    if not prefix or at == len(order) or not digests[order[at]].startswith(prefix):
        raise ConfigurationError(
            f"selection.{key} names {name!r}, but no frame has that uri or digest.", _hint(name, uris)
        )
    after = bisect.bisect_right(order, digests[order[at]], key=digests.__getitem__)
    if after < len(order) and digests[order[after]].startswith(prefix):
        some = f"{uris[order[at]]}, {uris[order[after]]}"
        raise ConfigurationError(
            f"selection.{key} names {name!r}, which several frames' digests begin with ({some}).",
            "Write more digits of the digest, or the frame's uri.",
        )
    return order[at]


def _hint(name: str, uris: Sequence[str]) -> str:
    """The nearest uri: the same file in another directory, else the one spelt most alike."""
    file = PurePosixPath(name).name
    same = sorted(uri for uri in uris if PurePosixPath(uri).name == file)
    alike = (uri for uri in uris if abs(len(uri) - len(name)) <= 3)
    near = same[:1] or difflib.get_close_matches(name, sorted(itertools.islice(alike, LIKENESS_TRIED)), n=1)
    if near:
        return f"The nearest is {near[0]!r}."
    return f"Give a frame's uri as the pool names it, or at least {HEX_DIGITS_LEAST} leading digits of its digest."
