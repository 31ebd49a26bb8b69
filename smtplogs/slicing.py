"""Settling a dataset: slice of time by slice, never all events at once, and only slices that something new touches.

Every rule of `settling` looks at most REACH back or forward (ten minutes from an attempt that only Dovecot logged to the
Postfix line that explains it; five for the success that tells a penalty from an outage; each pairing a few seconds).
So a slice is settled with that much around it, and of the result its own stretch is kept. Records that ids tie together
(Exim, Sendmail, OpenSMTPD) are linked with LINK_REACH around the slice: a session that lasts longer than that may be told
as two. What reaches further comes as an overview of all files, and as Postfix sessions that go from file to file, which
are tied together first.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections import defaultdict
from dataclasses import asdict, dataclass, replace
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any

import polars as pl

from smtplogs import overview
from smtplogs._engine import queued
from smtplogs.overview import LOST_ANSWER
from smtplogs.part_files import BY, NO_TIME, TURNS, Part, Piece, host_of, partitioned, piece, taken
from smtplogs.parts import ROWS
from smtplogs.schema import RECORDS, as_table, conform
from smtplogs.settling import CONTEXT, REACH, sessions_of, settle
from smtplogs.unsettled import FINISHED, stacked
from smtplogs.whole_files import over_borders

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
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
class Where:
    """Pieces of a part, and the two places where they may stand: made public, or in the folder of the part."""

    dataset: Path
    part: str
    piece: Piece

    @property
    def path(self) -> Path:
        """Where it is."""
        public = self.dataset / self.piece.path
        return public if public.exists() else self.dataset / "loose" / self.part / self.piece.path


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


def sessions(
    dataset: Path,
    parts: Sequence[Part],
    order: dict[str, int],
    about: dict[str, str],
    catalogue: str | None = None,
) -> tuple[list[Where], dict[str, int], Overview]:
    """Tie together the sessions that go from file to file, some hosts at a time.

    Parameters
    ----------
    dataset, about
        Where the result is written, and with what metadata.
    parts
        All parts.
    order
        Source -> its turn: which file comes first where lines of one second meet.
    catalogue
        File with the caller's own rows of the reply catalogue: replies of dialogues are told here.

    Returns
    -------
    files, hours, overview
        Where the events are, how many in which hour, and what they add to the overview.
    """
    rows: dict[str, int] = defaultdict(int)
    for part in parts:
        for host in {h for source in part.inputs for h in part.hosts.get(source["source"], [])}:
            rows[host] += sum(p.rows for p in part.of("sessions"))
    batches: list[list[str]] = [[]]
    size = 0
    for host, n in sorted(rows.items()):
        if size + n > ROWS and batches[-1]:
            batches.append([])
            size = 0
        batches[-1].append(host)
        size += n
    turns = stacked(*(taken(Where(dataset, part.name, p).path, TURNS) for part in parts for p in part.of("turns")))
    across = over_borders(turns, catalogue)
    files, hours, known = [], defaultdict(int), overview.Overview()
    for events in chain(across, _tied(dataset, parts, order, [b for b in batches if b])):
        known += overview.of_events(events)
        for hour, n in events["time"].dt.truncate("1h").value_counts().iter_rows():
            hours[f"{hour:%Y-%m-%dT%H}" if hour else NO_TIME] += n
        for some in events.sort("time", "source", "line_no").iter_slices(ROWS):
            path = f".sessions/{len(files)}.parquet"
            done = piece("sessions", some, path, dataset / "loose" / path, about)
            files.append(Where(dataset, "", replace(done, kind="tied")))
    # rows of other sessions were looked at when they were written, these come of what is no row yet
    for events in across:
        known += overview.spans_of(events)
    return files, dict(hours), known


def _tied(
    dataset: Path, parts: Sequence[Part], order: dict[str, int], batches: list[list[str]]
) -> Iterator[pl.DataFrame]:
    """Yield the events of sessions that go from file to file: those of some hosts at a time."""
    for hosts in batches:
        # no name for the records: none of them is held while their events are being written
        events = sessions_of(_cut_off(dataset, parts, order, hosts))
        if events.height:
            yield events


def _cut_off(dataset: Path, parts: Sequence[Part], order: dict[str, int], hosts: list[str]) -> pl.DataFrame:
    """Return the records of some hosts whose sessions begin or end in another file, the oldest file first."""
    frames = []
    for part in parts:
        if not set(hosts).isdisjoint(h for names in part.hosts.values() for h in names):
            for p in part.of("sessions"):
                frame = taken(Where(dataset, part.name, p).path, RECORDS)
                frames.append(frame.filter(host_of(frame).is_in(hosts)))
    loose = stacked(*frames)
    if loose.is_empty():
        return loose
    turn = pl.col("source").replace_strict(list(order), list(order.values()), default=len(order))
    return loose.sort(turn, "line_no", maintain_order=True)


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
