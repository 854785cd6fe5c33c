"""Gateways in front of practice judges: a simulated Bifrost, and LiteLLM and Portkey for real."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.gateways.bifrost import Bifrost, VirtualKey
from tests.gateways.fronts import UPSTREAM_KEY, Front, Upstreams
from tests.gateways.litellm_config import LiteLLMKeys, write_config
from tests.gateways.loopback import Loopback
from tests.gateways.processes import litellm, portkey

from calibtui.practice.options import PracticeOptions
from calibtui.practice.server import PracticeServer

BIFROST_KEY = "sk-bf-3c1f0a9b7d5e"
SLOW_MS = 8000.0
BY_MODEL = {"plain": "practice-vlm-1", "limited": "limited", "failing": "failing", "locked": "locked"}


@pytest.fixture(scope="session")
def loopback() -> Iterator[Loopback]:
    servers = Loopback()
    yield servers
    servers.close()


@pytest.fixture(scope="session")
def upstreams(loopback: Loopback) -> Iterator[Upstreams]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("UPSTREAM_KEY", UPSTREAM_KEY)
        yield Upstreams.start(loopback)


@pytest.fixture(scope="session")
def bifrost_front(loopback: Loopback, upstreams: Upstreams) -> Front:
    simulated = Bifrost(upstreams.routes(), {BIFROST_KEY: VirtualKey()})
    return Front("bifrost", loopback.app(simulated.app()) + "/v1", BIFROST_KEY, BY_MODEL)


@pytest.fixture(scope="session")
def slow_judges(loopback: Loopback) -> dict[str, PracticeServer]:
    """Judges of their own books behind models with a deployment budget, slow enough for calls to be there together."""
    models = ("capped-unguarded", "capped-guarded-1", "capped-guarded-3")
    return {model: loopback.judge(PracticeOptions(latency_ms=SLOW_MS)) for model in models}


@pytest.fixture(scope="session")
def litellm_proxy(
    upstreams: Upstreams, slow_judges: dict[str, PracticeServer], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, LiteLLMKeys]]:
    """The address and keys of a LiteLLM without a cache and without a database."""
    directory = tmp_path_factory.mktemp("litellm")
    routes = upstreams.routes()
    routes |= {model: (judge.url, UPSTREAM_KEY) for model, judge in slow_judges.items()}
    keys = write_config(directory, {**routes, "capped": routes["practice-vlm-1"]})
    with litellm(directory / "litellm.yaml", keys.master) as address:
        yield address, keys


@pytest.fixture(scope="session")
def litellm_front(litellm_proxy: tuple[str, LiteLLMKeys]) -> Front:
    address, keys = litellm_proxy
    return Front("litellm", f"{address}/v1", keys.free, BY_MODEL)


@pytest.fixture(scope="session")
def portkey_front(upstreams: Upstreams, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    headers = {
        name: {"x-portkey-provider": "openai", "x-portkey-custom-host": getattr(upstreams, name).url}
        for name in BY_MODEL
    }
    with portkey(tmp_path_factory.mktemp("portkey") / "portkey.log") as address:
        yield Front(
            "portkey", f"{address}/v1", "sk-wrong-5f0c1d8e9a7b", dict.fromkeys(BY_MODEL, "practice-vlm-1"), headers
        )


@pytest.fixture(
    params=[
        "bifrost",
        pytest.param("litellm", marks=pytest.mark.gateways),
        pytest.param("portkey", marks=pytest.mark.gateways),
    ]
)
def front(request: pytest.FixtureRequest) -> Front:
    """Each gateway in turn; Bifrost's is simulated."""
    return request.getfixturevalue(f"{request.param}_front")


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Eight frames of 320 × 240 px that a judge finds differently hard."""
    import numpy as np
    from PIL import Image, ImageFilter

    directory = tmp_path_factory.mktemp("pictures")
    rng = np.random.default_rng(7)
    paths = []
    for number in range(8):
        levels = rng.integers(0, 256 - 24 * number, (30, 40, 3), np.uint8)
        picture = Image.fromarray(levels).resize((320, 240), Image.Resampling.NEAREST)
        paths.append(directory / f"{number}.jpg")
        picture.filter(ImageFilter.GaussianBlur(number)).save(paths[-1], quality=90)
    return paths
