"""A process that spends until its budget is exhausted or it is killed: STATE BOOKS CAP_EUR SEED settle|keep.

BOOKS is the upstream's own record: a line `call_id worst_case cost` for each request, written where the request would
leave. Lines outlive the process, since the kernel has them when write() returns.
"""

from __future__ import annotations

import asyncio
import os
import random
import sys
import uuid
from pathlib import Path

from calibtui.core.errors import BudgetExhaustedError
from calibtui.gateway.money.ledger import Ledger
from calibtui.store.store import Store
from calibtui.workspace.settings import BudgetSettings

WORKERS = 64
NODES = ("team/marco", "team/giulia")


def budgets(cap_eur: float) -> dict[str, BudgetSettings]:
    """The team's cap is the one that binds; each engineer's alone is two thirds of it."""
    caps = {"team": cap_eur, **dict.fromkeys(NODES, cap_eur * 2 / 3)}
    return {node: BudgetSettings(node, eur) for node, eur in caps.items()}


async def worker(ledger: Ledger, node: str, books: int, rng: random.Random, settles: bool) -> None:
    while True:
        call_id, worst = uuid.uuid4().hex, rng.randrange(1, 2000)
        try:
            hold = await ledger.hold(node, worst, call_id, wait=settles)
        except BudgetExhaustedError:
            return
        cost = rng.randrange(worst + 1) if settles else worst
        os.write(books, f"{call_id} {worst} {cost}\n".encode())
        await asyncio.sleep(0.005 * rng.random())
        if settles:
            ledger.settle(hold, cost, measured=True)


async def spend(state: str, books: str, cap_eur: str, seed: str, mode: str) -> None:
    rng = random.Random(int(seed))
    file = os.open(books, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    with Store(Path(state)) as store:
        async with Ledger.open(store.ledger, budgets(float(cap_eur))) as ledger:
            print("ready", flush=True)
            crowd = (worker(ledger, NODES[n % 2], file, rng, mode == "settle") for n in range(WORKERS))
            await asyncio.gather(*crowd)


if __name__ == "__main__":
    asyncio.run(spend(*sys.argv[1:]))
