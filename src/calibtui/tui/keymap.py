"""keymap.toml: other keys for what the workbench does, by the id of the binding.

[keys]
"app.help" = "f1,question_mark"
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from calibtui.core.errors import ConfigurationError

FILE = "keymap.toml"


def read_keymap(config: Path) -> dict[str, str]:
    """Binding id → keys, comma-separated; empty without a file. Raises ConfigurationError naming file and key."""
    import tomllib

    file = config / FILE
    try:
        document = tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigurationError(f"{file} can't be read: {error}.", "The keys stay as they are.") from error
    for table in document:
        if table != "keys":
            raise ConfigurationError(f"{file}: there is no {table!r}.", "Put the keys into a table [keys].")
    keys = document.get("keys", {})
    if not isinstance(keys, dict):
        raise ConfigurationError(f"{file}: [keys] is not a table.", 'Write "app.help" = "f1" under [keys].')
    for name, value in keys.items():
        if not isinstance(value, str) or not all(key.strip() for key in value.split(",")):
            raise ConfigurationError(
                f"{file}: [keys] {name!r} is not a list of keys.", 'Write keys as text, such as "f1,question_mark".'
            )
    return dict(keys)


def check_keymap(file: Path, keymap: Mapping[str, str], known: Iterable[str]) -> None:
    """Raises ConfigurationError for an id that no binding has, naming the nearest one."""
    import difflib

    known = sorted(known)
    for name in keymap:
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            raise ConfigurationError(
                f"{file}: [keys] {name!r} names nothing that a key does.",
                f"Did you mean {near[0]!r}?" if near else "The names stand in docs/workbench.md.",
            )
