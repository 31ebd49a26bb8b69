"""When files begin, each under its own evidence for the year: the stamps of all are read in one pass."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import polars as pl

from smtplogs.stamps._marks import EARLIEST, LATEST, same_day
from smtplogs.stamps._resolving import resolve
from smtplogs.stamps._together import plain_marks
from smtplogs.stamps._years import first_year

if TYPE_CHECKING:
    from smtplogs.stamps._anchors import Anchor

_STEADY = timedelta(days=14)
"""No zone has changed its clocks twice within so few days."""


@dataclass(frozen=True)
class Beginning:
    """What the first stamps of a file say of its beginning.

    Attributes
    ----------
    stamps
        As written; none: the file does not tell.
    first, earliest, latest
        Of them, as read; None: they need more thought than that.
    yearless, zoned
        Whether they are without a year (which is 2000 here), and whether they name their zone.
    """

    stamps: pl.Series
    first: datetime | None = None
    earliest: datetime | None = None
    latest: datetime | None = None
    yearless: bool = False
    zoned: bool = False

    def under(self, anchor: Anchor) -> datetime | None:
        """Return the earliest moment (UTC, naive) as `resolve` has it under the evidence."""
        if self.stamps.is_empty():
            return None
        moment = self._at_a_glance(anchor)
        if moment is not None:
            return moment
        _, carry = resolve(self.stamps.to_frame("stamp"), anchor)
        return carry.first_time.replace(tzinfo=None) if carry.first_time else None

    def _at_a_glance(self, anchor: Anchor) -> datetime | None:
        """Return the first moment in UTC if the extremes tell it: no change of clocks in between; else None."""
        if self.first is None or self.earliest is None or self.latest is None:
            return None
        earliest, latest = self.earliest, self.latest
        if self.yearless:
            year = first_year(self.first, anchor)
            if not EARLIEST.year <= year <= LATEST.year:
                return None
            earliest, latest = same_day(earliest, year), same_day(latest, year)
        if self.zoned or anchor.tz is None:
            return earliest
        there = [w.replace(tzinfo=ZoneInfo(anchor.tz), fold=fold) for w in (earliest, latest) for fold in (0, 1)]
        if len({w.utcoffset() for w in there}) > 1 or latest - earliest > _STEADY:
            return None
        return there[0].astimezone(UTC).replace(tzinfo=None)


def beginnings(batch: pl.DataFrame, n_files: int, by: str) -> list[Beginning]:
    """Look at the first stamps of several files.

    Parameters
    ----------
    batch
        `stamp` and `by`, the number of the file (from 0), file after file, each in its own order.
    n_files, by
        How many there are; that column.
    """
    texts = {int(n): mine["stamp"] for (n,), mine in batch.partition_by(by, as_dict=True).items()}
    found = [Beginning(texts.get(n, pl.Series("stamp", dtype=pl.String))) for n in range(n_files)]
    when = pl.coalesce("wall", "utc")
    ends = plain_marks(batch.select(by, "stamp").drop_nulls("stamp"), by).group_by(by)
    zoned = pl.col("utc").is_not_null().first()
    for n, *facts in ends.agg(
        when.first(), when.min().alias("a"), when.max().alias("b"), pl.col("yearless").first(), zoned
    ).iter_rows():
        found[n] = Beginning(texts[n], *facts)
    return found
