"""Keys share the load by weight and by health."""

from __future__ import annotations

import random
from collections import Counter

from calibtui.gateway.endpoint import Key
from calibtui.gateway.keyring import LEAST_HEALTH, KeyRing
from calibtui.gateway.secrets import Secret


def ring(*weights: float) -> KeyRing:
    return KeyRing(
        [Key(Secret(f"KEY_{n}", f"value-{n}"), weight) for n, weight in enumerate(weights)], random.Random(0)
    )


def shares(keys: KeyRing, now: float = 0.0) -> list[float]:
    picked = Counter(keys.pick(now) for _ in range(4000))
    return [picked[lane] / 4000 for lane in range(2)]


def test_keys_are_picked_by_weight() -> None:
    assert 0.7 < shares(ring(3.0, 1.0))[0] < 0.8


def test_a_key_that_fails_is_picked_less_and_still_tried() -> None:
    keys = ring(1.0, 1.0)
    for _ in range(20):
        keys.failed(0)
    failing = shares(keys)[0]
    assert 0 < failing < 4 * LEAST_HEALTH


def test_a_key_that_works_again_gets_its_share_back() -> None:
    keys = ring(1.0, 1.0)
    for _ in range(20):
        keys.failed(0)
    for _ in range(6):
        keys.worked(0)
    assert 0.45 < shares(keys)[0] < 0.55


def test_a_paused_key_rests_until_its_time_and_none_is_picked_while_all_do() -> None:
    keys = ring(1.0, 1.0)
    keys.pause(0, 10.0)
    assert shares(keys, now=9.0) == [0.0, 1.0]
    keys.pause(1, 12.0)
    assert keys.pick(9.0) is None
    assert keys.opens_at() == 10.0
    keys.pause(0, 5.0)
    assert keys.pick(9.0) is None


def test_an_endpoint_without_keys_has_one_nameless_lane() -> None:
    keys = ring()
    assert keys.pick(0.0) == 0
    assert keys.key(0) is None
