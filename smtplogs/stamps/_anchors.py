"""What tells the year and the zone of a file, and what its batches hand on from one to the next."""

from __future__ import annotations

from calendar import isleap
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

import polars as pl

from smtplogs._spans import unknown_zone
from smtplogs.stamps._marks import DAY, EARLIEST, LATEST, same_day

ZONE_UNKNOWN = "none: stamps without a zone are read as UTC"

_OLDEST_EVIDENCE = 1990  # file times before are those of archivers and of clocks that never were set


@dataclass(frozen=True)
class Anchor:
    """What is known of a file's year and zone before its first line is read.

    Attributes
    ----------
    latest
        Nothing in the file is later than this, with a day of slack (naive: local or UTC).
    year_evidence, zone_evidence
        Where year and zone come from, as part of a sentence.
    year_given
        The caller said the year, so it is no guess.
    tz
        IANA name of the zone of stamps that name none; None: they are read as UTC.
    years_back
        Years by which an earlier reading proved too late.
    """

    latest: datetime
    year_evidence: str
    year_given: bool
    tz: str | None
    zone_evidence: str
    years_back: int = 0

    def earlier(self, years: int) -> Anchor:
        """Return the anchor for reading the same file again, that many years earlier (negative: later)."""
        return replace(self, years_back=self.years_back + years)


def anchor(
    *,
    year: int | None = None,
    tz: str | None = None,
    rotation: date | datetime | None = None,
    gzip_mtime: datetime | None = None,
    mtime: datetime | None = None,
    now: datetime | None = None,
) -> Anchor:
    """Choose the best evidence for the year of a file.

    Parameters
    ----------
    year
        Year in which the newest log ends, as the caller knows it; beats all other evidence.
    tz
        IANA name of the zone in which stamps without one were written.
    rotation
        Date in the file's name (`mail.log-20260601`).
    gzip_mtime, mtime
        Time in the gzip header, and of the file; naive ones are UTC.
    now
        The clock; used only if there is nothing else.

    Raises
    ------
    ValueError
        Unknown zone, impossible year, or no evidence at all.
    """
    _check_zone(tz)
    zone_evidence = f"given by the caller ({tz})" if tz else ZONE_UNKNOWN
    if year is not None:
        if not EARLIEST.year <= year <= LATEST.year:
            raise ValueError(f"year={year} is no year of a log; expected {EARLIEST.year} to {LATEST.year}")
        # the day of slack ends with the year: a log of 1 January is of the year that was given, not of the next
        end = LATEST.replace(year=year, microsecond=0) - DAY
        return Anchor(end, "given by the caller", True, tz, zone_evidence)
    evidence = (("file name", rotation), ("gzip header", gzip_mtime), ("file time", mtime), ("the clock", now))
    for name, when in evidence:
        if when is None or not _OLDEST_EVIDENCE <= when.year <= LATEST.year:
            continue
        if not isinstance(when, datetime):
            return Anchor(datetime.combine(when, time(23, 59, 59)), f"{name} ({when})", False, tz, zone_evidence)
        moment = (when.astimezone(UTC) if when.tzinfo else when).replace(tzinfo=None)
        text = name if when is now else f"{name} ({moment:%Y-%m-%d %H:%M} UTC)"
        return Anchor(moment, text, False, tz, zone_evidence)
    raise ValueError("nothing tells the year of these stamps: give year=")


def _check_zone(tz: str | None) -> None:
    """Raise ValueError, with a hint, unless both zoneinfo and Polars know the zone."""
    if tz is None:
        return
    try:
        ZoneInfo(tz)
        pl.Series([EARLIEST]).dt.replace_time_zone(tz)
    except (KeyError, ValueError, OSError, pl.exceptions.PolarsError) as error:
        raise ValueError(unknown_zone(tz)) from error


@dataclass(frozen=True)
class Carry:
    """What the batches of a file so far tell the next one and, after the last, the coverage table.

    Attributes
    ----------
    last, last_wall
        The last stamp, and the last one without a zone, as read and with their year.
    folded
        Day whose repeated autumn hour is in its second pass.
    from_anchor
        The years rest on the anchor alone: no stamp has shown one yet.
    leap_years
        Years that yearless 29 Februaries fell into, leap or not.
    misfit
        Years by which the first stamp that shows its year proved the anchor too late.
    rollovers
        New Years that the yearless stamps passed.
    bad_stamps, doubtful_hours
        Stamps that could not be read; stamps in an hour that a change of the clocks made doubtful.
    first_time, last_time
        Earliest and latest moment.
    year_evidence, zone_evidence
        Where year and zone came from in the end; None while no stamp was read.
    """

    last: datetime | None = None
    last_wall: datetime | None = None
    folded: date | None = None
    from_anchor: bool = False
    leap_years: frozenset[int] = frozenset()
    misfit: int = 0
    rollovers: int = 0
    bad_stamps: int = 0
    doubtful_hours: int = 0
    first_time: datetime | None = None
    last_time: datetime | None = None
    year_evidence: str | None = None
    zone_evidence: str | None = None

    @property
    def year(self) -> int | None:
        """Year of the last stamp."""
        return self.last.year if self.last else None

    def years_too_late(self, anchor: Anchor) -> int:
        """By how many years the file must be read again earlier, with `anchor.earlier(n)`; nearly always 0.

        To be asked at the end of the file. Negative if a stamp that shows its year proves the anchor too early.
        """
        if self.misfit or not self.from_anchor or self.last is None:
            return self.misfit
        for leap_years in (self.leap_years, ()):  # leap days that no shift can suit stay bad stamps
            for years in range(self.last.year - EARLIEST.year):
                end = same_day(self.last, self.last.year - years)
                if end <= anchor.latest + DAY and all(isleap(year - years) for year in leap_years):
                    return years
        return 0
