"""Killed at any moment, as often as you like: the upstream's own books never pass the cap, and ours explain theirs."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from calibtui.core.money import micro_eur
from calibtui.gateway.money.ledger import Ledger
from calibtui.store.store import Store
from calibtui.workspace.settings import BudgetSettings

PROCESS = Path(__file__).with_name("spending_process.py")
NODES = ("team/marco", "team/giulia")


def budgets(cap_eur: float) -> dict[str, BudgetSettings]:
    caps = {"team": cap_eur, **dict.fromkeys(NODES, cap_eur * 2 / 3)}
    return {node: BudgetSettings(node, eur) for node, eur in caps.items()}


def start(where: Path, cap_eur: float, seed: int, mode: str) -> subprocess.Popen[str]:
    arguments = [str(where / "state"), str(where / "books"), str(cap_eur), str(seed), mode]
    process = subprocess.Popen([sys.executable, str(PROCESS), *arguments], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stdout.readline() == "ready\n"
    return process


def kill_again_and_again(where: Path, kills: int, cap_eur: float, mode: str, longest_life_s: float) -> int:
    """How many lives ended by the kill and not by an exhausted budget; then one that isn't killed."""
    rng, killed = random.Random(kills), 0
    for seed in range(kills):
        process = start(where, cap_eur, seed, mode)
        time.sleep(longest_life_s * rng.random())
        process.kill()
        killed += process.wait() == -signal.SIGKILL
    assert start(where, cap_eur, kills, mode).wait(timeout=120) == 0
    return killed


def upstream_books(where: Path) -> dict[str, tuple[int, int]]:
    """call id → (worst case, cost), micro-EUR."""
    rows = [line.split() for line in (where / "books").read_text().splitlines()]
    assert len({row[0] for row in rows}) == len(rows)
    return {call_id: (int(worst), int(cost)) for call_id, worst, cost in rows}


async def check_books(where: Path, cap_eur: float) -> None:
    sent = upstream_books(where)
    charged = sum(cost for _, cost in sent.values())
    assert charged <= micro_eur(cap_eur)
    with Store(where / "state") as store:
        held = {call.call_id: call for call in store.ledger.calls(sent)}
        assert {call_id: call.held for call_id, call in held.items()} == {i: worst for i, (worst, _) in sent.items()}
        async with Ledger.open(store.ledger, budgets(cap_eur)) as ledger:
            before = ledger.lines()[0]
            assert charged <= before.spent + before.held <= before.cap
            statement = {call_id: cost for call_id, (_, cost) in sent.items()}
            rows = await ledger.reconcile(statement, who="test", complete=True)
            after = ledger.lines()[0]
            assert (after.spent, after.held) == (charged, 0)
            assert sum(row.difference for row in rows) == charged - before.spent - before.held
            assert all(row.why and row.booked for row in rows)
        assert Ledger.open(store.ledger, budgets(cap_eur)).lines()[0] == after


async def test_ten_kills_and_the_upstream_was_never_asked_for_more_than_the_cap(tmp_path):
    assert kill_again_and_again(tmp_path, 10, 2.0, "settle", 0.25) >= 3
    await check_books(tmp_path, 2.0)


async def test_calls_that_are_never_settled_use_the_cap_up_by_their_worst_cases(tmp_path):
    kill_again_and_again(tmp_path, 2, 0.5, "keep", 0.2)
    assert sum(worst for worst, _ in upstream_books(tmp_path).values()) <= micro_eur(0.5)
    await check_books(tmp_path, 0.5)


@pytest.mark.soak
@pytest.mark.timeout(900)
async def test_fifty_kills_at_random_moments(tmp_path):
    kill_again_and_again(tmp_path, 50, 12.0, "settle", 0.6)
    await check_books(tmp_path, 12.0)
