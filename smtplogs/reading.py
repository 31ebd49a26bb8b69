"""The ways in: log files to events, coverage and traffic."""

from __future__ import annotations

import datetime as dt
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Literal, overload

import polars as pl
from dateutil import parser as dateparser

from smtplogs import parsing, recognising, sources, stamps, stitching, tally, whole_files
from smtplogs._spans import zone
from smtplogs.declaring import format_named, installed
from smtplogs.errors import NothingToRead
from smtplogs.logformats import Dialogue, Lines, Table
from smtplogs.schema import COVERAGE, EVENTS, as_table, dtypes
from smtplogs.settling import settle

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    Paths = str | PathLike[str] | Iterable[str | PathLike[str]]
    Moment = str | dt.date | dt.datetime

WORKERS = 2
"""Chunks parsed at once. Polars brings its own threads; two keep both cores of a small machine busy."""


@dataclass(frozen=True)
class Settings:
    """What the caller said about the logs.

    Attributes
    ----------
    only
        Name of the one format of single lines to read, or None for all.
    whole
        The one format that the caller names, if it is a dialogue or a table.
    tz, year, host
        Zone of stamps without one, year in which the newest log ends, name for logs that do not name their host.
    traffic
        Whether to count traffic as well.
    now
        Moment that serves as the last resort for the year.
    """

    only: str | None = None
    whole: Dialogue | Table | None = None
    tz: str | None = None
    year: int | None = None
    host: str | None = None
    traffic: bool = False
    now: dt.datetime | None = None


@dataclass
class FileResult:
    """What one file gave."""

    source: sources.Source
    events: pl.DataFrame
    loose: pl.DataFrame
    coverage: pl.DataFrame
    traffic: pl.DataFrame
    size: tuple[int, int]
    tail: whole_files.Tail | None = None


@overload
def read(
    paths: Paths,
    *,
    format: str = ...,
    tz: str | None = ...,
    year: int | None = ...,
    host: str | None = ...,
    since: Moment | None = ...,
    until: Moment | None = ...,
    full: Literal[False] = ...,
) -> pl.DataFrame: ...
@overload
def read(
    paths: Paths,
    *,
    format: str = ...,
    tz: str | None = ...,
    year: int | None = ...,
    host: str | None = ...,
    since: Moment | None = ...,
    until: Moment | None = ...,
    full: Literal[True],
) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]: ...
def read(
    paths: Paths,
    *,
    format: str = "auto",  # noqa: A002 - the word of the public face
    tz: str | None = None,
    year: int | None = None,
    host: str | None = None,
    since: Moment | None = None,
    until: Moment | None = None,
    full: bool = False,
) -> pl.DataFrame | tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """Read mail logs into the event table: one row per attempt, whatever number of lines told of it.

    Parameters
    ----------
    paths
        Files, folders, globs (`mail.log*`), archives, `-` for standard input; in any order and compression.
    format
        `auto`, or the name of one format (`formats()`): lines of other programs are then left alone. Or the path of a
        declared format (`maildog.toml`), see `check_format`.
    tz
        IANA zone of stamps that name none (`Europe/Warsaw`). None: they are read as UTC, `time_quality`
        zone_assumed, so that the times shown equal the log's own clock.
    year
        Year in which the newest log ends, for stamps without one. None: told from the file's name, gzip header or
        file time, `time_quality` year_inferred.
    host
        Name for lines that do not say which host wrote them (Dovecot's own log file).
    since, until
        Keep events from `since` on and before `until` (anything dateutil understands; without zone: in `tz` or UTC).
        Lines outside are still read: a session may begin before and end after.
    full
        Also return the coverage and traffic tables.

    Returns
    -------
    DataFrame or (DataFrame, DataFrame, DataFrame)
        Events in order of time, source and line (`columns()` explains them); with `full` (events, coverage, traffic).

    Raises
    ------
    NothingToRead
        If no path matches or no file could be opened. A damaged file among good ones is no error: it is a row of the
        coverage table.
    UnknownName
        If `format` is none of the known ones.
    BadFormat
        If it is a file that declares a format and does not hold what it promises.
    ValueError
        If `tz`, `year`, `since` or `until` cannot be understood.
    """
    asked = None if format == "auto" else format_named(format)
    settings = Settings(
        only=asked.name if isinstance(asked, Lines) else None,
        whole=None if isinstance(asked, Lines) else asked,
        tz=tz,
        year=year,
        host=host,
        traffic=full,
        now=dt.datetime.now(dt.UTC),
    )
    begin, end = moment(since, tz=tz), moment(until, tz=tz)
    results, coverage = read_files(paths, settings)
    across = whole_files.over_borders([r.tail for r in results if r.tail is not None])
    events = settle(
        stitching.stacked(*(r.events for r in results), *across), stitching.stacked(*(r.loose for r in results))
    )
    if begin is not None:
        events = events.filter(pl.col("time") >= begin)
    if end is not None:
        events = events.filter(pl.col("time") < end)
    return (events, coverage, tally.merged_traffic([r.traffic for r in results])) if full else events


