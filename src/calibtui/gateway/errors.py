"""What a reply that is no completion means: one table over its status, its headers and its body.

A body's own words count before its status, because gateways answer an exhausted budget with 402, 412, 422 and 429
alike, and only the words tell it from a rate limit. Bodies and codes as sent by Bifrost, LiteLLM 1.106-1.109, Portkey
1.15, vLLM and the APIs of OpenAI, Anthropic and Google.
"""

from __future__ import annotations

import email.utils
import enum
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

MAX_RETRY_AFTER_S = 3600.0
_EXAMINED_BYTES = 64 * 1024
_DELAY = re.compile(r"^[0-9]{1,9}(\.[0-9]{1,9})?s$")
_RETRY_AFTER_HEADERS = ("retry-after", "llm_provider-retry-after")


class ErrorClass(enum.StrEnum):
    """budget: a virtual key's cap, stops the run · rate_limit: wait · auth, model: stop, somebody must fix something ·
    bad_request: this frame fails · upstream: try again · unreadable: a success that isn't one."""

    BUDGET = "budget"
    RATE_LIMIT = "rate_limit"
    AUTH = "auth"
    MODEL = "model"
    BAD_REQUEST = "bad_request"
    UPSTREAM = "upstream"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class ErrorBody:
    """What an error body says of itself, as lower-case words: types and codes at either level; its message as
    written."""

    words: frozenset[str]
    param: str
    message: str
    retry_after_s: float | None = None


@dataclass(frozen=True, slots=True)
class Trouble:
    """A classified reply: `message` is the sender's own (unredacted, up to 64 KiB); `retry_after_s` None where not
    told."""

    kind: ErrorClass
    message: str
    hint: str
    retry_after_s: float | None = None
    param: str = ""


@dataclass(frozen=True, slots=True)
class Rule:
    """Matches where every field that is given does: a status of `statuses`, a word of `words`, a text of `says`."""

    kind: ErrorClass
    hint: str = ""
    statuses: frozenset[int] = frozenset()
    words: frozenset[str] = frozenset()
    says: tuple[str, ...] = ()

    def matches(self, status: int, body: ErrorBody) -> bool:
        if self.statuses and status not in self.statuses:
            return False
        if self.words and not self.words & body.words:
            return False
        return not self.says or any(text in body.message.lower() for text in self.says)


_NO_CREDIT = "The account behind the key has no credit left: top it up, or use another provider."
_NO_BILLING = "Enable billing for the key's project, or use a key that may be used from this place."
_NEW_KEY = "Check the key in the environment, and that it may be used with this address."
_MODEL_NAME = "Check scoring.model and the provider's base_url; the endpoint's /models lists what it serves."
_BLOCKED = (
    "The virtual key may not use this model or provider: have it allowed at the gateway, or choose another model."
)
_RAISE_SPEND = "Raise the spend limit in the provider's console, or wait for its next period."
_RAISE = "Raise the cap at the gateway, or wait for its next period."


def _set(*values: str) -> frozenset[str]:
    return frozenset(values)


RULES: tuple[Rule, ...] = (
    # An account without money at the provider itself is nobody's budget cap, and waiting does not help.
    Rule(
        ErrorClass.AUTH,
        _NO_CREDIT,
        words=_set("insufficient_quota", "billing_hard_limit_reached", "billing_not_active", "billing_error"),
    ),
    Rule(
        ErrorClass.AUTH, _NO_CREDIT, says=("insufficient balance", "insufficient credits", "credit balance is too low")
    ),
    Rule(ErrorClass.BUDGET, _RAISE, words=_set("budget_exceeded")),
    # LiteLLM's budget of a deployment comes as a 429 of type internal_server_error: only its message tells.
    Rule(ErrorClass.BUDGET, _RAISE, says=("crossed budget", "exceeded budget", "budget has been exceeded")),
    # Caps that were set in the console of Anthropic or Google come as a 400 or a 429 like any other.
    Rule(ErrorClass.BUDGET, _RAISE_SPEND, says=("specified api usage limits", "spending cap", "spend limit")),
    Rule(ErrorClass.UPSTREAM, words=_set("upstream_credentials_exhausted", "overloaded_error", "timeout_error")),
    Rule(ErrorClass.RATE_LIMIT, words=_set("token_limited", "rate_limited", "request_limited", "throttling_error")),
    Rule(ErrorClass.RATE_LIMIT, words=_set("rate_limit_exceeded", "rate_limit_error", "resource_exhausted")),
    Rule(ErrorClass.AUTH, _NEW_KEY, words=_set("virtual_key_required", "virtual_key_not_found", "virtual_key_blocked")),
    Rule(ErrorClass.AUTH, _NEW_KEY, words=_set("invalid_api_key", "authentication_error", "auth_error")),
    # A LiteLLM without a database looks every key but its master's up there, and says 400.
    Rule(ErrorClass.AUTH, _NEW_KEY, words=_set("no_db_connection")),
    # Google says of a wrong key that the argument is invalid, and of a project without billing that it isn't ready.
    Rule(ErrorClass.AUTH, _NEW_KEY, words=_set("api_key_invalid", "unauthenticated", "api_key_service_blocked")),
    Rule(ErrorClass.AUTH, _NO_BILLING, words=_set("failed_precondition")),
    Rule(ErrorClass.MODEL, _BLOCKED, words=_set("model_blocked", "provider_blocked", "access_blocked")),
    Rule(ErrorClass.MODEL, _MODEL_NAME, words=_set("model_not_found", "model_not_available")),
    Rule(ErrorClass.MODEL, _MODEL_NAME, frozenset({400, 403, 404, 422}), says=("invalid model name", "unknown model")),
    Rule(ErrorClass.AUTH, _NO_CREDIT, frozenset({402})),
    Rule(ErrorClass.BUDGET, _RAISE, frozenset({412})),
    Rule(ErrorClass.RATE_LIMIT, "", frozenset({429})),
    Rule(ErrorClass.AUTH, _NEW_KEY, frozenset({401, 403, 407})),
    Rule(ErrorClass.MODEL, _MODEL_NAME, frozenset({301, 302, 303, 307, 308, 404, 405, 410})),
    Rule(ErrorClass.UPSTREAM, "", frozenset({408, 409, 425, 499})),
)


