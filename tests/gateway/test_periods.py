"""Budgets begin anew when the calendar of their zone says so, whatever its clocks do."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from calibtui.core.errors import SettingsError
from calibtui.gateway.money.periods import Period, period_at, zone_named

ROME = ZoneInfo("Europe/Rome")
ZONES = ["UTC", "Europe/Rome", "America/New_York", "America/Havana", "America/Sao_Paulo", "Asia/Kathmandu"]
ZONES += ["Australia/Lord_Howe", "Pacific/Apia", "Asia/Beirut", "America/St_Johns"]


def at(text: str, zone: ZoneInfo | None = None) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=zone or UTC).timestamp()


def hours(period: Period) -> float:
    return (period.ends_at - period.starts_at) / 3600


def test_a_day_ends_at_midnight_of_its_zone():
    period = period_at(at("2026-11-22T23:59:59.999", ROME), "day", ROME)
    assert period == Period(at("2026-11-22T23:00:00") - 86400, at("2026-11-22T23:00:00"))
    assert period_at(period.ends_at, "day", ROME).starts_at == period.ends_at


@pytest.mark.parametrize(("day", "length"), [("2026-03-29", 23), ("2026-10-25", 25), ("2026-06-01", 24)])
def test_a_day_with_a_clock_change_is_one_period(day, length):
    assert hours(period_at(at(f"{day}T12:00", ROME), "day", ROME)) == length


def test_a_week_begins_on_monday_and_knows_no_year():
    period = period_at(at("2027-01-01T12:00"), "week", UTC)
    assert period == Period(at("2026-12-28T00:00"), at("2027-01-04T00:00"))
    assert hours(period_at(at("2026-03-29T23:30", ROME), "week", ROME)) == 7 * 24 - 1


@pytest.mark.parametrize(
    ("month", "days"), [("2028-02", 29), ("2026-02", 28), ("2100-02", 28), ("2026-12", 31), ("2026-04", 30)]
)
def test_a_month_is_as_long_as_the_calendar_says(month, days):
    first = at(f"{month}-01T00:00")
    for moment in (first, first + days * 86400 - 1):
        assert period_at(moment, "month", UTC) == Period(first, first + days * 86400)


def test_a_budget_without_a_period_never_begins_anew():
    assert period_at(at("1990-01-01T00:00"), "none", UTC) == period_at(at("2200-01-01T00:00"), "none", UTC)


def test_a_midnight_that_strikes_twice_begins_one_day():
    """Havana sets its clocks back from 1 to 0 o'clock."""
    havana = ZoneInfo("America/Havana")
    period = period_at(at("2025-11-02T12:00", havana), "day", havana)
    assert hours(period) == 25
    assert period_at(period.starts_at + 3600, "day", havana) == period


def test_a_midnight_that_is_skipped_begins_the_day_at_one():
    """Beirut sets its clocks forward from 0 to 1 o'clock."""
    beirut = ZoneInfo("Asia/Beirut")
    period = period_at(at("2024-03-31T12:00", beirut), "day", beirut)
    assert hours(period) == 23
    assert datetime.fromtimestamp(period.starts_at, beirut).hour == 1


@pytest.mark.parametrize("name", ZONES)
@pytest.mark.parametrize("kind", ["day", "week", "month"])
def test_every_instant_lies_in_one_period_and_the_next_begins_where_it_ends(name, kind):
    zone, rng = zone_named(name), random.Random(f"{name}{kind}")
    for _ in range(300):
        moment = at("2005-01-01T00:00") + rng.random() * 30 * 365 * 86400
        period = period_at(moment, kind, zone)
        assert moment in period
        assert period_at(period.starts_at, kind, zone) == period
        assert period_at(period.ends_at, kind, zone).starts_at == period.ends_at
        assert period_at(period.starts_at - 1e-3, kind, zone).ends_at == period.starts_at
        assert timedelta(hours=22) <= timedelta(hours=hours(period)) <= timedelta(days=31, hours=2)


def test_an_unknown_zone_is_named_with_what_to_write():
    for name in ("Europe/Rom", "../etc/passwd", "", "Rome\x00"):
        with pytest.raises(SettingsError, match="is no time zone") as refused:
            zone_named(name)
        assert "Europe/Rome" in refused.value.hint
