"""When a budget begins anew: days, ISO weeks (from Monday) and months of a time zone's calendar.

The periods of one kind follow each other without gap or overlap, whatever the zone's clocks do: a day of 23 or 25
hours is one period, and where midnight is skipped or strikes twice, the day begins at the first instant that can
be called it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from calibtui.core.errors import SettingsError

Kind = Literal["day", "week", "month", "none"]


@dataclass(frozen=True, slots=True)
class Period:
    """From `starts_at` until just before `ends_at`, UTC seconds since the epoch; `ends_at` is inf for one that never
    ends."""

    starts_at: float
    ends_at: float

    def __contains__(self, at: float) -> bool:
        return self.starts_at <= at < self.ends_at


ENDLESS = Period(0.0, math.inf)


def zone_named(name: str) -> tzinfo:
    """The time zone of an IANA name such as Europe/Rome. Raises SettingsError where this machine knows none of it."""
    if name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise SettingsError(
            f"{name!r} is no time zone that this machine knows.",
            "Write an IANA name such as Europe/Rome or UTC; the names come with the system's tzdata package.",
        ) from None


def period_at(at: float, kind: Kind, zone: tzinfo) -> Period:
    """The period of `kind` that holds the instant `at`, UTC seconds."""
    if kind == "none":
        return ENDLESS
    first = _first_day(datetime.fromtimestamp(at, zone).date(), kind)
    # A clock that is set back over midnight shows the old date again after the new day has begun.
    if at < _midnight(first, zone):
        first = _first_day(first - timedelta(days=1), kind)
    elif at >= _midnight(_following(first, kind), zone):
        first = _following(first, kind)
    return Period(_midnight(first, zone), _midnight(_following(first, kind), zone))


def _first_day(day: date, kind: Kind) -> date:
    if kind == "month":
        return day.replace(day=1)
    return day - timedelta(days=day.weekday()) if kind == "week" else day


def _following(first: date, kind: Kind) -> date:
    if kind == "month":
        return (first + timedelta(days=31)).replace(day=1)
    return first + timedelta(days=7 if kind == "week" else 1)


def _midnight(day: date, zone: tzinfo) -> float:
    """The day's first midnight; where it is skipped, the same distance from the last one before the skip."""
    return datetime(day.year, day.month, day.day, tzinfo=zone).timestamp()
