"""Settings turned on a screen, and the names that sets were locked under."""

from __future__ import annotations

from dataclasses import dataclass

from calibtui.store.table import Connection, Table


@dataclass(frozen=True, slots=True)
class KnobRow:
    """`value` is JSON text; `at` UTC seconds."""

    key: str
    value: str
    by: str
    at: float


@dataclass(frozen=True, slots=True)
class SetRow:
    """A set that was made, by its digest (with "sha256:"). `name`: the one it was locked under last, "" for a set
    that has none; `manifest` relative to the state directory; `at` UTC seconds."""

    digest: str
    name: str
    strategy: str
    size: int
    seed: int
    manifest: str
    run: str
    by: str
    at: float


class KnobTable(Table):
    """Asked several times a second, so what is known is kept: this process alone writes."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection)
        self._known: dict[str, str] | None = None

    def all(self) -> dict[str, str]:
        """JSON text by key such as "selection.size"."""
        known = self._known
        if known is None:
            known = self._known = {row.key: row.value for row in self.rows()}
        return dict(known)

    def rows(self) -> list[KnobRow]:
        return [KnobRow(*row) for row in self._rows('SELECT key, value, "by", "at" FROM knobs ORDER BY key')]

    def turn(self, key: str, value: str | None, by: str, at: float) -> None:
        """Keeps the knob at `value`; None: no longer turned."""
        if value is None:
            self._rows("DELETE FROM knobs WHERE key = ?", [key])
        else:
            self._rows("INSERT OR REPLACE INTO knobs VALUES (?, ?, ?, ?)", [key, value, by, at])
        self._known = None


class SetNameTable(Table):
    def name(self, name: str, digest: str, by: str, at: float) -> None:
        self._rows("INSERT INTO set_names VALUES (?, ?, ?, ?)", [name, digest, by, at])

    def digest_of(self, name: str) -> str | None:
        rows = self._rows("SELECT digest FROM set_names WHERE name = ?", [name])
        return rows[0][0] if rows else None

    def sets(self) -> list[SetRow]:
        """Every set, the newest first; a set that was locked under several names, once a name."""
        sql = """
            SELECT digest, coalesce(name, ''), strategy, size, seed, manifest, run, coalesce("by", ''),
                   coalesce("at", epoch(created_at)) AS made
            FROM sets LEFT JOIN set_names USING (digest) ORDER BY made DESC, name
        """
        return [SetRow(*row) for row in self._rows(sql)]
