"""How stamps are written: forms that are read whole, full dates in other dress, and the odd ones."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import polars as pl
from dateutil import parser as dateutil_parser

from smtplogs.stamps._marks import (
    AMBIGUOUS,
    EXACT,
    LEAP_YEAR,
    MARKS,
    NAIVE,
    ZONE_ASSUMED,
    plausible,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

MAX_ODD = 1_000
"""Distinct odd stamps of a batch that python-dateutil is asked about; the rest count as bad."""

_LONGEST_ODD = 64
_LEAP_YEAR_END = datetime.fromisoformat("2000-12-31 23:59:59.999999")


@dataclass(frozen=True, eq=False)
class Kind:
    """A way to write stamps: its form, how it is read, and what it leaves unsaid."""

    form: str
    read: pl.Expr
    yearless: bool = False
    zoned: bool = False

    def marks(self) -> list[pl.Expr]:
        """Return the mark columns of `stamp`."""
        moment, nothing = self.read.dt.replace_time_zone(None), pl.lit(None, NAIVE)
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
    return (_STAMP.cast(pl.Float64, strict=False) * microseconds).round().cast(pl.Int64, strict=False).cast(NAIVE)


def _tai64n() -> pl.Expr:
    """Read 16 hex digits of TAI seconds and 8 of nanoseconds; TAI was 10 s ahead when multilog was written."""
    seconds = _STAMP.str.slice(1, 16).str.to_integer(base=16, strict=False) - 2**62 - 10
    nanoseconds = _STAMP.str.slice(17, 8).str.to_integer(base=16, strict=False)
    in_range = seconds.is_between(0, 2**33)  # a hostile label would overflow
    return (pl.when(in_range).then(seconds * 1_000_000 + nanoseconds // 1_000)).cast(NAIVE)


def _yearless(form: str) -> pl.Expr:
    moment = _strptime(f"%Y {form}", pl.lit(f"{LEAP_YEAR} ") + _STAMP)
    leap_second_of_new_year = moment > _LEAP_YEAR_END
    return pl.when(leap_second_of_new_year).then(moment - pl.duration(days=366)).otherwise(moment)


_KINDS = (
    Kind(rf"^{_BSD} {_CLOCK}$", _yearless("%b %e %H:%M:%S"), yearless=True),
    Kind(rf"^{_ISO}T{_CLOCK}{_PART}{_OFFSET}$", _strptime("%Y-%m-%dT%H:%M:%S%.f%#z"), zoned=True),
    Kind(rf"^{_ISO} {_CLOCK}$", _strptime("%Y-%m-%d %H:%M:%S")),
    Kind(rf"^{_BSD} {_CLOCK}{_PART}$", _yearless("%b %e %H:%M:%S%.f"), yearless=True),
    Kind(rf"^{_ISO} {_CLOCK}{_PART}$", _strptime("%Y-%m-%d %H:%M:%S%.f")),
    Kind(rf"^{_ISO}T{_CLOCK}{_PART}$", _strptime("%Y-%m-%dT%H:%M:%S%.f")),
    Kind(rf"^{_ISO} {_CLOCK}{_PART}{_OFFSET}$", _strptime("%Y-%m-%d %H:%M:%S%.f%#z"), zoned=True),
    Kind(rf"^{_ISO} {_CLOCK}{_PART} {_OFFSET}$", _strptime("%Y-%m-%d %H:%M:%S%.f %#z"), zoned=True),
    Kind(rf"^{_BSD} [0-9]{{4}} {_CLOCK}{_PART}$", _strptime("%b %e %Y %H:%M:%S%.f")),
    Kind(rf"^{_BSD} {_CLOCK}{_PART} [0-9]{{4}}$", _strptime("%b %e %H:%M:%S%.f %Y")),
    Kind(rf"^[0-9]{{4}}/[0-9]{{2}}/[0-9]{{2}} {_CLOCK}$", _strptime("%Y/%m/%d %H:%M:%S")),
    Kind(rf"^[A-Z][a-z]{{2}}-[0-9]{{2}}-[0-9]{{2}} {_CLOCK}$", _strptime("%b-%d-%y %H:%M:%S")),
    Kind(rf"^\[[0-9]{{4}}\.[0-9]{{2}}\.[0-9]{{2}}\] {_CLOCK}{_PART}$", _strptime("[%Y.%m.%d] %H:%M:%S%.f")),
    Kind(
        rf"^[0-9]{{1,2}} [A-Z][a-z]{{2}} [0-9]{{4}} {_CLOCK} {_OFFSET}$", _strptime("%e %b %Y %H:%M:%S %#z"), zoned=True
    ),
    Kind(r"^@[0-9a-f]{24}$", _tai64n(), zoned=True),
    Kind(r"^[0-9]{9,11}(?:\.[0-9]{1,9})?$", _epoch(1_000_000), zoned=True),
    Kind(r"^[0-9]{13}$", _epoch(1_000), zoned=True),
    Kind(r"^[0-9]{16}$", _epoch(1), zoned=True),
)
"""Commonest first. A batch is read whole in the kind of its first stamp; only what that leaves costs more."""


def read(texts: pl.Series, tz: str | None) -> pl.DataFrame:
    """Return the marks of the stamps; unreadable ones have neither `wall` nor `utc`."""
    left = pl.DataFrame({"row": pl.int_range(texts.len(), eager=True), "stamp": texts.cast(pl.String)})
    head = left.lazy().filter(_STAMP.is_not_null()).head(1).collect()
    done = []
    for kind in _KINDS:
        if head.filter(_STAMP.str.contains(kind.form)).height:
            marks = left.with_columns(kind.marks())
            read = marks["wall"].is_not_null() | marks["utc"].is_not_null() | marks["stamp"].is_null()
            if read.all():
                return marks.select(plausible())
            done, left = [marks.filter(read)], left.filter(~read)
            break
    for kind in _KINDS:
        fits = left["stamp"].str.contains(kind.form).fill_null(False)
        if fits.any():
            done.append(left.filter(fits).with_columns(kind.marks()))
            left = left.filter(~fits)
    dated, left = _read_dated(left, tz)
    return pl.concat([*done, dated, _read_odd(left, tz)]).sort("row").select(plausible())


def kinds_of(firsts: pl.DataFrame) -> Iterator[tuple[Kind, pl.DataFrame]]:
    """Yield the kinds that `read` would try first, each with its files: rows with the first `stamp` of each."""
    for kind in _KINDS:
        fits = firsts["stamp"].str.contains(kind.form)
        if fits.any():
            yield kind, firsts.filter(fits)
            firsts = firsts.filter(~fits)


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
    year = next((date.year for date in dated["wall"] if date is not None), LEAP_YEAR)
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
    schema = {"stamp": pl.String(), **MARKS}
    guesses = pl.DataFrame([(text, *_guess(text, tz)) for text in asked], schema=schema, orient="row")
    found = left.join(guesses, on="stamp", how="left", maintain_order="left")
    return found.with_columns(pl.col("yearless").fill_null(False), pl.col("doubt").fill_null(EXACT))


def _guess(text: str, tz: str | None) -> tuple[datetime | None, datetime | None, bool, int]:
    """Return the marks of one odd stamp; no moment unless it holds a month, a day and a clock."""
    nothing = (None, None, False, EXACT)
    strange: list[str] = []

    def zone(name: str | None, seconds: int | None) -> timezone | None:
        offset = timedelta(seconds=seconds) if seconds is not None else _offset(name or "", tz, LEAP_YEAR)
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
    return None, utc.replace(year=LEAP_YEAR) if yearless else utc, yearless, doubt
