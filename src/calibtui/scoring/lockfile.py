"""prompts.lock: which text every template version stands for, one `"NAME@VERSION" = "digest"` a line."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path

from calibtui.core.errors import PromptError
from calibtui.core.files import written_whole

LOCK_NAME = "prompts.lock"
_HEAD = "# Pins the text of every prompt version that was used. Commit this file; a changed text needs a new version.\n"
_DIGEST = re.compile(r"^[0-9a-f]{64}$")


def read_lock(path: Path) -> dict[str, str]:
    """NAME@VERSION to digest; empty where there is no file. Raises PromptError for a damaged one."""
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise PromptError(f"{path} is damaged: {error}.", "Restore it from version control.") from error
    except OSError as error:
        raise PromptError(f"{path} can't be read: {error.strerror}.") from error
    for label, digest in table.items():
        if not isinstance(digest, str) or not _DIGEST.match(digest):
            raise PromptError(
                f"{path} is damaged: the entry {label!r} is no digest.", "Restore it from version control."
            )
    return table


def write_lock(path: Path, pinned: Mapping[str, str]) -> None:
    """Replaces the file in one step. Raises WorkspaceUnwritableError."""
    lines = [f'"{label}" = "{digest}"\n' for label, digest in sorted(pinned.items())]
    with written_whole(path) as part:
        part.write_text(_HEAD + "".join(lines), encoding="utf-8")
