"""How far an INT8 model's answers are from the float model's, on frames that need no annotation.

A dense detector gives the same rows from both models, so its error is taken row by row, weighed by how sure the better
of the two models is of the row: 1 − IoU of the two boxes, and what the scores differ by. Background, nearly all rows,
has next to no weight. Of a model that gives final detections, each of the float model's is compared with the INT8
model's best overlapping one of its class. Outputs that nobody can decode are compared as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibtui.detector.decoders.contract import Decoded, Reader
from calibtui.detector.decoders.undecoded import NAME
from calibtui.detector.detector import Detector

Outputs = Mapping[str, NDArray[Any]]
Infer = Callable[[NDArray[np.float32]], Outputs]
"""A prepared frame (1, 3, H, W) to a model's outputs by name, as `Detector.infer` gives them."""

# Rows that neither model gives a higher score than this are no detections, however many they are.
FAINT = 0.02


@dataclass(frozen=True, slots=True)
class OutputError:
    """`total` orders models: 0 where the answers are equal, and about 1 where nothing is left of them.

    `box` in [0, 1] is the weighed mean of 1 − IoU and `score` the differences of scores over the scores themselves;
    both are nan where the outputs were compared undecoded. `sqnr` by output name: the signal over the error, dB.
    """

    total: float
    box: float
    score: float
    sqnr: Mapping[str, float]
    frames: int

    @property
    def decoded(self) -> bool:
        """Whether boxes and scores were compared, not bare tensors."""
        return not np.isnan(self.box)


@dataclass(frozen=True, slots=True)
class _Answer:
    """The float model's on one frame: its input, its outputs, and what they say, where that can be read."""

    tensor: NDArray[np.float32]
    outputs: Outputs
    decoded: Decoded | None


class FloatAnswers:
    """What the float model says of a sample of frames: computed once, compared with many INT8 models."""

    def __init__(self, answers: Sequence[_Answer], reader: Reader | None, *, final: bool) -> None:
        self._answers = tuple(answers)
        self._reader = reader
        self._final = final

    @classmethod
    def of_detector(cls, detector: Detector, tensors: Sequence[NDArray[np.float32]]) -> FloatAnswers:
        """Of prepared frames, (1, 3, H, W) float32 each. Raises ModelError where the model can't be run on them."""
        reader = detector.layout.reader
        if detector.layout.decoder == NAME:
            return cls.undecoded(detector.infer, tensors)
        found = ((tensor, detector.infer(tensor)) for tensor in tensors)
        answers = [_Answer(tensor, outputs, reader.decode(outputs)) for tensor, outputs in found]
        return cls(answers, reader, final=detector.layout.suppressed)

    @classmethod
    def undecoded(cls, infer: Infer, tensors: Sequence[NDArray[np.float32]]) -> FloatAnswers:
        """Of a model whose outputs can't be decoded."""
        return cls([_Answer(tensor, infer(tensor), None) for tensor in tensors], None, final=False)

    def first(self, count: int) -> FloatAnswers:
        """Of the first `count` frames alone."""
        return FloatAnswers(self._answers[:count], self._reader, final=self._final)

    def __len__(self) -> int:
        return len(self._answers)

    def error(self, infer: Infer) -> OutputError:
        """Of another model on the same frames; `infer` may be called from the caller's thread only."""
        sums = np.zeros(3)
        signal: dict[str, float] = {}
        noise: dict[str, float] = {}
        for answer in self._answers:
            outputs = infer(answer.tensor)
            _add_power(signal, noise, answer.outputs, outputs)
            if answer.decoded is not None and self._reader is not None:
                sums += self._compared(answer.decoded, self._reader.decode(outputs))
        sqnr = {name: _decibel(signal[name], noise[name]) for name in signal}
        if self._reader is None:
            relative = [noise[name] / signal[name] for name in signal if signal[name] > 0]
            return OutputError(float(np.mean(relative)) if relative else 0.0, np.nan, np.nan, sqnr, len(self))
        weight = max(sums[2], 1e-12)
        box, score = float(sums[0] / weight), float(sums[1] / weight)
        return OutputError(box + score, box, score, sqnr, len(self))

    def _compared(self, reference: Decoded, other: Decoded) -> NDArray[np.float64]:
        """(weighed 1 − IoU, score differences, weights), summed over one frame."""
        if self._final or reference.labels is not None or reference.scores.shape != other.scores.shape:
            return _by_overlap(_labelled(reference), _labelled(other))
        return _row_by_row(reference, other)


