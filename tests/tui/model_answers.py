"""Answers of an engine that has a draft, locked sets and four compared INT8 models; names in it are as hostile as file
names can be."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace
from tests.tui.stand_in import AT, MemoryEngine, snapshot

from calibtui.core.errors import EngineRefusedError
from calibtui.engine.wire.exchange import Command, Done
from calibtui.engine.wire.frames import Box, Frame, FrameDetail, FrameLine, FramePicture, Picture
from calibtui.engine.wire.models import (
    Compare,
    Comparison,
    Comparisons,
    Figures,
    Layer,
    Layers,
    Lost,
    LostFrame,
    LostFrames,
    Sensitivity,
)
from calibtui.engine.wire.runs import Log, LogLines
from calibtui.engine.wire.sets import (
    Draft,
    Knob,
    KnobLines,
    Knobs,
    LockedSet,
    SetFrame,
    SetLine,
    SetLines,
    Sets,
    SetView,
    Share,
    TensorRange,
    Turn,
)
from calibtui.engine.wire.snapshot import Job, Snapshot, Stage, Totals

HOSTILE = "[red]x[/red] \x1b[31mred\x07 \u202egnp.jpg"

SELECTION = (
    Knob(key="selection.strategy", title="strategy", meaning="How frames are chosen.", value='"weighted-k-center"',
         written='"hardest"', choices=(("random", "any frames: the control"), ("hardest", "the hardest ones"),
                                       ("weighted-k-center", "spread over the pool, hard ones first"))),
    Knob(key="selection.size", title="size", meaning="Frames in the set.", value="64", written="64", low=1),
    Knob(key="selection.seed", title="seed", meaning="The same seed, the same set.", value="0", written="0", low=0),
    Knob(key="selection.pin", title="always in", meaning="Digests or paths.", value="[]", written="[]"),
)  # fmt: skip
QUANTIZATION = (
    Knob(key="quantization.target", title="target", meaning="A preset.", value='"ort-cpu"', written='"ort-cpu"',
         choices=(("ort-cpu", "onnxruntime on x86 and ARM"), ("tensorrt", "explicit Q/DQ"))),
    Knob(key="quantization.calibrator", title="calibrator", meaning="How ranges follow from what the set showed.",
         value='"percentile"', written='"minmax"', choices=(("minmax", "all"), ("percentile", "but the outermost"))),
    Knob(key="quantization.percentile", title="percentile", meaning="Of the activations kept.", value="99.999",
         written="99.999", low=50, high=100),
    Knob(key="quantization.float_layers", title="left in float", meaning="Node names.", value='["/dfl/Conv"]',
         written="[]"),
)  # fmt: skip


def set_frames() -> tuple[SetFrame, ...]:
    names = [f"pool/line{i % 4}/frame_{i:04}.jpg" for i in range(63)] + [HOSTILE]
    return tuple(
        SetFrame(digest=f"{i:064x}", uri=name, difficulty=None if i == 9 else round(0.99 - i * 0.006, 3),
                 why="pinned" if i == 3 else "hardest of its kind",
                 change="added" if i % 16 == 0 else "dropped" if i == 17 else "")
        for i, name in enumerate(names)
    )  # fmt: skip


DRAFT = SetView(
    name="", digest="sha256:abc123def4567890", locked=False, strategy="weighted-k-center", seed=0, size=64, wanted=64,
    said="", frames=set_frames(), picked=2, pinned=3, mean_difficulty=0.71,
    histogram=(0, 0, 0, 1, 1, 2, 3, 2, 3, 4, 5, 6, 7, 6, 5, 6, 5, 4, 3, 1),
    classes=(Share(name="open", in_pool=40, in_set=30), Share(name=HOSTILE, in_pool=90, in_set=0)),
    strata=(Share(name="line0", in_pool=48, in_set=10),), coverage=0.893, random_coverage=0.871, duplicates=2,
    compared_with="night-2", added=4, dropped=1, overlap=0.8,
    ranges=(TensorRange(tensor="/model.0/act/Mul_output_0", set_low=-0.2, set_high=5.1, pool_low=-0.27, pool_high=8.2,
                        clipped=0.37, fixed_by=("a" * 64,)),),
    range_said="measured on 128 frames of the pool", warnings=("8 frames of the pool are unscored.",),
)  # fmt: skip


def figures(value: float, lost: float = 0.0) -> Figures:
    classes = {name: value + 0.03 * i - lost * i for i, name in enumerate(("open", "short", "spur"))}
    return Figures(
        map=value - lost, map50=value + 0.2 - lost, map75=value + 0.05 - lost, map_small=None,
        map_medium=value - 0.1 - lost, map_large=value + 0.1 - lost, per_class={**classes, HOSTILE: None},
        size_bytes=290_000 if lost else 1_020_000, ms_per_frame=7.9 if lost else 12.41,
    )  # fmt: skip


def comparison(number: int, drop: float, low: float, high: float, verdict: str) -> Comparison:
    return Comparison(
        run=f"run-{number}", at=AT + 3600 * number, model=f"/data/.calibtui/models/{number}.onnx",
        set_name=f"night-{number}", frames=200, target="ort-cpu", calibrator="percentile",
        float_layers=("/dfl/Conv",), options={"percentile": "99.999"}, reference=figures(0.601),
        int8=figures(0.601, drop / 100), drop=drop, low=low, high=high, verdict=verdict,
        report=f"/data/.calibtui/reports/{number}/report.html", notes=("This CPU has no VNNI.",),
    )  # fmt: skip


COMPARISONS = (
    comparison(3, 2.1, 1.2, 2.9, "INT8 is 2.1 points of mAP worse than float"),
    comparison(2, 0.2, -0.4, 0.8, "no measurable difference"),
    comparison(1, -0.9, -1.5, -0.2, "INT8 is 0.9 points better than float"),
    comparison(0, 4.5, 3.3, 6.1, "INT8 is 4.5 points of mAP worse than float"),
)
LOST = tuple(
    LostFrame(digest=f"{i:064x}", uri=f"eval/img_{i:03}.jpg", objects=9, by_float=8 - i % 3, by_int8=i % 5,
              said="3 spur and 1 open are lost")
    for i in range(14)
)  # fmt: skip
LAYERS = tuple(
    Layer(name=f"/model.{i}/conv/Conv", op="Conv", in_float=i == 3, effect=0.5 / (i + 1), share=0.07,
          sqnr_db=30.5 - i, said="its range is stretched")
    for i in range(20)
)  # fmt: skip
SETS = tuple(
    SetLine(name=f"night-{i}", digest="x", strategy="hardest", size=64, seed=0, at=AT, by="marco", used_by=i)
    for i in (3, 2, 1)
)
BOXES = {
    "truth": (Box(x1=0.1, y1=0.1, x2=0.3, y2=0.3, label="open"), Box(x1=0.5, y1=0.5, x2=0.8, y2=0.7, label="spur")),
    "float": (Box(x1=0.1, y1=0.1, x2=0.31, y2=0.29, label="open", confidence=0.91),),
    "int8": (Box(x1=0.1, y1=0.11, x2=0.3, y2=0.3, label="open", confidence=0.28),),
}


def detail(digest: str, mark: str = "") -> FrameDetail:
    line = FrameLine(digest=digest, uri="eval/img.jpg", difficulty=0.4, mark=mark, width=640, height=480)
    return FrameDetail(line=line, path="/x", format="JPEG", size_bytes=3, rank=1, percentile=2.0, why="", history=(),
                       neighbours=(), boxes=BOXES)  # fmt: skip


def quantizing(state: str = "running", **changes: Any) -> Snapshot:
    """A workspace in which a quantization goes on, or has ended in `state`."""
    job = Job(name="j1", run="r1", title="quantize, evaluate", stages=("quantize", "evaluate"), state=state, priority=0,
              by="marco", queued_at=AT, started_at=AT)  # fmt: skip
    stages = (
        Stage(name="pool", state="done"),
        Stage(name="score", state="done", said="192 scored"),
        Stage(name="select", state="done", said="64 frames"),
        Stage(name="quantize", state=state, done=37, total=64, rate=3.2, seconds_left=9.0, said="calibrating"),
        Stage(name="evaluate", state="queued"),
    )
    return snapshot(**{"jobs": (job,), "stages": stages, "totals": Totals(frames=192), "scoring": None, **changes})


class ModelEngine(MemoryEngine):
    """Turned knobs stay turned; everything else is as above."""

    def __init__(self, *snapshots: Snapshot) -> None:
        super().__init__(*(snapshots or (quantizing("done"),)))
        self.turned: dict[str, str] = {}
        self.refused: dict[str, EngineRefusedError] = {}
        self.answers |= {
            Knobs: self._knobs,
            Draft: lambda query: replace(DRAFT, added=9) if query.overrides else DRAFT,
            LockedSet: lambda query: replace(DRAFT, name=query.name, locked=True),
            Sets: lambda query: SetLines(sets=SETS),
            Compare: lambda query: Comparisons(comparisons=COMPARISONS),
            Lost: lambda query: LostFrames(frames=LOST),
            Sensitivity: lambda query: Layers(layers=LAYERS),
            Log: lambda query: LogLines(lines=("calibrating", HOSTILE) if query.offset < 0 else (), next=2),
            Frame: lambda query: detail(query.digest),
            FramePicture: lambda query: Picture(width=4, height=3, rgb=bytes(range(36))),
        }

    def _knobs(self, query: Knobs) -> KnobLines:
        knobs = SELECTION if query.table == "selection" else QUANTIZATION
        return KnobLines(knobs=tuple(replace(knob, value=self.turned.get(knob.key, knob.value)) for knob in knobs))

    async def do(self, command: Command) -> Done:
        if isinstance(command, Turn) and command.key in self.refused:
            raise self.refused[command.key]
        if isinstance(command, Turn):
            written = {knob.key: knob.written for knob in (*SELECTION, *QUANTIZATION)}
            self.turned[command.key] = written[command.key] if command.value is None else command.value
        return await super().do(command)
