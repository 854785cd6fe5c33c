"""What a run asks its judge: one question a frame and pass, known by its key before any picture is read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from calibtui.core.scores import ScoreKey
from calibtui.pipeline.context import Context
from calibtui.scoring.judge import FrameToScore
from calibtui.store.frames import FrameRow


@dataclass(frozen=True, slots=True)
class JudgeIdentity:
    """Everything of a judge that its answers are stored under. `name` is "vlm" or "detector", `prompt` name@version."""

    name: str
    model: str
    prompt: str
    prompt_digest: str
    parameters_digest: str


@dataclass(frozen=True, slots=True)
class Questions:
    """`frames`: the pool's distinct frames by uri; `payloads`: what each becomes for the judge, by digest; `passes`
    asked of each."""

    identity: JudgeIdentity
    frames: Sequence[FrameRow]
    payloads: Sequence[str]
    passes: int

    def __len__(self) -> int:
        return len(self.frames) * self.passes

    def key(self, place: int, pass_number: int) -> ScoreKey:
        identity = self.identity
        return ScoreKey(
            self.payloads[place], identity.prompt_digest, identity.model, identity.parameters_digest, pass_number
        )

    def table(self) -> pa.Table:
        """The keys as the store looks them up; `place` is the frame's position."""
        count = len(self.frames)
        uris, digests = [frame.uri for frame in self.frames], [frame.digest for frame in self.frames]
        identity = self.identity
        return pa.table(
            {
                "payload_digest": list(self.payloads) * self.passes,
                "prompt_digest": pa.repeat(identity.prompt_digest, len(self)),
                "model": pa.repeat(identity.model, len(self)),
                "parameters_digest": pa.repeat(identity.parameters_digest, len(self)),
                "pass": np.repeat(np.arange(1, self.passes + 1, dtype=np.int32), count),
                "place": np.tile(np.arange(count, dtype=np.int64), self.passes),
                "frame_uri": uris * self.passes,
                "digest": digests * self.passes,
            }
        )

    def unanswered(self, context: Context, answers: pa.Table) -> list[FrameToScore]:
        """The questions that `answers` leaves open: the first pass of every frame before any second one, and within a
        pass in the
        order of a hash, so that the first ones asked are a random draw of what the rest will be like."""
        count = len(self.frames)
        open_ = np.ones(len(self), bool)
        open_[(answers["pass"].to_numpy() - 1) * count + answers["place"].to_numpy()] = False
        left = [
            FrameToScore(frame.uri, context.path_of(frame.uri), frame.digest, int(index) // count + 1)
            for index in np.flatnonzero(open_)
            for frame in (self.frames[int(index) % count],)
        ]
        # A digest is as good as random, and the same frames come in the same order every time.
        return sorted(left, key=lambda frame: (frame.pass_number, frame.digest))


@dataclass(frozen=True, slots=True)
class Verdicts:
    """The answers a frame: `difficulty` (N,) is the mean over its passes, nan where one is missing; `reasons` of its
    first
    pass; `models` that answered."""

    difficulty: NDArray[np.float64]
    reasons: tuple[tuple[str, ...], ...]
    models: tuple[str, ...]

    @property
    def scored(self) -> int:
        return int((~np.isnan(self.difficulty)).sum())


def verdicts(questions: Questions, answers: pa.Table) -> Verdicts:
    """Folds stored answers (ScoreTable.cached) into one verdict a frame."""
    count = len(questions.frames)
    places = answers["place"].to_numpy()
    seen = np.bincount(places, minlength=count)
    total = np.bincount(places, weights=answers["difficulty"].to_numpy(), minlength=count)
    difficulty = np.full(count, np.nan)
    whole = seen == questions.passes
    difficulty[whole] = total[whole] / questions.passes
    reasons: list[tuple[str, ...]] = [()] * count
    first = answers.filter(pc.equal(answers["pass"], 1))
    for place, said in zip(first["place"].to_pylist(), first["reasons"].to_pylist(), strict=True):
        reasons[place] = tuple(said)
    models = sorted(pc.unique(answers["answered_model"]).to_pylist())
    return Verdicts(difficulty, tuple(reasons), tuple(models))
