"""Sessions that go from file to file: tied together, some hosts at a time, and written beside the parts they come from."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING

import polars as pl

from smtplogs import overview
from smtplogs.part_files import NO_TIME, TURNS, Part, Where, host_of, piece, taken
from smtplogs.parts import ROWS
from smtplogs.schema import RECORDS
from smtplogs.settling import sessions_of
from smtplogs.unsettled import stacked
from smtplogs.whole_files import over_borders

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from smtplogs.overview import Overview


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
    across = over_borders(_oldest_first(turns, order), catalogue)
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
    return _oldest_first(stacked(*frames), order)


def _oldest_first(rows: pl.DataFrame, order: dict[str, int]) -> pl.DataFrame:
    """Return rows in the order of their files and lines."""
    if rows.is_empty():
        return rows
    turn = pl.col("source").replace_strict(list(order), list(order.values()), default=len(order))
    return rows.sort(turn, "line_no", maintain_order=True)
