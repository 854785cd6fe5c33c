"""What calibtui.toml says, frozen. Defaults are the contract's; paths are as written, relative to the workspace."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from calibtui.workspace.reading import Between

Positive = Between(1, 1_000_000_000)
Fraction = Between(0, 1)


@dataclass(frozen=True, slots=True)
class PoolSettings:
    """`images`: directories, globs, manifests (.csv, .parquet, .txt) or s3:// prefixes. `annotations`: COCO json,
    YOLO or VOC
    directory. `stratum`: the manifest column that selection `stratified` balances instead of classes."""

    images: tuple[str, ...]
    annotations: str | None = None
    stratum: str | None = None


@dataclass(frozen=True, slots=True)
class InputSettings:
    """How a frame becomes the model's input tensor; None means "as detected".

    `size` is (width, height) px. A pixel p becomes (p × scale − mean) / std, channel by channel in the order of
    `channels`.
    """

    size: Annotated[tuple[int, int] | None, Between(8, 16_384)] = None
    resize: Literal["letterbox", "stretch"] | None = None
    align: Literal["center", "top-left"] | None = None
    mean: tuple[float, float, float] | None = None
    std: tuple[float, float, float] | None = None
    scale: float | None = None
    channels: Literal["rgb", "bgr"] | None = None
    pad: Annotated[int | None, Between(0, 255)] = None


@dataclass(frozen=True, slots=True)
class ModelSettings:
    """`decoder`: "none" where outputs are compared as they are. `classes`: "auto", names, or a file with one name a
    line. Detections under `score_min` are dropped; `nms_iou` 0 means that the model has done its own suppression.
    `box_order`: of the corners in the model's outputs."""

    onnx: str
    decoder: str = "auto"
    input: InputSettings = field(default_factory=InputSettings)
    classes: str | tuple[str, ...] = "auto"
    score_min: Annotated[float, Fraction] = 0.01
    nms_iou: Annotated[float, Fraction] = 0.65
    max_detections: Annotated[int, Between(1, 10_000)] = 100
    box_order: Literal["auto", "xyxy", "yxyx"] = "auto"


@dataclass(frozen=True, slots=True)
class EvaluationSettings:
    """`allow_overlap`: evaluate on frames that are also in the calibration set, and say so. `seed`, `replicates`: of
    the
    paired bootstrap. `scenes`: a regular expression; frames in whose uris it finds the same (its first group, where it
    has one) are of one scene, and are drawn together by the bootstrap: frames of one sequence are not independent."""

    images: tuple[str, ...]
    annotations: str
    allow_overlap: bool = False
    scenes: str | None = None
    seed: int = 0
    replicates: Annotated[int, Between(100, 100_000)] = 1000


@dataclass(frozen=True, slots=True)
class StageSettings:
    """One stage of a cascade: what it asks otherwise than [scoring] says; None means as there. The hardest
    `reach` × [selection] size frames go on to the next stage."""

    judge: Literal["vlm", "detector"] | None = None
    prompt: str | None = None
    model: str | None = None
    provider: str | None = None
    passes: Annotated[int | None, Between(1, 16)] = None
    max_px: Annotated[int | None, Between(32, 8192)] = None
    reach: Annotated[float, Between(1, 1_000_000)] = 4.0


@dataclass(frozen=True, slots=True)
class ScoringSettings:
    """`max_px`: the longer side of what the judge is sent, px. `max_failed`: the share of frames that may fail before
    the run ends with exit code 4. `deadline_s`: all tries of one frame together, s. `logprobs`: the difficulty is the
    expectation over the judge's own probabilities, where the reply tells them. `stages`: a cascade, cheapest first.
    `mode`: "batch" hands questions in by the file, for an answer within a day at a lower price; `batch_poll_s`: the
    first wait between two looks at a batch, s, which then grows up to 30 times."""

    judge: Literal["vlm", "detector"] = "vlm"
    prompt: str = "difficulty@1"
    model: str | None = None
    provider: str | None = None
    passes: Annotated[int, Between(1, 16)] = 1
    max_tokens: Annotated[int, Between(16, 16_384)] = 120
    temperature: Annotated[float, Between(0, 2)] = 0.0
    concurrency: Annotated[int, Between(1, 1024)] = 32
    max_px: Annotated[int, Between(32, 8192)] = 768
    jpeg_quality: Annotated[int, Between(1, 95)] = 85
    max_failed: Annotated[float, Fraction] = 0.02
    deadline_s: Annotated[float, Between(0.1, 86_400)] = 120.0
    logprobs: bool = False
    stages: tuple[StageSettings, ...] = ()
    mode: Literal["live", "batch"] = "live"
    batch_poll_s: Annotated[float, Between(0.01, 3600)] = 10.0


@dataclass(frozen=True, slots=True)
class KeySettings:
    """The environment variable that holds a key, never the key."""

    env: str
    weight: Annotated[float, Between(0, 1_000_000)] = 1.0


