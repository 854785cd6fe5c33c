"""A small pool with everything that makes choosing awkward: clusters, ties, copies, frames without a score."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest

from calibtui.selection.select import SelectionInput

Pool = Callable[..., SelectionInput]


@pytest.fixture(scope="session")
def pool() -> Pool:
    return random_pool


@pytest.fixture(scope="session")
def reordered() -> Callable[[SelectionInput, Sequence[int]], SelectionInput]:
    return in_order


def random_pool(
    seed: int = 0, frames: int = 300, dimensions: int = 24, clusters: int = 12, copies: int = 0, unscored: int = 0
) -> SelectionInput:
    """Clusters of very unequal size; difficulty in 20 levels; the last `copies` frames repeat the first ones'
    contents."""
    random = np.random.default_rng(seed)
    share = 1.0 / np.arange(1, clusters + 1)
    label = random.choice(clusters, frames, p=share / share.sum())
    centre = random.normal(size=(clusters, dimensions))
    rows = centre[label] + 0.3 * random.normal(size=(frames, dimensions))
    difficulty = np.round(random.beta(2, 4, frames), 1 if frames < 50 else 2)
    difficulty[random.permutation(frames)[:unscored]] = np.nan
    digests = [hashlib.sha256(f"{seed} {i}".encode()).hexdigest() for i in range(frames)]
    source = np.arange(frames)
    if copies:
        source[-copies:] = source[:copies]
    descriptors = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    return SelectionInput(
        uris=[f"images/{i:05}.jpg" for i in range(frames)],
        digests=[digests[i] for i in source],
        difficulty=difficulty[source],
        reasons=[("blur",) if d > 0.5 else () for d in difficulty[source]],
        descriptors=descriptors[source],
        strata=[f"station {label[i]}" for i in source],
    )


def in_order(data: SelectionInput, order: Sequence[int]) -> SelectionInput:
    """The frames `order` of `data`."""
    return replace(
        data,
        uris=[data.uris[i] for i in order],
        digests=[data.digests[i] for i in order],
        difficulty=data.difficulty[list(order)],
        reasons=[data.reasons[i] for i in order],
        descriptors=data.descriptors[list(order)],
        strata=None if data.strata is None else [data.strata[i] for i in order],
    )
