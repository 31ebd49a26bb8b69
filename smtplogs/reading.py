"""The ways in: log files to events, coverage and traffic."""

from __future__ import annotations

import datetime as dt
import functools
from concurrent.futures import ThreadPoolExecutor
from os import PathLike
from typing import TYPE_CHECKING, Literal, overload

import polars as pl

from smtplogs import replies, sources, tally, whole_files
from smtplogs._crew import Here, Meter, shown
from smtplogs._engine import within
from smtplogs.batching import WORKERS
from smtplogs.datasets import is_dataset, load, moment
from smtplogs.dating import anchors
from smtplogs.declaring import format_named
from smtplogs.errors import UnknownName
from smtplogs.logformats import ALL, Dialogue, Lines, Table
from smtplogs.making import weight
from smtplogs.onefile import Passed, Settings
from smtplogs.schema import COVERAGE, as_table
from smtplogs.sinks import Gathered
from smtplogs.stretches import settled
from smtplogs.together import Given, read_all

if TYPE_CHECKING:
    from smtplogs.datasets import Moment, Paths


AT_ONCE = 2.0
"""Seconds within which an answer needs no progress bar."""

FEW_BYTES = 8 << 20
"""Logs up to this size give one batch of lines: there is nothing to do side by side."""


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
        Keep events from `since` on and before `until` (what dateutil understands, with a day; without zone: in `tz` or UTC).
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
    found, problems = sources.find(paths)
    few = all(s.stored_bytes is not None for s in found) and sum(map(weight, found)) <= FEW_BYTES

    def tables() -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
        given, coverage = read_files(found, problems, settings, few=few, progress=progress)
        across = whole_files.over_borders(given.taken_out("turns"), settings.catalogue)
        events = settled([*given.frames_of("events"), *across], given.frames_of("loose"))
        if begin is not None:
            events = events.filter(pl.col("time") >= begin)
        if end is not None:
            events = events.filter(pl.col("time") < end)
        return events, coverage, tally.merged_traffic([given.taken_out("traffic")])

    three = within(tables) if few else tables()
    return three if full else three[0]


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
    found: list[sources.Source],
    problems: list[sources.Problem],
    settings: Settings,
    *,
    few: bool = False,
    progress: bool | None = False,
) -> tuple[Gathered, pl.DataFrame]:
    """Read every file once; return what they gave, and the coverage table with what could not be read.

    `few`: there are so few lines that no other thread is asked, and nobody waits for a bar.
    """
    unread = [(p.name, "note" if p.on_purpose else "error", p.message) for p in problems]
    size = sum(s.stored_bytes or 0 for s in found)
    bar = Meter(
        size,
        "reading",
        "B",
        show=bool(progress) or (not few and shown(progress)),
        delay=AT_ONCE if progress is None else 0,
    )
    sink = Gathered()
    known: dict[int, Passed] = {}
    with Here() if few else ThreadPoolExecutor(WORKERS) as pool, bar as meter:
        given = list(map(Given, found, anchors(found, settings)))
        for n, passed in read_all(given, settings, pool, sink, advance=meter):
            known[n] = passed
            meter.say(f"{len(known):,} of {len(found):,} files")
    twins = _twins(found, known)
    if twins:
        sink.leave_out(found[n].name for n in twins)
    sink.in_order_of(source.name for source in found)
    unread += [(found[n].name, "note", f"same content as {found[of].name}: counted once") for n, of in twins.items()]
    rows = [as_table(pl.DataFrame({"source": [name], kind: [text]}), COVERAGE) for name, kind, text in unread]
    return sink, pl.concat([*(known[n].coverage for n in sorted(known) if n not in twins), *rows])


def _twins(found: list[sources.Source], known: dict[int, Passed]) -> dict[int, int]:
    """Return the files that hold the same bytes, once expanded, as one before them, and that one."""
    sizes: dict[tuple[int, int], list[int]] = {}
    digests = functools.cache(lambda n: _digest(found[n]))
    twins = {}
    for n, passed in sorted(known.items()):
        alike = sizes.setdefault((passed.bytes, passed.lines), [])
        twin = next((of for of in alike if digests(of) is not None and digests(of) == digests(n)), None)
        if twin is None:
            alike.append(n)
        else:
            twins[n] = twin
    return twins


def _digest(source: sources.Source) -> str | None:
    """Return the SHA-256 of the expanded bytes; None of standard input."""
    if source.path is None:
        return None
    with sources.open_source(source, hash=True) as reading:
        for _ in reading.pieces():
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
