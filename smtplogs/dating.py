"""The evidence for the year of each file: those of one rotated set step back from the newest."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import polars as pl

from smtplogs import parsing, sources, stamps
from smtplogs.sources import FILE

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterator, Mapping, Sequence

    from smtplogs.onefile import Settings

LINES = 20
"""First lines of a file whose stamps tell when it begins."""

AT_ONCE = 1_000
"""Files that are looked at together."""


def anchors(
    found: list[sources.Source], settings: Settings, begun: Mapping[str, dt.datetime] | None = None
) -> list[stamps.Anchor]:
    """Return the evidence for the year of each file; the files of one rotated set step back from the newest.

    `found` is in rotation order, oldest first within a set: a file cannot end after the next one of its set begins.
    `begun` says when, for files that were read before.
    """
    series = [sources.series(source) for source in found]
    known = {name: when.replace(tzinfo=None) for name, when in (begun or {}).items()}
    has_older = [i > 0 and series[i - 1] == series[i] for i in range(len(found))]
    asked = [i for i, source in enumerate(found) if has_older[i] and source.name not in known]
    begins = dict(zip(asked, _beginnings([found[i] for i in asked]), strict=True))
    chosen: list[stamps.Anchor] = []
    newer: dt.datetime | None = None  # when the next file of the same set begins
    for i in reversed(range(len(found))):
        source = found[i]
        mine = stamps.anchor(
            year=settings.year,
            tz=settings.tz,
            rotation=source.rotation_date,
            gzip_mtime=source.gzip_mtime,
            mtime=source.mtime,
            now=settings.now,
        )
        if newer is not None and newer < mine.latest:
            mine = replace(mine, latest=newer)
        newer = known.get(source.name) if has_older[i] else None
        if i in begins:
            newer = begins[i].under(mine)
        chosen.append(mine)
    return chosen[::-1]


def _beginnings(found: Sequence[sources.Source]) -> Iterator[stamps.Beginning]:
    """Yield what the first stamps of each file say of its beginning."""
    for at in range(0, len(found), AT_ONCE):
        heads = [_head(source) for source in found[at : at + AT_ONCE]]
        lines = pl.DataFrame(
            [(n, text) for n, head in enumerate(heads) for text in head],
            schema={FILE: pl.UInt32, "line": pl.String},
            orient="row",
        )
        lines = lines.with_columns(line_no=pl.int_range(1, pl.len() + 1, dtype=pl.UInt64))
        yield from stamps.beginnings(parsing.stamps_of(lines), len(heads), FILE)


def _head(source: sources.Source) -> list[str]:
    if source.path is None:
        return []
    with sources.open_source(source) as reading:
        return reading.peek()[:LINES]
