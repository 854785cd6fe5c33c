"""A judge's verdicts and what they cost."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ScoreKey:
    """What identifies a score for the exact cache: nothing with the same key is ever asked twice.

    `payload_digest`: the frame's digest joined with the recipe that turns it into what the judge sees.
    `prompt_digest`: the pinned template. `model`: as requested. `parameters_digest`: max_tokens, temperature and the
    like.
    `pass_number`: 1 for the first pass; a later pass is asked on purpose.
    """

    payload_digest: str
    prompt_digest: str
    model: str
    parameters_digest: str
    pass_number: int = 1


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one call. `measured` is False where the reply declared none and the worst case stands in."""

    input_tokens: int
    output_tokens: int
    measured: bool = True


@dataclass(frozen=True, slots=True)
class Score:
    """One stored verdict: difficulty in [0, 1], 1 the hardest. The columns of a score shard.

    `cached`: "exact", "similar" or None for a score that was asked for in this run; `cost_micro_eur` is what this run
    paid
    for it, so 0 where cached. `scored_at` is UTC seconds since the epoch.
    """

    frame_uri: str
    digest: str
    difficulty: float
    reasons: tuple[str, ...]
    prompt: str
    prompt_digest: str
    requested_model: str
    answered_model: str
    provider: str
    pass_number: int
    cached: str | None
    input_tokens: int
    output_tokens: int
    cost_micro_eur: int
    budget_node: str | None
    latency_ms: float
    scored_at: float


@dataclass(frozen=True, slots=True)
class FailedScore:
    """A frame the judge could not score: `error` names the class of failure, `reply` is the beginning of what came
    back."""

    frame_uri: str
    digest: str
    error: str
    reply: str


@dataclass(frozen=True, slots=True)
class CallRecord:
    """A request to a judge that cost money, or may have: its reply came, or got lost after the request may have left.

    `digest`: of the frame. `status`: "ok", or the class of what went wrong ("rate_limit", "upstream", "unreadable", …).
    `attempts`: requests sent for the frame since its previous record, this one included; their sum is all traffic.
    Tokens are the reply's own where `measured`, else the worst case. `cost_micro_eur` is at the price configured when
    the call was made; `latency_ms` of the last attempt alone; `at` is UTC seconds since the epoch, when it ended.
    """

    call_id: str
    digest: str
    provider: str
    requested_model: str
    answered_model: str
    completion_id: str
    status: str
    attempts: int
    input_tokens: int
    output_tokens: int
    measured: bool
    cost_micro_eur: int
    latency_ms: float
    at: float
