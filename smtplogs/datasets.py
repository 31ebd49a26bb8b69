"""Event tables on disk: what `parse` wrote (by its manifest), or Parquet files of one's own, as lazy frames."""

from __future__ import annotations

import datetime as dt
import json
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import polars as pl
from dateutil import parser as dateparser

from smtplogs._spans import zone
from smtplogs._written import made_from
from smtplogs.errors import NothingToRead
from smtplogs.schema import COVERAGE, EVENTS, INPUTS, TRAFFIC, Column, as_table, dtypes, empty

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    Paths = str | PathLike[str] | Iterable[str | PathLike[str]]
    Moment = str | dt.date | dt.datetime

MANIFEST = "manifest.json"

SCHEMA_VERSION = 1
"""Of the layout and the meaning of columns; a dataset with a later one is not read."""

_TABLES: Mapping[str, Mapping[str, Column]] = {"events": EVENTS, "coverage": COVERAGE, "traffic": TRAFFIC}


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
        given = _typed(given)
    if not isinstance(given, dt.datetime):
        given = dt.datetime(given.year, given.month, given.day)  # noqa: DTZ001
    if given.tzinfo is None:
        given = given.replace(tzinfo=zone(tz) if tz else dt.UTC)
    return given.astimezone(dt.UTC)


def _typed(text: str) -> dt.datetime:
    """Read what a person typed; without a year it is in this one, but a time of no day ("09:00", "3h") is no moment."""
    year = dt.datetime.now(dt.UTC).year
    remedy = "try 2026-11-23 or '2026-11-23 14:05'"
    try:
        read, other = (dateparser.parse(text, default=dt.datetime(*day)) for day in ((year, 1, 1), (year - 1, 2, 2)))  # noqa: DTZ001
    except (ValueError, OverflowError) as error:
        raise ValueError(f"cannot read {text!r} as a date or time; {remedy}") from error
    if all(getattr(read, part) != getattr(other, part) for part in ("year", "month", "day")):
        raise ValueError(f"{text!r} names no day; {remedy}")
    return read


def manifest_of(folder: Path) -> dict[str, Any]:
    """Return the manifest of a dataset; empty if the folder is none.

    Raises
    ------
    NothingToRead
        If the manifest is damaged, or of a later version.
    """
    path = folder / MANIFEST
    if not path.is_file():
        return {}
    try:
        manifest = json.loads(path.read_bytes())
    except ValueError as error:
        raise NothingToRead(f"{path} is damaged: {error}") from error
    if not isinstance(manifest, dict) or manifest.get("dataset") != "smtplogs":
        return {}
    if manifest["schema"] > SCHEMA_VERSION:
        raise NothingToRead(f"{folder} was written by smtplogs {manifest['version']}: a later version is needed")
    return manifest


def is_dataset(path: str | PathLike[str]) -> bool:
    """Tell whether `parse` wrote this folder."""
    return bool(manifest_of(Path(path)))


def load(
    dataset: Paths,
    *,
    since: Moment | None = None,
    until: Moment | None = None,
    tz: str | None = None,
    table: Literal["events", "coverage", "traffic", "inputs"] = "events",
) -> pl.LazyFrame:
    """Open a dataset that `parse` wrote, or event tables that were written before.

    Parameters
    ----------
    dataset
        Folders that `parse` wrote; or Parquet files, folders and globs of them.
    since, until, tz
        As in `read`; files of other months are not even opened. Not for coverage.
    table
        Which table of a dataset; inputs: what the manifest says of each log (path, sizes, SHA-256, when it was read).

    Returns
    -------
    LazyFrame
        Rows in their documented dtypes; words that this version does not know become `unknown`. Not sorted: the files
        are in order of time, the rows within them nearly so.

    Raises
    ------
    NothingToRead
        If there is no such file, or one that holds other things.
    """
    given = [dataset] if isinstance(dataset, str | PathLike) else list(dataset)
    if table == "inputs":
        return _inputs(given)
    begin, end = (moment(m, tz=tz) if table != "coverage" else None for m in (since, until))
    columns = _TABLES[table]
    places: list[Path] = []
    notes: list[pl.LazyFrame] = []
    written = False
    for one in map(Path, given):
        manifest = manifest_of(one)
        written = written or bool(manifest)
        if manifest:
            places += [one / p["path"] for p in manifest["files"] if p["kind"] == table and _within(p, begin, end)]
            notes += _notes(manifest) if table == "coverage" else []
        else:
            places.append(one / "**" / "*.parquet" if one.is_dir() else one)
    if not places and written:
        return pl.concat([empty(columns).lazy(), *notes])
    needed = ("time", "stage", "outcome", "source") if table == "events" else ()
    frame = _scanned(places, needed, ", ".join(map(str, given)))

    def finished(rows: pl.LazyFrame) -> pl.LazyFrame:
        rows = as_table(rows, columns)
        if begin is not None:
            rows = rows.filter(pl.col("time") >= begin)
        return rows if end is None else rows.filter(pl.col("time") < end)

    loaded = made_from(frame, finished)
    return pl.concat([loaded, *notes]) if notes else loaded


def _scanned(places: list[Path], needed: tuple[str, ...], named: str) -> pl.LazyFrame:
    """Return Parquet files as one lazy frame; `named` is what the caller calls them.

    Raises
    ------
    NothingToRead
        If there is no such file, or it lacks a needed column.
    """
    try:
        frame = pl.scan_parquet(places, missing_columns="insert", extra_columns="ignore", hive_partitioning=False)
        names = frame.collect_schema().names()
    except (FileNotFoundError, pl.exceptions.PolarsError) as error:
        why = str(error).partition(" (path expansion input")[0].partition("\n")[0]
        raise NothingToRead(f"no event table in {named}: {why}; logs are read by `read`") from error
    if missing := [c for c in needed if c not in names]:
        raise NothingToRead(f"no event table in {named}: it lacks the column {missing[0]!r}")
    return frame


def _notes(manifest: dict[str, Any]) -> list[pl.LazyFrame]:
    """Return what a run noted of its inputs as rows of the coverage table."""
    return [as_table(pl.LazyFrame({"source": [n], kind: [text]}), COVERAGE) for n, kind, text in manifest["notes"]]


def _inputs(given: list[str | PathLike[str]]) -> pl.LazyFrame:
    """Return what the manifests say of the logs."""
    rows = [
        {name: entry.get(name) for name in INPUTS}
        for one in given
        for entry in manifest_of(Path(one)).get("inputs", [])
    ]
    for row in rows:
        row["read_at"] = dt.datetime.fromisoformat(row["read_at"])
    return pl.DataFrame(rows, schema=dtypes(INPUTS)).lazy()


def _within(piece: dict[str, Any], begin: dt.datetime | None, end: dt.datetime | None) -> bool:
    """Tell whether a file may hold rows of that time."""
    if begin is None and end is None:
        return True
    if piece["first"] is None:
        return False
    first, last = dt.datetime.fromisoformat(piece["first"]), dt.datetime.fromisoformat(piece["last"])
    return (begin is None or last >= begin) and (end is None or first < end)
