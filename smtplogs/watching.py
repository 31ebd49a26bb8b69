"""Live logs followed: new findings as they arise, by the same functions that read archives."""

from __future__ import annotations

import datetime as dt
import json
import time
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from smtplogs import parsing, planning, remembering, replies, stamps, stitching
from smtplogs._durable import alone
from smtplogs.detect import findings
from smtplogs.errors import NothingToRead
from smtplogs.following import Followed
from smtplogs.onefile import Settings, with_times
from smtplogs.reading import checked
from smtplogs.remembering import Memory, Position
from smtplogs.schema import SEVERITIES
from smtplogs.settling import settle
from smtplogs.unsettled import finished, stacked

if TYPE_CHECKING:
    from collections.abc import Iterator

    from smtplogs.datasets import Paths
    from smtplogs.sources import Chunk

SAVED_EVERY_S = 30.0
"""Seconds between two saves of the state; what was told is saved at once."""

HEAD = 65_536
"""Bytes of new lines that the envelope is recognised on."""


def watch(
    paths: Paths,
    *,
    format: str = "auto",  # noqa: A002 - the word of the public face
    tz: str | None = None,
    year: int | None = None,
    host: str | None = None,
    catalogue: str | PathLike[str] | None = None,
    state: str | PathLike[str] | None = None,
    keep: str = "2d",
    every: float = 2.0,
    old: bool = False,
    once: bool = False,
) -> Iterator[pl.DataFrame]:
    """Follow logs that are being written and yield new findings as they arise.

    Rotation is followed, by name and by copytruncate; lines of the file before the n-th rotation then carry the name
    `mail.log~n`. Sessions that are still open count as they stand. A finding is told once, and again if it gets more
    severe.

    Parameters
    ----------
    paths
        Live logs by their names (no globs, no compression); they may be missing for a while.
    format, tz, year, host, catalogue
        As in `read`.
    state
        Folder in which the state is kept, so that a restart goes on where this run ends and tells nothing twice.
        None: nothing is kept.
    keep
        How far back findings are looked for, in whole hours, days or weeks: ``12h``, ``2d``, ``1w``.
    every
        Seconds between two looks at the logs.
    old
        Also report what the logs hold at the start. Otherwise, and without a kept state, only what arises later is.
    once
        Look once and end.

    Yields
    ------
    DataFrame
        Findings as `findings` gives them, never empty.

    Raises
    ------
    NothingToRead
        If no path is given, or a folder or glob.
    UnknownName, ValueError
        If `format`, `tz`, `year` or `keep` cannot be understood.
    InUse
        If another run uses the state.
    """
    given = [paths] if isinstance(paths, str | PathLike) else list(paths)
    names = [Path(p).expanduser() for p in given]
    if not names:
        raise NothingToRead("nothing to watch: no path was given")
    for path in names:
        if path.is_dir() or (not path.exists() and not path.parent.is_dir()):
            raise NothingToRead(f"{path} cannot be watched: give the name of a live log")
    own = None if catalogue is None else replies.checked(catalogue)
    settings = Settings(only=checked(format), tz=tz, year=year, host=host, catalogue=own)
    span = _span(keep)
    return _watched(
        names, settings, None if state is None else Path(state).expanduser(), span, every, old=old, once=once
    )


def _watched(
    names: list[Path],
    settings: Settings,
    state: Path | None,
    span: dt.timedelta,
    every: float,
    *,
    old: bool,
    once: bool,
) -> Iterator[pl.DataFrame]:
    """Look at the logs again and again, and yield what is new each time."""
    with _watching(names, settings, state, span) as watched:
        silent = not watched.resumed and not old  # what the logs hold at the start counts as told
        while True:
            new = watched.untold() if watched.look() else None
            if new is not None and new.height and not silent:
                yield new
            silent = False
            if once:
                return
            time.sleep(every)


@contextmanager
def _watching(names: list[Path], settings: Settings, state: Path | None, span: dt.timedelta) -> Iterator[Watched]:
    """Open the logs, and keep other runs from the folder of the state; at the end the state is saved."""
    if state is not None:
        state.mkdir(parents=True, exist_ok=True)
    with alone(state) if state is not None else nullcontext():
        watched = Watched(names, settings, state, span)
        try:
            yield watched
        finally:
            watched.save()
            watched.close()


def _span(keep: str) -> dt.timedelta:
    """Return a duration such as 12h, 2d or 1w."""
    units = {"h": "hours", "d": "days", "w": "weeks"}
    number, unit = keep[:-1], keep[-1:]
    if not number.isdigit() or unit not in units or int(number) < 1:
        raise ValueError(f"cannot read keep={keep!r}; try 2d or 12h")
    return dt.timedelta(**{units[unit]: int(number)})


@dataclass
class Log:
    """A followed log, its clock, and the sessions that are open in it."""

    followed: Followed
    anchor: stamps.Anchor
    clock: stamps.Carry = field(default_factory=stamps.Carry)
    sessions: stitching.Carry = field(default_factory=stitching.Carry)
    plan: planning.Plan | None = None


