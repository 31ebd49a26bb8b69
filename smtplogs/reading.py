"""The ways in: log files to events, coverage and traffic."""

from __future__ import annotations

import datetime as dt
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from os import PathLike
from typing import TYPE_CHECKING, Literal, overload

import polars as pl

from smtplogs import replies, sources, stitching, tally, whole_files
from smtplogs._crew import Meter, shown
from smtplogs.datasets import is_dataset, load, moment
from smtplogs.declaring import format_named
from smtplogs.errors import NothingToRead, UnknownName
from smtplogs.logformats import ALL, Dialogue, Lines, Table
from smtplogs.onefile import WORKERS, Gathered, Settings, anchors, read_file
from smtplogs.schema import COVERAGE, as_table
from smtplogs.settling import settle

if TYPE_CHECKING:
    from smtplogs.datasets import Moment, Paths


AT_ONCE = 2.0
"""Seconds within which an answer needs no progress bar."""


@dataclass
class FileResult:
    """What one file gave."""

    source: sources.Source
    events: pl.DataFrame
    loose: pl.DataFrame
    turns: pl.DataFrame
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
    catalogue: str | PathLike[str] | None = ...,
    full: Literal[False] = ...,
    progress: bool | None = ...,
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
    catalogue: str | PathLike[str] | None = ...,
    full: Literal[True],
    progress: bool | None = ...,
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
    catalogue: str | PathLike[str] | None = None,
    full: bool = False,
    progress: bool | None = None,
) -> pl.DataFrame | tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """Read mail logs into the event table: one row per attempt, whatever number of lines told of it.

    Parameters
    ----------
    paths
        Files, folders, globs (`mail.log*`), archives, `-` for standard input; in any order and compression.
    format
        `auto`, or the name of one format (`formats()`): lines of other programs are then left alone. Or the path of a
        TOML file that declares one (docs/declared-formats.md).
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
    catalogue
        TOML file with rows of your own for the reply catalogue; they come before those of installed packages and ours
        (docs/replies.md shows the form).
    full
        Also return the coverage and traffic tables.
    progress
        Show how far it is. None: where somebody looks on, a terminal or a notebook, and it takes a while.

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
    BadCatalogue
        If the rows of `catalogue` cannot be used.
    ValueError
        If `tz`, `year`, `since` or `until` cannot be understood.
    """
    only, whole = asked(format)
    settings = Settings(
        only=only,
        whole=whole,
        tz=tz,
        year=year,
        host=host,
        traffic=full,
        now=dt.datetime.now(dt.UTC),
        catalogue=None if catalogue is None else replies.checked(catalogue),
    )
    begin, end = moment(since, tz=tz), moment(until, tz=tz)
    results, coverage = read_files(paths, settings, progress=progress)
    across = whole_files.over_borders(_out_of(results, "turns"), settings.catalogue)
    events = settle(stitching.stacked(_out_of(results, "events"), *across), _out_of(results, "loose"))
    if begin is not None:
        events = events.filter(pl.col("time") >= begin)
    if end is not None:
        events = events.filter(pl.col("time") < end)
    return (events, coverage, tally.merged_traffic([r.traffic for r in results])) if full else events


def _out_of(results: list[FileResult], kind: str) -> pl.DataFrame:
    """Take the rows of a kind out of the results: they are large, and held once only."""
    rows = stitching.stacked(*(getattr(r, kind) for r in results))
    for r in results:
        setattr(r, kind, pl.DataFrame())
    return rows


def asked(format: str) -> tuple[str | None, Dialogue | Table | None]:  # noqa: A002
    """Return the one format to read: the name of one of single lines, or a dialogue or table; (None, None) for all.

    Raises
    ------
    UnknownName
        If there is none of that name.
    BadFormat
        If it is a file that declares a format and does not hold what it promises.
    """
    if format == "auto":
        return None, None
    found = format_named(format)
    return (found.name, None) if isinstance(found, Lines) else (None, found)


def checked(format: str) -> str | None:  # noqa: A002
    """Return the one format of single lines to read, None for all.

    Raises
    ------
    UnknownName
        If there is none of that name.
    """
    if format != "auto" and format not in {f.name for f in ALL}:
        raise UnknownName(
            f"no format of single lines named {format!r}; there are auto, {', '.join(f.name for f in ALL)}"
        )
    return None if format == "auto" else format


def read_files(
    paths: Paths, settings: Settings, *, progress: bool | None = False
) -> tuple[list[FileResult], pl.DataFrame]:
    """Read every file once; return what each gave, and the coverage table with what could not be read."""
    found, problems = sources.find(paths)
    results: list[FileResult] = []
    unread = [(p.name, "note" if p.on_purpose else "error", p.message) for p in problems]
    size = sum(s.stored_bytes or 0 for s in found)
    bar = Meter(size, "reading", "B", show=shown(progress), delay=AT_ONCE if progress is None else 0)
    with ThreadPoolExecutor(WORKERS) as pool, bar as meter:
        for n, (source, anchor) in enumerate(zip(found, anchors(found, settings), strict=True)):
            meter.say(f"{n:,} of {len(found):,} files")
            sink = Gathered()
            passed = read_file(source, settings, anchor, pool, sink, advance=None if source.packed else meter)
            if source.packed:
                meter(source.stored_bytes or 0)
            result = FileResult(
                source,
                sink.stacked("events"),
                sink.stacked("loose"),
                sink.stacked("turns"),
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
        As in `read`; or a dataset that `parse` wrote.

    Returns
    -------
    DataFrame
        The coverage table (`columns()` explains it): per file a row for the whole (`program` null) and one per program.

    Raises
    ------
    NothingToRead
        If no path matches or no file could be opened.
    """
    given = [paths] if isinstance(paths, str | PathLike) else list(paths)
    if given and all(map(is_dataset, given)):
        return load(given, table="coverage").collect()
    return read(given, format=format, tz=tz, year=year, full=True)[1]
