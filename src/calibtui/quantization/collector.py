"""The streaming calibrator: one frame at a time, bounded memory, resumable at any frame."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibtui.core.errors import ModelError
from calibtui.quantization.counting import CodeCounter, extremes
from calibtui.quantization.derivation import ObservationPlan, observation_plan
from calibtui.quantization.graph import graph_of, heads
from calibtui.quantization.histogram import BINS, Histogram
from calibtui.quantization.observation import Observer
from calibtui.quantization.prepare import WEIGHTED, PreparedModel
from calibtui.quantization.statistics import Statistics, plan_digest

# Counters are 32 bits wide; this many elements of a tensor can't overflow one bin.
_UNTIL_CARRIED = 1 << 30


class Calibrator:
    """Counts the activations of `prepared` frame by frame.

    Memory: 256 KiB of counters a counted tensor and one frame's activations, whatever the number of frames. The
    counts are integers, so neither the order of the frames nor an interruption changes a bit of the result.

    `histograms` False collects extremes alone, which is all that minmax needs. `exact` True counts also the tensors
    that would else follow from the input of their activation function (see `derivation`). `threads`: inside an
    operator.
    """

    def __init__(
        self,
        prepared: PreparedModel,
        tensors: Sequence[str],
        *,
        histograms: bool = True,
        exact: bool = False,
        threads: int = 1,
    ) -> None:
        model = prepared.load()
        graph = graph_of(model)
        unknown = [name for name in tensors if name not in graph.floats]
        if unknown:
            raise ModelError(f"{prepared.path} has no float tensor {unknown[0]!r}.", "Prepare the model again.")
        self._model_digest = prepared.digest
        self._tensors = tuple(tensors)
        answers = heads(graph, WEIGHTED)
        self._heads = tuple(name for name in self._tensors if name in answers)
        self._plan = observation_plan(graph, tensors, exact=exact or not histograms)
        self._observer = Observer(model, self._plan.observed, threads)
        self._digest = plan_digest(self._plan.observed, self._tensors, histograms)
        self._counter = CodeCounter() if histograms else None
        self._counts: dict[str, NDArray[np.int32]] = {}
        self._carried: dict[str, NDArray[np.int64]] = {}
        self._since_carried = 0
        self._frames: dict[str, NDArray[np.float32]] = {}
        self._earlier: Statistics | None = None
        self._earlier_frames: frozenset[str] = frozenset()
        self._spoiled = ""
        self.inference_seconds = 0.0
        """Time inside the model so far, s."""

    @property
    def plan(self) -> ObservationPlan:
        """What is counted and what follows from it."""
        return self._plan

    @property
    def frames(self) -> frozenset[str]:
        """Digests of the frames that are in the statistics."""
        return self._earlier_frames | frozenset(self._frames)

    def observe(self, frame: str, feeds: NDArray[np.float32] | Mapping[str, NDArray[Any]]) -> bool:
        """Adds one frame: its digest, and its input (1, 3, H, W) float32 or all inputs by name. False where it is in
        already.

        Raises ModelError, naming tensor and frame, where an activation is NaN or infinite.
        """
        if frame in self._frames or frame in self._earlier_frames:
            return False
        given = feeds if isinstance(feeds, Mapping) else {self._observer.inputs[0]: feeds}
        started = time.monotonic()
        found = self._observer.run(given)
        self.inference_seconds += time.monotonic() - started
        rows = np.empty((2, len(self._plan.observed)), np.float32)
        for column, name in enumerate(self._plan.observed):
            rows[:, column] = self._counted(name, found[name])
        finite = np.isfinite(rows).all(axis=0)
        if not finite.all():
            name = self._plan.observed[int(finite.argmin())]
            self._spoiled = f"Tensor {name!r} has NaN or infinite values on frame {frame}."
            raise ModelError(self._spoiled, "Check the input's normalisation, and the model in float on this frame.")
        self._frames[frame] = rows
        self._carry(max((values.size for values in found.values()), default=0))
        return True

    def _counted(self, name: str, values: NDArray[np.float32]) -> tuple[np.float32, np.float32]:
        if self._counter is None:
            return extremes(values)
        if name not in self._counts:
            self._counts[name] = np.zeros(BINS, np.int32)
        return self._counter.count(values, self._counts[name])

    def _carry(self, elements: int) -> None:
        """Moves the counters into wide ones before any could overflow."""
        self._since_carried += elements
        if self._since_carried < _UNTIL_CARRIED:
            return
        for name, counts in self._counts.items():
            if name not in self._carried:
                self._carried[name] = np.zeros(BINS, np.int64)
            self._carried[name] += counts
            counts[:] = 0
        self._since_carried = 0

    @property
    def statistics(self) -> Statistics:
        """Of all frames so far. Raises ModelError after a frame that spoiled them."""
        if self._spoiled:
            raise ModelError(self._spoiled, "Leave the frame out and calibrate again.")
        fresh = self._fresh()
        return fresh if self._earlier is None else self._earlier.merge(fresh)

    def _fresh(self) -> Statistics:
        frames = sorted(self._frames)
        rows = np.array([self._frames[f] for f in frames], np.float32).reshape(-1, 2, len(self._plan.observed))
        columns = {name: column for column, name in enumerate(self._plan.observed)}
        lows, highs = self._plan.complete_extremes(
            {name: rows[:, 0, column] for name, column in columns.items()},
            {name: rows[:, 1, column] for name, column in columns.items()},
        )
        complete: dict[str, Histogram] = {}
        if self._counter is not None:
            complete = self._plan.complete({name: self._histogram(name) for name in self._plan.observed})
        return Statistics(
            self._model_digest,
            self._digest,
            self._tensors,
            tuple(frames),
            {name: complete[name] for name in self._tensors} if complete else {},
            np.stack([lows[name] for name in self._tensors], axis=1),
            np.stack([highs[name] for name in self._tensors], axis=1),
            self._heads,
        )

    def _histogram(self, name: str) -> Histogram:
        counts = self._counts.get(name)
        if counts is None:
            return Histogram.empty()
        carried = self._carried.get(name)
        return Histogram.of_counters(counts if carried is None else counts + carried)

    def merge(self, statistics: Statistics) -> None:
        """Takes in what another calibrator of the same model and tensors has counted. Raises ModelError where it is
        not.
        """
        self._earlier = self.statistics.merge(statistics)
        self._earlier_frames = frozenset(self._earlier.frames)
        self._forget()

    def take(self) -> Statistics:
        """The statistics so far, which are forgotten here: counting begins anew. Raises ModelError, as they do."""
        taken = self.statistics
        self._earlier, self._earlier_frames = None, frozenset()
        self._forget()
        return taken

    def _forget(self) -> None:
        self._frames.clear()
        self._counts.clear()
        self._carried.clear()
        self._since_carried = 0

    def save(self, path: Path) -> None:
        """Writes the statistics so far; the file is whole once it is there."""
        self.statistics.save(path)

    def resume(self, path: Path) -> None:
        """Goes on from what `save` wrote. Raises ModelError for statistics of another model, other tensors or
        settings.
        """
        self.merge(Statistics.load(path))
