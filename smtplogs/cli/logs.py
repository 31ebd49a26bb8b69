"""Commands that read logs: into a table, into a dataset, or while they are written."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import polars as pl
from cyclopts import Parameter

import smtplogs as sl
from smtplogs import tables
from smtplogs._durable import case_key
from smtplogs._visible import visible
from smtplogs.cli.options import (
    HOW,
    LOGS,
    Catalogue,
    Files,
    Format,
    Host,
    How,
    Json,
    Output,
    Tz,
    Year,
    app,
    complain,
    console,
    give,
    named,
    ready,
    tables_of,
)


@app.command(group=LOGS)
def read(files: Files, /, *, output: Output = None, json: Json = False, how: How = HOW) -> int:
    """Read logs into the event table; write or show it."""
    ready(output, json=json)
    events = tables_of(files, how).events
    if isinstance(events, pl.LazyFrame):
        events = events.collect().sort("time", "source", "line_no", nulls_last=True, maintain_order=True)
    return give(events, output, "time", "stage", "outcome", "cause", "user", "client_ip", json=json)


@app.command(group=LOGS)
def parse(
    files: Files,
    /,
    *,
    output: Annotated[Path, Parameter(name=["--output", "-o"], help="Folder of the dataset; created if missing.")],
    format: Format = "auto",  # noqa: A002
    tz: Tz = None,
    year: Year = None,
    host: Host = None,
    catalogue: Catalogue = None,
    by: Annotated[str, Parameter(help="Partition the events by month or by day.")] = "month",
    workers: Annotated[
        int | None, Parameter(help="Pieces of work done at once; by default as many as two cores can do.")
    ] = None,
    cluster: Annotated[str | None, Parameter(help="Address of a Dask scheduler, such as tcp://scheduler:8786.")] = None,
    no_hash: Annotated[bool, Parameter(show_default=False, help="Do not compute the SHA-256 of the logs.")] = False,
    strict: Annotated[bool, Parameter(show_default=False, help="Exit with 2 if a log was damaged.")] = False,
) -> int:
    """Read archives of logs into a dataset.

    It can be interrupted and run again: only what is new is read. The order in which logs are given does not matter.
    """
    more: dict[str, Any] = {"by": by, "workers": workers, "cluster": cluster, "hash": not no_hash, "strict": strict}
    try:
        told = sl.parse(named(files), output, format=format, tz=tz, year=year, host=host, catalogue=catalogue, **more)
    except KeyboardInterrupt:
        return complain("interrupted: what was read is kept, the same command goes on from there")
    read = told.filter(pl.col("status").is_in(["read", "grown"]))
    counts = ", ".join(f"{n:,} {status}" for status, n in told["status"].value_counts(sort=True).iter_rows())
    console().print(f"{counts}; {read['lines'].sum():,} lines, {read['records'].sum():,} records -> {visible(output)}")
    bad = told.filter(pl.col("error").is_not_null())
    if bad.height:
        tables.show(bad, console(), "source", "status", "error")
    return 0


@app.command(group=LOGS)
def share(
    files: Files,
    /,
    *,
    output: Output = None,
    key: Annotated[
        Path | None,
        Parameter(
            help="File with the key of the case, created if missing. Without it, pseudonyms of two copies do not match."
        ),
    ] = None,
    shift: Annotated[str | None, Parameter(help="Duration added to all times, such as --shift=-37d.")] = None,
    how: How = HOW,
) -> int:
    """Write or show a copy of the events that is safe to hand on.

    Names, addresses and ids are replaced by pseudonyms; log lines are left out.
    """
    ready(output)
    told = sl.share(tables_of(files, how).events, key=None if key is None else case_key(key), shift=shift)
    return give(told, output, "time", "stage", "outcome", "cause", "user", "client_ip")


@app.command(group=LOGS)
def verify(
    dataset: Annotated[Path, Parameter(help="Folder that `parse` wrote.")],
    /,
    *,
    output: Output = None,
    json: Json = False,
) -> int:
    """Check a dataset against its manifest and its logs.

    Exits with 1 if anything has changed.
    """
    ready(output, json=json)
    seen = sl.verify(dataset)
    bad = seen.filter(~pl.col("status").is_in(["ok", "grown", "not checked"]))
    if json:
        give(seen, None, json=True)
        return 1 if bad.height else 0
    if output is not None:
        tables.write(seen, output)
    console().print(", ".join(f"{n:,} {s}" for s, n in seen["status"].value_counts(sort=True).iter_rows()))
    if bad.height:
        tables.show(bad, console(), "source", "check", "status", "message")
    return 1 if bad.height else 0


@app.command(group=LOGS)
def watch(
    files: Annotated[list[str], Parameter(help="Names of live logs; rotation is followed.")],
    /,
    *,
    format: Format = "auto",  # noqa: A002
    tz: Tz = None,
    year: Year = None,
    host: Host = None,
    catalogue: Catalogue = None,
    state: Annotated[
        Path | None, Parameter(help="Folder that keeps the state, so that nothing is reported twice after a restart.")
    ] = None,
    keep: Annotated[str, Parameter(help="How far back to look for findings, such as 2d or 12h.")] = "2d",
    every: Annotated[float, Parameter(help="Seconds between two looks at the logs.")] = 2.0,
    old: Annotated[
        bool, Parameter(show_default=False, help="Also report what the logs already hold at the start.")
    ] = False,
    once: Annotated[bool, Parameter(show_default=False, help="Look once, then exit (for cron).")] = False,
    json: Annotated[bool, Parameter(show_default=False, help="Print each finding as one line of JSON.")] = False,
) -> int:
    """Follow live logs and print new findings as they arise; Ctrl-C ends it."""
    more: dict[str, Any] = {"state": state, "keep": keep, "every": every, "old": old, "once": once}
    try:
        for found in sl.watch(files, format=format, tz=tz, year=year, host=host, catalogue=catalogue, **more):
            if json:
                print(tables.json_lines_of(found), end="")
            for row in [] if json else found.iter_rows(named=True):
                text = f"{row['severity']}: {row['title']}"
                console().print(visible(f"{text} {row['advice']}" if row["advice"] else text), soft_wrap=True)
            sys.stdout.flush()
    except KeyboardInterrupt:
        return 0
    return 0
