"""Written stamps -> UTC: offsets, zones, the missing year, doubtful hours.

A file is read in batches, in its own order; what one batch must tell the next is a `Carry`. Every step works on a
frame of marks, one row per stamp:

``wall``      what the clock showed, where the stamp names no zone
``utc``       the moment, where it does
``yearless``  the stamp has no year: the one in ``wall`` or ``utc`` is 2000 until the true one is found
``doubt``     index into TIME_QUALITIES, the worst so far

No syslog line tells its year. The first one takes the latest year that the anchor allows, each later one follows the
line before it, and `Carry.years_too_late` tells when the end of the file has proved that first guess wrong.
"""

from __future__ import annotations

import re
from calendar import isleap
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta, timezone
from difflib import get_close_matches
from typing import TYPE_CHECKING, Literal
from zoneinfo import ZoneInfo, available_timezones

import polars as pl
from dateutil import parser as dateutil_parser

from smtplogs.schema import TIME_QUALITIES

if TYPE_CHECKING:
    from collections.abc import Mapping

EXACT, ZONE_ASSUMED, YEAR_INFERRED, AMBIGUOUS, NONE = range(len(TIME_QUALITIES))

STATED = "the stamps"
NEIGHBOUR = "an ISO-stamped neighbour"
ZONE_UNKNOWN = "none: stamps without a zone are read as UTC"

MAX_ODD = 1_000
"""Distinct odd stamps of a batch that python-dateutil is asked about; the rest count as bad."""

_LONGEST_ODD = 64
_DAY = timedelta(days=1)
_FALL = timedelta(days=180)
_LEAP = timedelta(days=270)  # wider: a log may well be silent for half a year, but no line comes half a year late
_LEAP_YEAR = 2000  # yearless stamps are read in it, else 29 February could not be
_EARLIEST, _LATEST = datetime.fromisoformat("1970-01-01"), datetime.fromisoformat("2099-12-31 23:59:59.999999")
_LEAP_YEAR_END = datetime.fromisoformat("2000-12-31 23:59:59.999999")
_LEAP_DAY, _MARCH = datetime.fromisoformat("2000-02-29"), datetime.fromisoformat("2000-03-01")
_OLDEST_EVIDENCE = 1990  # file times before are those of archivers and of clocks that never were set
_CLOCK_SKEW_US = 5_000_000
_QUARTER_HOUR_US = 900_000_000
_QUALITIES = pl.Series(TIME_QUALITIES, dtype=pl.Enum(TIME_QUALITIES))
_NAIVE = pl.Datetime("us")
_MOMENTS = ("wall", "utc")
_MARKS = {"wall": _NAIVE, "utc": _NAIVE, "yearless": pl.Boolean(), "doubt": pl.UInt8()}


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
        if not _EARLIEST.year <= year <= _LATEST.year:
            raise ValueError(f"year={year} is no year of a log; expected {_EARLIEST.year} to {_LATEST.year}")
        # the day of slack ends with the year: a log of 1 January is of the year that was given, not of the next
        end = _LATEST.replace(year=year, microsecond=0) - _DAY
        return Anchor(end, "given by the caller", True, tz, zone_evidence)
    evidence = (("file name", rotation), ("gzip header", gzip_mtime), ("file time", mtime), ("the clock", now))
    for name, when in evidence:
        if when is None or not _OLDEST_EVIDENCE <= when.year <= _LATEST.year:
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
        pl.Series([_EARLIEST]).dt.replace_time_zone(tz)
    except (KeyError, ValueError, OSError, pl.exceptions.PolarsError) as error:
        known = {name.lower(): name for name in available_timezones()}
        near = get_close_matches(tz.lower(), known, n=1)
        hint = f"did you mean {known[near[0]]!r}?" if near else "use an IANA name such as 'Europe/Warsaw'"
        raise ValueError(f"unknown time zone {tz!r}: {hint}") from error


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
            for years in range(self.last.year - _EARLIEST.year):
                end = _same_day(self.last, self.last.year - years)
                if end <= anchor.latest + _DAY and all(isleap(year - years) for year in leap_years):
                    return years
        return 0


def _same_day(moment: datetime, year: int) -> datetime:
    """Move a moment to another year; 29 February becomes the 28th where there is none."""
    missing = moment.month == 2 and moment.day == 29 and not isleap(year)
    return moment.replace(year=year, day=28 if missing else moment.day)


