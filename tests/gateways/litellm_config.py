"""LiteLLM's configuration in these tests: models by what stands behind them, keys by what they may spend."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from tests.gateways.processes import new_key

USD_PER_TOKEN = 0.00001
DEPLOYMENT_BUDGET_USD = 0.01

_AUTH = """\
from litellm.proxy._types import ProxyException, UserAPIKeyAuth

KEYS = {keys}


async def by_key(request, api_key):
    if api_key not in KEYS:
        raise ProxyException(message="Authentication Error, Invalid proxy server token passed.", type="auth_error",
                             param="key", code=401)
    cap, spent = KEYS[api_key]
    return UserAPIKeyAuth(api_key=api_key, key_alias="eng", max_budget=cap, spend=spent)
"""


@dataclass(frozen=True)
class LiteLLMKeys:
    """`free` has no budget; `small` a cap of less than a call; `spent` has nothing left of its 200 USD."""

    master: str
    free: str
    small: str
    spent: str


def write_config(
    directory: Path, upstreams: dict[str, tuple[str, str]], *, semantic_store: str = "", exact: bool = False
) -> LiteLLMKeys:
    """litellm.yaml and its module of keys in `directory`. `upstreams`: address and key by model; "capped" and its
    like get a deployment budget. `semantic_store`: the address of embeddings and vectors; `exact`:
    a cache of whole requests; no cache without either."""
    keys = LiteLLMKeys(*(new_key() for _ in range(4)))
    budgets = {keys.free: (None, 0.0), keys.small: (0.001, 0.0), keys.spent: (200.0, 200.0)}
    (directory / "gateway_keys.py").write_text(_AUTH.format(keys=repr(budgets)))
    models = [_model(name, url, key) for name, (url, key) in upstreams.items()]
    settings: dict[str, object] = {"num_retries": 0}
    if semantic_store:
        models.append(_embedding(semantic_store))
        settings |= {"cache": True, "cache_params": _cache(semantic_store)}
    if exact:
        settings |= {"cache": True, "cache_params": {"type": "local"}}
    document = {
        "model_list": models,
        "general_settings": {"custom_auth": "gateway_keys.by_key", "custom_auth_run_common_checks": True},
        "router_settings": {"num_retries": 0, "disable_cooldowns": True},
        "litellm_settings": settings,
    }
    # JSON is YAML, and needs no library here.
    (directory / "litellm.yaml").write_text(json.dumps(document, indent=1))
    return keys


def _model(name: str, url: str, key: str) -> dict[str, object]:
    price = {"input_cost_per_token": USD_PER_TOKEN, "output_cost_per_token": USD_PER_TOKEN}
    behind = {"model": "openai/practice-vlm-1", "api_base": url, "api_key": key, **price}
    budget = {"max_budget": DEPLOYMENT_BUDGET_USD, "budget_duration": "1d"} if name.startswith("capped") else {}
    return {"model_name": name, "litellm_params": {**behind, **budget}}


def _embedding(store: str) -> dict[str, object]:
    return {
        "model_name": "words",
        "litellm_params": {"model": "openai/words", "api_base": f"{store}/v1", "api_key": "sk-none"},
    }


def _cache(store: str) -> dict[str, object]:
    return {
        "type": "qdrant-semantic",
        "qdrant_api_base": store,
        "qdrant_collection_name": "answers",
        "qdrant_semantic_cache_embedding_model": "words",
        "qdrant_semantic_cache_vector_size": 256,
        "similarity_threshold": 0.92,
    }
