"""Prices in USD into EUR, at the rate that calibtui.toml pins: money is EUR everywhere else."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from fractions import Fraction

from calibtui.core.money import MICRO, micro_eur
from calibtui.workspace.reading import Place
from calibtui.workspace.settings import CurrencySettings, PriceSettings

_PAIRS = {
    "eur": ("eur_per_million_input", "eur_per_million_output"),
    "usd": ("usd_per_million_input", "usd_per_million_output"),
}


def check_currency(currency: CurrencySettings, place: Place) -> None:
    """Raises SettingsError for an `as_of` that is no day."""
    try:
        date.fromisoformat(currency.as_of)
    except ValueError:
        hint = 'Write the day that the rate is of, such as "2026-11-01".'
        raise place.under("as_of").error(f"is no date: {currency.as_of!r}.", hint) from None


def priced_in_eur(prices: PriceSettings, currency: CurrencySettings | None, place: Place) -> PriceSettings:
    """`prices` with its EUR filled in, rounded up to whole micro-EUR.

    Raises SettingsError unless exactly one pair is written, whole, and for USD without a [currency].
    """
    written = {unit: [name for name in names if getattr(prices, name) is not None] for unit, names in _PAIRS.items()}
    if written["eur"] and written["usd"]:
        problem = f"prices the model a second time, beside {written['eur'][0]}."
        raise place.under(written["usd"][0]).error(problem, "Write the price in EUR or in USD, not in both.")
    unit = "usd" if written["usd"] else "eur"
    for name in _PAIRS[unit]:
        if name not in written[unit]:
            table = place.under(name).table
            raise place.under(name).error("is missing.", f"Write {name} = … in the table [{table}]; 0.0 is free.")
    if unit == "eur":
        return prices
    if currency is None:
        hint = 'Write [currency] with usd_per_eur = … and as_of = "YYYY-MM-DD", the day of that rate.'
        raise place.under(_PAIRS["usd"][0]).error("is in USD, and the table [currency] is missing.", hint)
    eur = [_in_eur(getattr(prices, name), currency.usd_per_eur) for name in _PAIRS["usd"]]
    return replace(prices, eur_per_million_input=eur[0], eur_per_million_output=eur[1])


def _in_eur(usd: float, usd_per_eur: float) -> float:
    exact = Fraction(micro_eur(str(usd))) / Fraction(str(usd_per_eur))
    return -(-exact.numerator // exact.denominator) / MICRO
