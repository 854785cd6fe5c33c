"""find_candidates: what a source names, under which uri, in which order, and how it says that there is nothing."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from calibtui.core.errors import PoolError
from calibtui.pool.sources import find_candidates


def touch(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"x")


def uris(*images: str, root: Path) -> list[str]:
    return [candidate.uri for candidate in find_candidates(images, root)]


def test_a_directory_is_taken_with_all_below_it_sorted_by_uri(tmp_path: Path) -> None:
    touch(tmp_path, "images/b.jpg", "images/a/z.png", "images/a/deep/er/y.TIFF", "images/c.WebP", "images/d.BMP")
    assert uris("images", root=tmp_path) == [
        "images/a/deep/er/y.TIFF",
        "images/a/z.png",
        "images/b.jpg",
        "images/c.WebP",
        "images/d.BMP",
    ]


def test_other_files_and_hidden_ones_in_a_directory_are_no_frames(tmp_path: Path) -> None:
    touch(tmp_path, "images/a.jpg", "images/notes.txt", "images/._a.jpg", "images/.calibtui/thumb.jpg", "images/b.gif")
    assert uris("images", root=tmp_path) == ["images/a.jpg"]


def test_a_candidate_carries_the_size_and_time_of_its_file(tmp_path: Path) -> None:
    touch(tmp_path, "a.jpg")
    os.utime(tmp_path / "a.jpg", ns=(1, 1_700_000_000_123_456_789))
    (found,) = find_candidates(["a.jpg"], tmp_path)
    assert (found.path, found.size_bytes, found.mtime_ns) == (tmp_path / "a.jpg", 1, 1_700_000_000_123_456_789)


def test_a_frame_outside_the_workspace_goes_by_its_absolute_path(tmp_path: Path) -> None:
    touch(tmp_path, "elsewhere/a.jpg")
    (tmp_path / "work").mkdir()
    expected = [str(tmp_path / "elsewhere/a.jpg")]
    assert uris("../elsewhere", root=tmp_path / "work") == expected
    assert uris(str(tmp_path / "elsewhere"), root=tmp_path / "work") == expected


def test_a_workspace_reached_by_a_link_gives_the_same_uris(tmp_path: Path) -> None:
    touch(tmp_path, "real/images/a.jpg")
    (tmp_path / "link").symlink_to("real")
    assert uris("images", root=tmp_path / "link") == ["images/a.jpg"]
    assert uris(str(tmp_path / "real/images"), root=tmp_path / "link") == ["images/a.jpg"]


def test_several_sources_name_each_frame_once(tmp_path: Path) -> None:
    touch(tmp_path, "images/a.jpg", "images/b.jpg", "more/c.jpg")
    assert uris("more", "images", "images/*.jpg", "./images/a.jpg", root=tmp_path) == [
        "images/a.jpg",
        "images/b.jpg",
        "more/c.jpg",
    ]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("images/*.jpg", ["images/a.jpg", "images/b1.jpg"]),
        ("images/**/*.jpg", ["images/a.jpg", "images/b1.jpg", "images/s1/c.jpg", "images/s2/t/d.jpg"]),
        ("images/s?/*", ["images/s1/c.jpg"]),
        ("images/[!a]*.jpg", ["images/b1.jpg"]),
        ("images/b[0-9].jpg", ["images/b1.jpg"]),
        ("images/s2/**", ["images/s2/t/d.jpg"]),
        ("*/*/t/*.jpg", ["images/s2/t/d.jpg"]),
    ],
)
def test_a_glob_matches_within_names_and_across_directories(tmp_path: Path, pattern: str, expected: list[str]) -> None:
    touch(tmp_path, "images/a.jpg", "images/b1.jpg", "images/s1/c.jpg", "images/s2/t/d.jpg", "images/s2/t/d.txt")
    assert uris(pattern, root=tmp_path) == expected


def test_a_directory_whose_name_looks_like_a_pattern_is_a_directory(tmp_path: Path) -> None:
    touch(tmp_path, "run[1]/a.jpg")
    assert uris("run[1]", root=tmp_path) == ["run[1]/a.jpg"]


def test_loops_of_links_end_and_a_frame_is_named_by_its_real_place(tmp_path: Path) -> None:
    touch(tmp_path, "images/z/a.jpg", "outside/b.jpg")
    (tmp_path / "images/loop").symlink_to(tmp_path / "images")
    (tmp_path / "images/z/loop").symlink_to("..")
    (tmp_path / "images/alias").symlink_to("z")
    (tmp_path / "images/linked").symlink_to(tmp_path / "outside")
    expected = ["images/linked/b.jpg", "images/z/a.jpg"]
    assert uris("images", root=tmp_path) == expected
    assert uris("images/**/*.jpg", root=tmp_path) == expected


def test_a_dangling_link_is_a_missing_file_and_not_forgotten(tmp_path: Path) -> None:
    touch(tmp_path, "images/a.jpg")
    (tmp_path / "images/b.jpg").symlink_to("nowhere.jpg")
    assert [(c.uri, c.size_bytes) for c in find_candidates(["images"], tmp_path)][1] == ("images/b.jpg", -1)


def test_hostile_names_are_taken_and_every_uri_is_valid_text(tmp_path: Path) -> None:
    touch(tmp_path, "images/two\nlines.jpg", "images/\x1b[31mred.jpg", "images/[bold]x.jpg", "images/naïve ü.jpg")
    (tmp_path / "images" / os.fsdecode(b"latin-\xe9.jpg")).write_bytes(b"x")
    found = uris("images", root=tmp_path)
    assert len(found) == 5
    assert all(uri.encode() for uri in found)
    assert "images/latin-\\xe9.jpg" in found


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every directory")
def test_a_directory_below_that_may_not_be_read_shows_as_missing(tmp_path: Path) -> None:
    touch(tmp_path, "images/a.jpg", "images/locked/b.jpg")
    (tmp_path / "images/locked").chmod(0)
    try:
        found = find_candidates(["images"], tmp_path)
    finally:
        (tmp_path / "images/locked").chmod(0o700)
    assert [(c.uri, c.size_bytes) for c in found][1] == ("images/locked", -1)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("nowhere", "There is no nowhere"),
        ("empty", "no images in empty"),
        ("empty/*.jpg", "no images in empty/*.jpg"),
        ("nowhere/*.jpg", "nowhere"),
        ("images/[z-a].jpg", "not a pattern"),
        ("a\0b", "There is no"),
        ("x" * 5000, "can't be read"),
        ("model.onnx", "neither a directory nor a manifest nor an image"),
        ("s3://bucket/prefix", "local files only"),
        ("gs://bucket/prefix", "local files only"),
    ],
)
def test_a_source_that_gives_nothing_is_named(tmp_path: Path, source: str, said: str) -> None:
    (tmp_path / "empty").mkdir()
    touch(tmp_path, "model.onnx", "images/a.jpg")
    with pytest.raises(PoolError, match=said.replace("*", r"\*")) as caught:
        find_candidates(["images", source], tmp_path)
    assert source in caught.value.message
    assert caught.value.exit_code == 2


def test_an_object_store_names_the_extra_that_it_needs(tmp_path: Path) -> None:
    with pytest.raises(PoolError) as caught:
        find_candidates(["s3://bucket/frames"], tmp_path)
    assert "calibtui[s3]" in str(caught.value)


def test_no_sources_at_all_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(PoolError):
        find_candidates([], tmp_path)
