"""What calibration learns of a set of frames: a histogram a tensor, and every frame's extremes."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibtui.core.digests import digest_of
from calibtui.core.errors import ModelError
from calibtui.core.files import written_whole
from calibtui.quantization.histogram import Histogram, merged

_FORMAT = 1


@dataclass(frozen=True)
class Statistics:
    """Of `frames` (their digests, sorted), seen by the model `model_digest`.

    `histograms` by tensor, empty mapping where only extremes were collected. `lows` and `highs` are (F, T) float32,
    rows in the order of `frames`, columns in the order of `tensors`: which frame sets which range. `plan` is the
    digest of how the tensors were observed: only statistics of one plan merge bit for bit.
    """

    model_digest: str
    plan: str
    tensors: tuple[str, ...]
    frames: tuple[str, ...]
    histograms: Mapping[str, Histogram]
    lows: NDArray[np.float32]
    highs: NDArray[np.float32]
    heads: tuple[str, ...] = ()

    def extremes(self, tensor: str) -> tuple[float, float]:
        """Exact minimum and maximum over all frames. Raises ModelError before the first frame."""
        if not self.frames:
            raise ModelError("No frame has been calibrated yet.", "Calibrate at least one frame.")
        column = self.tensors.index(tensor)
        return float(self.lows[:, column].min()), float(self.highs[:, column].max())

    def widest(self, tensor: str) -> tuple[str, str]:
        """Digests of the frames that set the tensor's minimum and its maximum."""
        column = self.tensors.index(tensor)
        return self.frames[int(self.lows[:, column].argmin())], self.frames[int(self.highs[:, column].argmax())]

    def merge(self, other: Statistics) -> Statistics:
        """Of both sets of frames together, the same in whatever order parts are merged.

        Raises ModelError for another model, other tensors, or a frame in both.
        """
        if (self.model_digest, self.plan, self.tensors) != (other.model_digest, other.plan, other.tensors):
            raise ModelError("Statistics of different models or tensors don't merge.", "Calibrate both parts alike.")
        twice = set(self.frames) & set(other.frames)
        if twice:
            raise ModelError(f"Frame {min(twice)} is in both statistics.", "Give every part its own frames.")
        frames = np.array(self.frames + other.frames, dtype=object)
        order = np.argsort(frames)
        histograms = {
            name: merged([self.histograms[name], other.histograms[name]]) for name in self.tensors if self.histograms
        }
        return Statistics(
            self.model_digest,
            self.plan,
            self.tensors,
            tuple(frames[order]),
            histograms,
            np.concatenate([self.lows, other.lows])[order],
            np.concatenate([self.highs, other.highs])[order],
            self.heads,
        )

    @property
    def digest(self) -> str:
        """Hex SHA-256 of everything in here."""
        return hashlib.sha256(self._bytes()).hexdigest()

    def save(self, path: Path) -> None:
        """Writes an .npz that is whole once it is there. Raises WorkspaceUnwritableError."""
        with written_whole(path) as part:
            part.write_bytes(self._bytes())

    @classmethod
    def load(cls, path: Path) -> Statistics:
        """Reads what `save` wrote. Raises ModelError for a file that isn't it."""
        try:
            with np.load(path, allow_pickle=False) as file:
                return cls._of_arrays({name: file[name] for name in file.files})
        except FileNotFoundError:
            raise
        except Exception as error:  # numpy and zipfile raise many kinds for a file that isn't theirs
            raise ModelError(
                f"{path} does not hold calibration statistics: {error}", "Delete it; calibration starts anew."
            ) from error

    def _bytes(self) -> bytes:
        parts = [self.histograms[name] for name in self.tensors] if self.histograms else []
        head = {
            "format": _FORMAT,
            "model": self.model_digest,
            "plan": self.plan,
            "tensors": self.tensors,
            "frames": self.frames,
            "heads": self.heads,
            "lengths": [len(part.ranks) for part in parts],
        }
        buffer = io.BytesIO()
        np.savez_compressed(
            buffer,
            head=np.frombuffer(json.dumps(head, sort_keys=True).encode(), np.uint8),
            ranks=np.concatenate([part.ranks for part in parts]).astype(np.uint16) if parts else np.zeros(0, np.uint16),
            counts=np.concatenate([part.counts for part in parts]) if parts else np.zeros(0, np.int64),
            lows=self.lows,
            highs=self.highs,
        )
        return buffer.getvalue()

    @classmethod
    def _of_arrays(cls, arrays: dict[str, NDArray[Any]]) -> Statistics:
        head = json.loads(arrays["head"].tobytes())
        if head["format"] != _FORMAT:
            raise ValueError(f"format {head['format']} is not {_FORMAT}")
        tensors, frames = tuple(head["tensors"]), tuple(head["frames"])
        shape = (len(frames), len(tensors))
        if arrays["lows"].shape != shape or arrays["highs"].shape != shape:
            raise ValueError("extremes and frames differ in number")
        ends = np.cumsum(head["lengths"])[:-1]
        if sum(head["lengths"]) != len(arrays["ranks"]) or len(arrays["ranks"]) != len(arrays["counts"]):
            raise ValueError("histograms are cut short")
        ranks, counts = np.split(arrays["ranks"].astype(np.int32), ends), np.split(arrays["counts"], ends)
        histograms = {name: Histogram(r, c) for name, r, c in zip(tensors, ranks, counts, strict=bool(head["lengths"]))}
        return cls(
            head["model"],
            head["plan"],
            tensors,
            frames,
            histograms if head["lengths"] else {},
            arrays["lows"],
            arrays["highs"],
            tuple(head["heads"]),
        )


def plan_digest(observed: tuple[str, ...], tensors: tuple[str, ...], histograms: bool) -> str:
    """Names how tensors were observed."""
    return digest_of({"observed": observed, "tensors": tensors, "histograms": histograms})
