"""Which frame an annotation means: its file name against the frames' uris, without guessing between two."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath

from calibtui.core.errors import AnnotationError

Parts = tuple[str, ...]


def match_names(where: str, names: Sequence[str], uris: Iterable[str]) -> dict[str, str]:
    """{annotation's name: frame's uri}. Names and uris that have no counterpart are left out.

    First, names whose whole path, extension aside, is the end of a uri, the longest names first; a frame that one has
    taken is no longer free. Then, among what is left, frames and names of the same stem pair off by how much of their
    paths' ends agree. `where` names the annotations in messages.

    Raises AnnotationError, naming both: a name that two frames fit equally, a frame that two names fit equally.
    """
    free: dict[str, dict[str, Parts]] = defaultdict(dict)
    for uri in uris:
        parts = _parts(uri)
        free[parts[-1]][uri] = parts
    matched: dict[str, str] = {}
    rest: list[tuple[str, Parts]] = []
    for name, parts in sorted(((name, _parts(name)) for name in names), key=lambda item: (-len(item[1]), item[0])):
        fitting = [uri for uri, end in free[parts[-1]].items() if end[-len(parts) :] == parts]
        if not fitting:
            rest.append((name, parts))
            continue
        uri = _only(where, name, fitting)
        matched[name] = uri
        del free[parts[-1]][uri]
    return matched | _by_stem(where, rest, free)


def _by_stem(where: str, rest: list[tuple[str, Parts]], free: dict[str, dict[str, Parts]]) -> dict[str, str]:
    claims: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for name, parts in rest:
        uris = free[parts[-1]]
        if uris:
            agreeing = {uri: _agreement(parts, end) for uri, end in uris.items()}
            most = max(agreeing.values())
            uri = _only(where, name, [uri for uri, count in agreeing.items() if count == most])
            claims[uri].append((most, name))
    matched = {}
    for uri, claimed in claims.items():
        claimed.sort(reverse=True)
        if len(claimed) > 1 and claimed[0][0] == claimed[1][0]:
            raise AnnotationError(
                f"{where}: {claimed[0][1]!r} and {claimed[1][1]!r} both fit the frame {uri}.",
                "Give the annotations file names with the frames' directories in them.",
            )
        matched[claimed[0][1]] = uri
    return matched


def _only(where: str, name: str, uris: list[str]) -> str:
    if len(uris) == 1:
        return uris[0]
    first, second = sorted(uris)[:2]
    raise AnnotationError(
        f"{where}: {name!r} fits two frames, {first} and {second}.",
        "Give the annotations file names with the frames' directories in them.",
    )


def _parts(name: str) -> Parts:
    """Path components from the outermost, `.` and `..` left out, the extension cut off the last."""
    path = PurePosixPath(name.replace("\\", "/"))
    parts = [part for part in path.parts if part not in ("/", "..")]
    return (*parts[:-1], PurePosixPath(parts[-1]).stem) if parts else ("",)


def _agreement(one: Parts, other: Parts) -> int:
    count = 0
    for left, right in zip(reversed(one), reversed(other), strict=False):
        if left != right:
            break
        count += 1
    return count
