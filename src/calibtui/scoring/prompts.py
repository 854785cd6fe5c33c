"""Prompt templates: versioned, immutable, pinned by digest.

A template is a TOML file NAME@VERSION.toml: `name`, `version`, `scale` (100 or 1: what its difficulty goes up to),
`user` and optionally `system`. The package brings some; a workspace adds its own, or overrides one, under prompts/.
What counts is the text, not the file: a comment may change, a word may not.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any, TypeVar

from calibtui.core.digests import digest_of
from calibtui.core.errors import PromptError
from calibtui.scoring.lockfile import LOCK_NAME, read_lock, write_lock

DIRECTORY = "prompts"
MAX_TEMPLATE_BYTES = 64 * 1024
_NAME = re.compile(r"^(?P<name>[A-Za-z0-9][A-Za-z0-9_-]{0,63})@(?P<version>[1-9][0-9]{0,5})$")
_KEYS = {"name", "version", "scale", "system", "user"}
_Value = TypeVar("_Value", str, int)


@dataclass(frozen=True, slots=True)
class PromptTemplate:
    """`scale`: 100 or 1, what the difficulty goes up to. `digest`: of everything that reaches the judge."""

    name: str
    version: int
    scale: int
    system: str
    user: str

    @property
    def label(self) -> str:
        return f"{self.name}@{self.version}"

    @property
    def digest(self) -> str:
        said = {"name": self.name, "version": self.version, "scale": self.scale}
        return digest_of({**said, "system": self.system, "user": self.user})

    @property
    def schema(self) -> dict[str, Any]:
        """JSON schema of the reply, within the subset that strict structured output takes."""
        return {
            "type": "object",
            "properties": {
                "difficulty": {"type": "integer" if self.scale == 100 else "number"},
                "reasons": {"type": "array", "items": {"type": "string"}},
            },
            "required": ["difficulty", "reasons"],
            "additionalProperties": False,
        }


def load_prompt(root: Path, label: str) -> PromptTemplate:
    """The template `label` (NAME@VERSION) for the workspace `root`, checked against the locks and pinned on first use.

    Raises PromptError: no such template, malformed, or edited under a version that is pinned already.
    """
    template, origin = _found(root, label)
    packaged = origin is None
    lock_path = root / LOCK_NAME
    if packaged:
        _check(template, packaged_lock(), f"the template {label} of this installation")
    pinned = read_lock(lock_path)
    _check(template, pinned, f"{label}" if packaged else str(origin))
    if template.label not in pinned:
        write_lock(lock_path, {**pinned, template.label: template.digest})
    return template


def packaged_labels() -> list[str]:
    names = [entry.name for entry in _templates().iterdir()]
    return sorted(name.removesuffix(".toml") for name in names if name.endswith(".toml"))


def packaged_lock() -> Mapping[str, str]:
    """NAME@VERSION to digest of the templates that the package brings."""
    with resources.as_file(_templates() / LOCK_NAME) as path:
        return read_lock(path)


def parse_template(text: str, label: str, origin: str) -> PromptTemplate:
    """Raises PromptError, naming `origin`, for anything but a whole template that calls itself `label`."""
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise PromptError(f"{origin} is not valid TOML: {error}.", "See the packaged template for the form.") from error
    for key in table.keys() - _KEYS:
        raise PromptError(f"{origin} has an unknown key {key!r}.", f"Keys are {', '.join(sorted(_KEYS))}.")
    template = PromptTemplate(
        _typed(table, "name", str, origin),
        _typed(table, "version", int, origin),
        _typed(table, "scale", int, origin),
        _typed({"system": "", **table}, "system", str, origin).strip(),
        _typed(table, "user", str, origin).strip(),
    )
    if template.label != label:
        raise PromptError(
            f"{origin} calls itself {template.label}.", "Its name and version must match the file's name."
        )
    if template.scale not in (1, 100):
        raise PromptError(f"{origin}: scale must be 100 or 1, what the difficulty goes up to.")
    if not template.user:
        raise PromptError(f"{origin}: user is empty, so nothing would be asked.")
    return template


def _found(root: Path, label: str) -> tuple[PromptTemplate, Path | None]:
    """The template and its file; None for a packaged one. The workspace's own comes first."""
    if not _NAME.match(label):
        raise PromptError(f"scoring.prompt is {label!r}, which is no NAME@VERSION.", 'Write it like "difficulty@1".')
    own = root / DIRECTORY / f"{label}.toml"
    if own.is_file():
        return parse_template(_read(own), label, str(own)), own
    packaged = _templates() / f"{label}.toml"
    if packaged.is_file():
        return parse_template(packaged.read_text("utf-8"), label, f"the packaged {label}"), None
    known = sorted({*packaged_labels(), *(path.stem for path in (root / DIRECTORY).glob("*@*.toml"))})
    raise PromptError(
        f"There is no prompt template {label}: {own} does not exist.", f"Templates there are: {', '.join(known)}."
    )


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_TEMPLATE_BYTES + 1)
        if len(data) > MAX_TEMPLATE_BYTES:
            raise PromptError(f"{path} is larger than {MAX_TEMPLATE_BYTES // 1024} KiB.", "A prompt is a page of text.")
        return data.decode()
    except OSError as error:
        raise PromptError(f"{path} can't be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise PromptError(f"{path} is not UTF-8 text.") from error


def _typed(table: Mapping[str, Any], key: str, kind: type[_Value], origin: str) -> _Value:
    value = table.get(key)
    if type(value) is not kind:
        what = "text" if kind is str else "a whole number"
        raise PromptError(f"{origin}: {key} must be {what}.")
    return value


def _check(template: PromptTemplate, pinned: Mapping[str, str], what: str) -> None:
    expected = pinned.get(template.label)
    if expected is not None and expected != template.digest:
        raise PromptError(
            f"{what} is not the text that {LOCK_NAME} pins as {template.label}: it was edited under an old version.",
            f"Save the edit as {template.name}@{template.version + 1}.toml and name that in scoring.prompt; "
            "scores of the old text stay what they are.",
        )


def _templates() -> Any:
    return resources.files("calibtui.scoring") / "templates"
