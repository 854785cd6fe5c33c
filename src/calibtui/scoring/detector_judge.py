"""The detector judge: difficulty from the engineer's own model and its simulated-INT8 twin; no key, no network, no
cost.

    difficulty = (uncertainty + disagreement) / 2

uncertainty: mean binary entropy, in bits, of the TOP_K highest confidences, weighted by the confidences themselves: 0
where every detection is sure, 1 where every one stands at 0.5. Weighting keeps the long tail of background boxes at
0.02 from deciding. Where no confidence reaches SEEN_FROM it is NOTHING_SEEN: a detector that sees nothing may face an
empty frame or miss everything, and can't tell which.

disagreement: 1 − Σ w·a / Σ w over the detections of both models from SEEN_FROM up. Pairs of one class are matched
greedily by IoU, from MATCH_IOU; a pair agrees by a = IoU × (1 − |difference of confidences|), weighs w = the higher
confidence; a detection without a partner agrees by 0 and weighs its own confidence. 0 where neither sees anything.

Limits: what both models miss with confidence, this judge misses too; it knows the model's doubts, not the truth. A
twin that is broken everywhere raises all frames alike. Scores of two different models don't compare.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, cast

import numpy as np
from numpy.typing import NDArray

from calibtui.core.boxes import Detections
from calibtui.core.digests import digest_of
from calibtui.core.scores import FailedScore, Score, ScoreKey
from calibtui.gateway.client import OnCall
from calibtui.pool.images import open_rgb
from calibtui.scoring.judge import FrameToScore

NAME = "detector"
VERSION = 1
TOP_K = 10
SEEN_FROM = 0.05
NOTHING_SEEN = 0.25
MATCH_IOU = 0.3
REASON_FROM = 0.4
PROVIDER = "local"


class Detects(Protocol):
    def detect(self, image_rgb: NDArray[np.uint8]) -> Detections:
        """Final detections of an (H, W, 3) uint8 RGB frame; called from several threads at once."""
        ...


@dataclass(frozen=True, slots=True)
class Doubt:
    """Of one frame, each in [0, 1]. `seen`: whether any confidence reaches SEEN_FROM."""

    uncertainty: float
    disagreement: float
    seen: bool

    @property
    def difficulty(self) -> float:
        return (self.uncertainty + self.disagreement) / 2

    @property
    def reasons(self) -> tuple[str, ...]:
        named = [(self.uncertainty, "uncertain detections")] if self.seen else []
        named.append((self.disagreement, "float and INT8 disagree"))
        strong = [reason for value, reason in sorted(named, reverse=True) if value >= REASON_FROM]
        return tuple(strong if self.seen else [*strong, "nothing detected"])


@dataclass(frozen=True, slots=True)
class _Looked:
    doubt: Doubt
    milliseconds: float


class DetectorJudge:
    """`twin`: the same model with INT8 arithmetic simulated. `model`: its name for people. `model_digests`: of the
    files of both, so that scores of another model are never taken for these."""

    def __init__(self, detector: Detects, twin: Detects, model: str, model_digests: Sequence[str]) -> None:
        self._detector = detector
        self._twin = twin
        self._model = model
        self.prompt = f"{NAME}@{VERSION}"
        self.prompt_digest = digest_of({"formula": self.prompt, "models": list(model_digests)})

    def key(self, frame_digest: str, pass_number: int = 1) -> ScoreKey:
        """What identifies this judge's score of a frame; reads no image."""
        return ScoreKey(frame_digest, self.prompt_digest, self._model, digest_of({}), pass_number)

    def prepare(self, frame: FrameToScore) -> object:
        """Both inferences. Raises UnreadableImage."""
        started = time.monotonic()
        image = open_rgb(frame.path)
        doubt = doubt_of(self._detector.detect(image), self._twin.detect(image))
        return _Looked(doubt, (time.monotonic() - started) * 1000)

    async def ask(self, frame: FrameToScore, prepared: object, on_call: OnCall) -> Score | FailedScore:
        looked = cast(_Looked, prepared)
        return Score(
            frame_uri=frame.uri,
            digest=frame.digest,
            difficulty=looked.doubt.difficulty,
            reasons=looked.doubt.reasons,
            prompt=self.prompt,
            prompt_digest=self.prompt_digest,
            requested_model=self._model,
            answered_model=self._model,
            provider=PROVIDER,
            pass_number=frame.pass_number,
            cached=None,
            input_tokens=0,
            output_tokens=0,
            cost_micro_eur=0,
            budget_node=None,
            latency_ms=looked.milliseconds,
            scored_at=time.time(),
        )

    async def close(self) -> None:
        """Holds nothing open."""


