"""Which layers an INT8 model's error comes from, measured on its outputs.

Each layer is first quantized alone, everything else in float. That orders culprits also where several of them each
ruin the model: taking one out of the whole INT8 model then shows nothing, because the others still ruin it. The order
is then proved: the first one, two, three … of it are left in float in the whole INT8 model.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from calibtui.quantization.diagnosis.trials import Trials

OnStep = Callable[[int, int], None]
MOST_LEFT_OUT = 12
ENOUGH = 0.1
"""Proving ends where this share of the error is left."""
DEARER = 2.0
"""What share of the error a share of the multiply-adds in float must take away to be worth it."""
WORTH = 0.05
"""What must be left of the gain to speak of culprits at all."""


@dataclass(frozen=True, slots=True)
class LayerEffect:
    """`alone`: output error with nothing but `layer` quantized. `share` of the multiply-adds."""

    layer: str
    alone: float
    share: float


@dataclass(frozen=True, slots=True)
class Proof:
    """`error` of the INT8 model with `layers` in float, which do `share` of the multiply-adds."""

    layers: tuple[str, ...]
    error: float
    share: float


@dataclass(frozen=True, slots=True)
class Effects:
    """`error`: of the INT8 model as it is. `layers` by their effect, the largest first; `proofs`: of their first ones
    left in float, more and more of them."""

    error: float
    layers: tuple[LayerEffect, ...]
    proofs: tuple[Proof, ...]

    @property
    def culprits(self) -> Proof | None:
        """The layers whose leaving out takes most of the error away for what they cost: float layers are slow, and with
        enough of them any error goes. None where it is spread over all layers.
        """
        best = max(self.proofs, key=self._worth, default=None)
        return best if best is not None and self._worth(best) >= WORTH else None

    def _worth(self, proof: Proof) -> float:
        return self.restored(proof) - DEARER * proof.share

    def restored(self, proof: Proof) -> float:
        """Share of the error that goes."""
        return 1 - proof.error / self.error if self.error > 0 else 0.0


def measured_effects(
    trials: Trials,
    layers: Sequence[str],
    shares: Mapping[str, float],
    on_step: OnStep = lambda done, total: None,
) -> Effects:
    """Of `layers`, node names; `shares` of the multiply-adds by layer. One trial a layer and one a proof."""
    total = len(layers) + len(_proof_sizes(len(layers))) + 1
    whole = trials.without(())
    on_step(1, total)
    alone = []
    for number, layer in enumerate(layers, start=2):
        alone.append(LayerEffect(layer, trials.alone((layer,)), shares.get(layer, 0.0)))
        on_step(number, total)
    ranked = tuple(sorted(alone, key=lambda each: -each.alone))
    proofs: list[Proof] = []
    for number, size in enumerate(_proof_sizes(len(ranked)), start=len(layers) + 2):
        first = ranked[:size]
        names = tuple(each.layer for each in first)
        proofs.append(Proof(names, trials.without(names), sum(each.share for each in first)))
        on_step(number, total)
        if proofs[-1].error <= ENOUGH * whole:
            break
    on_step(total, total)
    return Effects(whole, ranked, tuple(proofs))


def _proof_sizes(layers: int) -> list[int]:
    """Single steps first, where each layer matters most; never all of them, which proves nothing."""
    return [size for size in (1, 2, 3, 5, 8, MOST_LEFT_OUT) if size < layers]