def resolve(batch: pl.DataFrame, anchor: Anchor, carry: Carry | None = None) -> tuple[pl.DataFrame, Carry]:
    """Turn the written stamps of a batch into `time` and `time_quality`.

    Parameters
    ----------
    batch
        Rows in file order with `stamp` (text) and, where a wrapper put its own before the line, `outer`.
    anchor
        Evidence for year and zone.
    carry
        What the batch before this one, of the same file, returned.

    Returns
    -------
    tuple
        The batch in the same order, `stamp` and `outer` replaced by `time` and `time_quality`, and the next carry.
        A stamp that cannot be read has a null time and counts in `Carry.bad_stamps`; it is never an error.
    """
    carry = carry or Carry()
    marks = _read(batch["stamp"], anchor.tz)
    if "outer" in batch.columns and batch["outer"].null_count() < batch.height:
        marks = _heed_outer(marks, _read(batch["outer"], anchor.tz))
    marks, carry = _find_years(marks, anchor, carry)
    marks, carry = _find_moments(marks, anchor, carry)
    doubt = pl.when(pl.col("utc").is_null()).then(NONE).otherwise("doubt")
    found = marks.select(
        pl.col("utc").dt.replace_time_zone("UTC").alias("time"),
        pl.lit(_QUALITIES).gather(doubt).alias("time_quality"),
    )
    known = [carry.first_time, carry.last_time, found["time"].min(), found["time"].max()]
    moments = [moment for moment in known if isinstance(moment, datetime)]
    carry = replace(
        carry,
        bad_stamps=carry.bad_stamps + int((found["time"].is_null() & batch["stamp"].is_not_null()).sum()),
        first_time=min(moments, default=None),
        last_time=max(moments, default=None),
    )
    return batch.drop("stamp", "outer", strict=False).hstack(found), carry


@dataclass(frozen=True, eq=False)
class _Kind:
    """A way to write stamps: its form, how it is read, and what it leaves unsaid."""

    form: str
    read: pl.Expr
    yearless: bool = False
    zoned: bool = False

    def marks(self) -> list[pl.Expr]:
        """Return the mark columns of `stamp`."""
        moment, nothing = self.read.dt.replace_time_zone(None), pl.lit(None, _NAIVE)
        return [
            (nothing if self.zoned else moment).alias("wall"),
            (moment if self.zoned else nothing).alias("utc"),
            pl.lit(self.yearless).alias("yearless"),
            pl.lit(EXACT, pl.UInt8).alias("doubt"),
        ]


_STAMP = pl.col("stamp")
_BSD = r"[A-Z][a-z]{2} +[0-9]{1,2}"
_ISO = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
_CLOCK = r"[0-9]{2}:[0-9]{2}:[0-9]{2}"
_PART = r"(?:\.[0-9]+)?"
_OFFSET = r"(?:Z|[+-][0-9]{2}:?[0-9]{2})"


def _strptime(form: str, text: pl.Expr = _STAMP) -> pl.Expr:
    return text.str.to_datetime(form, time_unit="us", strict=False, cache=True)


def _epoch(microseconds: int) -> pl.Expr:
    return (_STAMP.cast(pl.Float64, strict=False) * microseconds).round().cast(pl.Int64, strict=False).cast(_NAIVE)


