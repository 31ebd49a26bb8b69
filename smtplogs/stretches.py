"""Settling what lies in memory: stretch of time by stretch, two at a time, each with as much around it as any rule looks at."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, TypeVar

import polars as pl

from smtplogs import overview
from smtplogs._engine import queued
from smtplogs.overview import WAITS
from smtplogs.settling import REACH, sessions_of, settle
from smtplogs.unsettled import stacked

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterable, Iterator

    from smtplogs.overview import Overview

T = TypeVar("T")

ROWS = 400_000
"""Rows of a stretch, about: the quarter of an hour on either side costs little beside, and two of them fit anywhere."""

LEAST = 4 * REACH
"""A stretch is no shorter, however many rows it has."""


@dataclass
class Stretch:
    """The rows of a stretch of time and of what is around it; it has the rows without a time if it is the last."""

    begin: dt.datetime | None
    end: dt.datetime | None
    events: list[pl.DataFrame] = field(default_factory=list)
    words: list[pl.DataFrame] = field(default_factory=list)


def settled(events: list[pl.DataFrame], loose: list[pl.DataFrame]) -> pl.DataFrame:
    """Finish events with the loose records of all files, as `settle` does; the lists are emptied.

    Parameters
    ----------
    events
        What `stitch` finished, of any number of files.
    loose
        What it handed back, the oldest file first.

    Returns
    -------
    DataFrame
        The event table, in order of time, source and line.
    """
    if sum(f.height for f in (*events, *loose)) < 2 * ROWS:
        return settle(stacked(*_taken(events)), stacked(*_taken(loose)))
    waits = pl.col("format").is_in(list(WAITS))
    others = stacked(*(f.filter(~waits) for f in loose))
    words = [f.filter(waits) for f in _taken(loose)]
    known = overview.added(overview.spans_of(f) + overview.of_loose(f) for f in (others, *words))
    known += overview.spans_of(*events)
    events += [rows for rows in [sessions_of(others)] if rows.height]
    known += overview.added(map(overview.of_events, events))
    stretches = _stretches(events)
    for rows, of in ((events, "events"), (words, "words")):
        for frame in _taken(rows):
            for stretch, some in _shared_out(frame, stretches):
                getattr(stretch, of).append(some)
    with ThreadPoolExecutor(2) as pool:
        done = [pool.submit(queued, partial(_settled, stretch, known)) for stretch in _taken(stretches)]
        return pl.concat([future.result() for future in done])


def _taken(things: list[T]) -> Iterator[T]:
    """Take things out of a list one by one: each is held no longer than it is needed."""
    things.reverse()
    while things:
        yield things.pop()


def _stretches(events: Iterable[pl.DataFrame]) -> list[Stretch]:
    """Cut time where enough events have gathered; the first stretch has no begin, the last one no end."""
    counted = [f["time"].dt.truncate("15m").value_counts(name="n") for f in events]
    quarters = pl.concat(counted).drop_nulls().group_by("time").agg(pl.col("n").sum()).sort("time")
    cuts, rows, since = [], 0, None
    for quarter, n in quarters.iter_rows():
        since = since or quarter
        if rows + n > ROWS and quarter - since >= LEAST:
            cuts.append(quarter)
            rows, since = 0, quarter
        rows += n
    return [Stretch(begin, end) for begin, end in pairwise([None, *cuts, None])]


def _shared_out(frame: pl.DataFrame, stretches: Iterable[Stretch]) -> Iterator[tuple[Stretch, pl.DataFrame]]:
    """Yield the rows of a frame that are in or around each stretch."""
    time = pl.col("time")
    for stretch in stretches:
        wanted = time.is_not_null() if stretch.end else pl.lit(value=True)
        if stretch.begin:
            wanted &= time.is_null() | (time >= stretch.begin - REACH)
        if stretch.end:
            wanted &= time < stretch.end + REACH
        mine = frame.select(wanted).to_series()
        if mine.any():
            yield stretch, frame if mine.all() else frame.filter(mine)


def _settled(stretch: Stretch, known: Overview) -> pl.DataFrame:
    """Settle a stretch; of what is around it nothing is kept."""
    rows = settle(stacked(*_taken(stretch.events)), stacked(*_taken(stretch.words)), known=known)
    time = rows["time"]  # in order
    before = time.filter(time < stretch.begin).len() if stretch.begin else 0
    upto = time.filter(time < stretch.end).len() if stretch.end else rows.height
    return rows.slice(before, upto - before)
