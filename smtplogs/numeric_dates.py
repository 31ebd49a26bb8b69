"""Dates written as numbers (22-06-2026, 6/22/26): which of the first two is the day, if the stamps of a file tell.

A stamp proves the order where one number is above 12; servers write all their stamps in one order. Where nothing proves
it, a dot means the day first, anything else the month (as in AM and PM), and the doubt is told.
"""

from __future__ import annotations

import polars as pl

FORM = (
    r"^(?P<a>[0-9]{1,2})(?P<mark>[/.-])(?P<b>[0-9]{1,2})[/.-](?P<year>[0-9]{4}|[0-9]{2})[ T]+"
    r"(?P<hour>[0-9]{1,2}):(?P<minute>[0-9]{2})(?::(?P<second>[0-9]{2}))?(?: ?(?P<half>[AaPp])[Mm])?$"
)
"""Such a stamp; a year of two digits is one of this century."""


def read(stamps: pl.Series, day_first: bool | None = None) -> tuple[pl.DataFrame, bool | None]:
    """Read stamps of one file, in its order.

    Parameters
    ----------
    stamps
        The stamps as written.
    day_first
        What earlier stamps of the file proved.

    Returns
    -------
    DataFrame, bool or None
        `moment` (Datetime in us without zone; null where the stamp is none of these or no date), `ambiguous` (Boolean:
        the other order would be another date); what is proved now.
    """
    parts = stamps.to_frame("stamp").select(pl.col("stamp").str.extract_groups(FORM).alias("g")).unnest("g")
    numbers = ("a", "b", "year", "hour", "minute", "second")
    parts = parts.with_columns(pl.col(c).cast(pl.Int32, strict=False) for c in numbers)
    first, second = pl.col("a") > 12, pl.col("b") > 12
    if day_first is None:
        shown = parts.select((first & ~second).any().alias("day"), (second & ~first).any().alias("month")).row(0)
        day_first = bool(shown[0]) if shown[0] != shown[1] else None
    unproved = pl.col("mark") == "." if day_first is None else pl.lit(day_first)
    believed = pl.when(first).then(pl.lit(value=True)).when(second).then(pl.lit(value=False)).otherwise(unproved)
    day, month = (pl.when(believed).then(x).otherwise(y) for x, y in (("a", "b"), ("b", "a")))
    half = pl.col("half").str.to_lowercase()
    hour = (
        pl.when(half.is_null()).then("hour").otherwise(pl.col("hour") % 12 + pl.when(half == "p").then(12).otherwise(0))
    )
    possible = month.is_between(1, 12) & day.is_between(1, 31) & hour.is_between(0, 23) & (pl.col("minute") < 60)
    date = pl.format(
        "{}-{}-{} {}:{}:{}", pl.col("year") + pl.when(pl.col("year") < 100).then(2000).otherwise(0), month, day, hour,
        "minute", pl.col("second").fill_null(0),
    )  # fmt: skip
    moment = pl.when(possible).then(date).str.to_datetime("%Y-%m-%d %H:%M:%S", time_unit="us", strict=False)
    told = pl.lit(day_first is not None) | first | second | (pl.col("a") == pl.col("b"))
    return parts.select(moment=moment, ambiguous=~told.fill_null(value=True)), day_first
