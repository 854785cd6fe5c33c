"""What one trial of a search does: a calibrator, remedies, and the layers that stay in float."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from calibtui.core.digests import digest_of
from calibtui.quantization.products import Kind


@dataclass(frozen=True, slots=True)
class Recipe:
    """`percentile` in percent, None for the other calibrators. `equalized`: channels of one size before depthwise
    convolutions. `through_activations`: ranges chosen behind the SiLU. `pointwise`, `stem`: results of those
    `products` aren't rounded. `by_channel`: a scale a channel behind convolutions. `well_rounded`: weights are rounded
    by what becomes of their results. `float_nodes`: names, sorted."""

    calibrator: str
    percentile: float | None = None
    equalized: bool = False
    through_activations: bool = False
    pointwise: bool = False
    stem: bool = False
    by_channel: bool = False
    well_rounded: bool = False
    float_nodes: tuple[str, ...] = ()

    def options(self) -> dict[str, Any]:
        """Plain values for a row and for provenance."""
        return {**asdict(self), "float_nodes": list(self.float_nodes)}

    @property
    def products(self) -> tuple[Kind, ...]:
        """Kinds of convolutions that are written as products."""
        kinds: dict[Kind, bool] = {"pointwise": self.pointwise, "stem": self.stem}
        return tuple(kind for kind, used in kinds.items() if used)

    @property
    def digest(self) -> str:
        return digest_of(self.options())

    def in_words(self) -> str:
        """Such as "percentile 99.999, equalized channels, 3 layers in float"."""
        ranges = f"percentile {self.percentile:g}" if self.percentile is not None else self.calibrator
        remedies = {
            "equalized channels": self.equalized,
            "ranges behind SiLU": self.through_activations,
            "1×1 convolutions unrounded": self.pointwise,
            "the stem unrounded": self.stem,
            "a scale a channel": self.by_channel,
            "weights rounded by their results": self.well_rounded,
        }
        layers = f"{len(self.float_nodes)} layer{'s' if len(self.float_nodes) != 1 else ''} in float"
        parts = [ranges, *(name for name, used in remedies.items() if used)]
        return ", ".join([*parts, layers] if self.float_nodes else parts)
