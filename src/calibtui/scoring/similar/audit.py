"""The shadow audit: a few of the hits are asked for all the same, to see how often a taken-over score is wrong.

A hit is **false** where the judge, asked, answers with a difficulty that differs by more than the tolerance. A judge
that is asked twice about one picture differs too, so the tolerance must not be under that; `stability` measures it
(`difference95`). The default, 0.10, is ten points of the 0–100 rubric.

The rate is known only as far as the number of audits allows: it comes with the exact interval of Clopper and Pearson
(Biometrika 1934), one-sided at 95 %: with k false hits of n the upper bound is the 0.95 quantile of
Beta(k + 1, n − k), the lower one the 0.05 quantile of Beta(k, n − k + 1).

**When the layer switches itself off.** The upper bound of few audits is large whatever they say (0 of 1: 95 %), so
it can't decide from the first one; and one false hit of one lifts the lower bound to 5 %, past any sensible target, so
that can't either. Hence two rules:

* early: the *lower* bound is over the target and at least two hits were false: by then it is proven, at 95 %, that the
  target is missed;
* settled: from `enough` audits on, the *upper* bound must stay within the target: by then the layer has to have
  proven itself. `enough` is the least number of audits of which one may be false without the bound passing the target
  (236 for 2 %), so that one odd answer of the judge never decides alone.

Both bounds are looked at after every audit, which makes each more likely to trip than its 95 % says: it errs towards
asking the judge. Off is final for a run: with no more hits there are no more audits to change the verdict.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import cache

CONFIDENCE = 0.95
SHARE = 0.01
"""Of the hits that are asked for all the same."""
TOLERANCE = 0.10
"""Difference of difficulty, in [0, 1], over which a hit was false."""
TARGET = 0.02
"""Share of hits that may be false."""
_EARLY_FALSE_HITS = 2
_ENOUGH_LIMIT = 1 << 30


@dataclass(frozen=True, slots=True)
class AuditResult:
    """A hit that was asked for: the difficulty that was taken over and the one the judge gave, both in [0, 1]."""

    taken_over: float
    asked: float


@dataclass(frozen=True, slots=True)
class AuditPolicy:
    """`target` in (0, 1): the share of hits that may be false; `tolerance`: the difference that makes one false."""

    target: float = TARGET
    tolerance: float = TOLERANCE

    def __post_init__(self) -> None:
        if not 0 < self.target < 1 or not 0 <= self.tolerance < 1:
            raise ValueError(f"an audit with target {self.target} and tolerance {self.tolerance}")

    @property
    def enough(self) -> int:
        """Audits from which on the upper bound decides."""
        return _enough(self.target)


@dataclass(frozen=True, slots=True)
class AuditState:
    """What the audits so far say. `switched_off_at`: the number of audits at which the layer went off, else None."""

    policy: AuditPolicy = field(default_factory=AuditPolicy)
    audits: int = 0
    false_hits: int = 0
    switched_off_at: int | None = None

    def add(self, result: AuditResult) -> AuditState:
        """The state after one more audit. A difficulty that is no number counts as a false hit."""
        within = abs(result.taken_over - result.asked) <= self.policy.tolerance
        after = replace(self, audits=self.audits + 1, false_hits=self.false_hits + (not within))
        if self.switched_off_at is None and after._fails():
            return replace(after, switched_off_at=after.audits)
        return after

    @property
    def on(self) -> bool:
        """Whether scores may still be taken over."""
        return self.switched_off_at is None

    @property
    def rate(self) -> float | None:
        """The share of audited hits that were false; None before the first audit."""
        return self.false_hits / self.audits if self.audits else None

    @property
    def lower(self) -> float:
        """One-sided 95 % lower bound of the false-hit rate."""
        return lower_bound(self.false_hits, self.audits)

    @property
    def upper(self) -> float:
        """One-sided 95 % upper bound of the false-hit rate."""
        return upper_bound(self.false_hits, self.audits)

    @property
    def sentence(self) -> str:
        """The state in words."""
        if not self.audits:
            return "No taken-over score has been audited yet."
        known = (
            f"{self.false_hits} of {self.audits} audited hits were false (at most {self.upper:.1%} at 95 % confidence; "
            f"the target is {self.policy.target:.1%})"
        )
        if self.switched_off_at is not None:
            return f"{known}: similar frames have been asked for since audit {self.switched_off_at}."
        if self.audits < self.policy.enough:
            return f"{known}: too few to prove the target, which takes {self.policy.enough}."
        return f"{known}."

    def _fails(self) -> bool:
        if self.audits >= self.policy.enough:
            return self.upper > self.policy.target
        return self.false_hits >= _EARLY_FALSE_HITS and self.lower > self.policy.target


def replayed(results: Iterable[AuditResult], policy: AuditPolicy | None = None) -> AuditState:
    """The state after stored audits, in their order."""
    state = AuditState(policy or AuditPolicy())
    for result in results:
        state = state.add(result)
    return state


def is_audited(digest: str, from_digest: str, *, seed: int = 0, share: float = SHARE) -> bool:
    """Whether the hit of frame `digest` on the scored frame `from_digest` is in the sample: by a hash of the two and
    the seed, so that it depends on nothing else, the order of the run included."""
    name = hashlib.sha256(f"audit\n{seed}\n{digest}\n{from_digest}".encode()).digest()
    return int.from_bytes(name[:8], "big") < share * 2**64


def upper_bound(successes: int, trials: int, confidence: float = CONFIDENCE) -> float:
    """Clopper and Pearson's one-sided upper bound of a rate; 1 where nothing was tried."""
    # Heavy to import, and only an audit needs it.
    from scipy.special import betaincinv

    return 1.0 if successes == trials else float(betaincinv(successes + 1, trials - successes, confidence))


def lower_bound(successes: int, trials: int, confidence: float = CONFIDENCE) -> float:
    """Clopper and Pearson's one-sided lower bound of a rate; 0 where nothing was tried."""
    from scipy.special import betaincinv

    return 0.0 if successes == 0 else float(betaincinv(successes, trials - successes + 1, 1 - confidence))


@cache
def _enough(target: float) -> int:
    """The least n for which upper_bound(1, n) ≤ target; the bound falls as n grows."""
    high = 2
    while upper_bound(1, high) > target and high < _ENOUGH_LIMIT:
        high *= 2
    low = high // 2
    while low + 1 < high:
        middle = (low + high) // 2
        low, high = (middle, high) if upper_bound(1, middle) > target else (low, middle)
    return high
