"""Frames on disk, a practice judge on loopback, and vlm judges that ask it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageFilter

from calibtui.core.digests import file_digest
from calibtui.gateway.client import RetryPolicy
from calibtui.practice.options import PracticeOptions
from calibtui.practice.server import PracticeServer
from calibtui.scoring.judge import FrameToScore
from calibtui.scoring.prompts import load_prompt
from calibtui.scoring.vlm import VlmJudge, vlm_judge
from calibtui.workspace.settings import KeySettings, PriceSettings, ProviderSettings, ScoringSettings

PRICE = PriceSettings(2.0, 8.0)


@pytest.fixture
def frames(tmp_path: Path) -> Callable[[int], list[FrameToScore]]:
    """frames(n) writes n different JPEGs, from sharp to blurred."""

    def write(count: int) -> list[FrameToScore]:
        directory = tmp_path / "images"
        directory.mkdir(exist_ok=True)
        made = []
        for number in range(count):
            noise = np.random.default_rng(number).integers(0, 255, (12, 16), np.uint8)
            image = Image.fromarray(noise).resize((128, 96), Image.Resampling.NEAREST)
            path = directory / f"{number:04}.jpg"
            image.filter(ImageFilter.GaussianBlur(number % 7)).save(path)
            made.append(FrameToScore(f"images/{path.name}", path, file_digest(path)))
        return made

    return write


@pytest.fixture
async def practice() -> AsyncIterator[Callable[..., Awaitable[PracticeServer]]]:
    """await practice(**options) starts a practice judge."""
    running: list[PracticeServer] = []

    async def start(**options: Any) -> PracticeServer:
        running.append(PracticeServer(PracticeOptions(**options), {"KEY": "a-practice-key"}))
        await running[-1].start()
        return running[-1]

    yield start
    for server in running:
        await server.close()


@pytest.fixture
async def judging(tmp_path: Path) -> AsyncIterator[Callable[..., VlmJudge]]:
    """judging(url, **scoring) makes a vlm judge for the practice model at `url`."""
    made: list[VlmJudge] = []

    def make(url: str, **scoring: Any) -> VlmJudge:
        settings = replace(ScoringSettings(model="practice-vlm-1", concurrency=4, deadline_s=30.0), **scoring)
        model = settings.model or ""
        provider = ProviderSettings("practice", url, keys=(KeySettings("KEY"),), models={model: PRICE})
        prompt = load_prompt(tmp_path, settings.prompt)
        retry = RetryPolicy(first_wait_s=0.005, longest_wait_s=0.02)
        environ = {"KEY": "a-practice-key"}
        made.append(vlm_judge(settings, {"practice": provider}, prompt, environ, retry=retry))
        return made[-1]

    yield make
    for judge in made:
        await judge.close()
