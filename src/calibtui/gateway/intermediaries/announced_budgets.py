"""What a gateway says of its own budget, read beside ours, and whether it holds to what it says.

Nothing here costs money: control-plane reads, and for a LiteLLM without a database one call for a model that doesn't
exist, whose refusal announces the key's budget in its headers. Figures are the gateway's USD, for showing alone.

* Bifrost: GET /api/governance/virtual-keys/quota. It checks a budget before a call and charges it after the reply.
* LiteLLM: GET /key/info, else the headers x-litellm-key-max-budget and x-litellm-key-spend; /v1/model/info has the
  budgets of deployments; /health/readiness says whether it has a database. Without one nothing is held before a call
  and what was spent is forgotten with every restart: 1.106 answers keys whose announced spend is above their cap.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx

from calibtui.gateway.endpoint import Endpoint, Key
from calibtui.gateway.errors import read_error_body
from calibtui.gateway.intermediaries.identity import GatewayKind, kind_of
from calibtui.gateway.transport import HttpResponse

_TIMEOUT_S = 5.0
_MAX_BYTES = 4 << 20
_SPENT = re.compile(r"Current cost: (?P<spent>[0-9.eE+-]+), Max budget: (?P<cap>[0-9.eE+-]+)")
_NO_MODEL = "calibtui-asks-for-a-budget-not-for-a-model"
_LATE = "it is charged after the reply, so calls at the same time can pass it"
_FORGETS = (
    "LiteLLM announces this budget and does not enforce it: it runs without a database, so it holds nothing before a "
    "call and forgets what was spent when it restarts. Only calibtui's own cap holds."
)


@dataclass(frozen=True, slots=True)
class AnnouncedLine:
    """One budget in USD; `spent_usd` None where it isn't told, `period` "" where it never renews."""

    what: str
    cap_usd: float
    spent_usd: float | None
    period: str = ""

    def __str__(self) -> str:
        spent = "" if self.spent_usd is None else f"{self.spent_usd:.4f} of "
        every = f" every {self.period}" if self.period else ""
        return f"{self.what}: {spent}{self.cap_usd:.4f} USD{every}"


@dataclass(frozen=True, slots=True)
class AnnouncedBudget:
    """What is announced for one key. `key`: its environment variable, "" without one. `caveat`: a sentence on how far
    the gateway holds to it, "" where fully; `enforced` False where it plainly doesn't."""

    gateway: GatewayKind
    key: str
    lines: tuple[AnnouncedLine, ...]
    enforced: bool
    caveat: str

    def __str__(self) -> str:
        said = "; ".join(str(line) for line in self.lines)
        return f"{self.gateway.value} announces {said}" + (f". {self.caveat}" if self.caveat else "")


def announced_budgets(endpoint: Endpoint, model: str, timeout_s: float = _TIMEOUT_S) -> tuple[AnnouncedBudget, ...]:
    """What the gateway announces for each key of `endpoint`; nothing where it announces nothing or can't be asked.

    Never raises for what the other side does.
    """
    kind = kind_of(endpoint)
    if kind in (GatewayKind.PROVIDER, GatewayKind.PORTKEY):
        return ()
    with httpx.Client(timeout=timeout_s, trust_env=False, follow_redirects=False) as client:
        found = (_of_key(client, endpoint, key, kind, model) for key in endpoint.keys or (None,))
        return tuple(budget for budget in found if budget is not None)


def budget_of_reply(response: HttpResponse, key: str = "") -> AnnouncedBudget | None:
    """What the headers of a completion announce; not enforced where the cap was spent before this very call."""
    line = _line_of_headers(response.headers)
    if line is None:
        return None
    before = (line.spent_usd or 0.0) - (_usd(response.headers.get("x-litellm-response-cost")) or 0.0)
    overspent = response.status == 200 and line.cap_usd > 0 and before >= line.cap_usd * (1 - 1e-9)
    caveat = "LiteLLM announces this budget and answers all the same, with all of it spent." if overspent else ""
    return AnnouncedBudget(GatewayKind.LITELLM, key, (line,), not overspent, caveat)


def _of_key(
    client: httpx.Client, endpoint: Endpoint, key: Key | None, kind: GatewayKind, model: str
) -> AnnouncedBudget | None:
    asked = _Asked(client, endpoint, key)
    if kind in (GatewayKind.BIFROST, GatewayKind.UNKNOWN):
        lines = _bifrost_lines(asked.get(asked.origin + "/api/governance/virtual-keys/quota"))
        if lines:
            return AnnouncedBudget(GatewayKind.BIFROST, asked.name, lines, True, f"In Bifrost {_LATE}.")
    if kind in (GatewayKind.LITELLM, GatewayKind.UNKNOWN):
        return _of_litellm(asked, model)
    return None


