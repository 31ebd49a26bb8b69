"""What a few files gave, on disk: finished events by month, and beside them all that other files may still change.

A part is made once, from one large file or some small ones, in a folder that appears under its name only when it is
whole. Its files::

    events/month=2026-06/NAME-1.parquet   events that no other file can change (by the month they fall into)
    open-1.parquet                        events that may change, as they are without the other files
    waiting-1.parquet                     records of Dovecot and PAM
    unlinked-1.parquet                    records of Exim, Sendmail and OpenSMTPD, which ids tie together
    sessions-1.parquet                    sessions that another file begins or ends
    turns-1.parquet                       the same of dialogues: what was said, without secrets
    traffic/, coverage/, not_understood/  as their tables say
    part.json                             the inputs, the files, and the overview of them
"""

from __future__ import annotations

import shutil
from collections import Counter
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import polars as pl

from smtplogs import overview
from smtplogs._durable import sync_folder
from smtplogs._engine import queued
from smtplogs.linking import FORMATS
from smtplogs.overview import WAITS, Overview
from smtplogs.part_files import MISSED, NO_TIME, PUBLIC, TURNS, Part, host_of, partitioned, piece, taken
from smtplogs.schema import COVERAGE, EVENTS, RECORDS, TRAFFIC, as_table
from smtplogs.settling import may_change, plain_text
from smtplogs.unsettled import FINISHED, stacked

if TYPE_CHECKING:
    from pathlib import Path

ROWS = 25_000
"""Rows that gather before they are written: about 12 MB of events, and as much again while they are written."""


@dataclass
class _Mark:
    """Where a file began, for the case that it is read again."""

    rows: dict[str, int]
    pieces: int
    hours: Counter[str]
    hosts: dict[str, set[str]]
    known: Overview


