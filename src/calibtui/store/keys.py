"""Virtual keys: who may charge which budget node, by the hash of a key that nobody can read back."""

from __future__ import annotations

from dataclasses import dataclass

from calibtui.store.table import Table


@dataclass(frozen=True, slots=True)
class KeyRow:
    """`digest`: hex SHA-256 of the key. Times are UTC seconds since the epoch; `revoked_at` None while it counts."""

    digest: str
    name: str
    node: str
    made_by: str
    made_at: float
    revoked_at: float | None = None


class KeyTable(Table):
    def add(self, key: KeyRow) -> None:
        self._rows(
            "INSERT INTO virtual_keys VALUES (?, ?, ?, ?, ?, ?)",
            [key.digest, key.name, key.node, key.made_by, key.made_at, key.revoked_at],
        )

    def find(self, digest: str) -> KeyRow | None:
        """The key of that hash, revoked or not."""
        rows = self._rows("SELECT * FROM virtual_keys WHERE digest = ?", [digest])
        return KeyRow(*rows[0]) if rows else None

    def all(self) -> list[KeyRow]:
        """Oldest first."""
        return [KeyRow(*row) for row in self._rows("SELECT * FROM virtual_keys ORDER BY made_at, name")]

    def revoke(self, name: str, at: float) -> int:
        """Ends the keys of that name; how many there were."""
        alive = "name = ? AND revoked_at IS NULL"
        count = self._rows(f"SELECT count(*) FROM virtual_keys WHERE {alive}", [name])[0][0]
        self._rows(f"UPDATE virtual_keys SET revoked_at = ? WHERE {alive}", [at, name])
        return int(count)
