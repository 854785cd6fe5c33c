"""What the pool's sources name: directories, globs, manifests and single files become one sorted list of candidates."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from calibtui.core.errors import PoolError
from calibtui.core.frames import Candidate
from calibtui.pool.globs import is_pattern, matching
from calibtui.pool.manifests import MANIFEST_EXTENSIONS, ManifestRow, read_manifest
from calibtui.pool.walk import FoundFile, walk

IMAGE_EXTENSIONS = (".jpg", ".jpeg", ".jpe", ".png", ".bmp", ".tif", ".tiff", ".webp")


def find_candidates(images: Sequence[str], root: Path) -> list[Candidate]:
    """Every file that `images` names, sorted by uri, no uri twice; nothing is opened but the manifests.

    Each of `images` is a directory (taken with all below it), a glob (`**` crosses directories), a manifest (.csv,
    .parquet, .txt) or one image, relative to the workspace `root`. Directories and globs take files by extension
    (IMAGE_EXTENSIONS, any case) and leave hidden ones out; a manifest names what it likes, and a missing file of its
    is a candidate of size -1. A manifest's relative paths start at its own directory, else at `root`. A frame named
    twice is kept once, with the columns of all manifests.

    Raises PoolError: nothing there, no image, a manifest that can't be read, s3://.
    """
    if not images:
        raise PoolError("The pool names no images.", 'Set images in [pool], for example images = "images".')
    namer = _Namer(root)
    found: dict[str, Candidate] = {}
    for source in images:
        for candidate in _of_source(source, root, namer):
            earlier = found.get(candidate.uri)
            if earlier is None:
                found[candidate.uri] = candidate
            elif candidate.columns:
                found[candidate.uri] = _joined(earlier, candidate)
    return [found[uri] for uri in sorted(found)]


_NO_COLUMNS: Mapping[str, str] = MappingProxyType({})


class _Namer:
    """Gives an absolute path its uri: relative to the workspace where it lies inside, whichever way the workspace is
    reached."""

    def __init__(self, root: Path) -> None:
        self.inside = tuple({f"{str(path).rstrip('/')}/" for path in (root.absolute(), root.resolve())})

    def uri(self, path: str) -> str:
        for prefix in self.inside:
            if path.startswith(prefix):
                path = path[len(prefix) :]
                break
        # A name that isn't UTF-8 reaches Python as lone surrogates, which no store, JSON or screen takes.
        return path if path.isascii() else os.fsencode(path).decode("utf-8", "backslashreplace")

    def candidate(self, file: FoundFile, columns: Mapping[str, str] | None = None) -> Candidate:
        return Candidate(self.uri(file.path), file.path, file.size_bytes, file.mtime_ns, columns or _NO_COLUMNS)


def _of_source(source: str, root: Path, namer: _Namer) -> Iterator[Candidate]:
    if "://" in source:
        raise _not_local(source)
    try:
        return _of_place(source, root, namer)
    except OSError as error:
        raise PoolError(
            f"{source} can't be read: {error.strerror}.", "Check the permissions on the way to it."
        ) from error


def _of_place(source: str, root: Path, namer: _Namer) -> Iterator[Candidate]:
    # normpath and not resolve: a frame keeps the name of the link that it is reached by.
    place = os.path.normpath(root.absolute() / source)
    path = Path(place)
    suffix = path.suffix.lower()
    if path.is_dir():
        return _some(source, path, walk(place, IMAGE_EXTENSIONS), namer)
    if path.is_file() and suffix in MANIFEST_EXTENSIONS:
        return (_named(row, path, root, namer) for row in read_manifest(path))
    if path.is_file() and suffix in IMAGE_EXTENSIONS:
        return iter([namer.candidate(_stat(place))])
    if path.exists():
        raise PoolError(
            f"{source} is neither a directory nor a manifest nor an image.",
            f"Manifests end in {', '.join(MANIFEST_EXTENSIONS)}, images in {', '.join(IMAGE_EXTENSIONS)}.",
        )
    if is_pattern(place):
        return _some(source, path, matching(place, IMAGE_EXTENSIONS), namer)
    raise PoolError(f"There is no {source} in {root}.", "Correct images in [pool], or put the frames there.")


def _some(source: str, path: Path, files: Iterator[FoundFile], namer: _Namer) -> Iterator[Candidate]:
    """The candidates behind `files`. Raises PoolError where there are none, and where the directory can't be read."""
    try:
        first = next(files, None)
    except OSError as error:
        where = error.filename or path
        raise PoolError(f"{source}: {where} can't be read: {error.strerror}.", "Correct images in [pool].") from error
    if first is None:
        raise PoolError(
            f"There are no images in {source}.", f"Frames are files that end in {', '.join(IMAGE_EXTENSIONS)}."
        )
    yield namer.candidate(first)
    yield from map(namer.candidate, files)


def _named(row: ManifestRow, manifest: Path, root: Path, namer: _Namer) -> Candidate:
    if "://" in row.name:
        raise _not_local(row.name, manifest)
    places = [os.path.normpath(base / row.name) for base in (manifest.parent, root.absolute())]
    files = [_stat(place) for place in places]
    there = next((file for file in files if file.size_bytes >= 0), files[0])
    return namer.candidate(there, row.columns)


def _stat(path: str) -> FoundFile:
    try:
        about = os.stat(path)  # noqa: PTH116 - runs once a row of a manifest
    except (OSError, ValueError):
        return FoundFile(path, -1, 0)
    return FoundFile(path, about.st_size, about.st_mtime_ns)


def _joined(earlier: Candidate, later: Candidate) -> Candidate:
    columns = {**later.columns, **earlier.columns}
    return earlier._replace(columns=columns)


def _not_local(source: str, manifest: Path | None = None) -> PoolError:
    where = f" (in the manifest {manifest})" if manifest else ""
    if source.startswith("s3://"):
        return PoolError(
            f"{source}{where}: this version reads frames from local files only.",
            "Object stores need the extra calibtui[s3] and a version that reads them; until then copy the frames here.",
        )
    return PoolError(f"{source}{where}: frames are read from local files only.", "Copy the frames to a directory here.")
