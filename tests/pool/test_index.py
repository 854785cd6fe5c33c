"""The index pass: one row a file, readable or with a reason; only what changed is opened; it stops and resumes."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from calibtui.core.errors import InterruptedByUser
from calibtui.core.frames import Candidate, IndexedFrame
from calibtui.core.progress import StopFlag
from calibtui.pool.index import DESCRIPTOR_SIZE, index_frame, index_frames
from calibtui.pool.sources import find_candidates

# pytest puts its own warning filters in place of the product's.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:PIL")


def candidate(path: Path) -> Candidate:
    about = path.stat()
    return Candidate(path.name, str(path), about.st_size, about.st_mtime_ns)


def indexed(
    candidates: list[Candidate], known: dict[str, tuple[int, int]] | None = None, **options: int
) -> list[IndexedFrame]:
    batches = index_frames(candidates, known or {}, workers=options.pop("workers", 2), stop=StopFlag(), **options)
    return [frame for batch in batches for frame in batch]


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.bmp", "a.tif", "a.webp"])
def test_a_readable_frame_has_digest_size_format_and_a_unit_descriptor(photo: Callable[..., Path], name: str) -> None:
    path = photo(name, 320, 240)
    frame = index_frame(candidate(path))
    assert frame.reason is None
    assert frame.digest == hashlib.sha256(path.read_bytes()).hexdigest()
    assert (frame.width, frame.height) == (320, 240)
    assert frame.format == {"jpg": "JPEG", "tif": "TIFF"}.get(name[2:], name[2:].upper())
    assert frame.descriptor is not None and frame.descriptor.shape == (DESCRIPTOR_SIZE,)
    assert frame.descriptor.dtype == np.float32
    assert np.linalg.norm(frame.descriptor) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("name", ["a.jpg", "a.tif", "a.png"])
def test_size_and_descriptor_are_those_of_the_upright_frame(
    tmp_path: Path, paint: Callable[..., Image.Image], name: str
) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    picture = paint(400, 300)
    picture.save(tmp_path / f"plain_{name}")
    picture.transpose(Image.Transpose.ROTATE_90).save(tmp_path / name, exif=exif)
    turned, plain = index_frame(candidate(tmp_path / name)), index_frame(candidate(tmp_path / f"plain_{name}"))
    assert (turned.width, turned.height) == (400, 300)
    assert turned.descriptor is not None and plain.descriptor is not None
    assert turned.descriptor @ plain.descriptor > 0.98


def test_formats_and_depths_of_one_picture_describe_alike(tmp_path: Path, paint: Callable[..., Image.Image]) -> None:
    picture = paint(900, 800)
    picture.save(tmp_path / "a.jpg")
    picture.save(tmp_path / "a.png")
    picture.quantize(256).save(tmp_path / "palette.png")
    picture.convert("CMYK").save(tmp_path / "cmyk.jpg")
    vectors = np.stack([index_frame(candidate(path)).descriptor for path in sorted(tmp_path.iterdir())])
    assert (vectors @ vectors.T).min() > 0.95
    grey = np.asarray(picture.convert("L"))
    Image.fromarray(grey).save(tmp_path / "grey.png")
    Image.fromarray(grey.astype(np.uint16) * 257).save(tmp_path / "deep.png")
    shallow, deep = (index_frame(candidate(tmp_path / name)).descriptor for name in ("grey.png", "deep.png"))
    assert shallow is not None and deep is not None and np.array_equal(shallow, deep)


@pytest.mark.parametrize("name", ["a.jpg", "progressive.jpg", "a.png", "a.webp", "a.bmp", "a.tif"])
@pytest.mark.parametrize("kept", [0.3, 0.7, 0.97])
def test_truncation_is_noticed_by_the_small_decode_too(photo: Callable[..., Path], name: str, kept: float) -> None:
    path = photo(name, 1920, 1080, **({"progressive": True} if name.startswith("prog") else {}))
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * kept)])
    frame = index_frame(candidate(path))
    assert frame.reason is not None and frame.reason.startswith("truncated or damaged")
    assert frame.descriptor is None and (frame.width, frame.height) == (0, 0)
    assert frame.digest == hashlib.sha256(path.read_bytes()).hexdigest()


def test_files_that_are_no_frames_become_rows_with_a_reason(tmp_path: Path) -> None:
    (tmp_path / "empty.jpg").touch()
    (tmp_path / "text.png").write_text("hello")
    (tmp_path / os.fsdecode(b"latin-\xe9.jpg")).write_bytes(b"x")
    (tmp_path / "m.txt").write_text("empty.jpg\ntext.png\ngone.jpg\n")
    candidates = find_candidates(["m.txt", "."], tmp_path)
    rows = {frame.uri: frame for frame in indexed(candidates)}
    reasons = {uri: frame.reason for uri, frame in rows.items()}
    assert reasons == {
        "empty.jpg": "the file is empty (0 bytes)",
        "text.png": "not a JPEG, PNG, BMP, TIFF or WebP picture",
        "gone.jpg": "the file is missing",
        "latin-\\xe9.jpg": "its name isn't UTF-8; rename the file",
    }
    assert all(str(frame.path).encode() for frame in rows.values())


def test_a_damaged_exif_block_costs_only_the_rotation(photo: Callable[..., Path]) -> None:
    path = photo("a.jpg", exif=b"Exif\0\0MM\0*\xff\xff\xff\xff garbage")
    frame = index_frame(candidate(path))
    assert frame.reason is None and (frame.width, frame.height) == (320, 240)


def test_only_new_and_changed_files_are_opened(photo: Callable[..., Path]) -> None:
    files = [candidate(photo(f"{n}.jpg", seed=n)) for n in range(4)]
    known = {file.uri: (file.size_bytes, file.mtime_ns) for file in files}
    for file in files:
        file.path.unlink()  # opening any of the known ones would now show as a reason
    changed = files[2]._replace(mtime_ns=files[2].mtime_ns + 1)
    assert [row.uri for row in indexed([*files[:2], changed, files[3]], known)] == ["2.jpg"]
    assert indexed(files, known) == []


def test_rows_come_in_order_in_batches_whatever_the_number_of_workers(photo: Callable[..., Path]) -> None:
    files = [candidate(photo(f"{n:02}.jpg", 64, 48, n)) for n in range(23)]
    for workers in (1, 3):
        batches = list(index_frames(files, {}, workers=workers, batch=10, stop=StopFlag()))
        assert [len(batch) for batch in batches] == [10, 10, 3]
        assert [row.uri for batch in batches for row in batch] == [file.uri for file in files]


def test_a_stop_yields_what_is_finished_and_the_rest_resumes(photo: Callable[..., Path]) -> None:
    files = [candidate(photo(f"{n:02}.jpg", 64, 48, n)) for n in range(30)]
    stop, stored = StopFlag(), dict[str, tuple[int, int]]()
    with pytest.raises(InterruptedByUser):
        for batch in index_frames(files, {}, workers=2, batch=5, stop=stop):
            stored |= {row.uri: (row.size_bytes, row.mtime_ns) for row in batch}
            stop.set()
    assert len(stored) == 5
    assert [row.uri for row in indexed(files, stored)] == [file.uri for file in files[5:]]


def test_leaving_early_ends_the_threads(photo: Callable[..., Path]) -> None:
    files = [candidate(photo(f"{n:02}.jpg", 64, 48, n)) for n in range(20)]
    batches = index_frames(files, {}, workers=2, batch=1, stop=StopFlag())
    next(batches)
    batches.close()
    with pytest.raises(StopIteration):
        next(batches)


def test_the_columns_of_a_manifest_travel_with_the_row(photo: Callable[..., Path]) -> None:
    file = candidate(photo())._replace(columns={"station": "left"})
    assert index_frame(file).columns == {"station": "left"}


@pytest.mark.shared
def test_real_frames_are_all_readable_and_tell_each_other_apart(shared_data: Path) -> None:
    rows = indexed(find_candidates(["coco128/pool"], shared_data)[:48])
    assert [row.reason for row in rows] == [None] * 48
    vectors = np.stack([row.descriptor for row in rows if row.descriptor is not None])
    similar = (vectors @ vectors.T)[np.triu_indices(48, 1)]
    assert similar.max() < 0.92 and np.median(similar) < 0.4