class Watched:
    """Logs that are followed, their recent events, and the findings that were reported."""

    def __init__(self, names: list[Path], settings: Settings, state: Path | None, span: dt.timedelta) -> None:
        self.settings, self.state, self.span = settings, state, span
        kept = None if state is None else remembering.load(state)
        self.resumed = kept is not None
        self.memory = kept or Memory()
        self._saved = time.monotonic()
        self._dirty = False
        self.logs = [self._log(path) for path in names]

    def _log(self, path: Path) -> Log:
        """Return a log to follow, from where an earlier run stopped."""
        known = self.memory.positions.get(str(path))
        if known is None:
            return Log(Followed(path), self._anchor())
        return Log(Followed(path, known.place), self._anchor(), known.clock, known.sessions)

    def _anchor(self) -> stamps.Anchor:
        return stamps.anchor(year=self.settings.year, tz=self.settings.tz, now=dt.datetime.now(dt.UTC))

    def close(self) -> None:
        """Close all files."""
        for log in self.logs:
            log.followed.close()

    def look(self) -> bool:
        """Read what is new; tell whether there was anything."""
        fresh = False
        for log in self.logs:
            for chunk, begins in log.followed.new():
                if begins:
                    self._rotated(log)
                fresh = self._take(log, chunk) or fresh
        if fresh:
            self._forget()
            self._dirty = True
        if self._dirty and time.monotonic() - self._saved > SAVED_EVERY_S:
            self.save()
        return fresh

    def _rotated(self, log: Log) -> None:
        """Another file begins: what came from the old one gets another name, its open sessions wait for the new one."""
        memory = self.memory
        memory.loose = stacked(memory.loose, *log.sessions.open)
        memory.rotations += 1
        name, old = str(log.followed.path), f"{log.followed.path}~{memory.rotations}"
        memory.events, memory.loose = (_renamed(frame, name, old) for frame in (memory.events, memory.loose))
        log.sessions, log.clock, log.plan = stitching.Carry(), stamps.Carry(), None
        log.anchor = self._anchor()

    def _take(self, log: Log, chunk: Chunk) -> bool:
        """Parse new lines; tell whether they held anything."""
        if log.plan is None or log.plan.envelope is None:
            head = chunk.data[:HEAD].decode("utf-8", "replace").splitlines()
            plan = planning.plan(head, only=self.settings.only, host=self.settings.host)
            log.plan = replace(plan, catalogue=self.settings.catalogue)
        fresh = False
        for lines in parsing.chunks([chunk], log.plan):
            batch, _ = parsing.parse(lines, log.plan)
            if not (batch.height or batch.leaks):
                continue
            batch, log.clock = with_times(batch, log.anchor, log.clock, str(log.followed.path))
            done = stitching.stitch(batch.parts, log.sessions)
            self.memory.events = stacked(self.memory.events, *done.events, *map(finished, batch.leaks))
            self.memory.loose = stacked(self.memory.loose, *done.loose)
            fresh = True
        return fresh

    def _forget(self) -> None:
        """Drop what is older than is kept."""
        latest = self._latest()
        if latest is None:
            return
        recent = (pl.col("time") >= latest - self.span).fill_null(value=True)
        memory = self.memory
        memory.events = memory.events.filter(recent) if memory.events.height else memory.events
        memory.loose = memory.loose.filter(recent) if memory.loose.height else memory.loose

    def _latest(self) -> dt.datetime | None:
        """Return the latest time in any log."""
        times = [log.clock.last_time for log in self.logs if log.clock.last_time]
        return max(times, default=None)

    def view(self) -> pl.DataFrame:
        """Return the recent events as they stand now, open sessions included."""
        open_ = [frame for log in self.logs for frame in log.sessions.open]
        return settle(self.memory.events, stacked(self.memory.loose, *open_))

    def untold(self) -> pl.DataFrame:
        """Return the findings that were not told yet, and take them for told."""
        found = findings(self.view())
        found = found.filter(pl.col("status") == "found")
        new = found[[n for n, row in enumerate(found.iter_rows(named=True)) if self._is_news(row)]]
        if new.height and self.state is not None:
            remembering.save_told(self.state, self.memory.told)
        return new

    def _is_news(self, finding: dict[str, Any]) -> bool:
        """Tell whether a finding was not told yet, or not as severe as it is now; remember it as told."""
        about = json.dumps([finding["detector"], finding["kind"], finding["subject_kind"], finding["subject"]])
        rank = SEVERITIES.index(finding["severity"])
        start, until = finding["start"], finding["end"] or self._latest() or finding["start"]
        stories = self.memory.told.setdefault(about, [])
        known = next((story for story in stories if start is None or start <= story[0]), None)
        if known is None:
            stories.append([until, rank])
            return True
        severer = rank > known[1]
        known[0], known[1] = max(known[0], until), max(known[1], rank)
        return severer

    def save(self) -> None:
        """Write the state, if there is anything new in it."""
        if self.state is None or not self._dirty:
            return
        self.memory.positions = {
            str(log.followed.path): Position(log.followed.place, log.clock, log.sessions) for log in self.logs
        }
        remembering.save(self.state, self.memory)
        self._saved, self._dirty = time.monotonic(), False


def _renamed(frame: pl.DataFrame, name: str, new: str) -> pl.DataFrame:
    """Return the frame with another name for a source, in `also` too."""
    if frame.is_empty():
        return frame
    mine = pl.col("source") == name
    frame = frame.with_columns(source=pl.when(mine).then(pl.lit(new)).otherwise("source"))
    if frame.schema.get("also") != pl.List(pl.String):
        return frame
    line = pl.element().str.strip_prefix(f"{name}:")
    line = pl.when(pl.element().str.starts_with(f"{name}:")).then(pl.lit(f"{new}:") + line).otherwise(pl.element())
    return frame.with_columns(pl.col("also").list.eval(line))