def _row_by_row(reference: Decoded, other: Decoded) -> NDArray[np.float64]:
    weight = np.maximum(reference.scores.max(axis=1, initial=0), other.scores.max(axis=1, initial=0))
    rows = np.flatnonzero(np.nan_to_num(weight) >= FAINT)
    sure = weight[rows].astype(np.float64)
    missed = 1 - _overlaps(reference.boxes[rows], other.boxes[rows])
    both = np.maximum(reference.scores[rows], other.scores[rows])
    apart = np.where(both >= FAINT, np.abs(reference.scores[rows] - other.scores[rows]), 0).max(axis=1, initial=0)
    return np.array([np.dot(sure, missed), apart.sum(dtype=np.float64), sure.sum()])


def _by_overlap(reference: Decoded, other: Decoded) -> NDArray[np.float64]:
    """Each detection against its best counterpart; what has none counts as wholly wrong, whichever model it is of."""
    sums = np.zeros(3)
    for ours, theirs in ((reference, other), (other, reference)):
        for row in np.flatnonzero(ours.scores >= FAINT):
            score = float(ours.scores[row])
            same = np.flatnonzero((_labels(theirs) == _labels(ours)[row]) & (theirs.scores >= FAINT))
            overlap = _overlaps(np.broadcast_to(ours.boxes[row], (len(same), 4)), theirs.boxes[same])
            best = int(overlap.argmax()) if len(same) else -1
            if best < 0 or overlap[best] <= 0:
                sums += (score, score, score)
            else:
                sums += (score * (1 - overlap[best]), abs(score - float(theirs.scores[same[best]])), score)
    return sums


def _labels(decoded: Decoded) -> NDArray[np.int64]:
    assert decoded.labels is not None
    return decoded.labels


def _labelled(decoded: Decoded) -> Decoded:
    """With one score and one class a row."""
    if decoded.labels is not None:
        real = decoded.labels >= 0
        return Decoded(decoded.boxes[real], decoded.scores[real], decoded.labels[real])
    if not decoded.scores.shape[1]:
        return Decoded(decoded.boxes[:0], decoded.scores[:0, 0], np.zeros(0, np.int64))
    return Decoded(decoded.boxes, decoded.scores.max(axis=1), decoded.scores.argmax(axis=1))


def _overlaps(left: NDArray[np.float32], right: NDArray[np.float32]) -> NDArray[np.float64]:
    """(N,) IoU of boxes (N, 4) row by row; 0 where either is empty or not finite."""
    a, b = left.astype(np.float64), right.astype(np.float64)
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        sides = np.minimum(a[:, 2:], b[:, 2:]) - np.maximum(a[:, :2], b[:, :2])
        shared = sides.clip(min=0).prod(axis=1)
        whole = (a[:, 2:] - a[:, :2]).clip(min=0).prod(axis=1) + (b[:, 2:] - b[:, :2]).clip(min=0).prod(axis=1)
        found: NDArray[np.float64] = np.nan_to_num(shared / (whole - shared), nan=0.0, posinf=0.0, neginf=0.0)
    return found


def _add_power(signal: dict[str, float], noise: dict[str, float], reference: Outputs, other: Outputs) -> None:
    for name, values in reference.items():
        if values.dtype.kind != "f" or values.shape != other[name].shape:
            continue
        exact = values.astype(np.float64)
        signal[name] = signal.get(name, 0.0) + float(np.square(exact).sum())
        noise[name] = noise.get(name, 0.0) + float(np.square(np.nan_to_num(exact - other[name])).sum())


def _decibel(signal: float, noise: float) -> float:
    if noise <= 0:
        return float("inf")
    return 10 * float(np.log10(signal / noise)) if signal > 0 else float("-inf")
