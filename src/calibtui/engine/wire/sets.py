"""The calibration set: the draft as its knobs say, those that were locked, and the difference of any two."""

from __future__ import annotations

from typing import ClassVar

import msgspec

from calibtui.engine.wire.exchange import Command, Query


class Knob(msgspec.Struct, frozen=True, kw_only=True):
    """A setting that a screen can turn, of [selection] or [quantization]. `value` and `written` (what calibtui.toml
    says) as JSON text; `choices` with a sentence each, empty where free; `meaning` in one or two sentences."""

    key: str
    title: str
    meaning: str
    value: str
    written: str
    choices: tuple[tuple[str, str], ...] = ()
    low: float | None = None
    high: float | None = None


class Share(msgspec.Struct, frozen=True, kw_only=True):
    """How often `name` (a class or a stratum) occurs: frames of the pool and of the set that show it."""

    name: str
    in_pool: int
    in_set: int


class SetFrame(msgspec.Struct, frozen=True, kw_only=True):
    digest: str
    uri: str
    difficulty: float | None
    why: str
    change: str = ""
    """"added", "dropped" or "" against what the view is compared with."""


class TensorRange(msgspec.Struct, frozen=True, kw_only=True):
    """A tensor whose range the set misses: `clipped` is how far the pool reaches beyond it, as a share of the pool's
    range; `fixed_by` the digests of pool frames that would cover it."""

    tensor: str
    set_low: float
    set_high: float
    pool_low: float
    pool_high: float
    clipped: float
    fixed_by: tuple[str, ...] = ()


class SetView(msgspec.Struct, frozen=True, kw_only=True):
    """A set, draft or locked. `compared_with`: "last" (the newest locked set) or a set's name. `coverage`: mean
    similarity of every pool frame to its nearest in the set; `random_coverage` the same of a random set of that size.
    `duplicates`: pairs above 0.98 similarity. `ranges` is None until the activation ranges of the pool are known; its
    sentence is `range_said`."""

    name: str
    digest: str
    locked: bool
    strategy: str
    seed: int
    size: int
    wanted: int
    said: str
    frames: tuple[SetFrame, ...]
    picked: int
    pinned: int
    mean_difficulty: float | None
    histogram: tuple[int, ...]
    classes: tuple[Share, ...]
    strata: tuple[Share, ...]
    coverage: float | None
    random_coverage: float | None
    duplicates: int
    compared_with: str
    added: int
    dropped: int
    overlap: float | None
    ranges: tuple[TensorRange, ...] | None = None
    range_said: str = ""
    warnings: tuple[str, ...] = ()


class Draft(Query[SetView], frozen=True, kw_only=True):
    """The set as it would be now; `overrides`: knobs tried out without turning them, such as "selection.size=64"."""

    path: ClassVar[str] = "draft"
    answer: ClassVar[type] = SetView
    overrides: tuple[str, ...] = ()
    compare: str = "last"


class LockedSet(Query[SetView], frozen=True, kw_only=True):
    path: ClassVar[str] = "set"
    answer: ClassVar[type] = SetView
    name: str
    compare: str = "last"


class SetLine(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    digest: str
    strategy: str
    size: int
    seed: int
    at: float
    by: str
    used_by: int
    """INT8 models made of it."""


class SetLines(msgspec.Struct, frozen=True, kw_only=True):
    sets: tuple[SetLine, ...]


class Sets(Query[SetLines], frozen=True, kw_only=True):
    """All sets ever made, newest first."""

    path: ClassVar[str] = "sets"
    answer: ClassVar[type] = SetLines


class KnobLines(msgspec.Struct, frozen=True, kw_only=True):
    knobs: tuple[Knob, ...]


class Knobs(Query[KnobLines], frozen=True, kw_only=True):
    """`table`: "selection" or "quantization"."""

    path: ClassVar[str] = "knobs"
    answer: ClassVar[type] = KnobLines
    table: str


class Turn(Command, frozen=True, kw_only=True):
    """Turns a knob for the workspace: `key` such as "selection.size", `value` as JSON text; None: back to what
    calibtui.toml says. Kept in the store; calibtui.toml is never written."""

    path: ClassVar[str] = "turn"
    key: str
    value: str | None


class Lock(Command, frozen=True, kw_only=True):
    """Makes the draft a set that doesn't change any more: its manifest is written and the draft's picks end."""

    path: ClassVar[str] = "lock"
    name: str


class Export(Command, frozen=True, kw_only=True):
    """Writes a set out. `what`: any of "manifest", "images" (copied), "links", "reader" (a calibration data reader for
    onnxruntime), "tensorrt-cache", "openvino", "coco", "model", "report". `name`: "" is the newest set."""

    path: ClassVar[str] = "export"
    to: str
    what: tuple[str, ...] = ("manifest",)
    name: str = ""
