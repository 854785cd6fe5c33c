"""Glob patterns over the walk of a directory, so that a loop of links under `**` ends."""

from __future__ import annotations

import glob
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from calibtui.core.errors import PoolError
from calibtui.pool.walk import FoundFile, walk


def is_pattern(text: str) -> bool:
    """True where `text` holds `*`, `?` or `[`."""
    return glob.has_magic(text)


def matching(pattern: str, extensions: tuple[str, ...]) -> Iterator[FoundFile]:
    """Files with one of `extensions` that match the absolute `pattern`: `*` and `?` within a name, `**` across
    directories.

    Case counts. Raises OSError where the directory before the first wildcard can't be read, PoolError for what is no
    pattern.
    """
    parts = PurePosixPath(pattern).parts
    fixed = next(index for index, part in enumerate(parts) if is_pattern(part))
    base = str(Path(*parts[:fixed]))
    wanted = parts[fixed:]
    try:
        matches = re.compile(_expression(wanted), re.DOTALL).fullmatch
    except re.error as error:
        raise PoolError(
            f"{pattern} is not a pattern: {error.msg}.", "A range in brackets goes up, as in [0-9]."
        ) from error
    depth = None if "**" in wanted else len(wanted)
    start = len(base.rstrip("/")) + 1
    return (file for file in walk(base, extensions, depth=depth) if file.size_bytes < 0 or matches(file.path, start))


def _expression(parts: tuple[str, ...]) -> str:
    """One regular expression over a whole relative path; a wildcard never crosses a slash."""
    pieces = []
    for index, part in enumerate(parts):
        last = index == len(parts) - 1
        if part == "**":
            pieces.append(".*" if last else "(?:[^/]+/)*")
        else:
            pieces.append(_name(part) + ("" if last else "/"))
    return "".join(pieces)


def _name(part: str) -> str:
    """One name of a pattern: `*`, `?`, `[abc]` and `[!abc]` as in a shell; everything else stands for itself."""
    return re.sub(r"\*|\?|\[!?\]?[^\]]*\]|.", _token, part, flags=re.DOTALL)


def _token(found: re.Match[str]) -> str:
    text = found.group()
    if text == "*":
        return "[^/]*"
    if text == "?":
        return "[^/]"
    if len(text) > 1:
        inner = text[1:-1].replace("\\", r"\\").replace("[", r"\[").replace("^", r"\^")
        return f"[^/{inner[1:]}]" if inner.startswith("!") else f"[{inner}]"
    return re.escape(text)
