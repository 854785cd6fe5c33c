"""The chosen theme, the others there are, and what happens when a theme file changes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from textual.theme import Theme

from calibtui.core.errors import CalibtuiError, ConfigurationError
from calibtui.tui.themes import read_theme, theme_files

FALLBACK = "dark"


class Looks:
    """`packaged` and `config` as of `theme_files`; what goes wrong is told to `problem` and changes nothing."""

    def __init__(self, packaged: Path, config: Path, problem: Callable[[CalibtuiError], None]) -> None:
        self._packaged, self._config, self._problem = packaged, config, problem
        self.files = theme_files(packaged, config)
        self._seen = 0

    def first(self, wanted: str) -> Theme | None:
        """The wanted theme, or where it can't be had the fallback."""
        return self.read(wanted) or self.read(FALLBACK)

    def read(self, name: str) -> Theme | None:
        """A theme anew from its file."""
        self.files = theme_files(self._packaged, self._config)
        file = self.files.get(name)
        try:
            if file is None:
                raise ConfigurationError(f"There is no theme {name!r}.", f"There are {', '.join(self.files)}.")
            self._seen = _written(file)
            return read_theme(file)
        except CalibtuiError as error:
            self._problem(error)
            return None

    def own(self, name: str) -> bool:
        """Whether the theme is a user's own file, which is edited while one looks at it."""
        file = self.files.get(name)
        return file is not None and file.parent == self._config / "themes"

    def changed(self, name: str) -> bool:
        """Whether the file was written since it was read."""
        file = self.files.get(name)
        return file is not None and _written(file) not in (0, self._seen)

    def after(self, name: str) -> str:
        """The next theme in the row."""
        names = list(self.files)
        return names[(names.index(name) + 1) % len(names)] if name in names else FALLBACK


def _written(file: Path) -> int:
    try:
        return file.stat().st_mtime_ns
    except OSError:
        return 0
