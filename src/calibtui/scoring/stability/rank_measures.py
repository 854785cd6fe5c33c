"""What two rankings of the same frames have in common. Ties count as ties in all of them."""

from __future__ import annotations

from math import nan

import numpy as np
from numpy.typing import NDArray
from scipy.stats import kendalltau, rankdata

Values = NDArray[np.float64]


def spearman(first: Values, second: Values) -> float:
    """Spearman's ρ: the correlation of the ranks, tied frames at the mean of their places (Spearman 1904; Kendall, Rank
    Correlation Methods, chapter 3). NaN where one side is all ties."""
    x, y = rankdata(first), rankdata(second)
    x, y = x - x.mean(), y - y.mean()
    spread = float(np.sqrt((x @ x) * (y @ y)))
    return float(x @ y) / spread if spread > 0 else nan


def kendall(first: Values, second: Values) -> float:
    """Kendall's τ-b: concordant less discordant pairs, of the pairs that aren't tied (Kendall 1945). NaN where one side
    is all ties."""
    if (first == first[0]).all() or (second == second[0]).all():
        return nan
    return float(kendalltau(first, second, variant="b", method="asymptotic").statistic)


def top_overlap(first: Values, second: Values, top: int) -> float:
    """The share of the `top` hardest frames of the one that are among those of the other, in [0, 1].

    Of the frames tied at a cut each has the same chance to be taken. The selection breaks ties by one seeded order for
    both, so a frame is in both tops with the smaller of its two chances.
    """
    both = np.minimum(_chance(first, top), _chance(second, top))
    return float(both.sum()) / top


def _chance(values: Values, top: int) -> Values:
    """(N,): the chance of each frame to be among the `top` largest when ties are broken at random."""
    cut = np.partition(values, -top)[-top]
    above, tied = values > cut, values == cut
    chance: Values = above + tied * ((top - above.sum()) / tied.sum())
    return chance
