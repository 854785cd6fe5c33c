"""Requests a second of 60 KB frames against one upstream: through LiteLLM's proxy, through Portkey's gateway, and ours.

`python -m bench gateways`. Ours is the whole of scoring, with its durable ledger and its store, straight to the
upstream; the gateways get the same requests from a client that keeps nothing, at the same concurrency, one process
each as they come. All in one run and by turns, against an upstream that takes no time, which is the gateways' best
case. `make test-gateways` installs the two; one that isn't there is left out, and the row says why.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.gateways.installed import cache_directory
from tests.gateways.litellm_config import write_config
from tests.gateways.processes import litellm, portkey

from bench.scoring import CROWD, IMAGE, _ours, _upstream
from calibtui.gateway.dialects.dialect import ChatRequest
from calibtui.gateway.dialects.openai import OpenAi
from calibtui.gateway.transport import HttpRequest, HttpTransport
from calibtui.scoring.prompts import load_prompt

Row = dict[str, Any]
MODEL = "judge-1"
LEAST = {"LiteLLM's proxy": 20.0, "Portkey's gateway": 5.0}
WARM_UP = 16


@dataclass(frozen=True)
class Front:
    """How to reach the upstream: `url` without the API's own path."""

    url: str
    headers: Mapping[str, str]


def run(quick: bool = False) -> dict[str, Any]:
    """{"name", "rows": [{"what", "value", "unit", "ratio", "target", "ok"}]}; a ratio is ours to that row's."""
    turns, ours, theirs = (1, 2000, 150) if quick else (3, 4000, 300)
    with tempfile.TemporaryDirectory(prefix="calibtui-bench-") as directory, _upstream(0.0) as url:
        root = Path(directory)
        direct = _rate(root, Front(url, {}), ours)
        rates = [_ours(root, url, ours, paid=True).rate]
        rows = []
        for name, reached in (("LiteLLM's proxy", _litellm), ("Portkey's gateway", _portkey)):
            why = _missing(name)
            if why:
                rows.append(_row(f"{name}: left out, {why}", None))
                continue
            rows.append(_beside(root, url, name, reached, turns, ours, theirs, rates))
    first = _row("scoring with ledger and store, straight to the upstream", statistics.median(rates))
    return {"name": "gateways", "rows": [_row("the client alone, straight to the upstream", direct), first, *rows]}


def _beside(
    root: Path,
    url: str,
    name: str,
    reached: Callable[[Path, str], AbstractContextManager[Front]],
    turns: int,
    ours: int,
    theirs: int,
    rates: list[float],
) -> Row:
    """A gateway's row; adds our own rates beside it to `rates`."""
    pairs = []
    with reached(root, url) as front:
        _rate(root, front, WARM_UP)
        for _ in range(turns):
            pairs.append((_ours(root, url, ours, paid=True).rate, _rate(root, front, theirs)))
    rates += [one for one, _ in pairs]
    ratio, least = statistics.median(one / other for one, other in pairs), LEAST[name]
    through = statistics.median(other for _, other in pairs)
    return _row(f"through {name}", through, ratio, f"ours ≥ {least:g} times", ratio >= least)


def _rate(root: Path, front: Front, requests: int) -> float:
    """Requests a second of a client that keeps nothing. Raises RuntimeError for an answer that is none."""

    async def go() -> None:
        prompt = load_prompt(root, "difficulty@1")
        template = OpenAi(ChatRequest(MODEL, prompt.system, prompt.user, 120, 0.0, prompt.schema)).template()
        headers = {"Content-Type": "application/json", **front.headers}
        left = iter(range(requests))
        async with HttpTransport(connections=CROWD) as transport:

            async def worker() -> None:
                for _ in left:
                    request = HttpRequest(f"{front.url}/chat/completions", template.build(IMAGE), headers, 300.0)
                    reply = await transport.send(request)
                    if reply.status != 200 or b"difficulty" not in reply.body:
                        raise RuntimeError(f"{reply.status}: {reply.body[:300]!r}")

            await asyncio.gather(*(worker() for _ in range(CROWD)))

    started = time.perf_counter()
    asyncio.run(go())
    return requests / (time.perf_counter() - started)


@contextlib.contextmanager
def _litellm(root: Path, url: str) -> Iterator[Front]:
    keys = write_config(root, {MODEL: (url, "sk-none")})
    with litellm(root / "litellm.yaml", keys.master) as address:
        yield Front(f"{address}/v1", {"Authorization": f"Bearer {keys.free}"})


@contextlib.contextmanager
def _portkey(root: Path, url: str) -> Iterator[Front]:
    headers = {"Authorization": "Bearer sk-none", "x-portkey-provider": "openai", "x-portkey-custom-host": url}
    with portkey(root / "portkey.log") as address:
        yield Front(f"{address}/v1", headers)


def _missing(name: str) -> str:
    """Why it can't be measured here, "" where it can."""
    home = cache_directory() / ("litellm" if name.startswith("LiteLLM") else "portkey")
    if not (home / ".ready").exists():
        return "not installed (make test-gateways installs it)"
    if home.name == "portkey" and shutil.which("node") is None:
        return "node is missing"
    return ""


def _row(
    what: str, value: float | None, ratio: float | None = None, target: str | None = None, ok: bool | None = None
) -> Row:
    return {"what": what, "value": value, "unit": "requests/s", "ratio": ratio, "target": target, "ok": ok}
