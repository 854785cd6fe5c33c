"""Scoring a pool whose scores are all in the cache: 80,000 frames, no picture read, nothing asked."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from calibtui.core.frames import IndexedFrame
from calibtui.core.progress import StopFlag, silent
from calibtui.core.scores import Score
from calibtui.detector.detector import Detector
from calibtui.pipeline.context import Context
from calibtui.pipeline.judges import ConfiguredJudge, configured_judge
from calibtui.pipeline.score_stage import score_pool
from calibtui.store.store import Store
from calibtui.workspace.load import settings_from

TARGET_S = 5.0
DOCUMENT = {
    "pool": {"images": "nowhere"},
    "scoring": {"model": "m"},
    "providers": {
        "p": {
            "base_url": "http://127.0.0.1:9/v1",
            "models": {"m": {"eur_per_million_input": 1.0, "eur_per_million_output": 1.0}},
        }
    },
}


def run(quick: bool = False) -> dict[str, Any]:
    """Wall seconds of the score stage beside reading the same rows from the store; the files named do not exist."""
    frames = 8_000 if quick else 80_000
    with tempfile.TemporaryDirectory(prefix="calibtui-bench-") as folder:
        root = Path(folder)
        settings = settings_from(DOCUMENT, root, root / "calibtui.toml")
        with Store(settings.state) as store:
            context = Context(settings, store, "bench", silent, StopFlag())
            _fill(context, frames)
            started = time.perf_counter()
            judge = _judge(context)
            summary, error = score_pool(context, judge)
            seconds = time.perf_counter() - started
            assert error is None and summary.exact_hits == frames and summary.calls == 0
            started = time.perf_counter()
            store.scores.cached(judge.questions.table())
            bare = time.perf_counter() - started
    limit = TARGET_S * frames / 80_000
    row = {"what": f"score stage, {frames:,} frames all cached", "value": seconds, "unit": "s", "ratio": seconds / bare}
    return {
        "name": "rescoring",
        "rows": [
            {"what": "the look-up alone", "value": bare, "unit": "s"},
            {**row, "target": f"≤ {limit:g} s", "ok": seconds <= limit},
        ],
    }


def _judge(context: Context) -> ConfiguredJudge:
    def no_detector() -> Detector:
        raise AssertionError("a vision-language judge needs no detector")

    frames = context.store.frames.usable("pool", unique=True)
    return configured_judge(context, no_detector, context.settings.scoring, frames)


def _fill(context: Context, count: int) -> None:
    vector = np.ones(8, np.float32)
    digests = [f"{number:064x}" for number in range(count)]
    frames = [
        IndexedFrame(f"pool/{d[-8:]}.jpg", Path(f"pool/{d[-8:]}.jpg"), d, 1, 1, 64, 64, "JPEG", vector) for d in digests
    ]
    context.store.frames.write("pool", frames, 1)
    questions = _judge(context).questions
    identity = questions.identity
    scores = [
        (
            questions.key(place, 1),
            Score(
                frame.uri, frame.digest, place % 101 / 100, ("blur",), identity.prompt, identity.prompt_digest,
                "m", "m", "p", 1, None, 700, 20, 1000, None, 10.0, 1.0,
            ),
        )
        for place, frame in enumerate(questions.frames)
    ]  # fmt: skip
    context.store.scores.commit("earlier", scores)
