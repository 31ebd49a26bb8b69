"""Many small files read as one batch, so that what every batch costs beside its lines is paid once.

Their lines lie one file behind the other, numbered through and marked with their file (FILE); no run of stamps or
minutes, no session, no sum goes over a border. So what comes of them is what each gives by itself (`onefile`), which
is how every file is read that needs more care: a transcript or table, a wrapper, damage.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from itertools import accumulate
from typing import TYPE_CHECKING, Any, NamedTuple

import polars as pl

from smtplogs import declaring, linking, parsing, planning, recognising, sources, stamps, stitching, tally, whole_files
from smtplogs._engine import queued
from smtplogs.accounting import Tallies
from smtplogs.onefile import Passed, plan_of, read_file
from smtplogs.sources import FILE
from smtplogs.unsettled import finished, stacked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from concurrent.futures import Executor

    from smtplogs.onefile import Settings
    from smtplogs.sinks import Sink

SMALL = 1 << 20
"""Expanded bytes up to which a file shares a batch."""

BATCH_BYTES = 12 << 20
"""Bytes of files that share one: a chunk of `parse`, of which two groups may be in work at once."""

BATCH_FILES = 2_000
"""And how many files at most."""


class Given(NamedTuple):
    """A file and the evidence for its year."""

    source: sources.Source
    anchor: stamps.Anchor


class _Lot(NamedTuple):
    """Files that were read, with their places among those given; `before`: lines of the lot before each of them."""

    places: list[int]
    wholes: list[sources.Whole]
    anchors: list[stamps.Anchor]

    @property
    def before(self) -> list[int]:
        return sources.before(self.wholes)


def read_all(
    given: Sequence[Given],
    settings: Settings,
    pool: Executor,
    sink: Sink,
    *,
    hash: bool = False,  # noqa: A002
    advance: Callable[[int], None] | None = None,
) -> Iterator[tuple[int, Passed]]:
    """Read files to their ends, small ones together; yield the place of each among those given, and what is known of it.

    Parameters
    ----------
    given
        The files, and the evidence for their years.
    settings, pool, sink, hash
        As for `read_file`.
    advance
        Told how many stored bytes were read since it was told last.
    """

    def alone(place: int) -> tuple[int, Passed]:
        source, anchor = given[place]
        told = advance if not source.packed or advance is None else _silent(advance)
        sink.begin()
        passed = read_file(source, settings, anchor, pool, sink, hash=hash, advance=told)
        if advance is not None and source.packed:
            advance(source.stored_bytes or 0)
        return place, passed

    for lot in _lots(given, settings, hash=hash):
        if isinstance(lot, int):
            yield alone(lot)
            continue
        lines = sources.lines_of_all(lot.wholes)
        plans = [None] * len(lot.places) if lines is None else _plans(lot, lines, settings)
        yield from (alone(place) for place, plan in zip(lot.places, plans, strict=True) if plan is None)
        if lines is None:
            continue
        for plan in dict.fromkeys(p for p in plans if p is not None):
            members = [n for n, p in enumerate(plans) if p is plan]
            sink.begin()
            mine = lines if len(members) == len(plans) else lines.filter(pl.col(FILE).is_in(members))
            for n, passed in zip(members, _shared(lot, members, mine, plan, settings, sink), strict=True):
                if advance is not None:
                    source = lot.wholes[n].source
                    advance((source.stored_bytes or 0) if source.packed else passed.bytes)
                yield lot.places[n], passed


def _silent(advance: Callable[[int], None]) -> Callable[[int], None]:
    """Advance by nothing: expanded bytes do not count, but a stopped run is noticed."""
    return lambda _: advance(0)


def _lots(given: Sequence[Given], settings: Settings, *, hash: bool) -> Iterator[_Lot | int]:  # noqa: A002
    """Put files together that may share a batch; a file that may not is told by its place."""
    lot, size = _Lot([], [], []), 0
    for place, (source, anchor) in enumerate(given):
        may = len(given) > 1 and settings.whole is None and source.path is not None
        small = may and (source.stored_bytes or 0) <= SMALL
        whole = sources.whole(source, SMALL, hash=hash) if small else None
        if whole is None:
            yield place
            continue
        if lot.places and (size + len(whole.data) > BATCH_BYTES or len(lot.places) >= BATCH_FILES):
            yield lot
            lot, size = _Lot([], [], []), 0
        lot.places.append(place)
        lot.wholes.append(whole)
        lot.anchors.append(anchor)
        size += len(whole.data)
    if lot.places:
        yield lot


def _plans(lot: _Lot, lines: pl.DataFrame, settings: Settings) -> list[planning.Plan | None]:
    """Return the plan of each file, one and the same where they may share a batch; None: to be read alone."""
    heads = lines
    if any(w.in_head < w.n_lines for w in lot.wholes):
        last = pl.Series([n + w.in_head for n, w in zip(lot.before, lot.wholes, strict=True)], dtype=pl.UInt64)
        heads = lines.filter(lines["line_no"] <= last.gather(lines[FILE]))
    sure = set(recognising.surely_lines(heads, declaring.installed()))
    long = [n for n, w in enumerate(lot.wholes) if w.n_lines > recognising.MOST]
    # what an application quotes only later makes its file one that is read alone
    late = set(lines.filter(lines[FILE].is_in(long) & recognising.quoted(lines["line"]))[FILE]) if long else set()
    quick = planning.plans(
        heads,
        len(lot.wholes),
        traffic=settings.traffic,
        only=settings.only,
        host=settings.host,
        keep_missed=settings.keep_missed,
    )
    tied = set(lines.filter(parsing.among_others())[FILE])
    same: dict[Any, planning.Plan] = {}
    plans: list[planning.Plan | None] = []
    for n, whole in enumerate(lot.wholes):
        plan = quick[n] if n in sure and whole.is_utf8 else plan_of(whole.peek(), settings)
        if plan is not None and plan.wrapper is None and n not in late:
            # what makes files with such lines dear is not for the others to pay
            key = plan.envelope, plan.coarse, n in tied
            plans.append(same.setdefault(key, replace(plan, catalogue=settings.catalogue)))
        else:
            plans.append(None)
    return plans


def _shared(
    lot: _Lot, members: Sequence[int], lines: pl.DataFrame, plan: planning.Plan, settings: Settings, sink: Sink
) -> list[Passed]:
    """Read the lines of some files of a lot in one batch."""
    told = Tallies(lot.before, keep_missed=plan.keep_missed)
    batch, _ = queued(partial(parsing.parse, lines.lazy(), plan, told))
    anchors = lot.anchors
    answer, clocks = _times(batch.stamps, anchors)
    late = {n: years for n in members if (years := clocks[n].years_too_late(anchors[n]))}
    if late:
        # their ends proved the first guess of the year wrong
        anchors = [a.earlier(late[n]) if n in late else a for n, a in enumerate(anchors)]
        answer, clocks = _times(batch.stamps, anchors)
    names = pl.Series("source", [w.source.name for w in lot.wholes])
    before = pl.Series(lot.before, dtype=pl.UInt64)

    def placed(frame: pl.DataFrame) -> pl.DataFrame:
        """Put the number of each line in its own file beside the name of that."""
        file = frame[FILE]
        return frame.with_columns(names.gather(file), (frame["line_no"] - before.gather(file)).alias("line_no"))

    def timed(frame: pl.DataFrame) -> pl.DataFrame:
        times = answer.select("time", "time_quality")[frame["_stamp"]]
        return placed(frame.drop("_stamp").with_columns(_order="line_no").hstack(times))

    parts = [timed(part) for part in batch.parts]
    session = stitching.Carry()
    done = stitching.stitch(parts, session)
    for events in (*map(finished, map(timed, batch.leaks)), *done.events):
        sink.take("events", events)
    loose = stacked(*done.loose, *session.open)
    if loose.height:
        sink.take("loose", loose.sort(FILE, maintain_order=True).drop(FILE, "_order"))
    if settings.traffic:
        traffic = [tally.traffic_of(part) for part in parts]
        if batch.minutes.height:
            minutes, _ = _times(batch.minutes, anchors)
            traffic.append(tally.by_minute(minutes.with_columns(names.gather(minutes[FILE]))))
        traffic = tally.merged_traffic(traffic)
        if traffic.height:
            sink.take("traffic", traffic)

    def unmarked(frame: pl.DataFrame) -> pl.DataFrame:
        """Place lines that no record tells of, which only their numbers tie to a file."""
        file = before.search_sorted(frame["line_no"], "left") - 1
        return placed(frame.with_columns(file.alias(FILE))).drop(FILE)

    for missed in told.missed:
        sink.take("missed", unmarked(missed))
    for rows in told.leaks:
        sink.take("events", whole_files.leaked(unmarked(rows)))
    return _passed(lot, members, told, anchors, clocks, _clocks_told(done.loose))


def _times(stamps_: pl.DataFrame, anchors: Sequence[stamps.Anchor]) -> tuple[pl.DataFrame, list[stamps.Carry]]:
    if stamps_.is_empty():
        return stamps_, [stamps.Carry()] * len(anchors)
    return stamps.resolve_each(stamps_, anchors, FILE)


def _clocks_told(loose: Sequence[pl.DataFrame]) -> dict[int, str | None]:
    """Return what message ids say of the clock of each file."""
    by_id = pl.col("format").is_in(list(linking.FORMATS))
    of: dict[int, list[pl.DataFrame]] = {}
    for frame in loose:
        for (file,), rows in frame.filter(by_id).partition_by(FILE, as_dict=True).items():
            of.setdefault(int(file), []).append(rows)
    return {file: linking.clock_told(frames) for file, frames in of.items()}


def _passed(
    lot: _Lot,
    members: Sequence[int],
    told: Tallies,
    anchors: Sequence[stamps.Anchor],
    clocks: Sequence[stamps.Carry],
    ids: dict[int, str | None],
) -> list[Passed]:
    """Say what is known of each file: the coverage of all is one table, of which each has its rows."""
    rows = []
    for n in members:
        whole, clock, mine = lot.wholes[n], clocks[n], told.of[n]
        rows.append(
            tally.coverage_rows(
                whole.source.name,
                mine,
                first_time=clock.first_time,
                last_time=clock.last_time,
                compression=whole.source.compression,
                bytes=len(whole.data),
                lines=whole.n_lines,
                kept=sum(mine.counts.values()),
                bad_stamps=clock.bad_stamps,
                year_evidence=clock.year_evidence,
                zone_evidence="; ".join(t for t in (clock.zone_evidence, ids.get(n)) if t) or None,
                note=None,
                error=None,
            )
        )
    coverage = tally.coverage_table([row for some in rows for row in some])
    starts = accumulate(map(len, rows), initial=0)
    return [
        Passed(
            coverage.slice(start, len(some)),
            len(lot.wholes[n].data),
            lot.wholes[n].n_lines,
            lot.wholes[n].sha256,
            lot.wholes[n].data[: sources.START],
            anchors[n],
            clocks[n].from_anchor,
        )
        for n, start, some in zip(members, starts, rows, strict=False)
    ]
