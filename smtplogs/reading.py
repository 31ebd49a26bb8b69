"""The ways in: log files to events, coverage and traffic."""

from __future__ import annotations

import datetime as dt
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Literal, overload

import polars as pl
from dateutil import parser as dateparser

from smtplogs import sources, stitching, tally
from smtplogs._spans import zone
from smtplogs.errors import NothingToRead, UnknownName
from smtplogs.logformats import ALL
from smtplogs.onefile import WORKERS, Gathered, Settings, anchors, read_file
from smtplogs.schema import COVERAGE, EVENTS, as_table, dtypes
from smtplogs.settling import settle

if TYPE_CHECKING:
    from collections.abc import Iterable

    Paths = str | PathLike[str] | Iterable[str | PathLike[str]]
    Moment = str | dt.date | dt.datetime


@dataclass
class FileResult:
    """What one file gave."""

    source: sources.Source
    events: pl.DataFrame
    loose: pl.DataFrame
    coverage: pl.DataFrame
    traffic: pl.DataFrame
    size: tuple[int, int]


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
        `auto`, or the name of one format (`formats()`): lines of other programs are then left alone.
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
    ValueError
        If `tz`, `year`, `since` or `until` cannot be understood.
    """
    if format != "auto" and format not in {f.name for f in ALL}:
        raise UnknownName(f"no format named {format!r}; there are auto, {', '.join(f.name for f in ALL)}")
    settings = Settings(
        only=None if format == "auto" else format,
        tz=tz,
        year=year,
        host=host,
        traffic=full,
        now=dt.datetime.now(dt.UTC),
    )
    begin, end = moment(since, tz=tz), moment(until, tz=tz)
    results, coverage = read_files(paths, settings)
    events = settle(stitching.stacked(*(r.events for r in results)), stitching.stacked(*(r.loose for r in results)))
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
            sink = Gathered()
            passed = read_file(source, settings, anchor, pool, sink)
            result = FileResult(
                source,
                sink.stacked("events"),
                sink.stacked("loose"),
                passed.coverage,
                sink.stacked("traffic"),
                (passed.bytes, passed.lines),
            )
            twin = next((r for r in results if r.size == result.size and same_content(r.source, source)), None)
            if twin is not None:
                unread.append((source.name, "note", f"same content as {twin.source.name}: counted once"))
                continue
            results.append(result)
    if not results:
        raise NothingToRead("; ".join(f"{p.name}: {p.message}" for p in problems) or "nothing to read")
    rows = [as_table(pl.DataFrame({"source": [name], kind: [text]}), COVERAGE) for name, kind, text in unread]
    return results, pl.concat([*(r.coverage for r in results), *rows])


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