def moment(given: Moment | None, *, tz: str | None) -> dt.datetime | None:
    """Return what a person typed as a moment in UTC; without zone it is in `tz`, else UTC.

    Raises
    ------
    ValueError
        If dateutil does not understand it, or there is no such zone.
    """
    if given is None:
        return None
    if isinstance(given, str):
        try:
            given = dateparser.parse(given, default=dt.datetime(dt.datetime.now(dt.UTC).year, 1, 1))  # noqa: DTZ001
        except (ValueError, OverflowError) as error:
            raise ValueError(
                f"cannot read {given!r} as a date or time; try 2026-11-23 or '2026-11-23 14:05'"
            ) from error
    if not isinstance(given, dt.datetime):
        given = dt.datetime(given.year, given.month, given.day)  # noqa: DTZ001
    if given.tzinfo is None:
        given = given.replace(tzinfo=zone(tz) if tz else dt.UTC)
    return given.astimezone(dt.UTC)


def read_files(paths: Paths, settings: Settings) -> tuple[list[FileResult], pl.DataFrame]:
    """Read every file once; return what each gave, and the coverage table with what could not be read."""
    found, problems = sources.find(paths)
    results: list[FileResult] = []
    unread = [(p.name, "note" if p.on_purpose else "error", p.message) for p in problems]
    with ThreadPoolExecutor(WORKERS) as pool:
        for source, anchor in zip(found, anchors(found, settings), strict=True):
            result = read_file(source, settings, anchor, pool)
            twin = next((r for r in results if r.size == result.size and same_content(r.source, source)), None)
            if twin is not None:
                unread.append((source.name, "note", f"same content as {twin.source.name}: counted once"))
                continue
            results.append(result)
    if not results:
        raise NothingToRead("; ".join(f"{p.name}: {p.message}" for p in problems) or "nothing to read")
    rows = [as_table(pl.DataFrame({"source": [name], kind: [text]}), COVERAGE) for name, kind, text in unread]
    return results, pl.concat([*(r.coverage for r in results), *rows])


def anchors(found: list[sources.Source], settings: Settings) -> list[stamps.Anchor]:
    """Return the evidence for the year of each file; the files of one rotated set step back from the newest.

    `found` is in rotation order, oldest first within a set: a file cannot end after the next one of its set begins.
    """
    series = [sources.series(source) for source in found]
    chosen: list[stamps.Anchor] = []
    newer: dt.datetime | None = None  # when the next file of the same set begins
    for i in reversed(range(len(found))):
        source = found[i]
        mine = stamps.anchor(
            year=settings.year,
            tz=settings.tz,
            rotation=source.rotation_date,
            gzip_mtime=source.gzip_mtime,
            mtime=source.mtime,
            now=settings.now,
        )
        if newer is not None and newer < mine.latest:
            mine = replace(mine, latest=newer)
        has_older = i > 0 and series[i - 1] == series[i]
        newer = _first_moment(source, mine) if has_older else None
        chosen.append(mine)
    return chosen[::-1]


def _first_moment(source: sources.Source, anchor: stamps.Anchor) -> dt.datetime | None:
    """Return the moment of the first line that has a stamp, as the anchor would have it."""
    if source.path is None:
        return None
    with sources.open_source(source) as reading:
        head = reading.peek()
    lines = pl.DataFrame({"line_no": range(1, len(head) + 1), "line": head}, schema=parsing.LINES)
    written = parsing.stamps_of(lines.head(20))
    if written.is_empty():
        return None
    _, carry = stamps.resolve(written, anchor)
    return carry.first_time.replace(tzinfo=None) if carry.first_time else None


def read_file(
    source: sources.Source, settings: Settings, anchor: stamps.Anchor, pool: ThreadPoolExecutor
) -> FileResult:
    """Read one file to its end, whatever state it is in."""
    result, carry = _read_once(source, settings, anchor, pool)
    years = carry.years_too_late(anchor)
    if years and source.path is not None:
        # its end proved the first guess of the year wrong: all times move, so it is read again
        result, _ = _read_once(source, settings, anchor.earlier(years), pool)
    return result


