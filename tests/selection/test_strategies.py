"""Each strategy against the plain way to do it, and against the others at what it is for."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import rankdata

from calibtui.selection import k_center as k_center_module
from calibtui.selection.coverage import coverage
from calibtui.selection.select import SelectionInput, select
from calibtui.selection.similarity import vectors
from calibtui.workspace.settings import SelectionSettings


def settled(data: SelectionInput, seed: int) -> list[int]:
    """The frames by the hash that settles ties."""
    return sorted(range(len(data.uris)), key=lambda i: hashlib.sha256(f"{seed}:{data.digests[i]}".encode()).digest())


def similarity(data: SelectionInput) -> np.ndarray:
    """(N, N) cosines of the descriptors as they are rounded, by whole-number arithmetic."""
    rounded = vectors(data.descriptors, np.arange(len(data.uris)))
    steps = rounded.steps.astype(np.int64)
    return (steps @ steps.T) / rounded.one


def plain_k_center(data: SelectionInput, seed: int, count: int, weight: np.ndarray, pins: list[int]) -> list[int]:
    """One frame after another, every distance looked at each time."""
    order, cosine, taken = settled(data, seed), similarity(data), list(pins)
    while len(taken) < len(pins) + count:
        rest = [i for i in order if i not in taken and weight[i] > 0]
        if taken:
            worth = [weight[i] * max(0.0, 1 - cosine[i, taken].max()) for i in rest]
        else:
            worth = [weight[i] for i in rest]
        taken.append(rest[int(np.argmax(worth))])
    return taken


def indices(data: SelectionInput, **settings) -> list[int]:
    return [each.index for each in select(data, SelectionSettings(**settings))]


@pytest.mark.parametrize("leaders", [2, 7, 256])
@pytest.mark.parametrize("seed", range(3))
def test_k_center_is_the_plain_greedy_one(seed, leaders, pool, monkeypatch) -> None:
    monkeypatch.setattr(k_center_module, "LEADERS", leaders)
    data = pool(seed, frames=90)
    assert indices(data, strategy="k-center", size=40, seed=seed) == plain_k_center(data, seed, 40, np.ones(90), [])
    pinned = indices(data, strategy="k-center", size=30, seed=seed, pin=(data.uris[4],))
    assert pinned == plain_k_center(data, seed, 29, np.ones(90), [4])


@pytest.mark.parametrize("leaders", [2, 7, 256])
@pytest.mark.parametrize("seed", range(3))
def test_weighted_k_center_is_the_plain_greedy_one(seed, leaders, pool, monkeypatch) -> None:
    monkeypatch.setattr(k_center_module, "LEADERS", leaders)
    data = pool(seed, frames=90, unscored=15)
    scored = ~np.isnan(data.difficulty)
    weight = np.zeros(90)
    weight[scored] = rankdata(data.difficulty[scored]) / scored.sum()
    chosen = indices(data, strategy="weighted-k-center", size=40, seed=seed)
    assert chosen == plain_k_center(data, seed, 40, weight, [])
    assert data.difficulty[chosen[0]] == np.nanmax(data.difficulty)


@pytest.mark.parametrize("leaders", [2, 3, 256])
def test_equal_distances_fall_to_the_seed_however_the_work_is_batched(leaders, pool, monkeypatch) -> None:
    monkeypatch.setattr(k_center_module, "LEADERS", leaders)
    data = pool(frames=80)
    same = replace(data, descriptors=np.eye(10, dtype=np.float32)[np.arange(80) % 10])
    for seed in range(5):
        chosen = indices(same, strategy="k-center", size=30, seed=seed)
        assert chosen == plain_k_center(same, seed, 30, np.ones(80), [])


@pytest.mark.parametrize("suppress", [0.5, 0.8, 0.95])
def test_hardest_nms_is_the_plain_greedy_one(suppress, pool, monkeypatch) -> None:
    monkeypatch.setattr("calibtui.selection.hardest.FRAMES_AT_ONCE", 13)
    data = pool(frames=150)
    cosine, order = similarity(data), settled(data, 0)
    hard_first = sorted(order, key=lambda i: -data.difficulty[i])
    threshold, taken = suppress, []
    for _ in range(6):
        for i in hard_first:
            if len(taken) < 40 and i not in taken and all(cosine[i, j] < threshold for j in taken):
                taken.append(i)
        threshold = (1 + threshold) / 2
    assert len(taken) == 40
    assert indices(data, strategy="hardest-nms", size=40, suppress=suppress) == taken


def test_hardest_nms_says_how_far_it_had_to_relax(pool) -> None:
    data = pool(frames=60, clusters=3)
    words = [each.why for each in select(data, SelectionSettings(strategy="hardest-nms", size=60, suppress=0.9))]
    assert words[0] == "hardest: rank 1"
    assert any("suppression relaxed to 0.95" in why for why in words)
    same = replace(data, descriptors=np.ones((60, 8), np.float32))
    last = select(same, SelectionSettings(strategy="hardest-nms", size=60, suppress=0.9))
    assert len(last) == 60 and last[-1].why.endswith("nothing else left")


def test_hardest_nms_keeps_away_from_pinned_frames(pool) -> None:
    data = pool(frames=150)
    hardest = indices(data, strategy="hardest", size=1)[0]
    cosine = similarity(data)
    twin = int(np.argsort(cosine[hardest])[-2])
    chosen = indices(
        data, strategy="hardest-nms", size=5, suppress=float(cosine[hardest, twin]), pin=(data.uris[twin],)
    )
    assert hardest not in chosen


def test_hardest_has_the_greatest_mean_difficulty_there_is(pool) -> None:
    data = pool(frames=200, unscored=30)
    best = np.sort(data.difficulty[~np.isnan(data.difficulty)])[::-1][:50]
    chosen = select(data, SelectionSettings(strategy="hardest", size=50))
    assert data.difficulty[[each.index for each in chosen]].tolist() == best.tolist()
    assert [each.why for each in chosen[:2]] == ["hardest: rank 1", "hardest: rank 2"]


def test_ties_in_difficulty_fall_to_the_seed(pool) -> None:
    data = replace(pool(frames=40), difficulty=np.full(40, 0.5))
    assert indices(data, strategy="hardest", size=10, seed=1) == settled(data, 1)[:10]
    assert set(indices(data, strategy="hardest", size=10, seed=1)) != set(
        indices(data, strategy="hardest", size=10, seed=2)
    )


def test_random_is_spread_evenly_over_the_pool(pool) -> None:
    data = pool(frames=40)
    times = Counter(i for seed in range(300) for i in indices(data, strategy="random", size=10, seed=seed))
    assert len(times) == 40
    assert min(times.values()) > 40 and max(times.values()) < 115


def test_strata_get_equal_shares_as_far_as_they_go(pool) -> None:
    data = pool(frames=300)
    there = Counter(data.strata)
    held = Counter(data.strata[i] for i in indices(data, strategy="stratified", size=60))
    full = [number for name, number in held.items() if number < there[name]]
    assert sum(held.values()) == 60
    assert max(held.values()) - min(full) <= 1
    assert all(held[name] == there[name] for name in there if there[name] < max(held.values()) - 1)


def test_pins_count_toward_their_stratum(pool) -> None:
    data = pool(frames=300, clusters=3)
    name = data.strata[0]
    pins = tuple(uri for uri, stratum in zip(data.uris, data.strata, strict=True) if stratum == name)[:10]
    held = Counter(data.strata[i] for i in indices(data, strategy="stratified", size=30, pin=pins))
    assert set(held.values()) == {10}


def test_each_strategy_is_good_at_what_it_is_for(pool) -> None:
    data = pool(seed=5, frames=2000, clusters=40)

    def measured(strategy: str):
        return coverage(data, select(data, SelectionSettings(strategy=strategy, size=60)))

    random, hardest, spread = measured("random"), measured("hardest"), measured("k-center")
    apart, both = measured("hardest-nms"), measured("weighted-k-center")
    assert spread.least_similarity > random.least_similarity
    assert min(spread.mean_similarity, both.mean_similarity) > random.mean_similarity
    assert apart.mean_similarity > hardest.mean_similarity
    assert hardest.difficulty_percentile > apart.difficulty_percentile > 60
    assert both.difficulty_percentile > spread.difficulty_percentile + 10
    assert measured("stratified").strata_balance > random.strata_balance


def test_similarities_are_cosines_to_within_a_thousandth_and_whole_numbers(pool) -> None:
    data = pool(frames=200, dimensions=256)
    rows = data.descriptors.astype(np.float64)
    assert np.abs(similarity(data) - rows @ rows.T).max() < 1e-3
    rounded = vectors(data.descriptors, np.arange(200))
    assert (np.einsum("nd,nd->n", rounded.steps, rounded.steps, dtype=np.float64) <= 2**24).all()
    products = rounded.products(np.arange(200), np.arange(200))
    steps = rounded.steps.astype(np.int64)
    assert (products.astype(np.int64) == steps @ steps.T).all()
    scaled = vectors(data.descriptors * np.float32(7.5), np.arange(200))
    assert np.abs(scaled.steps - rounded.steps).max() <= 1


def test_a_frame_without_a_descriptor_resembles_nothing() -> None:
    rounded = vectors(np.zeros((3, 4), np.float32), np.arange(3))
    assert not rounded.closest(np.array([0])).any()