def _tai64n() -> pl.Expr:
    """Read 16 hex digits of TAI seconds and 8 of nanoseconds; TAI was 10 s ahead when multilog was written."""
    seconds = _STAMP.str.slice(1, 16).str.to_integer(base=16, strict=False) - 2**62 - 10
    nanoseconds = _STAMP.str.slice(17, 8).str.to_integer(base=16, strict=False)
    in_range = seconds.is_between(0, 2**33)  # a hostile label would overflow
    return (pl.when(in_range).then(seconds * 1_000_000 + nanoseconds // 1_000)).cast(_NAIVE)


def _yearless(form: str) -> pl.Expr:
    moment = _strptime(f"%Y {form}", pl.lit(f"{_LEAP_YEAR} ") + _STAMP)
    leap_second_of_new_year = moment > _LEAP_YEAR_END
    return pl.when(leap_second_of_new_year).then(moment - pl.duration(days=366)).otherwise(moment)


_KINDS = (
    _Kind(rf"^{_BSD} {_CLOCK}$", _yearless("%b %e %H:%M:%S"), yearless=True),
    _Kind(rf"^{_ISO}T{_CLOCK}{_PART}{_OFFSET}$", _strptime("%Y-%m-%dT%H:%M:%S%.f%#z"), zoned=True),
    _Kind(rf"^{_ISO} {_CLOCK}$", _strptime("%Y-%m-%d %H:%M:%S")),
    _Kind(rf"^{_BSD} {_CLOCK}{_PART}$", _yearless("%b %e %H:%M:%S%.f"), yearless=True),
    _Kind(rf"^{_ISO} {_CLOCK}{_PART}$", _strptime("%Y-%m-%d %H:%M:%S%.f")),
    _Kind(rf"^{_ISO}T{_CLOCK}{_PART}$", _strptime("%Y-%m-%dT%H:%M:%S%.f")),
    _Kind(rf"^{_ISO} {_CLOCK}{_PART}{_OFFSET}$", _strptime("%Y-%m-%d %H:%M:%S%.f%#z"), zoned=True),
    _Kind(rf"^{_ISO} {_CLOCK}{_PART} {_OFFSET}$", _strptime("%Y-%m-%d %H:%M:%S%.f %#z"), zoned=True),
    _Kind(rf"^{_BSD} [0-9]{{4}} {_CLOCK}{_PART}$", _strptime("%b %e %Y %H:%M:%S%.f")),
    _Kind(rf"^{_BSD} {_CLOCK}{_PART} [0-9]{{4}}$", _strptime("%b %e %H:%M:%S%.f %Y")),
    _Kind(r"^@[0-9a-f]{24}$", _tai64n(), zoned=True),
    _Kind(r"^[0-9]{9,11}(?:\.[0-9]{1,9})?$", _epoch(1_000_000), zoned=True),
    _Kind(r"^[0-9]{16}$", _epoch(1), zoned=True),
)
"""Commonest first. A batch is read whole in the kind of its first stamp; only what that leaves costs more."""


def _read(texts: pl.Series, tz: str | None) -> pl.DataFrame:
    """Return the marks of the stamps; unreadable ones have neither `wall` nor `utc`."""
    left = pl.DataFrame({"row": pl.int_range(texts.len(), eager=True), "stamp": texts.cast(pl.String)})
    head = left.lazy().filter(_STAMP.is_not_null()).head(1).collect()
    done = []
    for kind in _KINDS:
        if head.filter(_STAMP.str.contains(kind.form)).height:
            marks = left.with_columns(kind.marks())
            read = marks["wall"].is_not_null() | marks["utc"].is_not_null() | marks["stamp"].is_null()
            if read.all():
                return marks.select(_plausible())
            done, left = [marks.filter(read)], left.filter(~read)
            break
    for kind in _KINDS:
        fits = left["stamp"].str.contains(kind.form).fill_null(False)
        if fits.any():
            done.append(left.filter(fits).with_columns(kind.marks()))
            left = left.filter(~fits)
    dated, left = _read_dated(left, tz)
    return pl.concat([*done, dated, _read_odd(left, tz)]).sort("row").select(_plausible())


def _plausible() -> list[pl.Expr]:
    """Return the mark columns without moments that no log was written at: they would upset date arithmetic."""
    moments = [pl.when(pl.col(c).is_between(_EARLIEST, _LATEST)).then(c).alias(c) for c in _MOMENTS]
    return [*moments, pl.col("yearless") & pl.coalesce(moments).is_not_null(), pl.col("doubt")]


_DATED = (
    rf"^(?:[A-Z][a-z]{{2}},? )?(?P<date>{_ISO})[T ](?P<clock>{_CLOCK})(?:[.,](?P<fraction>[0-9]*))?"
    r" ?(?P<zone>[A-Za-z]{1,5}|[+-][0-9]{2}(?::?[0-9]{2})?)?$"
)
_NUMERIC_ZONE = re.compile(r"^([+-])([0-9]{2}):?([0-9]{2})?$")
_NUMERIC_DATE = re.compile(r"(?<![0-9])[0-9]{1,2}([/.-])[0-9]{1,2}\1[0-9]{2}(?:[0-9]{2})?(?![0-9])")
_ZONES: Mapping[str, timedelta] = {
    name: timedelta(hours=hours)
    for names, hours in (
        ("Z UT UTC GMT WET", 0),
        ("WEST CET", 1),
        ("CEST EET", 2),
        ("EEST MSK", 3),
        ("EDT", -4),
        ("EST", -5),
        ("MDT", -6),
        ("MST PDT", -7),
        ("PST", -8),
    )
    for name in names.split()
}
"""Zone names of one meaning. CST, IST and BST have several: they need `tz`."""


def _offset(zone: str, tz: str | None, year: int) -> timedelta | None:
    """Return what a zone text adds to UTC: as number, as a name of `tz` in that year, as a name of one meaning."""
    if numeric := _NUMERIC_ZONE.match(zone):
        sign, hours, minutes = numeric.groups(default="0")
        return timedelta(hours=int(sign + hours), minutes=int(sign + minutes))
    for month in range(1, 13) if tz else ():
        day = datetime(year, month, 1, tzinfo=ZoneInfo(str(tz)))
        if day.tzname() == zone:
            return day.utcoffset()
    return _ZONES.get(zone)


def _read_dated(left: pl.DataFrame, tz: str | None) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Read full dates in other dress (journal short-full, decimal comma, zone names); return marks and the rest."""
    parts = left.with_columns(_STAMP.str.extract_groups(_DATED).alias("parts")).unnest("parts")
    fraction = pl.col("fraction").replace("", "0").fill_null("0")
    parts = parts.with_columns(wall=_strptime("%Y-%m-%d %H:%M:%S%.f", pl.format("{} {}.{}", "date", "clock", fraction)))
    dated, rest = parts.filter(pl.col("date").is_not_null()), parts.filter(pl.col("date").is_null())
    year = next((date.year for date in dated["wall"] if date is not None), _LEAP_YEAR)
    offsets = {zone: _offset(zone, tz, year) for zone in dated["zone"].drop_nulls().unique()}
    offset = pl.col("zone").replace_strict(offsets, default=None, return_dtype=pl.Duration("us"))
    marks = dated.select(
        "row",
        "stamp",
        pl.when(offset.is_null()).then("wall").alias("wall"),
        (pl.col("wall") - offset).alias("utc"),
        pl.lit(False).alias("yearless"),
        (pl.col("zone").is_not_null() & offset.is_null()).cast(pl.UInt8).mul(ZONE_ASSUMED).alias("doubt"),
    )
    return marks, rest.select("row", "stamp")


def _read_odd(left: pl.DataFrame, tz: str | None) -> pl.DataFrame:
    """Ask python-dateutil about what no kind takes, once per distinct text."""
    asked = left["stamp"].drop_nulls().unique(maintain_order=True).head(MAX_ODD)
    schema = {"stamp": pl.String(), **_MARKS}
    guesses = pl.DataFrame([(text, *_guess(text, tz)) for text in asked], schema=schema, orient="row")
    found = left.join(guesses, on="stamp", how="left", maintain_order="left")
    return found.with_columns(pl.col("yearless").fill_null(False), pl.col("doubt").fill_null(EXACT))


def _guess(text: str, tz: str | None) -> tuple[datetime | None, datetime | None, bool, int]:
    """Return the marks of one odd stamp; no moment unless it holds a month, a day and a clock."""
    nothing = (None, None, False, EXACT)
    strange: list[str] = []

    def zone(name: str | None, seconds: int | None) -> timezone | None:
        offset = timedelta(seconds=seconds) if seconds is not None else _offset(name or "", tz, _LEAP_YEAR)
        if name and offset is None:
            strange.append(name)
        return None if offset is None else timezone(offset)

    def parse(default: str, *, day_first: bool) -> datetime:
        start = datetime.fromisoformat(default)
        return dateutil_parser.parse(text, default=start, tzinfos=zone, dayfirst=day_first)

    numeric = _NUMERIC_DATE.search(text)
    dotted = numeric is not None and numeric[1] == "."
    if len(text) > _LONGEST_ODD:
        return nothing
    try:
        moment = parse("2000-01-01 00:00", day_first=dotted)
        other = parse("2004-02-02 01:01", day_first=dotted)
        swapped = parse("2000-01-01 00:00", day_first=True) if numeric else moment
    except Exception:  # hostile text makes it raise more than it documents
        return nothing
    # what the text leaves open comes from the default, so it differs between two of them
    if (moment.month, moment.day, moment.hour, moment.minute) != (other.month, other.day, other.hour, other.minute):
        return nothing
    yearless = moment.year != other.year
    doubt = AMBIGUOUS if swapped != moment else ZONE_ASSUMED if strange else EXACT
    if moment.tzinfo is None:
        return moment, None, yearless, doubt
    utc = moment.astimezone(UTC).replace(tzinfo=None)
    return None, utc.replace(year=_LEAP_YEAR) if yearless else utc, yearless, doubt


def _new_year(year: pl.Expr) -> pl.Expr:
    """Return what lies between New Year of the leap year and of another one (1901 to 2099)."""
    return pl.duration(days=365 * (year - _LEAP_YEAR) + (year - _LEAP_YEAR + 3) // 4)


def _in_year(moment: pl.Expr, year: pl.Expr) -> pl.Expr:
    """Move moments of the leap year to the same day of another year; null if it has no such day."""
    leap = year % 4 == 0
    march = moment >= _MARCH
    exists = leap | march | (moment < _LEAP_DAY)
    return pl.when(exists).then(moment + _new_year(year) - pl.duration(days=(march & ~leap).cast(pl.Int64)))


def _in_leap_year(moment: pl.Expr) -> pl.Expr:
    """Move moments of any year to the same day of the leap year."""
    year = moment.dt.year()
    march = (moment.dt.month() > 2) & (year % 4 != 0)
    return moment - _new_year(year) + pl.duration(days=march.cast(pl.Int64))


def _turn(distance: pl.Expr, ahead: timedelta) -> pl.Expr:
    """Return +1 where a yearless date falls back so far that a New Year has passed, -1 where it is one of the old year."""
    return (distance < -_FALL).cast(pl.Int64).fill_null(0) - (distance > ahead).cast(pl.Int64).fill_null(0)


def _heed_outer(marks: pl.DataFrame, outer: pl.DataFrame) -> pl.DataFrame:
    """Let the stamp of a container or journal give the year, and the moment if the inner one agrees but for a zone."""
    exact = (pl.col("doubt") == EXACT) & ~pl.col("yearless")
    marks = marks.hstack(outer.select(pl.when(exact).then("utc").alias("outer")))
    known = pl.col("outer").is_not_null()
    written = pl.coalesce("wall", "utc")
    year = pl.col("outer").dt.year().cast(pl.Int64)
    year += _turn(_in_year(written, year) - pl.col("outer"), _FALL)
    marks = marks.with_columns(
        *(pl.when(known & pl.col("yearless")).then(_in_year(pl.col(c), year)).otherwise(c).alias(c) for c in _MOMENTS),
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


def _find_years(marks: pl.DataFrame, anchor: Anchor, carry: Carry) -> tuple[pl.DataFrame, Carry]:
    """Give yearless stamps their year: from a dated neighbour, else onwards from the anchor."""
    marks = marks.with_columns(when=pl.coalesce(_MOMENTS))
    if marks["when"].null_count() == marks.height:
        return marks, carry
    if not marks["yearless"].any() and not carry.from_anchor:
        evidence = carry.year_evidence or STATED
        return marks, replace(carry, last=_last(marks["when"]), year_evidence=evidence)

    dated = ~pl.col("yearless") & pl.col("when").is_not_null()
    year = pl.col("when").dt.year().cast(pl.Int64)
    season = pl.when("yearless").then("when").otherwise(_in_leap_year(pl.col("when")))
    marks = marks.with_columns(season=season, year=pl.when(dated).then(year))
    before = pl.col("season").forward_fill().shift(1)
    before = before.fill_null(_same_day(carry.last, _LEAP_YEAR)) if carry.last else before
    marks = marks.with_columns(turn=_turn(pl.col("season") - before, _LEAP).cum_sum())

    shown = marks.filter(dated).head(1)
    base = (pl.col("year") - pl.col("turn")).forward_fill()
    if carry.last:
        base = base.fill_null(carry.last.year)
    elif shown.height:
        base = base.backward_fill()
    else:
        base = pl.lit(_first_year(marks["season"].drop_nulls()[0], anchor))
    # the bounds keep a hostile zigzag of stamps out of overflow; what lies beyond them is no time of a log anyway
    marks = marks.with_columns(year=(base + pl.col("turn")).clip(_EARLIEST.year - 1, _LATEST.year + 1))

    from_anchor = not shown.height and (carry.from_anchor or carry.last is None)
    misfit = carry.misfit
    if carry.last and carry.from_anchor and shown.height:
        misfit = carry.last.year + shown["turn"][0] - shown["when"][0].year
    leap_day = pl.col("yearless") & pl.col("season").is_between(_LEAP_DAY, _MARCH, closed="left")
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
        *(pl.when("yearless").then(_in_year(pl.col(c), pl.col("year"))).otherwise(c).alias(c) for c in _MOMENTS),
        "yearless",
        pl.when("yearless").then(doubt).otherwise("doubt").alias("doubt"),
    ).select(_plausible())
    return marks, replace(carry, last=_last(marks.select(pl.coalesce(_MOMENTS)).to_series()) or carry.last)


def _first_year(first: datetime, anchor: Anchor) -> int:
    """Return the latest year that lets the first stamp be no later than the anchor, with a day of slack."""
    year = anchor.latest.year + 1
    while _same_day(first, year) > anchor.latest + _DAY:
        year -= 1
    year -= anchor.years_back
    while (first.month, first.day) == (2, 29) and not isleap(year):
        year -= 1
    return year


def _last(moments: pl.Series) -> datetime | None:
    known = moments.drop_nulls()
    return known[-1] if known.len() else None


def _find_moments(marks: pl.DataFrame, anchor: Anchor, carry: Carry) -> tuple[pl.DataFrame, Carry]:
    """Turn what is still a clock reading into a moment."""
    zoneless = pl.col("wall").is_not_null() & pl.col("utc").is_null()
    marks = marks.with_columns(zoneless=zoneless)
    if not marks["zoneless"].any():
        evidence = carry.zone_evidence or (STATED if marks["utc"].null_count() < marks.height else None)
        return marks, replace(carry, zone_evidence=evidence)
    if anchor.tz is None:
        assumed = pl.max_horizontal("doubt", pl.lit(ZONE_ASSUMED, pl.UInt8))
        marks = marks.with_columns(
            utc=pl.coalesce("utc", "wall"), doubt=pl.when("zoneless").then(assumed).otherwise("doubt")
        )
    else:
        marks = marks.with_columns(utc=pl.coalesce("utc", _moment(pl.col("wall"), anchor.tz, "null")))
        if marks.select((pl.col("zoneless") & pl.col("utc").is_null()).any()).item():
            marks, carry = _settle_doubtful_hours(marks, anchor.tz, carry)
    return marks, replace(carry, last_wall=_last(marks["wall"]), zone_evidence=anchor.zone_evidence)


def _moment(wall: pl.Expr, tz: str, ambiguous: Literal["null", "earliest", "latest"]) -> pl.Expr:
    """Read a clock in a zone; null where the clock never showed that, and, if so asked, where it did twice."""
    there = wall.dt.replace_time_zone(tz, ambiguous=ambiguous, non_existent="null")
    return there.dt.convert_time_zone("UTC").dt.replace_time_zone(None)


def _settle_doubtful_hours(marks: pl.DataFrame, tz: str, carry: Carry) -> tuple[pl.DataFrame, Carry]:
    """Read the hour that spring skips with the offset before it; in the hour that autumn repeats let order decide.

    The second pass begins where the clock falls back by about the length of that hour. A day without such a jump is
    too sparse a log: its lines stay in the first pass, ambiguous.
    """
    wall = pl.col("wall")
    marks = marks.with_row_index("row").with_columns(
        before=wall.forward_fill().shift(1).fill_null(pl.lit(carry.last_wall, _NAIVE))
    )
    first, second = _moment(wall, tz, "earliest"), _moment(wall, tz, "latest")
    hours = marks.filter(pl.col("zoneless") & pl.col("utc").is_null()).with_columns(
        first=first, second=second, skipped=_moment(wall - _DAY, tz, "earliest") + _DAY, day=wall.dt.date()
    )
    fall, length = pl.col("before") - wall, pl.col("second") - pl.col("first")
    falls = (2 * fall >= length) & (2 * fall <= 3 * length)
    falls = (falls | (pl.col("day") == pl.lit(carry.folded, pl.Date))).fill_null(False)
    hours = hours.with_columns(folded=falls.cast(pl.UInt8).cum_max().over("day") > 0)
    hours = hours.with_columns(
        utc=pl.when("folded").then("second").otherwise(pl.coalesce("first", "skipped")),
        doubtful=pl.col("first").is_null() | ~pl.col("folded").any().over("day"),
    )
    doubt = pl.when("doubtful").then(pl.lit(AMBIGUOUS, pl.UInt8)).otherwise("doubt")
    repeated = hours.filter(pl.col("first").is_not_null()).tail(1)
    folded = repeated["day"][0] if repeated.height and repeated["folded"][0] else carry.folded
    settled = marks.update(hours.select("row", "utc", doubt.alias("doubt")), on="row")
    doubtful = carry.doubtful_hours + int(hours["doubtful"].sum())
    return settled, replace(carry, folded=folded, doubtful_hours=doubtful)
