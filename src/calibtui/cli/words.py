"""Commands with words of their own: `[DIR] VERB …`, the directory before the verb and left out at will."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from calibtui.core.errors import ConfigurationError


def directory_and_verb(command: str, words: Sequence[str], verbs: Mapping[str, int]) -> tuple[Path, str, list[str]]:
    """The workspace, the verb and its arguments; `verbs` says how many each takes. Raises ConfigurationError."""
    rest = list(words)
    directory = Path(rest.pop(0)) if rest[0] not in verbs else Path()
    if rest and rest[0] in verbs and len(rest) - 1 == verbs[rest[0]]:
        return directory, rest[0], rest[1:]
    forms = ", ".join(f"{verb} with {count or 'no'} arguments" for verb, count in verbs.items())
    raise ConfigurationError(f"calibtui {command} {' '.join(words)}: that is no command.", f"There are: {forms}.")
