"""Settings that a screen can turn: kept in the store over calibtui.toml, which is never written."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, get_args, get_type_hints

from calibtui.core.errors import ConfigurationError
from calibtui.engine.queries.knob_texts import TEXTS
from calibtui.engine.queries.registry import KNOBS, QueryContext, answers, does
from calibtui.engine.wire.exchange import Done
from calibtui.engine.wire.sets import Knob, KnobLines, Knobs, Turn
from calibtui.store.store import Store
from calibtui.workspace.load import load_settings
from calibtui.workspace.settings import QuantizationSettings, SelectionSettings, Settings

TABLES = {"selection": SelectionSettings, "quantization": QuantizationSettings}


def effective(root: Path, knobs: Mapping[str, str], overrides: Sequence[str] = ()) -> Settings:
    """What calibtui.toml of the workspace `root` says, with `knobs` (JSON text by key) over it and `overrides` (texts
    of `--set`) over them. Raises SettingsError, ConfigurationError."""
    return load_settings(root, [*as_overrides(knobs), *overrides])


def as_overrides(knobs: Mapping[str, str]) -> list[str]:
    """As texts of `--set`: what JSON calls a value, TOML does too, but for objects and null, which no knob has."""
    return [f"{key}={value}" for key, value in knobs.items()]


def turned(store: Store) -> list[str]:
    return as_overrides(store.knobs.all())


KNOBS.append(turned)


@answers(Knobs)
def knob_lines(context: QueryContext, query: Knobs) -> KnobLines:
    """Raises ConfigurationError for a table without knobs."""
    if query.table not in TABLES:
        raise ConfigurationError(f"[{query.table[:40]}] has no knobs.", f"There are {' and '.join(TABLES)}.")
    keys = [key for key in TEXTS if key.startswith(f"{query.table}.")]
    return KnobLines(knobs=tuple(_knob(context, key) for key in keys))


@does(Turn)
def turn(context: QueryContext, command: Turn) -> Done:
    """Raises ConfigurationError for a key that is no knob, SettingsError for a value that the setting can't have."""
    key = command.key
    if key not in TEXTS:
        raise ConfigurationError(f"{key[:60]!r} is no knob.", f"There are {', '.join(TEXTS)}.")
    title = TEXTS[key].title
    knobs = context.store.knobs
    value = None if command.value is None else _checked(context, key, command.value)
    if value is None or value == _json(context.written, key):
        knobs.turn(key, None, context.user, time.time())
        return Done(said=f"{title} is back at {_shown(_json(context.written, key))}, as calibtui.toml says.")
    effective(context.settings.root, {**knobs.all(), key: value})
    knobs.turn(key, value, context.user, time.time())
    return Done(said=f"{title} is {_shown(value)}.")


def _checked(context: QueryContext, key: str, text: str) -> str:
    """The value as the settings' own JSON."""
    try:
        value = json.loads(text, parse_constant=lambda name: name)
    except (ValueError, RecursionError):
        raise ConfigurationError(
            f"{key}: {text[:60]!r} is not JSON.", 'A text is written in quotes: "random".'
        ) from None
    if isinstance(value, dict) or _unprintable(value):
        raise ConfigurationError(f"{key} can't be {text[:60]!r}.", TEXTS[key].meaning)
    if value is None:
        written = _json(context.written, key)
        if written != "null":
            raise ConfigurationError(
                f"calibtui.toml says that {key} is {_shown(written)}, and no knob takes that away.",
                "Take the line out of calibtui.toml.",
            )
        return "null"
    return _json(effective(context.settings.root, {key: json.dumps(value, ensure_ascii=False)}), key)


def _unprintable(value: Any) -> bool:
    """TOML has no way to write what isn't printable that JSON shares."""
    texts = value if isinstance(value, list) else [value]
    return any(isinstance(text, str) and not text.isprintable() for text in texts)


def _knob(context: QueryContext, key: str) -> Knob:
    text = TEXTS[key]
    return Knob(
        key=key,
        title=text.title,
        meaning=text.meaning,
        value=_json(context.settings, key),
        written=_json(context.written, key),
        choices=tuple(choice for choice in text.choices if _possible(key, choice[0])),
        low=text.low,
        high=text.high,
    )


def _possible(key: str, choice: str) -> bool:
    """Whether this setting's own type knows the choice."""
    table, name = key.split(".")
    known = _literals(get_type_hints(TABLES[table], include_extras=True)[name])
    return not known or choice in known or choice == "null"


def _literals(hint: Any) -> set[str]:
    if isinstance(hint, str):
        return {hint}
    return set().union(*map(_literals, get_args(hint)))


def _json(settings: Settings, key: str) -> str:
    table, name = key.split(".")
    value = getattr(getattr(settings, table), name)
    return json.dumps(list(value) if isinstance(value, tuple) else value, ensure_ascii=False)


def _shown(value: str) -> str:
    parsed = json.loads(value)
    if parsed is None:
        return "as the preset says"
    return ", ".join(parsed) or "none" if isinstance(parsed, list) else str(parsed)
