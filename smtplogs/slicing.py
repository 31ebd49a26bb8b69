"""Settling a dataset: slice of time by slice, never all events at once, and only slices that something new touches.

Every rule of `settling` looks at most REACH back or forward (ten minutes from an attempt that only Dovecot logged to the
Postfix line that explains it; five for the success that tells a penalty from an outage; each pairing a few seconds).
So a slice is settled with that much around it, and of the result its own stretch is kept. Records that ids tie together
(Exim, Sendmail, OpenSMTPD) are linked with LINK_REACH around the slice: a session that lasts longer than that may be told
as two. What reaches further comes as an overview of all files, and as Postfix sessions that go from file to file, which
are tied together first (`crossing`).
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections import defaultdict
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import polars as pl

from smtplogs._engine import queued
from smtplogs.overview import LOST_ANSWER
from smtplogs.part_files import BY, NO_TIME, Part, Piece, Where, partitioned, piece
from smtplogs.parts import ROWS
from smtplogs.schema import RECORDS, as_table, conform
from smtplogs.settling import CONTEXT, REACH, sessions_of, settle
from smtplogs.unsettled import FINISHED, stacked

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from smtplogs.overview import Overview

LINK_REACH = dt.timedelta(hours=2)
"""Longer than most sessions of Exim, Sendmail and OpenSMTPD last; each hour without a line ends one (`linking`)."""

SLICE_ROWS = 200_000
"""Rows (events and waiting records) of a slice, if hours can be parted so far: about 100 MB."""

_HOUR = dt.timedelta(hours=1)


@dataclass(frozen=True)
class Slice:
    """A stretch of time within one partition; without times: what has none."""

    partition: str
    begin: dt.datetime | None = None
    end: dt.datetime | None = None


@dataclass(frozen=True)
class SliceTask:
    """All that is needed to settle one slice, on this machine or another."""

    dataset: Path
    slice: Slice
    pieces: tuple[Where, ...]
    known: Overview
    by: str
    about: dict[str, str]
    done: str | None
    """Fingerprint of what stands there already."""


def grid(parts: Sequence[Part], extra: dict[str, int], by: str) -> list[Slice]:
    """Cut time into slices: whole partitions where they are small, days and hours where they are not."""
    hours: dict[str, int] = defaultdict(int)
    for counts in (*(p.hours for p in parts), extra):
        for hour, n in counts.items():
            hours[hour] += n
    slices = [Slice(f"{by}={NO_TIME}")] if hours.pop(NO_TIME, 0) else []
    groups: dict[str, dict[dt.datetime, int]] = defaultdict(dict)
    for text, n in sorted(hours.items()):
        hour = dt.datetime.fromisoformat(f"{text}:00:00+00:00")
        groups[f"{by}={hour:{BY[by]}}"][hour] = n
    for partition, counted in groups.items():
        first = next(iter(counted)).replace(hour=0) if by == "day" else next(iter(counted)).replace(day=1, hour=0)
        after = first + dt.timedelta(days=1 if by == "day" else 32)
        end = after if by == "day" else after.replace(day=1)
        cuts = _cut(counted, first, end)
        slices += [Slice(partition, a, b) for a, b in cuts]
    return slices


def _cut(
    counted: dict[dt.datetime, int], begin: dt.datetime, end: dt.datetime
) -> list[tuple[dt.datetime, dt.datetime]]:
    """Cut a partition by days, and a day by hours, as far as needed; borders do not depend on other days."""
    inside = {h: n for h, n in counted.items() if begin <= h < end}
    if not inside:
        return []
    length = end - begin
    if sum(inside.values()) <= SLICE_ROWS or length <= _HOUR:
        return [(begin, end)]
    step = dt.timedelta(days=1) if length > dt.timedelta(days=1) else length / 2 if length > 2 * _HOUR else _HOUR
    if step > _HOUR:  # whole hours
        step = dt.timedelta(hours=-(-step // _HOUR))
    cuts, at = [], begin
    while at < end:
        cuts += _cut(inside, at, min(at + step, end))
        at += step
    return cuts


def touches(p: Piece, begin: dt.datetime, end: dt.datetime) -> bool:
    """Tell whether rows of a piece may be of this time."""
    if p.first is None or p.last is None:
        return False
    return dt.datetime.fromisoformat(p.first) < end and dt.datetime.fromisoformat(p.last) >= begin


def tasks(
    dataset: Path,
    parts: Sequence[Part],
    tied: list[Where],
    slices: Iterable[Slice],
    known: Overview,
    by: str,
    about: dict[str, str],
    standing: dict[str, str],
) -> list[SliceTask]:
    """Return what has to be settled, with the fingerprints of what `standing` has by slice."""
    all_ = [Where(dataset, part.name, p) for part in parts for p in part.of("events", "open", "waiting", "unlinked")]
    all_ += tied
    out = []
    for s in slices:
        if s.begin is None or s.end is None:
            mine = [w for w in all_ if w.piece.kind != "events"]
        else:
            mine = [w for w in all_ if touches(w.piece, s.begin - _reach(w.piece.kind), s.end + _reach(w.piece.kind))]
        if any(w.piece.kind != "events" for w in mine):
            out.append(SliceTask(dataset, s, tuple(mine), known, by, about, standing.get(title(s))))
    return out


def title(s: Slice) -> str:
    """Return the name of a slice."""
    return f"{s.partition}/{s.begin:%Y%m%dT%H}-{s.end:%Y%m%dT%H}" if s.begin and s.end else f"{s.partition}/{NO_TIME}"


def settled(task: SliceTask) -> dict[str, Any]:
    """Settle one slice and write it beside the dataset; a piece of work for a thread of the engine.

    Returns
    -------
    dict
        slice, fingerprint, and the piece that was written: None if nothing is left or it stands there already.
    """
    return queued(partial(_settled, task))


def _settled(task: SliceTask) -> dict[str, Any]:
    open_, waiting = stacked(_read(task, "open", "tied"), _linked(task)), _read(task, "waiting")
    names = {source for frame in (open_, waiting) if frame.height for source in frame["source"].unique()}
    known = replace(task.known, spans={s: span for s, span in task.known.spans.items() if s in names})
    context = None
    lost = pl.col("detail").str.starts_with(LOST_ANSWER).fill_null(value=False)
    if waiting.height or (open_.height and open_.select(lost.any()).item()):
        context = _read(task, "events")
    fingerprint = _fingerprint(task, known, with_context=context is not None)
    done = {"slice": title(task.slice), "fingerprint": fingerprint, "piece": None, "unchanged": False}
    if fingerprint == task.done:
        return done | {"unchanged": True}
    events = settle(open_, waiting, context=context, known=known)
    events = events.filter(inside(task.slice))
    for partition, rows in partitioned(events, task.by):
        path = f"events/{partition}/settled-{title(task.slice).rpartition('/')[2]}-{fingerprint[:12]}.parquet"
        done["piece"] = asdict(piece("events", rows, path, task.dataset / "loose" / ".staged" / path, task.about))
    return done


def inside(s: Slice, around: dt.timedelta = dt.timedelta(0)) -> pl.Expr:
    """Tell which rows are of a slice, or no further from it than that; rows without a time are of the slice without times."""
    time = pl.col("time")
    return time.is_null() if s.begin is None or s.end is None else (time >= s.begin - around) & (time < s.end + around)


def _reach(kind: str) -> dt.timedelta:
    """Return how far around a slice the rows of a kind are looked at."""
    return LINK_REACH if kind == "unlinked" else REACH


def _linked(task: SliceTask) -> pl.DataFrame:
    """Return the events in and around the slice of records that ids tie together."""
    events = sessions_of(_read(task, "unlinked"))
    return events.filter(inside(task.slice, REACH)) if events.height else events


def _read(task: SliceTask, *kinds: str) -> pl.DataFrame:
    """Read the rows of these kinds in and around the slice."""
    frames = []
    for where in task.pieces:
        kind = where.piece.kind
        if kind not in kinds:
            continue
        scan = pl.scan_parquet(where.path, hive_partitioning=False).filter(inside(task.slice, _reach(kind)))
        if kind == "events":
            scan = scan.select(CONTEXT)
        rows = scan.collect(engine="in-memory")
        frames.append(as_table(rows, FINISHED) if kind in ("open", "tied") else conform(rows, RECORDS))
    return stacked(*frames)


def _fingerprint(task: SliceTask, known: Overview, *, with_context: bool) -> str:
    """Return a hash of all that the result depends on."""
    tied, lines = _read(task, "tied"), hashlib.sha256()
    for rows in tied.iter_slices(ROWS):
        lines.update(rows.write_ndjson().encode())
    facts = {
        "pieces": sorted(
            w.piece.sha256
            for w in task.pieces
            if w.piece.kind in ("open", "waiting", "unlinked") or (with_context and w.piece.kind == "events")
        ),
        "tied": lines.hexdigest() if tied.height else "",
        "starttls": sorted(known.starttls),
        "order": known.order,
        "by_host": known.by_host,
        "spans": sorted((s, a.isoformat(), b.isoformat(), n) for s, (a, b, n) in known.spans.items()),
        "about": task.about.get("smtplogs.version"),
    }
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()
