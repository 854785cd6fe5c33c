"""Prices in USD become EUR at the rate that the file pins, and a price is written exactly once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from calibtui.core.errors import SettingsError
from calibtui.core.money import micro_eur
from calibtui.workspace.load import settings_from
from calibtui.workspace.settings import PriceSettings

RATE = {"usd_per_eur": 1.08, "as_of": "2026-11-01"}


def price(models: dict[str, Any], currency: dict[str, Any] | None = None) -> PriceSettings:
    document: dict[str, Any] = {
        "pool": {"images": "images"},
        "providers": {"acme": {"base_url": "https://h/v1", "models": {"m": models}}},
    }
    if currency is not None:
        document["currency"] = currency
    return settings_from(document, Path("/w"), Path("/w/calibtui.toml")).providers["acme"].models["m"]


def test_usd_become_eur_rounded_up_to_whole_micro_eur() -> None:
    made = price({"usd_per_million_input": 2.5, "usd_per_million_output": 10}, RATE)
    assert made.eur_per_million_input is not None
    assert micro_eur(made.eur_per_million_input) == 2_314_815  # 2.5 / 1.08 = 2.314814814…
    assert made.eur_per_million_output == 9.25926
    assert made.usd_per_million_input == 2.5


def test_a_free_model_is_free_in_either_currency() -> None:
    made = price({"usd_per_million_input": 0.0, "usd_per_million_output": 0.0}, RATE)
    assert (made.eur_per_million_input, made.eur_per_million_output) == (0.0, 0.0)


def test_prices_in_eur_need_no_rate_and_ignore_one() -> None:
    eur = {"eur_per_million_input": 2.3, "eur_per_million_output": 9.2}
    assert price(eur) == price(eur, RATE)


def test_usd_without_a_rate_is_an_error_that_names_the_table() -> None:
    with pytest.raises(SettingsError, match=r"\[currency\] is missing") as caught:
        price({"usd_per_million_input": 2.5, "usd_per_million_output": 10})
    assert "providers.acme.models.m" in str(caught.value)
    assert "usd_per_eur" in caught.value.hint


@pytest.mark.parametrize(
    ("models", "named"),
    [
        ({}, "eur_per_million_input"),
        ({"eur_per_million_input": 1.0}, "eur_per_million_output"),
        ({"usd_per_million_output": 1.0}, "usd_per_million_input"),
        ({"eur_per_million_input": 1.0, "usd_per_million_output": 1.0}, "usd_per_million_output"),
        ({"eur_per_million_input": 1.0, "eur_per_million_output": 1.0, "usd_per_million_input": 1.0}, "second time"),
    ],
)
def test_a_price_is_one_whole_pair(models: dict[str, Any], named: str) -> None:
    with pytest.raises(SettingsError, match=named):
        price(models, RATE)


@pytest.mark.parametrize(
    ("currency", "named"),
    [
        ({"usd_per_eur": 1.08}, "as_of"),
        ({"as_of": "2026-11-01"}, "usd_per_eur"),
        ({"usd_per_eur": 0.0, "as_of": "2026-11-01"}, "usd_per_eur"),
        ({"usd_per_eur": 1.08, "as_of": "November"}, "as_of"),
        ({"usd_per_eur": 1.08, "as_of": "2026-11-01", "chf_per_eur": 0.9}, "chf_per_eur"),
    ],
)
def test_a_rate_has_a_day_and_is_no_zero(currency: dict[str, Any], named: str) -> None:
    with pytest.raises(SettingsError, match=rf"\[currency\] {named}"):
        price({"usd_per_million_input": 2.5, "usd_per_million_output": 10}, currency)
