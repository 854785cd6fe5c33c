"""256 workers, random prices, replies of random usage, kills at random: the upstream's own books never exceed the cap,
and reconciling explains every micro-EUR by which ours differ from them."""

from __future__ import annotations

import asyncio
import os
import random
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.gateway import campaign_process
from tests.gateway.campaign_process import IMAGE_TOKENS, MAX_TOKENS, budgets, gateway
from tests.gateway.campaign_upstream import CampaignUpstream

from calibtui.core.money import Price
from calibtui.gateway.money.ledger import Ledger
from calibtui.store.store import Store

ROOT = Path(__file__).resolve().parents[2]
WORTH_CALLS = 1000
LIVES_WITHIN_S = 120


@dataclass(frozen=True)
class Campaign:
    """micro-EUR. `explained`: of the reconciliation's rows, all told; `kills` that hit a life before its budget
    ended."""

    cap: int
    charged: int
    booked: int
    explained: int
    calls: int
    unsettled: int
    kills: int

    def __str__(self) -> str:
        share = self.charged / self.cap
        return (
            f"{self.calls} calls, {self.kills} kills, {self.unsettled} left open; upstream charged {self.charged} "
            f"of {self.cap} micro-EUR ({share:.1%}), booked {self.booked}, explained {self.explained}"
        )


async def campaign(state: Path, seed: int, *, most_kills: int) -> Campaign:
    """Lives that are killed at random, then one that ends with its budget; raises AssertionError where the books can't
    be brought together."""
    rng = random.Random(seed)
    price = Price(rng.randint(100_000, 30_000_000), rng.randint(400_000, 120_000_000))
    unused = gateway("http://127.0.0.1:9/v1", price, None, None)
    cap = WORTH_CALLS * unused.worst_micro_eur
    upstream = CampaignUpstream(price, IMAGE_TOKENS, MAX_TOKENS, rng)
    url = await upstream.start()
    kills = 0
    try:
        for _ in range(rng.randint(1, most_kills)):
            kills += await _life(
                state, url, cap, price, kill_after=rng.randint(0, WORTH_CALLS * 9 // 10), upstream=upstream
            )
        assert not await _life(state, url, cap, price, kill_after=None, upstream=upstream)
    finally:
        await upstream.stop()
    return await _reconciled(state, cap, upstream.charged, kills)


async def _life(
    state: Path, url: str, cap: int, price: Price, *, kill_after: int | None, upstream: CampaignUpstream
) -> bool:
    """Whether it was killed, which happens once the upstream has charged so many calls more."""
    arguments = (str(state), url, str(cap), str(price.input_micro_eur), str(price.output_micro_eur))
    command = (sys.executable, campaign_process.__file__, *arguments)
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE, cwd=ROOT, env=environ)
    assert process.stdout is not None
    assert await process.stdout.readline() == b"ready\n"
    before, ended = len(upstream.charged), asyncio.create_task(process.wait())
    async with asyncio.timeout(LIVES_WITHIN_S):
        while not ended.done():
            if kill_after is not None and len(upstream.charged) - before >= kill_after:
                process.kill()
                return await ended != 0
            await asyncio.wait([ended], timeout=0.003)
    assert await ended == 0
    return False


async def _reconciled(state: Path, cap: int, charged: dict[str, int], kills: int) -> Campaign:
    total = sum(charged.values())
    assert total <= cap, "the upstream's own books"
    with Store(state) as store:
        assert len(store.ledger.calls(charged)) == len(charged), "no request left before its hold was on disk"
        async with Ledger.open(store.ledger, budgets(cap)) as ledger:
            before, unsettled = ledger.lines()[0], len(await ledger.unsettled())
            booked = before.spent + before.held
            assert total <= booked <= cap
            rows = await ledger.reconcile(charged, who="campaign", why="the upstream's books", complete=True)
            after = ledger.lines()[0]
            assert (after.spent, after.held) == (total, 0)
            assert all(row.why for row in rows)
            assert {row.call_id for row in rows} >= set(charged)
        explained = sum(row.difference for row in rows)
        assert explained == total - booked, "every micro-EUR of the difference"
        assert Ledger.open(store.ledger, budgets(cap)).lines()[0] == after
    return Campaign(cap, total, booked, explained, len(charged), unsettled, kills)


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_the_upstreams_own_books_never_exceed_the_cap_and_reconciling_explains_the_difference(
    tmp_path: Path, seed: int
) -> None:
    result = await campaign(tmp_path, seed, most_kills=1)
    assert result.kills == 1
    assert result.calls > 256
    assert result.charged > result.cap / 3, "much of the cap was used"


@pytest.mark.soak
@pytest.mark.timeout(3600)
async def test_fifty_campaigns(tmp_path: Path) -> None:
    results = []
    for seed in range(100, 150):
        results.append(await campaign(tmp_path / str(seed), seed, most_kills=4))
        print(f"{seed}: {results[-1]}", flush=True)
    assert sum(result.kills for result in results) >= 50
    assert any(result.unsettled for result in results)
    assert all(result.explained <= 0 for result in results), "ours never counted less than theirs"
