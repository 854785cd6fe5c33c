"""A run that is killed has lost at most the requests that were in flight, by the judge's own count."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from calibtui.practice.options import PracticeOptions
from calibtui.practice.process import practice_server, read_books
from calibtui.scoring.judge import FrameToScore

CONCURRENCY = 6
FRAMES = 100

RUN = """
import asyncio, json, os, sys
from dataclasses import asdict
from pathlib import Path
from calibtui.core.digests import file_digest
from calibtui.core.progress import StopFlag
from calibtui.core.scores import Score
from calibtui.scoring.judge import FrameToScore
from calibtui.scoring.prompts import load_prompt
from calibtui.scoring.run import score_frames
from calibtui.scoring.sink import GroupCommitSink
from calibtui.scoring.vlm import vlm_judge
from calibtui.workspace.settings import PriceSettings, ProviderSettings, ScoringSettings

root, url, concurrency = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
log = root / "scores.jsonl"
whole = [line for line in log.read_text().splitlines(True) if line.endswith("\\n")] if log.exists() else []
log.write_text("".join(whole))
done = {json.loads(line)["digest"] for line in whole}

def commit(records):
    with log.open("a") as file:
        file.writelines(json.dumps(asdict(r)) + "\\n" for r in records if isinstance(r, Score))
        file.flush()
        os.fsync(file.fileno())

async def main():
    settings = ScoringSettings(model="practice-vlm-1", concurrency=concurrency)
    provider = ProviderSettings("p", url, models={"practice-vlm-1": PriceSettings(1.0, 1.0)})
    judge = vlm_judge(settings, {"p": provider}, load_prompt(root, "difficulty@1"), {})
    frames = [FrameToScore(p.name, p, file_digest(p)) for p in sorted((root / "images").glob("*.jpg"))]
    left = [frame for frame in frames if frame.digest not in done]
    sink = GroupCommitSink(commit)
    outcome = await score_frames(left, judge, sink, concurrency=concurrency, stop=StopFlag(), pool_size=len(frames))
    await sink.close()
    await judge.close()
    assert outcome.stopped_by is None, outcome

asyncio.run(main())
"""


def lines(log: Path) -> int:
    return log.read_bytes().count(b"\n") if log.exists() else 0


def test_killed_again_and_again_each_kill_costs_at_most_the_requests_in_flight(
    tmp_path: Path, frames: Callable[[int], list[FrameToScore]]
) -> None:
    frames(FRAMES)
    log = tmp_path / "scores.jsonl"
    kills = 0
    with practice_server(PracticeOptions(latency_ms=40)) as url:
        command = [sys.executable, "-c", RUN, str(tmp_path), url, str(CONCURRENCY)]
        for kill_at in (25, 70):
            with subprocess.Popen(command) as process:
                while process.poll() is None and lines(log) < kill_at:
                    time.sleep(0.005)
                kills += process.poll() is None
                process.kill()
        subprocess.run(command, check=True, timeout=120)
        books = read_books(url)
    scored = [json.loads(line)["digest"] for line in log.read_text().splitlines()]
    assert kills == 2
    assert len(scored) == len(set(scored)) == FRAMES
    assert FRAMES <= books["requests"] <= FRAMES + kills * CONCURRENCY
    assert len(books["images"]) == FRAMES
