"""One log file from its first line to its last: stamps, sessions, and what is handed on as soon as it is finished."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import polars as pl

from smtplogs import (
    accounting,
    declaring,
    linking,
    mixtures,
    parsing,
    planning,
    recognising,
    sources,
    stamps,
    stitching,
    tally,
    whole_files,
)
from smtplogs._columns import constant, without
from smtplogs._engine import queued
from smtplogs.batching import batches
from smtplogs.logformats import Dialogue
from smtplogs.schema import COVERAGE, as_table
from smtplogs.unsettled import finished

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable
    from concurrent.futures import Executor

    from smtplogs.logformats import Table
    from smtplogs.sinks import Sink

MINUTES = 200_000
"""Rows of traffic that wait for later lines of the same minute; then those of days gone by are handed on."""


@dataclass(frozen=True)
class Settings:
    """What the caller said about the logs.

    Attributes
    ----------
    only
        Name of the one format of single lines to read, or None for all.
    whole
        The one format that the caller names, if it is a dialogue or a table.
    tz, year, host
        Zone of stamps without one, year in which the newest log ends, name for logs that do not name their host.
    traffic
        Whether to count traffic as well.
    now
        Moment that serves as the last resort for the year.
    keep_missed
        Whether lines that no pattern takes are kept, redacted.
    sparing
        Whether memory counts for more than speed.
    catalogue
        File with the caller's own rows of the reply catalogue.
    """

    only: str | None = None
    whole: Dialogue | Table | None = None
    tz: str | None = None
    year: int | None = None
    host: str | None = None
    traffic: bool = False
    now: dt.datetime | None = None
    keep_missed: bool = False
    sparing: bool = False
    catalogue: str | None = None


@dataclass
class _SoFar:
    """What the batches of a file leave to the next one, and to its end."""

    clock: stamps.Carry = field(default_factory=stamps.Carry)
    session: stitching.Carry = field(default_factory=stitching.Carry)
    traffic: list[pl.DataFrame] = field(default_factory=list)
    minute: stamps.Carry | None = None
    with_ids: list[pl.DataFrame] = field(default_factory=list)


@dataclass(frozen=True)
class Passed:
    """What is known of a file after its last line.

    Attributes
    ----------
    coverage
        Its rows of the coverage table, the whole file first.
    bytes, lines
        Expanded.
    sha256
        Of the expanded bytes, if asked for.
    start
        The first of them.
    anchor
        The evidence by which its years were read.
    yearless
        Whether its years rest on that evidence.
    """

    coverage: pl.DataFrame
    bytes: int
    lines: int
    sha256: str | None
    start: bytes
    anchor: stamps.Anchor
    yearless: bool


def read_file(
    source: sources.Source,
    settings: Settings,
    anchor: stamps.Anchor,
    pool: Executor,
    sink: Sink,
    *,
    hash: bool = False,  # noqa: A002
    advance: Callable[[int], None] | None = None,
) -> Passed:
    """Read one file to its end, whatever state it is in.

    Parameters
    ----------
    source
        The file.
    settings, anchor
        What the caller said; the evidence for its year.
    pool
        Where chunks are parsed side by side.
    sink
        Takes finished events and loose records while the file is read.
    hash
        Take the SHA-256 of the expanded bytes on the way.
    advance
        Told how many expanded bytes were read since it was told last.
    """
    passed, carry = _read_once(source, settings, anchor, pool, sink, hash=hash, advance=advance)
    years = carry.years_too_late(anchor)
    if years and source.path is not None:
        # its end proved the first guess of the year wrong: all times move, so it is read again
        sink.restart()
        passed, _ = _read_once(source, settings, anchor.earlier(years), pool, sink, hash=hash, advance=None)
    if (late := _quoted_late(source, passed, settings)) is not None:
        sink.restart()
        known = replace(settings, whole=late)
        passed, _ = _read_once(source, known, anchor, pool, sink, hash=hash, advance=None)
    return passed


def _quoted_late(source: sources.Source, passed: Passed, settings: Settings) -> Dialogue | None:
    """Return the format of a log of an application that speaks of logins only after its first lines; None: it is none.

    Nothing in it was understood; what was not, and its beginning, are looked at as if they were its first lines.
    """
    told = passed.coverage
    if source.path is None or settings.only or settings.whole:
        return None
    if told.select(pl.sum_horizontal("records", "context", "dismissed").sum()).item():
        return None
    lines = [text.partition(": ")[2] for text in told["examples"].explode().drop_nulls().unique(maintain_order=True)]
    if not lines or not recognising.quoted(lines).any():
        return None
    with sources.open_source(source) as reading:
        head = reading.peek()[: recognising.MOST - len(lines)]
    found = recognising.recognise([*head, *lines], declaring.installed()).format
    return found if isinstance(found, Dialogue) and found.quotes else None


def _read_once(
    source: sources.Source,
    settings: Settings,
    anchor: stamps.Anchor,
    pool: Executor,
    sink: Sink,
    *,
    hash: bool,  # noqa: A002
    advance: Callable[[int], None] | None,
) -> tuple[Passed, stamps.Carry]:
    told, so_far = accounting.Tally(), _SoFar()
    with sources.open_source(source, hash=hash) as reading:
        head = reading.peek()
        mixed, found = _looked_at(head, settings)
        if found.tie:
            return _torn(reading, found.tie, anchor), so_far.clock
        if found.format is not None:
            return _read_whole(reading, head, found.format, settings, anchor, sink, advance)
        chosen = _planned(head, settings)
        for batch in batches(reading, chosen, told, pool, advance, mixed, sparing=settings.sparing):
            _told_apart(told, source.name, sink)
            done = queued(partial(_tied, batch, so_far, anchor, source.name, traffic=settings.traffic))
            so_far.traffic = _older_handed_on(so_far.traffic, sink)
            _hand_on("events", done.events, sink)
            _hand_on("loose", done.loose, sink)
            del batch, done  # while the next one is waited for
        for format_, lines in mixed.parts if mixed is not None else ():
            how = {"host": settings.host, "catalogue": settings.catalogue, "keep_missed": settings.keep_missed}
            whole = whole_files.of_lines(iter([lines]), format_, anchor, source.name, **how)
            _hand_on("events", whole.every, sink)
            _hand_on("missed", whole.missed, sink)
            told.update(whole.told)
        _told_apart(told, source.name, sink)
    _hand_on("loose", so_far.session.open, sink)
    _hand_on("traffic", [tally.merged_traffic(so_far.traffic)], sink)
    linked = linking.clock_told(so_far.with_ids)
    return _passed(reading, told, so_far.clock, anchor, zone_evidence=linked), so_far.clock


def _passed(
    reading: sources.Reading,
    told: accounting.Tally,
    clock: stamps.Carry,
    anchor: stamps.Anchor,
    *,
    zone_evidence: str | None = None,
    error: str | None = None,
    **of_format: Any,
) -> Passed:
    """Say what is known of a file that was read to its end; evidence and error are further ones."""
    coverage = tally.coverage_of(
        reading.source.name,
        told,
        first_time=clock.first_time,
        last_time=clock.last_time,
        compression=reading.source.compression,
        bytes=reading.bytes,
        lines=reading.lines,
        kept=sum(told.counts.values()),
        bad_stamps=clock.bad_stamps,
        year_evidence=clock.year_evidence,
        zone_evidence="; ".join(t for t in (clock.zone_evidence, zone_evidence) if t) or None,
        note=reading.note,
        error="; ".join(t for t in (reading.error, error, _cut(reading)) if t) or None,
        **of_format,
    )
    return Passed(
        coverage, reading.bytes, reading.lines, reading.sha256, reading.start, anchor, clock.from_anchor
    )  # fmt: skip


def _tied(
    batch: parsing.Batch, so_far: _SoFar, anchor: stamps.Anchor, name: str, *, traffic: bool
) -> stitching.Stitched:
    """Give the records of a batch their times, count them, and tie them together with those before it."""
    if traffic:
        counted, so_far.minute = tally.lines_of(batch.minutes, anchor, so_far.minute, name)
        so_far.traffic.append(counted)
    if not (batch.height or batch.leaks):
        return stitching.Stitched()
    timed, so_far.clock = with_times(batch, anchor, so_far.clock, name)
    if traffic:
        so_far.traffic += [tally.traffic_of(frame) for frame in timed.parts]
    done = stitching.stitch(timed.parts, so_far.session)
    done.events = [*(finished(rows) for rows in timed.leaks), *done.events]
    if sum(f.height for f in so_far.with_ids) < linking.ASKED:
        so_far.with_ids += [f for f in done.loose if f["format"].is_in(list(linking.FORMATS)).any()]
    return done


def plan_of(head: list[str], settings: Settings) -> planning.Plan | None:
    """Return how the lines of a file are read, by its first ones; None if it is a mixture, a dialogue or a table."""
    mixed, found = _looked_at(head, settings)
    return _planned(head, settings) if mixed is None and found == recognising.Recognised(None) else None


def _looked_at(head: list[str], settings: Settings) -> tuple[mixtures.Mixture | None, recognising.Recognised]:
    """Return the mixture that a file is, or its dialogue or table format: the one named, else the one proved."""
    if settings.only is not None:
        return None, recognising.Recognised(None)
    if settings.whole is not None:
        return None, recognising.Recognised(settings.whole)
    mixed = mixtures.mixture(head)
    found = recognising.Recognised(None) if mixed else recognising.recognise(head, declaring.installed())
    return mixed, found


def _planned(head: list[str], settings: Settings) -> planning.Plan:
    chosen = planning.plan(
        head,
        traffic=settings.traffic,
        only=settings.only,
        host=settings.host,
        keep_missed=settings.keep_missed,
    )
    return replace(chosen, catalogue=settings.catalogue)


def _torn(reading: sources.Reading, names: tuple[str, ...], anchor: stamps.Anchor) -> Passed:
    """Say that several formats fit a file equally well: it is not read, since that would be a guess."""
    for _ in reading:  # its size and hash are those of the whole file
        pass
    row = {"source": [reading.source.name], "error": [f"could be {' or '.join(names)}: say which with format="]}
    facts = {"bytes": [reading.bytes], "lines": [reading.lines]}
    coverage = as_table(pl.DataFrame(row | facts), COVERAGE)
    return Passed(coverage, reading.bytes, reading.lines, reading.sha256, reading.start, anchor, yearless=False)


def _read_whole(
    reading: sources.Reading,
    head: list[str],
    format_: Dialogue | Table,
    settings: Settings,
    anchor: stamps.Anchor,
    sink: Sink,
    advance: Callable[[int], None] | None,
) -> tuple[Passed, stamps.Carry]:
    """Read a file that is one dialogue or table."""
    how = {"host": settings.host, "catalogue": settings.catalogue, "keep_missed": settings.keep_missed}
    whole = whole_files.read(reading, head, format_, anchor, take=sink.take, advance=advance, **how)
    if whole.tail is not None:
        _hand_on("turns", [whole.tail.turns], sink)
    if settings.traffic:
        _hand_on("traffic", [tally.merged_traffic(whole.traffic)], sink)
    of_format = {"format": format_.name, "cannot_show": list(format_.cannot_show)}
    return _passed(reading, whole.told, whole.clock, anchor, error=whole.error, **of_format), whole.clock


def _told_apart(told: accounting.Tally, name: str, sink: Sink) -> None:
    """Hand on the lines that nothing took, and those that are told only for the secret in them."""
    for lines in told.missed:
        sink.take("missed", lines.with_columns(source=pl.lit(name)))
    _hand_on("events", [whole_files.leaked(rows.with_columns(source=pl.lit(name))) for rows in told.leaks], sink)
    told.missed.clear()
    told.leaks.clear()


def _hand_on(kind: str, frames: list[pl.DataFrame], sink: Sink) -> None:
    for frame in frames:
        if frame.height:
            sink.take(kind, frame)


def _older_handed_on(traffic: list[pl.DataFrame], sink: Sink) -> list[pl.DataFrame]:
    """Hand on the minutes that no later line will touch, when many have gathered."""
    if sum(f.height for f in traffic) < MINUTES:
        return traffic
    merged = tally.merged_traffic(traffic)
    if merged.height < MINUTES // 2:
        return [merged]
    old = pl.col("time") < pl.col("time").max() - pl.duration(days=1)
    sink.take("traffic", merged.filter(old))
    return [merged.filter(~old)]


def with_times(
    batch: parsing.Batch, anchor: stamps.Anchor, clock: stamps.Carry, name: str
) -> tuple[parsing.Batch, stamps.Carry]:
    """Resolve the stamps of a batch and give each record its time."""
    answer, clock = stamps.resolve(batch.stamps, anchor, clock)

    def timed(frame: pl.DataFrame) -> pl.DataFrame:
        at = frame["_stamp"]
        return without(frame, ("_stamp", *answer.columns, "source")).hstack(
            [*answer[at], constant("source", name, frame.height)]
        )

    return parsing.Batch([timed(part) for part in batch.parts], leaks=[timed(part) for part in batch.leaks]), clock


def _cut(reading: sources.Reading) -> str | None:
    return f"{reading.cut_lines} line(s) longer than 16 MiB were cut" if reading.cut_lines else None
