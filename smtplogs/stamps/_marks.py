"""What is known of a stamp while it is read: a frame of marks, one row per stamp, and the bounds of any log.

``wall``      what the clock showed, where the stamp names no zone
``utc``       the moment, where it does
``yearless``  the stamp has no year: the one in ``wall`` or ``utc`` is 2000 until the true one is found
``doubt``     index into TIME_QUALITIES, the worst so far
"""

from __future__ import annotations

from calendar import isleap
from datetime import datetime, timedelta

import polars as pl

from smtplogs.schema import TIME_QUALITIES

EXACT, ZONE_ASSUMED, YEAR_INFERRED, AMBIGUOUS, NONE = range(len(TIME_QUALITIES))

DAY = timedelta(days=1)
LEAP_YEAR = 2000  # yearless stamps are read in it, else 29 February could not be
EARLIEST, LATEST = datetime.fromisoformat("1970-01-01"), datetime.fromisoformat("2099-12-31 23:59:59.999999")
NAIVE = pl.Datetime("us")
MOMENTS = ("wall", "utc")
MARKS = {"wall": NAIVE, "utc": NAIVE, "yearless": pl.Boolean(), "doubt": pl.UInt8()}


def plausible() -> list[pl.Expr]:
    """Return the mark columns without moments that no log was written at: they would upset date arithmetic."""
    moments = [pl.when(pl.col(c).is_between(EARLIEST, LATEST)).then(c).alias(c) for c in MOMENTS]
    return [*moments, pl.col("yearless") & pl.coalesce(moments).is_not_null(), pl.col("doubt")]


def same_day(moment: datetime, year: int) -> datetime:
    """Move a moment to another year; 29 February becomes the 28th where there is none."""
    missing = moment.month == 2 and moment.day == 29 and not isleap(year)
    return moment.replace(year=year, day=28 if missing else moment.day)


def last(moments: pl.Series) -> datetime | None:
    known = moments.drop_nulls()
    return known[-1] if known.len() else None
