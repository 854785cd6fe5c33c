"""calibtui.toml and --set into Settings."""

from __future__ import annotations

import json
import tomllib
import types
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from calibtui.core.errors import ConfigurationError, SettingsError
from calibtui.workspace.currency import check_currency, priced_in_eur
from calibtui.workspace.paths import check_paths
from calibtui.workspace.reading import Place, did_you_mean, read_table
from calibtui.workspace.settings import (
    BudgetSettings,
    CacheSettings,
    CurrencySettings,
    EngineSettings,
    EvaluationSettings,
    MetricsSettings,
    ModelSettings,
    PoolSettings,
    ProviderSettings,
    QuantizationSettings,
    ScoringSettings,
    SelectionSettings,
    Settings,
    TrialsSettings,
)

FILE_NAME = "calibtui.toml"

_TABLES: Mapping[str, type[Any]] = {
    "pool": PoolSettings,
    "evaluation": EvaluationSettings,
    "scoring": ScoringSettings,
    "selection": SelectionSettings,
    "quantization": QuantizationSettings,
    "trials": TrialsSettings,
    "metrics": MetricsSettings,
    "engine": EngineSettings,
    "currency": CurrencySettings,
}
_KNOWN = {*_TABLES, "model", "providers", "budgets", "cache"}


def load_settings(root: Path, overrides: Sequence[str] = ()) -> Settings:
    """The settings of the workspace `root`; `overrides` are `table.key=value` texts that win over the file.

    Raises SettingsError for anything that isn't exactly right, ConfigurationError where there is no calibtui.toml.
    """
    root = root.resolve()
    file = root / FILE_NAME
    document = merged(_parsed(file), overrides)
    settings = settings_from(document, root, file)
    check_paths(settings)
    return settings


def _parsed(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigurationError(
            f"{file} does not exist.",
            f"Run `calibtui init {file.parent}` to write one, or name the workspace's directory.",
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{file}: not valid TOML: {error}.") from error
    except OSError as error:
        raise ConfigurationError(f"{file} can't be read: {error.strerror}.") from error


def merged(document: dict[str, Any], overrides: Sequence[str]) -> dict[str, Any]:
    """`document` with each `table.key=value` laid over it. A value that isn't TOML is taken as text."""
    for override in overrides:
        key, equals, value = override.partition("=")
        if not equals or not key.strip():
            raise ConfigurationError(
                f"--set {override}: must be table.key=value.", "For example --set selection.size=256."
            )
        try:
            try:
                patch = tomllib.loads(f"{key} = {value}")
            except tomllib.TOMLDecodeError:
                patch = tomllib.loads(f"{key} = {json.dumps(value.strip())}")
        except tomllib.TOMLDecodeError:
            raise ConfigurationError(
                f"--set {override}: {key!r} is not a dotted key.", "For example selection.size."
            ) from None
        document = _laid_over(document, patch)
    return document


def _laid_over(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    result = dict(below)
    for key, value in above.items():
        both_tables = isinstance(value, dict) and isinstance(result.get(key), dict)
        result[key] = _laid_over(result[key], value) if both_tables else value
    return result


def settings_from(document: Mapping[str, Any], root: Path, file: Path) -> Settings:
    """Settings from a parsed document; no file is looked at."""
    top = Place(file)
    for key in document:
        if key not in _KNOWN:
            raise top.under(key).error("is not a known table.", did_you_mean(key, _KNOWN))
    if "pool" not in document:
        raise top.under("pool").error("the table is missing.", 'Write [pool] with images = "…".')
    simple = {
        name: read_table(cls, document[name], top.under(name)) for name, cls in _TABLES.items() if name in document
    }
    settings = Settings(
        root=root,
        file=file,
        model=_model(document["model"], top.under("model")) if "model" in document else None,
        providers=_providers(document.get("providers", {}), top.under("providers")),
        budgets=_budgets(document.get("budgets", {}), top.under("budgets")),
        cache=_cache(document.get("cache", {}), top.under("cache")),
        **simple,
    )
    _check_fallbacks(settings, top.under("providers"))
    _check_decoded(settings, top)
    if settings.currency is not None:
        check_currency(settings.currency, top.under("currency"))
    return replace(settings, providers=_with_eur(settings, top.under("providers")))


def _model(table: Any, place: Place) -> ModelSettings:
    if isinstance(table, Mapping) and table.get("input") == "auto":
        table = {key: value for key, value in table.items() if key != "input"}
    return read_table(ModelSettings, table, place)


def _providers(table: Any, place: Place) -> Mapping[str, ProviderSettings]:
    rows = _rows(table, place)
    return types.MappingProxyType(
        {name: read_table(ProviderSettings, row, place.under(name), name=name) for name, row in rows.items()}
    )


def _with_eur(settings: Settings, place: Place) -> Mapping[str, ProviderSettings]:
    """The same providers with every price in EUR."""
    made = {}
    for name, provider in settings.providers.items():
        models = {
            model: priced_in_eur(prices, settings.currency, place.under(name).under("models").under(model))
            for model, prices in provider.models.items()
        }
        made[name] = replace(provider, models=types.MappingProxyType(models))
    return types.MappingProxyType(made)


def _budgets(table: Any, place: Place) -> Mapping[str, BudgetSettings]:
    rows = _rows(table, place)
    return types.MappingProxyType(
        {node: read_table(BudgetSettings, row, place.under(node), node=node) for node, row in rows.items()}
    )


def _rows(table: Any, place: Place) -> Mapping[str, Any]:
    if not isinstance(table, Mapping):
        raise place.error("must be a table of tables.")
    return table


def _cache(table: Any, place: Place) -> CacheSettings:
    off = isinstance(table, Mapping) and table.get("similar") is False
    rest = {key: value for key, value in table.items() if key != "similar"} if off else table
    return read_table(CacheSettings, rest, place)


def _check_decoded(settings: Settings, top: Place) -> None:
    """max_map_drop is about mAP, which takes boxes and scores; so does the detector as its own judge."""
    if settings.model is None or settings.model.decoder != "none":
        return
    if "detector" in (settings.scoring.judge, *(stage.judge for stage in settings.scoring.stages)):
        problem = 'can\'t be "detector" with [model] decoder = "none": a detector judges by its boxes.'
        raise top.under("scoring").under("judge").error(problem, 'Name a decoder, or let judge = "vlm".')
    if settings.quantization.max_map_drop is not None:
        raise (
            top.under("quantization")
            .under("max_map_drop")
            .error(
                'can\'t be held with [model] decoder = "none": without boxes there is no mAP.',
                "Name a decoder, or leave max_map_drop out and read the output error.",
            )
        )


def _check_fallbacks(settings: Settings, place: Place) -> None:
    for name, provider in settings.providers.items():
        if provider.fallback is not None and provider.fallback not in settings.providers:
            problem = f"{provider.fallback!r} is no provider of this file."
            raise (
                place.under(name).under("fallback").error(problem, did_you_mean(provider.fallback, settings.providers))
            )


def with_provider_url(settings: Settings, provider: str, base_url: str) -> Settings:
    """The same settings with one provider at another address: how the demo points at its own practice judge."""
    moved = replace(settings.providers[provider], base_url=base_url)
    return replace(settings, providers=types.MappingProxyType({**settings.providers, provider: moved}))
