"""INT8 models beside the float one, what they lost and where."""

from __future__ import annotations

from typing import ClassVar

import msgspec

from calibtui.engine.wire.exchange import Query


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """mAP as fractions; None where there is nothing to measure. `per_class` by name."""

    map: float
    map50: float
    map75: float
    map_small: float | None
    map_medium: float | None
    map_large: float | None
    per_class: dict[str, float | None]
    size_bytes: int
    ms_per_frame: float


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """One evaluated INT8 model beside the float one. `drop` in points; `verdict` says it in words. `options`: how it
    was made. `report`: the report.html, absolute, "" where it is gone."""

    run: str
    at: float
    model: str
    set_name: str
    frames: int
    target: str
    calibrator: str
    float_layers: tuple[str, ...]
    options: dict[str, str]
    reference: Figures
    int8: Figures
    drop: float
    low: float
    high: float
    verdict: str
    report: str
    notes: tuple[str, ...] = ()


class Comparisons(msgspec.Struct, frozen=True, kw_only=True):
    """Newest first."""

    comparisons: tuple[Comparison, ...]


class Compare(Query[Comparisons], frozen=True, kw_only=True):
    path: ClassVar[str] = "compare"
    answer: ClassVar[type] = Comparisons
    limit: int = 20


class LostFrame(msgspec.Struct, frozen=True, kw_only=True):
    """An evaluation frame and the objects each model finds of its `objects`."""

    digest: str
    uri: str
    objects: int
    by_float: int
    by_int8: int
    said: str


class LostFrames(msgspec.Struct, frozen=True, kw_only=True):
    frames: tuple[LostFrame, ...]


class Lost(Query[LostFrames], frozen=True, kw_only=True):
    """The frames that lost most in the comparison of `run`, worst first; `run` "": the newest."""

    path: ClassVar[str] = "lost"
    answer: ClassVar[type] = LostFrames
    run: str = ""
    limit: int = 50


class Layer(msgspec.Struct, frozen=True, kw_only=True):
    """A layer of the newest diagnosis. `effect`: output error it causes, as a share of all; `share`: of the model's
    multiply-adds; `said`: what is wrong and the remedy."""

    name: str
    op: str
    in_float: bool
    effect: float | None
    share: float
    sqnr_db: float | None
    said: str


class Layers(msgspec.Struct, frozen=True, kw_only=True):
    """`said` where there is no diagnosis: how to make one."""

    layers: tuple[Layer, ...]
    said: str = ""


class Sensitivity(Query[Layers], frozen=True, kw_only=True):
    path: ClassVar[str] = "sensitivity"
    answer: ClassVar[type] = Layers
