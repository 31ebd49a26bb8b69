"""The same lines in two files of one host (mail.log and mail.err, a copy taken by hand): one of them counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from smtplogs.linking import FORMATS

if TYPE_CHECKING:
    from collections.abc import Sequence

LINE = ("host", "raw")
"""What two files have in common that hold the same line; `raw` has its stamp and its process."""


def without_doubles(frames: Sequence[pl.DataFrame], spans: pl.DataFrame) -> list[pl.DataFrame]:
    """Take away rows of lines that another file of the same time holds as well.

    Of each line the file counts that has it most often (a line may stand twice in one file, and then it does), then
    the larger one, then the first by name. All that was made of the line in the other files goes: a partial copy
    has no connects and disconnects, so its sessions are not those of the log.

    Parameters
    ----------
    frames
        Events and loose records: `host`, `raw`, `source`, `time`, and `stage` and `format` where they have them.
    spans
        First and last moment of each source and its rows (`overview.SPANS`).

    Returns
    -------
    list of DataFrame
        The frames without the doubles, rows in the order they had.
    """
    close = _overlapping(spans)
    lines = [_lines(frame, i, close) for i, frame in enumerate(frames) if frame.height and close.height]
    if not lines:
        return list(frames)
    every = pl.concat(lines)
    twice = every.filter(pl.col("source").n_unique().over("_line") > 1)
    if twice.is_empty():
        return list(frames)
    held = twice.group_by("_line", "source").agg(_n=pl.col("_told").sum()).join(spans, on="source")
    best = held.sort("_n", "_size", "source", descending=[True, True, False]).unique("_line", keep="first")
    lost = twice.join(best.select("_line", "source"), on=["_line", "source"], how="anti")
    return [
        frame.filter(
            ~pl.int_range(pl.len(), dtype=pl.UInt32).is_in(lost.filter(pl.col("_frame") == i)["_row"].implode())
        )
        for i, frame in enumerate(frames)
    ]


def _overlapping(spans: pl.DataFrame) -> pl.DataFrame:
    """Return for each source that shares time with another the stretch in which it does: `source`, `_begin`, `_end`."""
    # one look along the time axis: pairs would be millions where thousands of files are read
    ordered = spans.sort("_from", "source").with_columns(
        _before=pl.col("_to").cum_max().shift(), _after=pl.col("_from").shift(-1)
    )
    before = (pl.col("_before") > pl.col("_from")).fill_null(value=False)
    after = (pl.col("_after") < pl.col("_to")).fill_null(value=False)
    return ordered.filter(before | after).select(
        "source",
        _begin=pl.when(before).then("_from").otherwise("_after"),
        _end=pl.when(after).then("_to").otherwise(pl.min_horizontal("_to", "_before")),
    )


def _lines(frame: pl.DataFrame, number: int, close: pl.DataFrame) -> pl.DataFrame:
    """Return the lines of a frame that may be doubles, as hashes: `_line`, `source`, `_told`, and where they are."""
    told = pl.col("stage") != "session" if "stage" in frame.columns else pl.lit(value=True)
    every = frame.select(
        "source", "time", "format", "raw", "host",
        _told=told.fill_null(value=True).cast(pl.UInt32), _frame=pl.lit(number, pl.UInt32),
        _row=pl.int_range(pl.len(), dtype=pl.UInt32),
    )  # fmt: skip
    near = every.join(close, on="source").filter(
        pl.col("raw").is_not_null(),
        ~pl.col("format").is_in(list(FORMATS)),
        pl.col("time").is_null() | pl.col("time").is_between("_begin", "_end"),
    )
    return near.select("source", "_told", "_frame", "_row", _line=pl.struct(LINE).hash())
