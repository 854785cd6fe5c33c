"""What one frame's calls come to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from calibtui.core.scores import CallRecord, Usage
from calibtui.gateway.dialects.dialect import TokenChoice
from calibtui.gateway.errors import ErrorClass

OnCall = Callable[[CallRecord], None]


@dataclass(frozen=True, slots=True)
class Completion:
    """What came back, as text of a stranger. `usage.measured` is False where the worst case stands in. `took_s`: of the
    frame's deadline."""

    text: str | None
    refusal: str | None
    finish_reason: str
    answered_model: str
    completion_id: str
    fingerprint: str
    usage: Usage
    cost_micro_eur: int
    latency_ms: float
    provider: str
    tokens: tuple[TokenChoice, ...] = ()
    took_s: float = 0.0


@dataclass(frozen=True, slots=True)
class CallFailure:
    """This frame got no completion; the run may go on. `message` is redacted and short."""

    kind: ErrorClass
    message: str
