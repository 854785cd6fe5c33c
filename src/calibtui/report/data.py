"""What the page is made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from calibtui.core.summary import RunSummary


@dataclass(frozen=True, slots=True)
class SetFrame:
    """A frame of the calibration set. `difficulty` in [0, 1], None where it was never scored; `reasons` are the
    judge's; `why` says how the frame came into the set."""

    uri: str
    path: Path
    difficulty: float | None
    reasons: tuple[str, ...]
    why: str


@dataclass(frozen=True, slots=True)
class LostFrame:
    """An evaluation frame that INT8 does worse on; `what` says in one sentence what it lost there."""

    uri: str
    path: Path
    what: str


@dataclass(frozen=True)
class ReportData:
    """`difficulties` (N,) float64: of every scored frame of the pool; `set_difficulties` (M,) float64: of the
    scored ones in the set. `judge_note`: what a reader of the scores must know of the judge. `reference_name`,
    `int8_name`: of the model files. `class_names`: all classes of the model. `options`: how the model was
    quantized, versions included. `losers`: the frames that lost most, worst first."""

    summary: RunSummary
    difficulties: NDArray[np.float64]
    set_difficulties: NDArray[np.float64]
    frames: Sequence[SetFrame]
    judge_note: str = ""
    reference_name: str = "float model"
    int8_name: str = "INT8 model"
    class_names: Sequence[str] = ()
    options: Mapping[str, str] = field(default_factory=dict)
    losers: Sequence[LostFrame] = ()
