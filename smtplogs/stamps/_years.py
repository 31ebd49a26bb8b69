"""Yearless stamps get their year: from the stamp of a wrapper, from a dated neighbour, else onwards from the anchor."""

from __future__ import annotations

from calendar import isleap
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import polars as pl

from smtplogs.stamps._marks import (
    DAY,
    EARLIEST,
    EXACT,
    LATEST,
    LEAP_YEAR,
    MOMENTS,
    YEAR_INFERRED,
    last,
    plausible,
    same_day,
)

if TYPE_CHECKING:
    from smtplogs.stamps._anchors import Anchor, Carry

STATED = "the stamps"
NEIGHBOUR = "an ISO-stamped neighbour"

_FALL = timedelta(days=180)
_LEAP = timedelta(days=270)  # wider: a log may well be silent for half a year, but no line comes half a year late
LEAP_DAY, MARCH = datetime.fromisoformat("2000-02-29"), datetime.fromisoformat("2000-03-01")
_CLOCK_SKEW_US = 5_000_000
_QUARTER_HOUR_US = 900_000_000


def _new_year(year: pl.Expr) -> pl.Expr:
    """Return what lies between New Year of the leap year and of another one (1901 to 2099)."""
    return pl.duration(days=365 * (year - LEAP_YEAR) + (year - LEAP_YEAR + 3) // 4)


def in_year(moment: pl.Expr, year: pl.Expr) -> pl.Expr:
    """Move moments of the leap year to the same day of another year; null if it has no such day."""
    leap = year % 4 == 0
    march = moment >= MARCH
    exists = leap | march | (moment < LEAP_DAY)
    return pl.when(exists).then(moment + _new_year(year) - pl.duration(days=(march & ~leap).cast(pl.Int64)))


def _in_leap_year(moment: pl.Expr) -> pl.Expr:
    """Move moments of any year to the same day of the leap year."""
    year = moment.dt.year()
    march = (moment.dt.month() > 2) & (year % 4 != 0)
    return moment - _new_year(year) + pl.duration(days=march.cast(pl.Int64))


def turn(distance: pl.Expr, ahead: timedelta = _LEAP) -> pl.Expr:
    """Return +1 where a yearless date falls back so far that a New Year has passed, -1 where it is one of the old year."""
    return (distance < -_FALL).cast(pl.Int64).fill_null(0) - (distance > ahead).cast(pl.Int64).fill_null(0)


def heed_outer(marks: pl.DataFrame, outer: pl.DataFrame) -> pl.DataFrame:
    """Let the stamp of a container or journal give the year, and the moment if the inner one agrees but for a zone."""
    exact = (pl.col("doubt") == EXACT) & ~pl.col("yearless")
    marks = marks.hstack(outer.select(pl.when(exact).then("utc").alias("outer")))
    known = pl.col("outer").is_not_null()
    written = pl.coalesce("wall", "utc")
    year = pl.col("outer").dt.year().cast(pl.Int64)
    year += turn(in_year(written, year) - pl.col("outer"), _FALL)
    marks = marks.with_columns(
        *(pl.when(known & pl.col("yearless")).then(in_year(pl.col(c), year)).otherwise(c).alias(c) for c in MOMENTS),
        yearless=pl.col("yearless") & ~known,
    )
    lag = (pl.col("wall") - pl.col("outer")).dt.total_microseconds()
    off_quarter = ((lag + _QUARTER_HOUR_US // 2) % _QUARTER_HOUR_US - _QUARTER_HOUR_US // 2).abs()
    agrees = (off_quarter <= _CLOCK_SKEW_US) & (lag.abs() <= 14 * 4 * _QUARTER_HOUR_US + _CLOCK_SKEW_US)
    better = known & (agrees.fill_null(False) | written.is_null())
    return marks.select(
        "wall",
        pl.when(better).then("outer").otherwise("utc").alias("utc"),
        "yearless",
        pl.when(better).then(EXACT).otherwise("doubt").cast(pl.UInt8).alias("doubt"),
    )


def find_years(marks: pl.DataFrame, anchor: Anchor, carry: Carry) -> tuple[pl.DataFrame, Carry]:
    """Give yearless stamps their year: from a dated neighbour, else onwards from the anchor."""
    marks = marks.with_columns(when=pl.coalesce(MOMENTS))
    if marks["when"].null_count() == marks.height:
        return marks, carry
    if not marks["yearless"].any() and not carry.from_anchor:
        evidence = carry.year_evidence or STATED
        return marks, replace(carry, last=last(marks["when"]), year_evidence=evidence)

    dated = ~pl.col("yearless") & pl.col("when").is_not_null()
    year = pl.col("when").dt.year().cast(pl.Int64)
    season = pl.when("yearless").then("when").otherwise(_in_leap_year(pl.col("when")))
    marks = marks.with_columns(season=season, year=pl.when(dated).then(year))
    before = pl.col("season").forward_fill().shift(1)
    before = before.fill_null(same_day(carry.last, LEAP_YEAR)) if carry.last else before
    marks = marks.with_columns(turn=turn(pl.col("season") - before).cum_sum())

    shown = marks.filter(dated).head(1)
    base = (pl.col("year") - pl.col("turn")).forward_fill()
    if carry.last:
        base = base.fill_null(carry.last.year)
    elif shown.height:
        base = base.backward_fill()
    else:
        base = pl.lit(first_year(marks["season"].drop_nulls()[0], anchor))
    # the bounds keep a hostile zigzag of stamps out of overflow; what lies beyond them is no time of a log anyway
    marks = marks.with_columns(year=(base + pl.col("turn")).clip(EARLIEST.year - 1, LATEST.year + 1))

    from_anchor = not shown.height and (carry.from_anchor or carry.last is None)
    misfit = carry.misfit
    if carry.last and carry.from_anchor and shown.height:
        misfit = carry.last.year + shown["turn"][0] - shown["when"][0].year
    leap_day = pl.col("yearless") & pl.col("season").is_between(LEAP_DAY, MARCH, closed="left")
    doubt = pl.col("doubt") if anchor.year_given else pl.max_horizontal("doubt", pl.lit(YEAR_INFERRED, pl.UInt8))
    carry = replace(
        carry,
        from_anchor=from_anchor,
        misfit=misfit,
        leap_years=carry.leap_years.union(marks.filter(leap_day)["year"]),
        rollovers=carry.rollovers + marks["turn"][-1],
        year_evidence=anchor.year_evidence if from_anchor else NEIGHBOUR,
    )
    marks = marks.select(
        *(pl.when("yearless").then(in_year(pl.col(c), pl.col("year"))).otherwise(c).alias(c) for c in MOMENTS),
        "yearless",
        pl.when("yearless").then(doubt).otherwise("doubt").alias("doubt"),
    ).select(plausible())
    return marks, replace(carry, last=last(marks.select(pl.coalesce(MOMENTS)).to_series()) or carry.last)


def first_year(first: datetime, anchor: Anchor) -> int:
    """Return the latest year that lets the first stamp be no later than the anchor, with a day of slack."""
    year = anchor.latest.year + 1
    while same_day(first, year) > anchor.latest + DAY:
        year -= 1
    year -= anchor.years_back
    while (first.month, first.day) == (2, 29) and not isleap(year):
        year -= 1
    return year
