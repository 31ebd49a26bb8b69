"""Attempts counted per bin of time: which bin a row lies in, and complete series with the empty bins in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    from collections.abc import Sequence


def bins_of(borders: pl.Series) -> pl.DataFrame:
    """Return the bins between the borders, as `_spans.edges` gives them: ``_bin`` (0, 1 ...), ``time``, ``end``."""
    bins = pl.DataFrame({"time": borders[:-1], "end": borders[1:]})
    return bins.with_row_index("_bin").cast({"_bin": pl.Int64})


def bin_numbers(times: pl.Series, borders: pl.Series) -> pl.Series:
    """Return for each time the number of its bin, as the column ``_bin``."""
    return pl.Series("_bin", borders.search_sorted(times, side="right") - 1, dtype=pl.Int64)


def series(rows: pl.DataFrame, borders: pl.Series, by: str, groups: Sequence[str], tz: str) -> pl.DataFrame:
    """Add up ``count`` per bin and group: a row for each pair of them, 0 included, bin by bin.

    Parameters
    ----------
    rows
        ``time``, ``count`` and the column `by` (String).
    borders
        Borders of the bins, UTC.
    by
        Column of the group.
    groups
        Values of it, in the order wanted.
    tz
        Zone of the columns ``time`` and ``end``.

    Returns
    -------
    DataFrame
        ``time`` and ``end`` of the bin, the group, ``n`` (UInt64).
    """
    counted = (
        rows.with_columns(bin_numbers(rows["time"], borders)).group_by("_bin", by).agg(pl.col("count").sum().alias("n"))
    )
    return (
        bins_of(borders)
        .join(pl.DataFrame({by: groups}, schema={by: pl.String}), how="cross", maintain_order="left_right")
        .join(counted, on=["_bin", by], how="left", maintain_order="left")
        .select(pl.col("time", "end").dt.convert_time_zone(tz), by, pl.col("n").fill_null(0).cast(pl.UInt64))
    )