def _read_once(
    source: sources.Source, settings: Settings, anchor: stamps.Anchor, pool: ThreadPoolExecutor
) -> tuple[FileResult, stamps.Carry]:
    told, clock, session = parsing.Tally(), stamps.Carry(), stitching.Carry()
    events: list[pl.DataFrame] = []
    loose: list[pl.DataFrame] = []
    traffic: list[pl.DataFrame] = []
    minute: stamps.Carry | None = None
    with sources.open_source(source) as reading:
        head = reading.peek()
        whole = _whole_format(head, settings)
        if whole.tie:
            return _torn(source, reading, whole.tie), clock
        if whole.format is not None:
            return _read_whole(source, reading, head, whole.format, settings, anchor)
        chosen = parsing.plan(head, traffic=settings.traffic, only=settings.only, host=settings.host)
        for batch in _batches(reading, chosen, told, pool):
            if settings.traffic:
                counted, minute = tally.lines_of(batch.minutes, anchor, minute, source.name)
                traffic.append(counted)
            if not batch.height:
                continue
            timed, clock = _timed(batch, anchor, clock, source.name)
            if settings.traffic:
                traffic += [tally.traffic_of(frame) for frame in timed.both()]
            done = stitching.stitch(timed, session)
            events += done.events
            loose += done.loose
    loose += session.open.both()
    coverage = tally.coverage_of(
        source.name,
        told,
        first_time=clock.first_time,
        last_time=clock.last_time,
        compression=source.compression,
        bytes=reading.bytes,
        lines=reading.lines,
        kept=sum(told.counts.values()),
        bad_stamps=clock.bad_stamps,
        year_evidence=clock.year_evidence,
        zone_evidence=clock.zone_evidence,
        note=reading.note,
        error="; ".join(t for t in (reading.error, _cut(reading)) if t) or None,
    )
    result = FileResult(
        source,
        stitching.stacked(*events),
        stitching.stacked(*loose),
        coverage,
        tally.merged_traffic(traffic),
        (reading.bytes, reading.lines),
    )
    return result, clock


def _whole_format(head: list[str], settings: Settings) -> recognising.Recognised:
    """Return the dialogue or table format of a file: the one named, else the one proved; none for single lines."""
    if settings.only is not None:
        return recognising.Recognised(None)
    return recognising.Recognised(settings.whole) if settings.whole else recognising.recognise(head, installed())


def _read_whole(
    source: sources.Source,
    reading: sources.Reading,
    head: list[str],
    format_: Dialogue | Table,
    settings: Settings,
    anchor: stamps.Anchor,
) -> tuple[FileResult, stamps.Carry]:
    """Read a file that is one dialogue or table."""
    whole = whole_files.read(reading, head, format_, anchor, host=settings.host)
    coverage = tally.coverage_of(
        source.name,
        whole.told,
        first_time=whole.clock.first_time,
        last_time=whole.clock.last_time,
        format=format_.name,
        compression=source.compression,
        bytes=reading.bytes,
        lines=reading.lines,
        kept=sum(whole.told.counts.values()),
        bad_stamps=whole.clock.bad_stamps,
        year_evidence=whole.clock.year_evidence,
        zone_evidence=whole.clock.zone_evidence,
        cannot_show=list(format_.cannot_show),
        note=reading.note,
        error="; ".join(t for t in (reading.error, whole.error, _cut(reading)) if t) or None,
    )
    size = (reading.bytes, reading.lines)
    events = stitching.stacked(*whole.events)
    return FileResult(
        source, events, pl.DataFrame(), coverage, tally.merged_traffic(whole.traffic), size, whole.tail
    ), whole.clock


def _torn(source: sources.Source, reading: sources.Reading, names: tuple[str, ...]) -> FileResult:
    """Say that several formats fit a file equally well: it is not read, since that would be a guess."""
    error = f"could be {' or '.join(names)}: say which with format="
    row = as_table(pl.DataFrame({"source": [source.name], "error": [error]}), COVERAGE)
    size = (reading.bytes, reading.lines)
    return FileResult(source, pl.DataFrame(), pl.DataFrame(), row, tally.merged_traffic([]), size)


