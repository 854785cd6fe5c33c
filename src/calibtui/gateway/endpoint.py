"""Who serves the model, at which address, with which keys: settled before the first call, and refused by name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from calibtui.core.errors import SettingsError
from calibtui.gateway.secrets import Secret, looks_like_a_key
from calibtui.workspace.settings import ProviderSettings, ScoringSettings

_ENV = "env:"
_ENV_NAME = re.compile(r"^[A-Za-z_][A-Za-z0-9_]*$")
_REFUSED = (
    "Put it into an environment variable, write the variable's name here, and have this key replaced: it was in a file."
)


@dataclass(frozen=True, slots=True)
class Key:
    secret: Secret
    weight: float


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A provider ready to be called. `url` is its base, without a slash at the end; `secret_headers` are the ones from
    the environment; `api`: the dialect it speaks."""

    provider: str
    url: str
    keys: tuple[Key, ...]
    headers: Mapping[str, str]
    secret_headers: Mapping[str, Secret]
    api: str = "openai"

    @property
    def secrets(self) -> tuple[Secret, ...]:
        return (*(key.secret for key in self.keys), *self.secret_headers.values())


def serving_provider(scoring: ScoringSettings, providers: Mapping[str, ProviderSettings]) -> ProviderSettings:
    """The provider that serves scoring.model: scoring.provider where given, else the only one that has a price for it.

    Raises SettingsError that names the candidates.
    """
    if not scoring.model:
        raise SettingsError("scoring.model is missing: the vlm judge needs a model's name.", "Set model in [scoring].")
    if scoring.provider is not None:
        if scoring.provider not in providers:
            known = ", ".join(sorted(providers)) or "none"
            raise SettingsError(
                f"scoring.provider names {scoring.provider}, and there is no table [providers.{scoring.provider}].",
                f"Providers there are: {known}.",
            )
        return providers[scoring.provider]
    return _only_one_with_a_price(scoring.model, providers)


def _only_one_with_a_price(model: str, providers: Mapping[str, ProviderSettings]) -> ProviderSettings:
    candidates = [provider for provider in providers.values() if model in provider.models]
    if len(candidates) == 1:
        return candidates[0]
    if candidates:
        names = ", ".join(sorted(provider.name for provider in candidates))
        raise SettingsError(f"Several providers serve {model}: {names}.", "Set provider in [scoring] to one of them.")
    names = ", ".join(sorted(providers)) or "none"
    raise SettingsError(
        f"No provider has a price for {model} (providers: {names}).",
        f'Write [providers.NAME.models."{model}"] with eur_per_million_input and eur_per_million_output.',
    )


@dataclass(frozen=True, slots=True)
class Serving:
    """Who is asked, and for which of its models."""

    provider: ProviderSettings
    model: str


def serving_chain(scoring: ScoringSettings, providers: Mapping[str, ProviderSettings]) -> tuple[Serving, ...]:
    """The provider that serves scoring.model, then its fallback, the fallback's own, and so on, each once.

    A fallback serves the model of the same name where it prices that, else the only one it prices. Raises
    SettingsError as serving_provider does, and for a fallback of which neither is true.
    """
    model = scoring.model or ""
    chain = [Serving(serving_provider(scoring, providers), model)]
    seen = {chain[0].provider.name}
    while (name := chain[-1].provider.fallback) is not None and name not in seen:
        seen.add(name)
        chain.append(Serving(providers[name], _fallback_model(chain[-1].provider.name, providers[name], model)))
    return tuple(chain)


def _fallback_model(before: str, provider: ProviderSettings, model: str) -> str:
    if model in provider.models:
        return model
    if len(provider.models) == 1:
        return next(iter(provider.models))
    priced = ", ".join(sorted(provider.models)) or "none"
    raise SettingsError(
        f"providers.{before}.fallback is {provider.name}, which prices neither {model} nor one model alone "
        f"(priced there: {priced}).",
        f'Write [providers.{provider.name}.models."…"] for the one model that stands in.',
    )


def resolve_endpoint(provider: ProviderSettings, environ: Mapping[str, str]) -> Endpoint:
    """Keys and headers from `environ`. Raises SettingsError for a bad address, a key written into the settings, and
    for every variable that is missing, all in one."""
    table = f"providers.{provider.name}"
    url = _checked_url(table, provider.base_url)
    _refuse_literal_keys(table, provider)
    missing = _missing_variables(provider, environ)
    if missing:
        raise SettingsError(
            f"{table} needs {', '.join(missing)}, and the environment has no such variable.",
            f"export {missing[0]}=… and start again; a running engine only knows it after `calibtui stop`.",
        )
    return Endpoint(
        provider.name,
        url,
        tuple(Key(_secret(key.env, environ), key.weight) for key in provider.keys),
        {name: value for name, value in provider.headers.items() if not value.startswith(_ENV)},
        {
            name: _secret(value.removeprefix(_ENV), environ)
            for name, value in provider.headers.items()
            if value.startswith(_ENV)
        },
        provider.api,
    )


def _secret(name: str, environ: Mapping[str, str]) -> Secret:
    value = environ[name].strip()
    if not (value.isascii() and value.isprintable()):
        message = f"The variable {name} holds characters that no HTTP header can, a line break perhaps."
        raise SettingsError(message, "Set it to the key alone.")
    return Secret(name, value)


def _missing_variables(provider: ProviderSettings, environ: Mapping[str, str]) -> list[str]:
    wanted = [key.env for key in provider.keys]
    wanted += [value.removeprefix(_ENV) for value in provider.headers.values() if value.startswith(_ENV)]
    return [name for name in dict.fromkeys(wanted) if not environ.get(name, "").strip()]


def _refuse_literal_keys(table: str, provider: ProviderSettings) -> None:
    """A key in the file is named by its place, never by its text."""
    for number, key in enumerate(provider.keys):
        if not _ENV_NAME.match(key.env) or (looks_like_a_key(key.env) and key.env != key.env.upper()):
            raise SettingsError(f"{table}.keys[{number}].env looks like a key, not like a variable's name.", _REFUSED)
    for name, value in provider.headers.items():
        if value.startswith(_ENV):
            if not _ENV_NAME.match(value.removeprefix(_ENV)):
                raise SettingsError(f"{table}.headers.{name} names no environment variable.", 'Write "env:NAME".')
        elif looks_like_a_key(value) or name.lower() == "authorization":
            raise SettingsError(f"{table}.headers.{name} holds what looks like a key.", _REFUSED)
    for model in provider.models:
        if looks_like_a_key(model) and model.startswith(("sk-", "Bearer ")):
            raise SettingsError(f"A name in {table}.models looks like a key.", _REFUSED)


def _checked_url(table: str, base_url: str) -> str:
    try:
        parts = urlsplit(base_url)
        valid = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        valid = False
    if not valid:
        raise SettingsError(f"{table}.base_url is not an http or https address.", "Write it like https://host/v1.")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise SettingsError(
            f"{table}.base_url holds more than an address (a user, a password or a query).",
            f"Write the address alone; keys belong into {table}.keys or headers, as names of environment variables.",
        )
    return base_url.rstrip("/")