def classify(status: int, headers: Mapping[str, str], body: bytes, *, now: float) -> Trouble:
    """`headers` by lower-case name; `now` UTC seconds, for a Retry-After that is a date. Never raises, whatever the
    body.

    For a 2xx it says what is wrong with a body that holds an error instead of a completion; one that holds neither is
    unreadable.
    """
    said = read_error_body(body)
    wait = retry_after_s(headers, now) if said.retry_after_s is None else said.retry_after_s
    for rule in RULES:
        if rule.matches(status, said):
            return Trouble(rule.kind, said.message, rule.hint, wait, said.param)
    if status < 300 and not said.words and not said.message:
        return Trouble(ErrorClass.UNREADABLE, beginning(body), "", wait)
    kind = ErrorClass.BAD_REQUEST if 400 <= status < 500 else ErrorClass.UPSTREAM
    return Trouble(kind, said.message or beginning(body), "", wait, said.param)


def read_error_body(body: bytes) -> ErrorBody:
    """The words, parameter and message of an error body of any known shape; nothing at all where it has none of
    them."""
    try:
        value = json.loads(body[:_EXAMINED_BYTES])
    except (ValueError, RecursionError):
        return ErrorBody(frozenset(), "", "")
    if isinstance(value, list) and value:
        value = value[0]
    if not isinstance(value, dict):
        return ErrorBody(frozenset(), "", "")
    return _error_of(value)


def _error_of(value: dict[str, object]) -> ErrorBody:
    error = value.get("error", value.get("detail"))
    inner: dict[str, object] = error if isinstance(error, dict) else {}
    message = error if isinstance(error, str) else inner.get("message", value.get("message"))
    names = [source.get(key) for source in (value, inner) for key in ("type", "code", "status")]
    # "type": "error" and the like at the top level of a completion are no words of an error.
    if not inner and not isinstance(error, str) and "choices" in value:
        return ErrorBody(frozenset(), "", "")
    details = inner.get("details")
    entries = [entry for entry in details if isinstance(entry, dict)] if isinstance(details, list) else []
    names += [entry.get("reason") for entry in entries]
    param = inner.get("param", value.get("param"))
    return ErrorBody(
        frozenset(name.lower() for name in names if isinstance(name, str)),
        param if isinstance(param, str) else "",
        message if isinstance(message, str) else "",
        _retry_delay_s(entries),
    )


def _retry_delay_s(details: list[dict[str, object]]) -> float | None:
    """google.rpc.RetryInfo: how long to wait, written as "34.5s"."""
    for entry in details:
        delay = entry.get("retryDelay")
        if isinstance(delay, str) and _DELAY.match(delay):
            return min(float(delay[:-1]), MAX_RETRY_AFTER_S)
    return None


def retry_after_s(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds to wait as told by Retry-After (seconds or an HTTP date) or its renamed cousin, within 0 and an hour."""
    for name in _RETRY_AFTER_HEADERS:
        value = headers.get(name)
        seconds = None if value is None else _seconds(value.strip(), now)
        if seconds is not None:
            return min(max(seconds, 0.0), MAX_RETRY_AFTER_S)
    return None


def _seconds(value: str, now: float) -> float | None:
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = email.utils.parsedate_to_datetime(value).timestamp() - now
        except (ValueError, TypeError, OverflowError):
            return None
    return seconds if math.isfinite(seconds) else None


def beginning(body: bytes, limit: int = 200) -> str:
    """The first characters of a body for people: printable, on one line."""
    text = body[: limit * 4].decode("utf-8", "replace")
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:limit]
