"""Spans of time for people: zones, round bins that are true to a zone's clock, lengths in words."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from difflib import get_close_matches
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

import polars as pl

MOST_BINS = 5_000
"""Bins that may be asked for: a chart has fewer pixels across, and a frame of more is a mistake in `every`."""

GOOD_BINS = 120
"""Bins at most where the size is chosen here: each is still wide enough to be seen."""

LONGEST_ABBREVIATION = 4
"""Nothing like CEST is an IANA name; what comes near, such as EST, is another zone."""

_UNITS = {"s": ("second", "s"), "m": ("minute", "min"), "h": ("hour", "h"), "d": ("day", "days")}
_UNITS |= {"w": ("week", "weeks"), "mo": ("month", "months"), "q": ("quarter", "quarters"), "y": ("year", "years")}
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800, "mo": 2_629_746, "q": 7_889_238, "y": 31_556_952}
_ROUND = (
    "1s", "2s", "5s", "10s", "30s", "1m", "2m", "5m", "10m", "15m", "30m", "1h", "2h", "3h", "6h", "12h", "1d", "2d", "1w",
    "1mo", "1q", "1y",
)  # fmt: skip
"""Sizes of bins that people know from clocks and calendars."""

_DOUBTS = {"zone_assumed": "zone assumed", "year_inferred": "year inferred", "ambiguous": "some hours ambiguous"}


def zone(tz: str) -> ZoneInfo:
    """Return the time zone of that name."""
    try:
        return ZoneInfo(tz)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(unknown_zone(tz)) from None


def unknown_zone(tz: str) -> str:
    """Return what to say of a name that is no zone: the one it comes near to, if it is no abbreviation."""
    known = {name.lower(): name for name in available_timezones()}
    near = get_close_matches(tz.lower(), known, n=1) if len(tz) > LONGEST_ABBREVIATION else []
    hint = f"did you mean {known[near[0]]!r}?" if near else "use an IANA name such as 'Europe/Warsaw'"
    return f"unknown time zone {tz!r}: {hint}"


def parts(every: str) -> tuple[int, str]:
    """Return number and unit of a bin size such as ``5m``."""
    match = re.fullmatch(r"([1-9][0-9]*)(s|m|h|d|w|mo|q|y)", every)
    if match is None:
        raise ValueError(f"bin size {every!r}: write a number and one of s, m, h, d, w, mo, q, y, as in '5m' or '1d'")
    return int(match[1]), match[2]


def seconds(every: str) -> float:
    """Return the length of a bin size; months, quarters and years count as the mean of the Gregorian calendar."""
    n, unit = parts(every)
    return n * _SECONDS[unit]


def words(every: str) -> str:
    """Return a bin size in words: ``5m`` is "5 min", ``1h`` is "hour"."""
    n, unit = parts(every)
    one, many = _UNITS[unit]
    return one if n == 1 else f"{n} {many}"


def duration(length_s: float) -> str:
    """Return a length of time in words, with the two units that matter: "52 min", "3 h 10 min", "2 d 4 h"."""
    whole_s = round(length_s)
    if whole_s < 100:
        return f"{whole_s} s"
    minutes = round(whole_s / 60)
    for size, big, small, unit in ((1440, "d", "h", 60), (60, "h", "min", 1)):
        if minutes >= size:
            whole, rest = divmod(minutes, size)
            rest //= unit
            return f"{whole:,} {big} {rest} {small}" if rest else f"{whole:,} {big}"
    return f"{minutes} min"


def round_bin(first: datetime, last: datetime) -> str:
    """Return the finest round bin size that cuts the span into no more than `GOOD_BINS` bins."""
    span = (last - first).total_seconds()
    for every in _ROUND:
        if span / seconds(every) <= GOOD_BINS - 2:  # those at both ends may stick out
            return every
    return _ROUND[-1]


def nearest(length: timedelta) -> str:
    """Return the round bin size that comes next to a length: a day of a clock change is a day."""
    return min(_ROUND, key=lambda every: abs(seconds(every) - length.total_seconds()))


def edges(first: datetime, last: datetime, every: str, tz: str) -> pl.Series:
    """Return the borders (UTC) of the bins that hold `first` to `last`; bin k lies between border k and k + 1.

    Bins of days and longer begin at midnight in the zone, so the day of a clock change is an hour shorter or longer.
    Shorter bins are all of one length, counted from the first local midnight.
    """
    unit = parts(every)[1]
    if (last - first).total_seconds() / seconds(every) > MOST_BINS:
        raise ValueError(f"every={every!r} makes more than {MOST_BINS:,} bins; choose a larger one, or leave it out")
    local = zone(tz)
    if unit in ("s", "m", "h"):
        step = timedelta(seconds=seconds(every))
        day = first.astimezone(local).replace(hour=0, minute=0, second=0, microsecond=0)
        origin = day.astimezone(UTC)
        start = origin + (first - origin) // step * step
        return pl.datetime_range(start, last + step, step, time_unit="us", time_zone="UTC", eager=True).alias("time")
    naive = pl.Series("time", [first.astimezone(local).replace(tzinfo=None)]).dt.truncate(every).item()
    end = pl.Series([last.astimezone(local).replace(tzinfo=None)]).dt.truncate(every).dt.offset_by(every).item()
    days: list[date] = pl.datetime_range(naive, end, every, time_unit="us", eager=True).to_list()
    midnights = [datetime(d.year, d.month, d.day, tzinfo=local).astimezone(UTC) for d in days]
    return pl.Series("time", midnights, dtype=pl.Datetime("us", "UTC"))


def doubts(events: pl.DataFrame) -> str:
    """Return what is not sure about the events' times, for the axis label: ", zone assumed", or nothing."""
    if "time_quality" not in events.columns:
        return ""
    seen = set(events["time_quality"].cast(pl.String).unique().drop_nulls())
    return "".join(f", {said}" for quality, said in _DOUBTS.items() if quality in seen)