def _timed(
    batch: parsing.Batch, anchor: stamps.Anchor, clock: stamps.Carry, name: str
) -> tuple[parsing.Batch, stamps.Carry]:
    """Resolve the stamps of both frames in the order of their lines; of lines in one second only the first is asked."""
    columns = ["line_no", "stamp", *(["outer"] if any("outer" in f.columns for f in batch.both()) else [])]
    written = pl.concat(
        [
            f.select(*columns, _wide=pl.lit(value=wide), _row=pl.int_range(pl.len(), dtype=pl.UInt32))
            for wide, f in ((False, batch.frame), (True, batch.events))
            if f.height
        ]
    ).sort("line_no")
    run = written.select(pl.struct(columns[1:]).rle_id() if len(columns) > 2 else pl.col("stamp").rle_id()).to_series()
    first = written.with_columns(_run=run).unique("_run", keep="first", maintain_order=True)
    answer, clock = stamps.resolve(first.select(columns[1:]), anchor, clock)
    times = answer[run].hstack(written.select("_wide", "_row"))

    def timed(frame: pl.DataFrame, *, wide: bool) -> pl.DataFrame:
        if frame.is_empty():
            return frame
        mine = times.filter(pl.col("_wide") == wide).sort("_row").select("time", "time_quality")
        return frame.drop(columns[1:]).hstack(mine).with_columns(source=pl.lit(name))

    return parsing.Batch(timed(batch.frame, wide=False), timed(batch.events, wide=True)), clock


def _cut(reading: sources.Reading) -> str | None:
    return f"{reading.cut_lines} line(s) longer than 16 MiB were cut" if reading.cut_lines else None


def _batches(
    reading: sources.Reading, chosen: parsing.Plan, told: parsing.Tally, pool: ThreadPoolExecutor
) -> Iterator[parsing.Batch]:
    """Parse chunks side by side and hand their records out in order."""
    waiting: deque[Future[tuple[parsing.Batch, parsing.Tally]]] = deque()

    def next_one() -> Iterator[parsing.Batch]:
        batch, tally_ = waiting.popleft().result()
        told.update(tally_)
        if batch.height or batch.minutes.height:
            yield batch

    for lines in parsing.chunks(reading, chosen):
        waiting.append(pool.submit(parsing.parse, lines, chosen))
        if len(waiting) > WORKERS:
            yield from next_one()
    while waiting:
        yield from next_one()


def same_content(a: sources.Source, b: sources.Source) -> bool:
    """Tell whether two files hold the same bytes once expanded."""
    return a.path is not None and b.path is not None and _digest(a) == _digest(b)


def _digest(source: sources.Source) -> str | None:
    with sources.open_source(source, hash=True) as reading:
        for _ in reading:
            pass
    return reading.sha256


def coverage(paths: Paths, *, format: str = "auto", tz: str | None = None, year: int | None = None) -> pl.DataFrame:  # noqa: A002
    """Tell what was read and understood.

    Parameters
    ----------
    paths, format, tz, year
        As in `read`.

    Returns
    -------
    DataFrame
        The coverage table (`columns()` explains it): per file a row for the whole (`program` null) and one per program.

    Raises
    ------
    NothingToRead
        If no path matches or no file could be opened.
    """
    return read(paths, format=format, tz=tz, year=year, full=True)[1]


def load(
    dataset: Paths, *, since: Moment | None = None, until: Moment | None = None, tz: str | None = None
) -> pl.LazyFrame:
    """Open event tables that were written before.

    Parameters
    ----------
    dataset
        Parquet files, or folders and globs of them.
    since, until, tz
        As in `read`.

    Returns
    -------
    LazyFrame
        Events in their documented dtypes; words that this version does not know become `unknown`.

    Raises
    ------
    NothingToRead
        If there is no such file, or one that holds other things.
    """
    given = [dataset] if isinstance(dataset, str | PathLike) else list(dataset)
    places = [Path(d) / "**" / "*.parquet" if Path(d).is_dir() else Path(d) for d in given]
    try:
        frame = pl.scan_parquet(places, missing_columns="insert", extra_columns="ignore")
        names = frame.collect_schema().names()
    except (FileNotFoundError, pl.exceptions.PolarsError) as error:
        raise NothingToRead(f"no event table in {', '.join(map(str, given))}: {error}") from error
    if missing := [c for c in ("time", "stage", "outcome", "source") if c not in names]:
        raise NothingToRead(f"no event table in {', '.join(map(str, given))}: it lacks the column {missing[0]!r}")
    begin, end = moment(since, tz=tz), moment(until, tz=tz)
    frame = frame.with_columns(pl.lit(None, c.dtype).alias(n) for n, c in EVENTS.items() if n not in names)
    frame = frame.map_batches(lambda f: as_table(f, EVENTS), schema=dtypes(EVENTS))
    if begin is not None:
        frame = frame.filter(pl.col("time") >= begin)
    return frame if end is None else frame.filter(pl.col("time") < end)
