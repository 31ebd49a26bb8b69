"""Stamps of many small files in one pass: nearly all are of one kind, in one year and in no doubtful hour.

Such a file needs no thought beyond the year of its first stamp. Any other is resolved by itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from smtplogs.stamps._anchors import Carry
from smtplogs.stamps._kinds import kinds_of
from smtplogs.stamps._marks import DAY, EARLIEST, LATEST, MARKS, YEAR_INFERRED, ZONE_ASSUMED, same_day
from smtplogs.stamps._moments import moment_of
from smtplogs.stamps._years import LEAP_DAY, MARCH, STATED, first_year, in_year, turn

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from smtplogs.stamps._anchors import Anchor

_WHEN = pl.coalesce("wall", "utc")
_INSIDE = pl.col("utc").is_not_null()


def plain_marks(stamps: pl.DataFrame, by: str) -> pl.DataFrame:
    """Return the marks of the files whose stamps are all of one kind and pass no New Year and no leap day.

    Parameters
    ----------
    stamps
        `stamp` (none null) and `by`, the number of the file: one file behind the other, each in its own order.
    by
        That column.

    Returns
    -------
    DataFrame
        The rows of such files with MARKS instead of `stamp`.
    """
    found = []
    firsts = stamps.group_by(by, maintain_order=True).agg(pl.col("stamp").first())
    for kind, files in kinds_of(firsts):
        marks = stamps.filter(pl.col(by).is_in(files[by].implode())).with_columns(kind.marks()).drop("stamp")
        good = _WHEN.is_between(EARLIEST, LATEST).fill_null(value=False)
        if kind.yearless:
            turned = turn(pl.col("wall") - pl.col("wall").shift().over(by)) != 0
            good &= ~turned & ~pl.col("wall").is_between(LEAP_DAY, MARCH, closed="left")
        found.append(marks.filter(good.all().over(by)))
    return (
        pl.concat(found)
        if found
        else stamps.clear().drop("stamp").with_columns(pl.lit(None, dtype).alias(name) for name, dtype in MARKS.items())
    )


def plain_times(stamps: pl.DataFrame, anchors: Sequence[Anchor], by: str) -> tuple[pl.DataFrame, dict[int, Carry]]:
    """Resolve the stamps of the files that need no thought.

    Parameters
    ----------
    stamps, by
        As for `plain_marks`; files are counted from 0.
    anchors
        Evidence for year and zone of each file; all name the same zone.

    Returns
    -------
    tuple
        The rows of such files with `utc` and `doubt` (and no file else), and the carry of each.
    """
    marks = plain_marks(stamps, by)
    if marks.is_empty():
        return marks.select(pl.exclude("stamp", "wall", "yearless")), {}
    ends = marks.group_by(by, maintain_order=True).agg(
        pl.col("yearless").first(), first=_WHEN.first(), last=_WHEN.last(), zoned=_INSIDE.first()
    )
    years: list[int | None] = [None] * len(anchors)
    for file, yearless, first, last, _ in ends.iter_rows():
        years[file] = _year(first, last, anchors[file]) if yearless else None
    year = pl.lit(pl.Series(years, dtype=pl.Int64).gather(marks[by]))
    given = pl.lit(pl.Series([a.year_given for a in anchors]).gather(marks[by]))
    marks = marks.with_columns(
        pl.when("yearless").then(in_year(pl.col("wall"), year)).otherwise("wall").alias("wall"),
        doubt=_worse(pl.col("yearless") & ~given, YEAR_INFERRED),
    )
    tz = anchors[0].tz
    zoneless = pl.col("utc").is_null()
    marks = marks.with_columns(
        utc=pl.coalesce("utc", "wall" if tz is None else moment_of(pl.col("wall"), tz)),
        doubt=_worse(zoneless, ZONE_ASSUMED) if tz is None else "doubt",
    ).filter(_INSIDE.all().over(by))
    utc = pl.col("utc").dt.replace_time_zone("UTC")
    spans = marks.group_by(by).agg(last=_WHEN.last(), first_time=utc.min(), last_time=utc.max())
    carries = {}
    for file, yearless, _, _, zoned, last, first_time, last_time in ends.join(spans, on=by).iter_rows():
        by_anchor = anchors[file]
        carries[file] = Carry(
            last=last,
            from_anchor=yearless,
            first_time=first_time,
            last_time=last_time,
            year_evidence=by_anchor.year_evidence if yearless else STATED,
            zone_evidence=STATED if zoned else by_anchor.zone_evidence,
        )
    return marks.drop("wall", "yearless"), carries


def _year(first: datetime, last: datetime, anchor: Anchor) -> int | None:
    """Return the year of a file by its first stamp, unless its last one shows that to be too late."""
    year = first_year(first, anchor)
    inside = EARLIEST.year <= year <= LATEST.year and same_day(last, year) <= anchor.latest + DAY
    return year if inside else None


def _worse(where: pl.Expr, doubt: int) -> pl.Expr:
    return pl.when(where).then(pl.max_horizontal("doubt", pl.lit(doubt, pl.UInt8))).otherwise("doubt").alias("doubt")
