"""From a frame to the scored frame it repeats; whatever goes wrong is a miss."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from calibtui.pool.descriptors import DESCRIPTOR_SIZE, describe
from calibtui.scoring.similar.candidates import Candidate, ScoredIndex
from calibtui.scoring.similar.guard import same_view
from calibtui.scoring.similar.lookup import first_repeat, same_view_as_stored, signature_or_none


def test_the_first_candidate_that_the_guard_passes_is_taken(pool_frames: list[np.ndarray], seen: Callable) -> None:
    stored = {str(number): seen(frame, 90).to_bytes() for number, frame in enumerate(pool_frames[:4])}
    stored["damaged"] = b"CTSV"
    candidates = [Candidate(name, 0.99) for name in ("0", "damaged", "unknown", "2", "1")]
    repeat = first_repeat(seen(0.95 * pool_frames[2], 80), candidates, stored.get)
    assert repeat is not None
    assert repeat.digest == "2"
    assert repeat.comparison.hit


def test_no_candidate_no_repeat(seen: Callable, pool_frames: list[np.ndarray]) -> None:
    assert first_repeat(seen(pool_frames[0]), [], {}.get) is None


def test_the_exposure_is_that_of_the_new_frame_beside_the_stored_one(
    textures: dict[str, np.ndarray], seen: Callable
) -> None:
    stored = seen(textures["cast"], 90).to_bytes()
    assert abs(same_view_as_stored(seen(0.9 * textures["cast"], 90), stored).gain - 0.9) < 0.01


def test_missing_and_damaged_signatures_are_misses_that_say_so(pool_frames: list[np.ndarray], seen: Callable) -> None:
    new = seen(pool_frames[0])
    for stored, why in ((None, "has no signature"), (b"", "cut short"), (new.to_bytes()[:-5], "damaged")):
        comparison = same_view_as_stored(new, stored)
        assert not comparison.hit
        assert why in comparison.why


def test_an_unreadable_frame_has_no_signature(tmp_path: Path) -> None:
    broken = tmp_path / "frame.jpg"
    broken.write_bytes(b"\xff\xd8 no picture")
    assert signature_or_none(broken) is None
    assert signature_or_none(tmp_path / "missing.jpg") is None


def test_descriptors_find_a_re_capture_that_a_defect_would_hide_in(
    tmp_path: Path, pool_frames: list[np.ndarray], encoded: Callable
) -> None:
    """All of it together: the descriptors call the defect the same, the guard does not."""
    frame = pool_frames[0].astype(np.float64)
    damaged = frame.copy()
    damaged[100:108, 152:160] += np.where(frame[100:108, 152:160] > 128, -40, 40)
    paths = {}
    for name, pixels in (("scored", frame), ("again", 0.96 * frame + 2), ("damaged", damaged)):
        paths[name] = tmp_path / f"{name}.jpg"
        paths[name].write_bytes(encoded(pixels, 85))
    index = ScoredIndex(DESCRIPTOR_SIZE)
    index.append(["scored"], describe(Image.open(paths["scored"]))[None])
    scored = signature_or_none(paths["scored"])
    assert scored is not None
    for name, hit in (("again", True), ("damaged", False)):
        found = index.nearest(describe(Image.open(paths[name]))[None])[0]
        assert [candidate.digest for candidate in found] == ["scored"]
        new = signature_or_none(paths[name])
        assert new is not None
        repeat = first_repeat(new, found, {"scored": scored.to_bytes()}.get)
        assert (repeat is not None) is hit, name


def test_a_copy_of_a_file_is_the_same_view(tmp_path: Path, sample_data: Path) -> None:
    source = next((sample_data / "pool").rglob("*.jpg"))
    shutil.copy(source, tmp_path / "copy.jpg")
    a, b = signature_or_none(source), signature_or_none(tmp_path / "copy.jpg")
    assert a is not None
    assert b is not None
    assert same_view(a, b).hit
