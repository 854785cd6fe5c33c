"""What ends a whole run: an answer that the next call would get as well, said with what to do."""

from __future__ import annotations

from calibtui.core.errors import BudgetExhaustedError, CalibtuiError, JudgeFailedError
from calibtui.gateway.errors import ErrorClass, Trouble
from calibtui.gateway.upstream import Upstream

STOPPING = frozenset({ErrorClass.BUDGET, ErrorClass.AUTH, ErrorClass.MODEL})


class NoAnswerError(JudgeFailedError):
    """A place is down, can't be reached, or has nothing but trouble to say: later it may well answer."""


def stopping_error(trouble: Trouble, upstream: Upstream, lane: int, said: str) -> CalibtuiError:
    """For trouble of a STOPPING kind; `said`: its message, redacted."""
    provider = upstream.provider
    if trouble.kind is ErrorClass.BUDGET:
        message = f"The budget of the key at {provider} is exhausted: {said}"
        return BudgetExhaustedError(message, f"{trouble.hint} Every score so far is kept; the same command resumes.")
    if trouble.kind is ErrorClass.AUTH:
        key = upstream.keys.key(lane)
        which = f"the key in {key.secret.source}" if key else "a call without a key"
        return JudgeFailedError(f"{provider} rejected {which}: {said}", trouble.hint)
    message = f"{provider} does not serve {upstream.request.model} at {upstream.url}: {said}"
    return JudgeFailedError(message, trouble.hint)


def unreachable(upstream: Upstream, trouble: Trouble) -> CalibtuiError:
    """Nobody has ever answered there."""
    return NoAnswerError(
        f"{upstream.provider} can't be reached at {upstream.url}: {trouble.message}.",
        f"Check base_url in [providers.{upstream.provider}], the network, and that the server runs.",
    )