class PartWriter:
    """A sink that writes what it is given to a folder, some rows at a time; some are written while others are read.

    To be left (`with`) before its folder is touched.

    Parameters
    ----------
    folder
        Folder of the part, empty.
    name
        Of the part; its files carry it.
    by
        How events are partitioned: month or day.
    about
        Key-value metadata of its Parquet files.
    """

    def __init__(self, folder: Path, name: str, by: str, about: dict[str, str]) -> None:
        self.part = Part(name)
        self._folder, self._by, self._about = folder, by, about
        self._rows: dict[str, list[pl.DataFrame]] = {}
        self._waiting: Counter[str] = Counter()
        self._hours: Counter[str] = Counter()
        self._hosts: dict[str, set[str]] = {}
        self._n = 0
        self._pen = ThreadPoolExecutor(1)
        self._being_written: Future[None] | None = None
        self._mark = self._marked()

    def __enter__(self) -> PartWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self._pen.shutdown()

    def begin(self) -> None:
        """Another file begins."""
        self._mark = self._marked()

    def _marked(self) -> _Mark:
        self._lay_down()
        hosts = {source: set(names) for source, names in self._hosts.items()}
        rows = {kind: len(frames) for kind, frames in self._rows.items()}
        return _Mark(rows, len(self.part.pieces), Counter(self._hours), hosts, self.part.known)

    def restart(self) -> None:
        """Forget what the file gave so far."""
        self._lay_down()
        mark = self._mark
        for kind, frames in self._rows.items():
            del frames[mark.rows.get(kind, 0) :]
            self._waiting[kind] = sum(f.height for f in frames)
        for written in self.part.pieces[mark.pieces :]:
            (self._folder / written.path).unlink(missing_ok=True)
        del self.part.pieces[mark.pieces :]
        self._hours, self._hosts = Counter(mark.hours), {s: set(n) for s, n in mark.hosts.items()}
        self.part.known = mark.known

    def take(self, kind: str, frame: pl.DataFrame) -> None:
        """Take rows; write when many have gathered."""
        if kind == "loose":
            waits, by_id = (frame["format"].is_in(list(formats)) for formats in (WAITS, FORMATS))
            for name, mine in (("waiting", waits), ("unlinked", by_id), ("sessions", ~(waits | by_id))):
                if mine.any():
                    self.take(name, frame.filter(mine))
            return
        self._rows.setdefault(kind, []).append(frame)
        self._waiting[kind] += frame.height
        if self._waiting[kind] >= ROWS:
            before = self._mark.rows.get(kind, 0)
            if before:  # rows of files before this one go first: this one may have to be taken back
                own = self._rows[kind][before:]
                del self._rows[kind][before:]
                self._flush(kind)
                self._rows[kind] = own
                self._mark = replace(self._marked(), rows=self._mark.rows | {kind: 0})
            self._flush(kind)

    def coverage(self, frame: pl.DataFrame) -> None:
        """Take the coverage rows of the file that has ended."""
        self._rows.setdefault("coverage", []).append(frame)

    def finish(self, inputs: list[dict[str, Any]]) -> Part:
        """Write what is left and, last of all, part.json."""
        for kind in list(self._rows):
            self._flush(kind)
        self._lay_down()
        self.part.inputs = inputs
        self.part.hours = dict(sorted(self._hours.items()))
        self.part.hosts = {source: sorted(names) for source, names in sorted(self._hosts.items())}
        self.part.saved(self._folder)
        sync_folder(self._folder)
        return self.part

    def _flush(self, kind: str) -> None:
        """Let the rows that have gathered be written, once those before them are."""
        frames = self._rows.pop(kind, [])
        self._waiting[kind] = 0
        self._lay_down()
        if frames:
            self._being_written = self._pen.submit(queued, partial(self._laid, kind, frames))

    def _laid(self, kind: str, frames: list[pl.DataFrame]) -> None:
        frame = stacked(*frames)
        frames.clear()
        if frame.is_empty():
            return
        if kind == "events":
            self._flush_events(as_table(frame, FINISHED))
        elif kind == "turns":
            self._write(kind, frame)
        elif kind in ("waiting", "unlinked", "sessions"):
            self._look_at(frame, overview.of_events(frame) if kind == "unlinked" else overview.of_loose(frame))
            self._write(kind, frame.select(c for c in frame.columns if c in RECORDS or c == "_role"))
        else:
            table = {"traffic": TRAFFIC, "coverage": COVERAGE, "missed": MISSED}[kind]
            self._write("not_understood" if kind == "missed" else kind, as_table(frame, table))

    def _flush_events(self, frame: pl.DataFrame) -> None:
        self._look_at(frame, overview.of_events(frame))
        frame = plain_text(frame, self.part.known.starttls)
        open_ = frame.select(may_change()).to_series()
        if open_.any():
            self._write("open", _filled(frame.filter(open_)))
        fixed = as_table(frame.filter(~open_), EVENTS)
        for partition, rows in partitioned(fixed, self._by):
            self._write("events", rows, partition)

    def _look_at(self, frame: pl.DataFrame, known: Overview) -> None:
        self.part.known += known + overview.spans_of(frame)
        hours = frame["time"].dt.truncate("1h").value_counts()
        for hour, n in hours.iter_rows():
            self._hours[f"{hour:%Y-%m-%dT%H}" if hour else NO_TIME] += n
        for source, host in frame.select("source", host_of(frame)).unique().iter_rows():
            self._hosts.setdefault(source, set()).add(host)

    def _write(self, kind: str, frame: pl.DataFrame, partition: str = "") -> None:
        self._n += 1
        name = f"{self.part.name}-{self._n}.parquet"
        path = "/".join(t for t in (kind, partition, name) if t) if kind in PUBLIC else f"{kind}-{name}"
        self.part.pieces.append(piece(kind, frame, path, self._folder / path, self._about))

    def _lay_down(self) -> None:
        """Wait for the rows that are being written."""
        if self._being_written is not None:
            last, self._being_written = self._being_written, None
            last.result()


def _filled(frame: pl.DataFrame) -> pl.DataFrame:
    """Return the frame without columns that hold nothing."""
    return frame.select(c for c in frame.columns if frame[c].null_count() < frame.height)


def without(part: Part, dead: set[str], folder: Path, to: Path, name: str, by: str, about: dict[str, str]) -> Part:
    """Write a part anew, less some of its sources.

    Parameters
    ----------
    part, folder
        The part and where its files are.
    dead
        Names of the sources to leave out.
    to, name
        Folder and name of the new part.
    by, about
        As for PartWriter.
    """
    tables = {"events": EVENTS, "open": FINISHED, "traffic": TRAFFIC, "coverage": COVERAGE, "not_understood": MISSED}
    tables["turns"] = TURNS
    kinds = {"open": "events", "not_understood": "missed"} | dict.fromkeys(("waiting", "unlinked", "sessions"), "loose")
    with PartWriter(to, name, by, about) as writer:
        for old in part.pieces:
            frame = taken(folder / old.path, tables.get(old.kind, RECORDS)).filter(~pl.col("source").is_in(list(dead)))
            if frame.height:
                frame = as_table(frame, FINISHED) if old.kind == "events" else frame
                writer.take(kinds.get(old.kind, old.kind), frame)
        done = writer.finish([i for i in part.inputs if i["source"] not in dead])
    spans = {s: span for s, span in part.known.spans.items() if s not in dead}
    done.known = replace(part.known, spans=spans)
    done.saved(to)
    return done


def discard(folder: Path) -> None:
    """Remove a folder and all in it."""
    shutil.rmtree(folder, ignore_errors=True)
