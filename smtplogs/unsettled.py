"""Events before they are settled: their columns, and how frames of rows are put together and changed."""

from __future__ import annotations

import polars as pl

from smtplogs._coded import places
from smtplogs.schema import EVENTS, Column, as_table

FINISHED = {
    **EVENTS,
    "plain": Column(pl.Boolean, "no TLS was seen and no STARTTLS counted"),
    "starttls": Column(pl.Boolean, "STARTTLS was counted"),
    "context": Column(pl.Boolean, "only looked at by `settling`, neither changed nor kept"),
}
"""Columns of a finished event; the last ones are for `settling`."""


def finished(part: pl.DataFrame) -> pl.DataFrame:
    """Keep the columns of finished events, as far as there are any."""
    return as_table(part, FINISHED, fill=False)


def stacked(*frames: pl.DataFrame) -> pl.DataFrame:
    """Put frames of records on top of each other, whatever columns they have."""
    filled = [f for f in frames if f.height]
    return pl.concat(filled, how="diagonal") if filled else pl.DataFrame()


def by_file(rows: pl.DataFrame) -> pl.Expr:
    """Number the file of each row in the order in which files first stand: the oldest first, which names do not tell."""
    files = rows["source"].unique(maintain_order=True)
    return pl.col("source").replace_strict(files, pl.int_range(files.len(), eager=True))


def patched(frame: pl.DataFrame, rows: pl.Series, values: pl.DataFrame) -> pl.DataFrame:
    """Put new values (nulls change nothing) into a few rows without moving the others."""
    new = values.select(pl.all().gather(places(frame.height, rows)))
    return frame.with_columns(pl.coalesce(pl.lit(new[c]), pl.col(c)).alias(c) for c in values.columns)
