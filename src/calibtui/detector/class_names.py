"""Which names the model's classes go by."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from calibtui.core.errors import ModelError
from calibtui.detector.metadata import Metadata
from calibtui.workspace.settings import ModelSettings

_BACKGROUND = {"background", "__background__", "bg"}
_LARGEST_FILE = 1_000_000


@dataclass(frozen=True, slots=True)
class GivenNames:
    """Names from settings or metadata before the model's own count is known; `source` says where they are from."""

    names: tuple[str, ...]
    source: str

    @property
    def without_background(self) -> tuple[str, ...]:
        return self.names[1:] if self.names[0].strip().lower() in _BACKGROUND else self.names


def given_names(settings: ModelSettings, root: Path, metadata: Metadata) -> GivenNames | None:
    """Settings first, then metadata; None where neither has any. Raises ModelError for a file of names that can't be
    read."""
    if isinstance(settings.classes, tuple):
        if not settings.classes:
            raise ModelError("model.classes is an empty list.", 'List the model\'s class names, or write "auto".')
        return GivenNames(settings.classes, "model.classes")
    if settings.classes != "auto":
        return GivenNames(_from_file(root / settings.classes), f"the file {settings.classes}")
    return GivenNames(metadata.names, "the model's metadata") if metadata.names else None


def class_names(given: GivenNames | None, count: int | None, model: str) -> tuple[str, ...]:
    """Names in index order: `count` of them, () where neither the model nor anybody else says how many classes there
    are.

    A leading "background" is left out where the model's output has no place for it. Raises ModelError, with both
    numbers, where names and model differ.
    """
    if given is None:
        return tuple(f"class {index}" for index in range(count or 0))
    for names in (given.names, given.without_background) if count is not None else (given.without_background,):
        if count is None or len(names) == count:
            return names
    raise ModelError(
        f"{given.source[0].upper()}{given.source[1:]} names {len(given.names)} classes, "
        f"but {model} tells {count} apart.",
        "Correct model.classes, or name the layout in model.decoder if it was taken for another.",
    )


def _from_file(path: Path) -> tuple[str, ...]:
    try:
        if path.stat().st_size > _LARGEST_FILE:
            raise ModelError(f"The file of class names {path} is over 1 MB.", "It should hold one name a line.")
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ModelError(
            f"The file of class names {path} can't be read: {error.strerror}.",
            'Correct model.classes: "auto", a list of names, or a file with one name a line.',
        ) from error
    except UnicodeDecodeError as error:
        raise ModelError(f"The file of class names {path} is not UTF-8 text.", "Save it as UTF-8.") from error
    names = tuple(line.strip() for line in text.splitlines() if line.strip())
    if not names:
        raise ModelError(f"The file of class names {path} is empty.", "It should hold one name a line.")
    return names
