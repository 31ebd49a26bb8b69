"""Lines that two files of one host both have: the events made of them are opened again, for settling to tell which count."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from typing import TYPE_CHECKING

import polars as pl

from smtplogs import overview
from smtplogs.doubles import LINE
from smtplogs.part_files import Part, Where, piece, taken
from smtplogs.schema import EVENTS, as_table
from smtplogs.slicing import Slice, inside, touches
from smtplogs.unsettled import FINISHED, stacked

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Sequence
    from pathlib import Path


def with_doubles_open(
    dataset: Path, parts: Sequence[Part], tied: list[Where], new: set[str], slices: list[Slice], about: dict[str, str]
) -> None:
    """Open the events that two files of one host both have: which of them counts is told by settling.

    Parameters
    ----------
    dataset, about
        The dataset, and metadata of its files.
    parts, tied
        All parts, brought up to date in place and in their part.json; the sessions that go from file to file.
    new
        Names of the parts that were not looked at before.
    slices
        The stretches of time to look at one by one.
    """
    spans = overview.added(p.known for p in parts).spans
    pairs = _overlapping(parts, spans, {i["source"] for p in parts if p.name in new for i in p.inputs})
    if not pairs:
        return
    concerned = sorted({s for pair in pairs for s in pair})
    begin = min(max(spans[a][0], spans[b][0]) for a, b in pairs)
    end = max(min(spans[a][1], spans[b][1]) for a, b in pairs)
    there = [
        Where(dataset, part.name, p)
        for part in parts
        if not set(part.hosts).isdisjoint(concerned)
        for p in part.of("events", "open")
    ]
    doubled: dict[tuple[str, str], list[pl.DataFrame]] = defaultdict(list)
    for s in slices:
        if s.begin is None or s.end is None or s.begin > end or s.end <= begin:
            continue
        mine = [w for w in (*there, *tied) if touches(w.piece, s.begin, s.end)]
        rows = stacked(*(_lines_in(w, s, concerned) for w in mine))
        if rows.is_empty():
            continue
        twice = rows.filter(pl.col("source").n_unique().over(LINE) > 1)
        for (part, path), group in twice.partition_by("_part", "_path", as_dict=True).items():
            doubled[str(part), str(path)].append(group.select(LINE).unique())
    for part in parts:
        mine = {path: pl.concat(keys).unique() for (name, path), keys in doubled.items() if name == part.name}
        if any(p.path in mine for p in part.of("events")):
            _opened(dataset, part, mine, about)


def _overlapping(
    parts: Sequence[Part], spans: dict[str, tuple[dt.datetime, dt.datetime, int]], fresh: set[str]
) -> list[tuple[str, str]]:
    """Return the pairs of sources, one of them fresh, that tell of the same host at the same time."""
    by_host: dict[str, list[str]] = defaultdict(list)
    for part in parts:
        for source, hosts in part.hosts.items():
            for host in hosts:
                by_host[host].append(source)
    pairs = []
    for sources in by_host.values():
        running: list[str] = []
        for s in sorted((s for s in sources if s in spans), key=lambda s: spans[s][0]):
            running = [o for o in running if spans[o][1] > spans[s][0]]
            pairs += [(o, s) for o in running if o in fresh or s in fresh]
            running.append(s)
    return pairs


def _lines_in(where: Where, s: Slice, sources: list[str]) -> pl.DataFrame:
    """Return the lines (LINE) of some sources that stand behind events of a slice, and in which file they are."""
    scan = pl.scan_parquet(where.path, hive_partitioning=False)
    scan = scan.filter(pl.col("source").is_in(sources), pl.col("raw").is_not_null(), inside(s))
    return scan.select("source", *LINE, _part=pl.lit(where.part), _path=pl.lit(where.piece.path)).collect()


def _opened(dataset: Path, part: Part, doubled: dict[str, pl.DataFrame], about: dict[str, str]) -> None:
    """Move rows of finished events to the open ones."""
    folder = dataset / "loose" / part.name
    pieces = []
    for p in part.pieces:
        keys = doubled.get(p.path)
        if p.kind != "events" or keys is None:
            pieces.append(p)
            continue
        frame = taken(Where(dataset, part.name, p).path, EVENTS)
        moved = frame.join(keys, on=LINE, how="semi", nulls_equal=True, maintain_order="left")
        kept = frame.join(keys, on=LINE, how="anti", nulls_equal=True, maintain_order="left")
        stem = p.path.rpartition("/")[2].removesuffix(".parquet")
        mark = hashlib.sha256(json.dumps(keys.sort(LINE, nulls_last=True).cast(pl.String).rows()).encode()).hexdigest()[
            :8
        ]
        path = f"open-{stem}-{mark}.parquet"
        pieces.append(piece("open", as_table(moved, FINISHED), path, folder / path, about))
        if kept.height:
            path = f"{p.path.removesuffix('.parquet')}-{mark}.parquet"
            pieces.append(piece("events", kept, path, folder / path, about))
    part.pieces = pieces
    part.saved(folder)
