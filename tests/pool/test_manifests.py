"""Manifests: which column names the frame, where its path starts, and how a broken one is named."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from calibtui.core.errors import PoolError
from calibtui.core.frames import Candidate
from calibtui.pool.sources import find_candidates


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in ("images/a.jpg", "images/b.jpg", "lists/here.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    return tmp_path


def found(root: Path, name: str, content: str | bytes) -> list[Candidate]:
    data = content.encode() if isinstance(content, str) else content
    (root / name).write_bytes(data)
    return find_candidates([name], root)


@pytest.mark.parametrize("column", ["path", "uri", "image", "file", "file_name", "Path", "FILE_NAME"])
def test_the_column_that_names_frames_goes_by_its_usual_names(root: Path, column: str) -> None:
    (frame,) = found(root, "m.csv", f"station,{column}\nleft,images/a.jpg\n")
    assert (frame.uri, dict(frame.columns)) == ("images/a.jpg", {"station": "left"})


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_csv_separators_quotes_and_byte_order_marks_are_understood(root: Path, delimiter: str) -> None:
    text = (
        delimiter.join(("path", "note", "shift")) + "\r\n" + delimiter.join(("images/a.jpg", '"x,;\ty"', "2")) + "\r\n"
    )
    (frame,) = found(root, "m.csv", "\ufeff" + text)
    assert dict(frame.columns) == {"note": "x,;\ty", "shift": "2"}


def test_paths_start_at_the_manifest_and_else_at_the_workspace(root: Path) -> None:
    frames = found(root, "lists/m.txt", f"# remark\n\nhere.jpg\nimages/a.jpg\n../images/b.jpg\n{root}/images/a.jpg\n")
    assert [frame.uri for frame in frames] == ["images/a.jpg", "images/b.jpg", "lists/here.jpg"]


def test_a_missing_file_stays_in_the_pool_with_size_minus_one(root: Path) -> None:
    frames = found(root, "m.txt", "images/a.jpg\nimages/gone.jpg\n")
    assert [(f.uri, f.size_bytes, f.mtime_ns) for f in frames][1] == ("images/gone.jpg", -1, 0)


def test_parquet_columns_become_text_and_pictures_in_them_are_left_alone(root: Path) -> None:
    table = pa.table(
        {
            "image": ["images/b.jpg", "images/a.jpg"],
            "line": [1, None],
            "sharp": [True, False],
            "bytes": [b"\xff", b"\xfe"],
            "tags": [["x"], []],
        }
    )
    parquet.write_table(table, root / "m.parquet")
    frames = find_candidates(["m.parquet"], root)
    assert [(f.uri, dict(f.columns)) for f in frames] == [
        ("images/a.jpg", {"sharp": "False"}),
        ("images/b.jpg", {"line": "1", "sharp": "True"}),
    ]


def test_a_directory_and_a_manifest_join_in_one_frame_with_its_columns(root: Path) -> None:
    (root / "m.csv").write_text("path,station\nimages/a.jpg,left\n")
    (root / "n.csv").write_text("path,shift\nimages/a.jpg,night\n")
    first = find_candidates(["images", "m.csv", "n.csv"], root)[0]
    assert dict(first.columns) == {"station": "left", "shift": "night"}


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        (
            "m.csv",
            "station,picture\nleft,a.jpg\n",
            "no column that names the frames; its columns are 'station', 'picture'",
        ),
        ("m.csv", "path,station\nimages/a.jpg\n", "line 2 has 1 fields, its header 2"),
        ("m.csv", "path,station\n,left\n", "names no file in row 2"),
        ("m.csv", "path\n", "names no frames"),
        ("m.csv", "", "no column"),
        ("m.csv", 'path,note\nimages/a.jpg,"open', "malformed"),
        ("m.csv", b"path\n\xff\xfe.jpg\n", "not UTF-8"),
        ("m.txt", "# only a remark\n", "names no frames"),
        ("m.txt", "s3://bucket/a.jpg\n", "local files only"),
        ("m.txt", "a\0b.jpg\n", "names no file in row 1"),
        ("m.parquet", b"PAR1 but not really", "not a Parquet file"),
        ("m.parquet", b"", "not a Parquet file"),
    ],
)
def test_a_broken_manifest_is_named_with_what_is_wrong(root: Path, name: str, content: str | bytes, said: str) -> None:
    with pytest.raises(PoolError) as caught:
        found(root, name, content)
    assert said in caught.value.message
    assert name in caught.value.message