def doubt_of(detected: Detections, by_twin: Detections) -> Doubt:
    """The doubt about one frame, from the detections of both models."""
    seen = any(len(d) > 0 and float(d.scores.max()) >= SEEN_FROM for d in (detected, by_twin))
    return Doubt(uncertainty(detected.scores), disagreement(detected, by_twin), seen)


def uncertainty(scores: NDArray[np.float32]) -> float:
    """Confidence-weighted mean binary entropy, bits, of the TOP_K highest of `scores` (M,)."""
    top = np.sort(np.clip(scores.astype(np.float64), 0.0, 1.0))[::-1][:TOP_K]
    if len(top) == 0 or top[0] < SEEN_FROM:
        return NOTHING_SEEN
    inner = np.clip(top, 1e-12, 1 - 1e-12)
    entropy = -(inner * np.log2(inner) + (1 - inner) * np.log2(1 - inner))
    return float(np.clip((top * entropy).sum() / top.sum(), 0.0, 1.0))


def disagreement(detected: Detections, by_twin: Detections) -> float:
    """1 − weighted agreement of two sets of detections, in [0, 1]."""
    first, second = _from_seen(detected), _from_seen(by_twin)
    overlap = _iou(first, second) * (first.classes[:, None] == second.classes[None, :])
    agreed = weight = 0.0
    paired_first, paired_second = set(), set()
    for i, j in _best_pairs(overlap):
        if i in paired_first or j in paired_second:
            continue
        paired_first.add(i)
        paired_second.add(j)
        higher = max(float(first.scores[i]), float(second.scores[j]))
        agreed += higher * float(overlap[i, j]) * (1 - abs(float(first.scores[i]) - float(second.scores[j])))
        weight += higher
    weight += sum(float(s) for i, s in enumerate(first.scores) if i not in paired_first)
    weight += sum(float(s) for j, s in enumerate(second.scores) if j not in paired_second)
    return min(max(1 - agreed / weight, 0.0), 1.0) if weight > 0 else 0.0


def _from_seen(detections: Detections) -> Detections:
    keep = detections.scores >= SEEN_FROM
    return Detections(detections.boxes[keep], detections.scores[keep], detections.classes[keep])


def _best_pairs(overlap: NDArray[np.float64]) -> list[tuple[int, int]]:
    """Index pairs from MATCH_IOU up, the largest overlap first; equal ones in index order."""
    rows, columns = np.nonzero(overlap >= MATCH_IOU)
    order = np.argsort(-overlap[rows, columns], kind="stable")
    return [(int(rows[k]), int(columns[k])) for k in order]


def _iou(first: Detections, second: Detections) -> NDArray[np.float64]:
    """(M, N) IoU of two sets of boxes."""
    a, b = first.boxes.astype(np.float64), second.boxes.astype(np.float64)
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:], b[None, :, 2:])
    shared = np.clip(high - low, 0, None).prod(axis=2)
    area_a = np.clip(a[:, 2:] - a[:, :2], 0, None).prod(axis=1)
    area_b = np.clip(b[:, 2:] - b[:, :2], 0, None).prod(axis=1)
    union = area_a[:, None] + area_b[None, :] - shared
    iou: NDArray[np.float64] = np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)
    return iou
