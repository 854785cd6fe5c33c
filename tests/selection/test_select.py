"""What every strategy keeps to: pins, exclusions, copies, sizes, and the same set from the same frames."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from calibtui.core.errors import ConfigurationError
from calibtui.selection.manifest import build_manifest
from calibtui.selection.select import SelectionInput, select, shortfall
from calibtui.workspace.settings import SelectionSettings

STRATEGIES = ("random", "stratified", "hardest", "hardest-nms", "k-center", "weighted-k-center")
BY_SCORE = ("hardest", "hardest-nms", "weighted-k-center")


def uris(data: SelectionInput, settings: SelectionSettings) -> list[str]:
    return [data.uris[each.index] for each in select(data, settings)]


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_the_order_of_the_frames_does_not_matter(strategy, pool, reordered) -> None:
    """Same set, same order of choice, same words, same manifest digest."""
    data = pool(frames=200, copies=15, unscored=20)
    settings = SelectionSettings(strategy=strategy, size=40, seed=3, pin=(data.uris[7],), exclude=(data.digests[9],))
    manifests = []
    for seed in range(3):
        order = np.random.default_rng(seed).permutation(200).tolist()
        shuffled = reordered(data, order)
        manifests.append(
            build_manifest(shuffled, select(shuffled, settings), settings, prompt="difficulty@1", judge_models=["m"])
        )
        assert uris(shuffled, settings) == uris(data, settings)
    assert manifests[0] == manifests[1] == manifests[2]


def test_neither_threads_nor_the_cpus_instructions_matter() -> None:
    """Near-ties by the hundred: with sums that depend on the kernel of a matrix product, these sets would differ."""
    program = (
        "import hashlib, numpy as np\n"
        "from calibtui.selection.select import SelectionInput, select\n"
        "from calibtui.workspace.settings import SelectionSettings\n"
        "r = np.random.default_rng(0); n = 1200\n"
        "x = np.abs(r.normal(size=(n // 2, 96))).astype('f4'); x = np.vstack([x, x[:, ::-1]])\n"
        "d = [hashlib.sha256(bytes([i % 256, i // 256])).hexdigest() for i in range(n)]\n"
        "data = SelectionInput([str(i) for i in range(n)], d, r.random(n).round(1), [()] * n, x)\n"
        "for s in ('k-center', 'weighted-k-center', 'hardest-nms'):\n"
        "    print([c.index for c in select(data, SelectionSettings(strategy=s, size=400, suppress=0.7))])\n"
    )
    outputs = set()
    for threads, cpu in (("1", "Nehalem"), ("2", "Haswell"), ("3", "Nehalem")):
        environment = {
            **os.environ,
            "OMP_NUM_THREADS": threads,
            "OPENBLAS_NUM_THREADS": threads,
            "OPENBLAS_CORETYPE": cpu,
        }
        command = [sys.executable, "-c", program]
        outputs.add(subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout)
    assert len(outputs) == 1
    assert len(outputs.pop()) > 1000


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_the_seed_decides_and_repeats(strategy, pool) -> None:
    data = pool(frames=200)
    sets = [uris(data, SelectionSettings(strategy=strategy, size=30, seed=seed)) for seed in (0, 0, 1)]
    assert sets[0] == sets[1]
    assert len(set(sets[0])) == 30
    if strategy in ("random", "stratified", "k-center"):
        assert set(sets[0]) != set(sets[2])


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_pins_are_in_and_count_and_exclusions_are_out(strategy, pool) -> None:
    """Pinned by uri, by whole digest and by its first digits, in either case; even the frame that nobody scored."""
    data = pool(frames=120, unscored=10)
    unscored = int(np.flatnonzero(np.isnan(data.difficulty))[0])
    excluded = [i for i in select(data, SelectionSettings(strategy=strategy, size=20)) if i.index != unscored][:6]
    pins = [i for i in range(120) if i not in {each.index for each in excluded} and i != unscored][:2]
    settings = SelectionSettings(
        strategy=strategy,
        size=20,
        pin=(data.uris[unscored], data.digests[pins[0]], "sha256:" + data.digests[pins[1]][:10].upper()),
        exclude=tuple(data.uris[each.index] for each in excluded),
    )
    chosen = select(data, settings)
    assert {each.index for each in chosen if each.why == "pinned"} == {unscored, *pins}
    assert len(chosen) == len({each.index for each in chosen}) == 20
    assert not {each.index for each in excluded} & {each.index for each in chosen}


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_copies_of_a_frame_are_chosen_once_and_excluded_together(strategy, pool) -> None:
    data = pool(frames=60, copies=20)
    chosen = select(data, SelectionSettings(strategy=strategy, size=60))
    digests = [data.digests[each.index] for each in chosen]
    assert len(digests) == len(set(digests)) == 40
    without = select(data, SelectionSettings(strategy=strategy, size=60, exclude=(data.uris[45],)))
    assert data.digests[45] not in {data.digests[each.index] for each in without}


def test_the_pinned_copy_is_the_one_that_is_taken(pool) -> None:
    data = pool(frames=60, copies=20)
    chosen = select(data, SelectionSettings(strategy="random", size=40, pin=(data.uris[50],)))
    assert [data.uris[each.index] for each in chosen if each.why == "pinned"] == [data.uris[50]]
    both = select(data, SelectionSettings(strategy="random", size=1, pin=(data.uris[10], data.uris[50])))
    assert len(both) == 1


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_pool_smaller_than_the_set_is_taken_whole_and_said(strategy, pool) -> None:
    data = pool(frames=50, copies=5, unscored=6)
    settings = SelectionSettings(strategy=strategy, size=100, exclude=(data.uris[30],))
    chosen = select(data, settings)
    known = {d for d, score in zip(data.digests, data.difficulty, strict=True) if not np.isnan(score)}
    allowed = known if strategy in BY_SCORE else set(data.digests)
    assert {data.digests[each.index] for each in chosen} == allowed - {data.digests[30]}
    said = shortfall(data, settings, chosen)
    assert said is not None and f"{len(chosen)} of the 100" in said and "5 exact copies, 1 excluded" in said
    assert ("not scored" in said) == (strategy in BY_SCORE)
    assert shortfall(data, replace(settings, size=3), chosen[:3]) is None


@pytest.mark.parametrize("strategy", BY_SCORE)
def test_unscored_frames_are_never_chosen_by_score(strategy, pool) -> None:
    data = pool(frames=100, unscored=60)
    chosen = select(data, SelectionSettings(strategy=strategy, size=80))
    assert len(chosen) == 40
    assert not np.isnan(data.difficulty[[each.index for each in chosen]]).any()


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"pin": ("images/00042.png",)}, "images/00042.jpg"),
        ({"pin": ("elsewhere/00042.jpg",)}, "images/00042.jpg"),
        ({"exclude": ("f" * 64,)}, "no frame has that uri or digest"),
        ({"exclude": ("abc123",)}, "8 leading digits"),
        ({"pin": ("images/00001.jpg",), "exclude": ("images/00001.jpg",)}, "both in selection.pin and"),
        ({"pin": ("images/00001.jpg", "images/00002.jpg"), "size": 1}, "names 2 frames, but selection.size is 1"),
        ({"size": 0}, "selection.size is 0"),
    ],
)
def test_settings_that_can_not_be_followed_are_refused_by_name(settings, words, pool) -> None:
    with pytest.raises(ConfigurationError) as refused:
        select(pool(frames=60), SelectionSettings(**{"strategy": "random", "size": 10, **settings}))
    assert words in str(refused.value)


def test_leading_digits_that_two_frames_share_are_refused(pool) -> None:
    data = pool(frames=10)
    alike = replace(data, digests=["12345678" + digest[8:] for digest in data.digests])
    with pytest.raises(ConfigurationError, match="several frames"):
        select(alike, SelectionSettings(size=2, pin=("12345678",)))
    assert len(select(alike, SelectionSettings(size=2, pin=(alike.digests[3][:20],)))) == 2


def test_nothing_to_choose_from_is_refused_with_a_way_out(pool) -> None:
    none_scored = pool(frames=20, unscored=20)
    with pytest.raises(ConfigurationError, match="No frame is scored"):
        select(none_scored, SelectionSettings(strategy="hardest", size=5))
    with pytest.raises(ConfigurationError, match="none to choose"):
        select(none_scored, SelectionSettings(strategy="random", size=5, exclude=tuple(none_scored.uris)))
    with pytest.raises(ConfigurationError, match="carry no strata"):
        select(replace(none_scored, strata=None), SelectionSettings(strategy="stratified", size=5))


def test_columns_that_do_not_fit_together_are_refused(pool) -> None:
    data = pool(frames=5)
    with pytest.raises(ValueError, match="differ in length"):
        replace(data, uris=data.uris[:4])
    broken = data.descriptors.copy()
    broken[2, 0] = np.nan
    with pytest.raises(ValueError, match=r"images/00002.jpg"):
        replace(data, descriptors=broken)
    with pytest.raises(ValueError, match="without a digest"):
        replace(data, digests=["", *data.digests[1:]])
