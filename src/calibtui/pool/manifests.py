"""Manifests: files that name frames, one a row, with whatever else the engineer knows of each."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from calibtui.core.errors import PoolError

MANIFEST_EXTENSIONS = (".csv", ".parquet", ".txt")
PATH_COLUMNS = ("path", "uri", "image", "file", "file_name", "filename")
"""The column that names the frame: the first of these that is there, whatever its case."""
SIZE_LIMIT = 1 << 30
"""Bytes of the largest text manifest that is read."""


@dataclass(frozen=True, slots=True)
class ManifestRow:
    """One frame as a manifest names it: `name` as written, `columns` without the one that holds it."""

    name: str
    columns: dict[str, str] = field(default_factory=dict)


def read_manifest(path: Path) -> list[ManifestRow]:
    """The rows of a .csv (comma, semicolon or tab), .parquet or .txt (one name a line, # for remarks) manifest.

    Raises PoolError that names the file and the line or column: unreadable, no column that names frames, no rows.
    """
    try:
        rows = list(_READERS[path.suffix.lower()](path))
    except OSError as error:
        raise PoolError(f"The manifest {path} can't be read: {error.strerror or error}.") from error
    if not rows:
        raise PoolError(f"The manifest {path} names no frames.", "Give it one row a frame.")
    return rows


def _text(path: Path) -> str:
    if path.stat().st_size > SIZE_LIMIT:
        raise PoolError(
            f"The manifest {path} is over {SIZE_LIMIT >> 20} MiB.", "Write it as .parquet or in several files."
        )
    try:
        return path.read_text("utf-8-sig")
    except UnicodeDecodeError as error:
        raise PoolError(f"The manifest {path} is not UTF-8 text (byte {error.start}).", "Save it as UTF-8.") from error


def _txt_rows(path: Path) -> Iterator[ManifestRow]:
    for number, line in enumerate(_text(path).splitlines(), 1):
        name = line.strip()
        if name and not name.startswith("#"):
            yield ManifestRow(_checked(path, number, name))


def _csv_rows(path: Path) -> Iterator[ManifestRow]:
    text = _text(path)
    header = text.partition("\n")[0]
    delimiter = max(",;\t", key=header.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        names = [name.strip() for name in next(reader, [])]
        place = _path_column(path, names)
        for row in reader:
            if not row:
                continue
            if len(row) != len(names):
                line = f"line {reader.line_num} has {len(row)} fields, its header {len(names)}"
                raise PoolError(f"The manifest {path} is malformed: {line}.", "Quote fields that hold the separator.")
            name = _checked(path, reader.line_num, row[place].strip())
            yield ManifestRow(name, {key: row[at] for at, key in enumerate(names) if at != place and key})
    except csv.Error as error:
        raise PoolError(f"The manifest {path} is malformed: line {reader.line_num}: {error}.") from error


def _parquet_rows(path: Path) -> Iterator[ManifestRow]:
    import pyarrow as pa
    from pyarrow import parquet, types

    try:
        # Through Arrow's own reader of one file: a directory layout is never guessed from the name.
        with parquet.ParquetFile(path) as file:
            schema = file.schema_arrow
            place = _path_column(path, schema.names)
            plain = [f.name for f in schema if not (types.is_nested(f.type) or _is_binary(f.type))]
            if schema.names[place] not in plain:
                raise PoolError(f"The manifest {path}: column {schema.names[place]!r} holds no text.")
            key, number = schema.names[place], 0
            for chunk in file.iter_batches(columns=plain):
                for row in chunk.to_pylist():
                    number += 1
                    name = _checked(path, number, row.pop(key))
                    yield ManifestRow(name, {k: str(v) for k, v in row.items() if v is not None})
    except (pa.ArrowException, UnicodeDecodeError) as error:
        text = " ".join(str(error).split())[:160]
        raise PoolError(f"The manifest {path} is not a Parquet file that can be read: {text}.") from error


def _is_binary(kind: object) -> bool:
    from pyarrow import types

    tests = (types.is_binary, types.is_large_binary, types.is_fixed_size_binary)
    return any(test(kind) for test in tests)


def _path_column(path: Path, names: Iterable[str]) -> int:
    folded = [name.strip().casefold() for name in names]
    for wanted in PATH_COLUMNS:
        if wanted in folded:
            return folded.index(wanted)
    found = ", ".join(repr(name) for name in names) or "none"
    raise PoolError(
        f"The manifest {path} has no column that names the frames; its columns are {found}.",
        f"Call it one of {', '.join(PATH_COLUMNS)}.",
    )


def _checked(path: Path, number: int, name: object) -> str:
    if isinstance(name, str) and name and "\0" not in name:
        return name
    raise PoolError(f"The manifest {path} names no file in row {number}.", "Fill in or remove the row.")


_READERS = {".csv": _csv_rows, ".parquet": _parquet_rows, ".txt": _txt_rows}