def _of_litellm(asked: _Asked, model: str) -> AnnouncedBudget | None:
    ready = asked.get(asked.root + "/health/readiness")
    if not isinstance(ready.get("status"), str) or "db" not in ready:
        return None
    stored = ready["db"] == "connected"
    own = _line_of_key_info(asked.get(asked.root + "/key/info")) if stored else asked.announced_with_a_refusal()
    deployments = _deployment_lines(asked.get(asked.root + "/v1/model/info"), model)
    if own is not None and not stored:
        return AnnouncedBudget(GatewayKind.LITELLM, asked.name, (own, *deployments), False, _FORGETS)
    if own is None and not deployments:
        return None
    caveat = f"A deployment's budget is no hard cap: {_LATE}." if deployments else ""
    lines = (own, *deployments) if own is not None else deployments
    return AnnouncedBudget(GatewayKind.LITELLM, asked.name, lines, True, caveat)


class _Asked:
    """Bounded, forgiving reads of one gateway's control plane with one key."""

    def __init__(self, client: httpx.Client, endpoint: Endpoint, key: Key | None) -> None:
        parts = urlsplit(endpoint.url)
        self.name = key.secret.source if key else ""
        self.origin = f"{parts.scheme}://{parts.netloc}"
        self.root = endpoint.url.removesuffix("/v1")
        self._client = client
        self._gone = False
        self._headers = {**endpoint.headers}
        self._headers |= {name: secret.reveal() for name, secret in endpoint.secret_headers.items()}
        if key is not None:
            self._headers["Authorization"] = f"Bearer {key.secret.reveal()}"

    def get(self, url: str) -> Mapping[str, Any]:
        """The JSON object at `url`; empty where there is none."""
        _, body = self._fetch("GET", url)
        try:
            value = json.loads(body)
        except (ValueError, RecursionError):
            return {}
        return value if isinstance(value, dict) else {}

    def announced_with_a_refusal(self) -> AnnouncedLine | None:
        message = {"role": "user", "content": "none"}
        body = {"model": _NO_MODEL, "messages": [message], "max_tokens": 1}
        headers, said = self._fetch("POST", self.root + "/v1/chat/completions", body)
        return _line_of_headers(headers) or _line_of_refusal(said)

    def _fetch(self, method: str, url: str, body: object = None) -> tuple[Mapping[str, str], bytes]:
        if self._gone:
            return {}, b""
        try:
            with self._client.stream(method, url, headers=self._headers, json=body) as reply:
                kept = bytearray()
                for chunk in reply.iter_bytes():
                    kept += chunk
                    if len(kept) > _MAX_BYTES:
                        return {}, b""
                told = {name.lower(): value for name, value in reply.headers.items()}
                return told, bytes(kept)
        except (httpx.ConnectError, httpx.TimeoutException):
            # Whoever doesn't answer once is not waited for again.
            self._gone = True
            return {}, b""
        except (httpx.HTTPError, httpx.InvalidURL):
            return {}, b""


def _line_of_headers(headers: Mapping[str, str]) -> AnnouncedLine | None:
    cap = _usd(headers.get("x-litellm-key-max-budget"))
    return None if cap is None else AnnouncedLine("the key", cap, _usd(headers.get("x-litellm-key-spend")))


def _line_of_refusal(body: bytes) -> AnnouncedLine | None:
    """A key that is spent is refused before its headers are made: the words of the 422 hold the figures."""
    found = _SPENT.search(read_error_body(body).message)
    cap = _usd(found["cap"]) if found else None
    return AnnouncedLine("the key", cap, _usd(found["spent"])) if found and cap is not None else None


def _line_of_key_info(said: Mapping[str, Any]) -> AnnouncedLine | None:
    info = said.get("info")
    if not isinstance(info, dict) or (cap := _usd(info.get("max_budget"))) is None:
        return None
    return AnnouncedLine("the key", cap, _usd(info.get("spend")), _label(info.get("budget_duration")))


def _deployment_lines(said: Mapping[str, Any], model: str) -> tuple[AnnouncedLine, ...]:
    lines: list[AnnouncedLine] = []
    for deployment in _objects(said.get("data")):
        settings = deployment.get("litellm_params")
        if deployment.get("model_name") != model or not isinstance(settings, dict):
            continue
        if (cap := _usd(settings.get("max_budget"))) is not None:
            lines.append(AnnouncedLine("the deployment", cap, None, _label(settings.get("budget_duration"))))
    return tuple(lines)


def _bifrost_lines(said: Mapping[str, Any]) -> tuple[AnnouncedLine, ...]:
    lines: list[AnnouncedLine] = []
    for budget in _objects(said.get("budgets")):
        if (cap := _usd(budget.get("max_limit"))) is not None:
            period = _label(budget.get("reset_duration"))
            lines.append(AnnouncedLine("the key", cap, _usd(budget.get("current_usage")), period))
    return tuple(lines)


def _objects(value: object) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _usd(value: object) -> float | None:
    """An amount as a number or as the text of a header; None for anything else, "None" included."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        amount = float(value)
    except (ValueError, OverflowError):
        return None
    return amount if math.isfinite(amount) and amount >= 0 else None


def _label(value: object) -> str:
    return "".join(c for c in value[:40] if c.isprintable()) if isinstance(value, str) else ""
