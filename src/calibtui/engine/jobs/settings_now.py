"""The settings as they are now: calibtui.toml may be edited, and knobs turned, while the engine runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from threading import Lock

from calibtui.core.errors import CalibtuiError
from calibtui.engine.queries.registry import KNOBS
from calibtui.store.store import Store
from calibtui.workspace.load import FILE_NAME, load_settings
from calibtui.workspace.settings import Settings

Seen = tuple[int, int, tuple[str, ...]]


class SettingsNow:
    """Reads the file again when it, or a knob, changed. From any thread."""

    def __init__(self, root: Path, store: Store) -> None:
        self._root = root
        self._store = store
        self._lock = Lock()
        self._seen: Seen | None = None
        self._read: tuple[Settings, Settings] | None = None
        self.error = ""
        """What is wrong with calibtui.toml as it is now, "" for nothing; the last good settings go on."""

    def overrides(self) -> tuple[str, ...]:
        """The turned knobs as texts of `--set`."""
        return tuple(text for knobs in KNOBS for text in knobs(self._store))

    def read(self) -> tuple[Settings, Settings]:
        """(with the knobs, as written). Raises what is wrong with calibtui.toml where it never was right."""
        with self._lock:
            overrides = self.overrides()
            seen = (*_stamp(self._root / FILE_NAME), overrides)
            if self._read is None or seen != self._seen:
                self._seen = seen
                self._load(overrides)
            assert self._read is not None
            return self._read

    def with_overrides(self, overrides: Sequence[str]) -> tuple[Settings, Settings]:
        """(with the knobs and `overrides`, as written), from the file as it is now. Raises what is wrong with them."""
        return load_settings(self._root, (*self.overrides(), *overrides)), load_settings(self._root)

    def _load(self, overrides: tuple[str, ...]) -> None:
        try:
            written = load_settings(self._root)
            effective = load_settings(self._root, overrides) if overrides else written
            self._read, self.error = (effective, written), ""
        except CalibtuiError as error:
            if self._read is None:
                raise
            self.error = f"{error.message} The settings from before go on."


def _stamp(file: Path) -> tuple[int, int]:
    try:
        found = file.stat()
    except OSError:
        return 0, 0
    return found.st_mtime_ns, found.st_size
