"""Money is whole micro-EUR. Rounding is always up: a call is never recorded cheaper than it is."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

MICRO = 1_000_000


def micro_eur(eur: float | int | str) -> int:
    """`eur` as micro-EUR, rounded up to the next whole one; decimal text and floats are read as written, not as
    binary."""
    exact = Fraction(str(eur)) * MICRO
    return -(-exact.numerator // exact.denominator)


def eur(micro: int) -> float:
    """EUR for showing; never for reckoning."""
    return micro / MICRO


@dataclass(frozen=True, slots=True)
class Price:
    """EUR per million tokens of one model, in micro-EUR per million tokens."""

    input_micro_eur: int
    output_micro_eur: int

    def cost(self, input_tokens: int, output_tokens: int) -> int:
        """micro-EUR of a call, rounded up."""
        total = input_tokens * self.input_micro_eur + output_tokens * self.output_micro_eur
        return -(-total // MICRO)