@dataclass(frozen=True, slots=True)
class PriceSettings:
    """Per million tokens, as written either in EUR or in USD; once loaded, the EUR are there in both cases.
    `image_tokens`: the most that one image costs, for a model whose name doesn't tell its rule. `batch_discount`: what
    a token costs in a batch, as a share of the live price."""

    eur_per_million_input: Annotated[float | None, Between(0, 1_000_000)] = None
    eur_per_million_output: Annotated[float | None, Between(0, 1_000_000)] = None
    usd_per_million_input: Annotated[float | None, Between(0, 1_000_000)] = None
    usd_per_million_output: Annotated[float | None, Between(0, 1_000_000)] = None
    image_tokens: Annotated[int | None, Positive] = None
    batch_discount: Annotated[float, Fraction] = 0.5


@dataclass(frozen=True, slots=True)
class CurrencySettings:
    """The rate that prices in USD are turned into EUR with; `as_of`: the day it was true, such as 2026-11-01."""

    usd_per_eur: Annotated[float, Between(0.01, 100)]
    as_of: str


@dataclass(frozen=True, slots=True)
class ProviderSettings:
    """`headers`: a value "env:NAME" is read from the environment when the run starts."""

    name: str
    base_url: str
    api: Literal["openai", "anthropic", "gemini"] = "openai"
    keys: tuple[KeySettings, ...] = ()
    fallback: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    models: Mapping[str, PriceSettings] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class BudgetSettings:
    """A node of the budget tree: a cap in EUR, charged to by the OS user `user`, renewed every `period` of the calendar
    in `zone` (an IANA name). UTC, since providers bill by it and it is the same on every machine."""

    node: str
    eur: Annotated[float, Between(0, 1_000_000_000)]
    user: str | None = None
    period: Literal["day", "week", "month", "none"] = "none"
    zone: str = "UTC"


@dataclass(frozen=True, slots=True)
class SimilarSettings:
    threshold: Annotated[float, Fraction] = 0.92


@dataclass(frozen=True, slots=True)
class CacheSettings:
    """`canary`: before the first paid call, prove that no cache on the way mixes pictures up: three small calls a
    key."""

    exact: bool = True
    canary: bool = True
    similar: SimilarSettings | None = None


@dataclass(frozen=True, slots=True)
class SelectionSettings:
    """`pin` and `exclude`: digests or uris. `suppress`: the cosine similarity from which `hardest-nms` drops the
    easier frame."""

    strategy: Literal[
        "random", "stratified", "hardest", "hardest-nms", "weighted-k-center", "k-center", "range-cover"
    ] = "hardest"
    size: Annotated[int, Positive] = 512
    seed: int = 0
    pin: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    suppress: Annotated[float, Fraction] = 0.9


@dataclass(frozen=True, slots=True)
class QuantizationSettings:
    """None means "as the target's preset says". `max_map_drop`: percentage points. `op_types`: ONNX operators to
    quantize.
    `float_layers`: node names, or globs of them, that stay in float. `cpu`: which kind the target ort-cpu means: "vnni"
    and "avx2" (without VNNI) are x86's; "auto" is this machine's."""

    target: Literal["ort-cpu", "ort-cuda", "tensorrt", "openvino"] = "ort-cpu"
    cpu: Literal["auto", "vnni", "avx2", "arm"] = "auto"
    calibrator: Literal["minmax", "percentile", "entropy", "mse"] = "percentile"
    percentile: Annotated[float, Between(50, 100)] = 99.999
    max_map_drop: Annotated[float | None, Between(0, 100)] = None
    per_channel: bool | None = None
    activations: Literal["uint8", "int8"] | None = None
    weights: Literal["uint8", "int8"] | None = None
    reduce_range: bool | None = None
    symmetric_activations: bool | None = None
    op_types: tuple[str, ...] | None = None
    float_layers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TrialsSettings:
    """Where a search and an ablation measure. `workers`: processes side by side, 0 for one a core (of a cluster: one a
    CPU that it has). `ray`: the address of a Ray cluster, "" for this machine alone."""

    workers: Annotated[int, Between(0, 4096)] = 0
    ray: str = ""


@dataclass(frozen=True, slots=True)
class MetricsSettings:
    listen: str | None = None


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """`idle_minutes`: after so long without anyone watching and without a job, the engine ends by itself."""

    idle_minutes: Annotated[float, Between(0.1, 100_000)] = 10.0


@dataclass(frozen=True, slots=True)
class Settings:
    """A whole calibtui.toml. `root` is the workspace directory, absolute; `file` the toml in it."""

    root: Path
    file: Path
    pool: PoolSettings
    model: ModelSettings | None = None
    evaluation: EvaluationSettings | None = None
    scoring: ScoringSettings = field(default_factory=ScoringSettings)
    providers: Mapping[str, ProviderSettings] = field(default_factory=dict)
    budgets: Mapping[str, BudgetSettings] = field(default_factory=dict)
    cache: CacheSettings = field(default_factory=CacheSettings)
    selection: SelectionSettings = field(default_factory=SelectionSettings)
    quantization: QuantizationSettings = field(default_factory=QuantizationSettings)
    trials: TrialsSettings = field(default_factory=TrialsSettings)
    metrics: MetricsSettings = field(default_factory=MetricsSettings)
    engine: EngineSettings = field(default_factory=EngineSettings)
    currency: CurrencySettings | None = None

    @property
    def state(self) -> Path:
        """The state directory beside calibtui.toml."""
        return self.root / ".calibtui"
