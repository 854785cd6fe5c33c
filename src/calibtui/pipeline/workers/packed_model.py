"""A prepared model as it travels: its file with it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from calibtui.quantization.prepare import PreparedModel


@dataclass(frozen=True, slots=True)
class PackedModel:
    """`scratch`: where its files may be for as long as they are needed, None for wherever the machine has such."""

    prepared: PreparedModel
    content: bytes
    scratch: Path | None

    @classmethod
    def of(cls, prepared: PreparedModel, scratch: Path) -> PackedModel:
        return cls(prepared, prepared.path.read_bytes(), scratch)

    @contextmanager
    def unpacked(self) -> Iterator[PreparedModel]:
        """The model in a directory of its own, which is gone with whatever else is in it when the block ends."""
        with TemporaryDirectory(prefix="calibtui-trial-", dir=self.scratch) as folder:
            path = Path(folder) / self.prepared.path.name
            path.write_bytes(self.content)
            yield replace(self.prepared, path=path)
