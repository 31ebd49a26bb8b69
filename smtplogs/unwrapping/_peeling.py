"""A wrapper taken off the lines of a batch; pieces of one line are joined, also over the borders of batches."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from smtplogs.unwrapping._texts import MAX_JOINED, one_line

if TYPE_CHECKING:
    from smtplogs.unwrapping._wrapper import Wrapper

_LINE = pl.col("line")


def unwrap(
    batch: pl.DataFrame, wrapper: Wrapper | None, carry: pl.DataFrame | None = None, *, last: bool = False
) -> tuple[pl.DataFrame, pl.DataFrame | None]:
    """Take the wrapper off the lines of a batch.

    Parameters
    ----------
    batch
        `line_no`, `line` and whatever else, in file order.
    wrapper
        From `detect`; None only adds the two columns.
    carry
        What the batch before this one, of the same file, returned: lines of which more must follow.
    last
        The file ends with this batch; such lines come out as they are.

    Returns
    -------
    tuple
        The rows with the inner `line`, `outer` (the wrapper's stamp or null) and `written` (the line in the file;
        pieces of one line joined by a line break, under the number of the first), and the next carry. A line that is
        not in the wrapper passes unchanged. Where lines may have lost their heads, `shown` says what of each
        (`logformats._envelopes.SHOWN`); null: nothing. Where lines were counted, `count` says how often each stood there.
    """
    if wrapper is None:
        return batch.with_columns(pl.lit(None, pl.String).alias("outer"), written=_LINE), None
    if wrapper.peel is None:
        raise ValueError(f"{wrapper.title} is read from bytes, by export_lines()")
    columns = [*batch.columns, "outer", "written"]
    rows = batch.rename({"line": "written"}).hstack(wrapper.peel(batch.select("line")))
    rows = rows.with_columns(line=pl.coalesce(one_line(pl.col("inner")), "written")).drop("inner")
    columns += [c for c in ("shown", "count") if c in rows.columns and c not in batch.columns]
    carried = None
    if "open" in rows.columns:
        rows, carried = _join(rows, carry, last=last)
    rows = rows.select(columns)
    if wrapper.inside is not None and wrapper.inside.peel is not None:
        rows = _twice(rows, wrapper.inside)
    return rows, carried


def _twice(rows: pl.DataFrame, wrapper: Wrapper) -> pl.DataFrame:
    """Take a second wrapper off; what stands in the file, and a stamp that was found first, stay."""
    inner, _ = unwrap(rows.drop("outer", "written"), wrapper, last=True)
    kept = rows.select("line_no", was="outer", stands="written")
    inner = inner.join(kept, on="line_no", how="left", maintain_order="left")
    return inner.with_columns(outer=pl.coalesce("was", "outer"), written=pl.col("stands")).drop("was", "stands")


def _join(rows: pl.DataFrame, carry: pl.DataFrame | None, *, last: bool) -> tuple[pl.DataFrame, pl.DataFrame | None]:
    """Join the pieces of a line, stream by stream; what is still open at the end of the batch is the carry."""
    if carry is not None:
        rows = pl.concat([carry.select(rows.columns), rows])
    if not rows["open"].any():
        return rows, None
    rows = rows.with_columns(follows=pl.col("open").shift(1).over("stream").fill_null(False))
    piece = (pl.col("open") | pl.col("follows")) & pl.col("stream").is_not_null()
    part = (~pl.col("follows")).cast(pl.UInt32).cum_sum().over("stream")
    joined = (
        rows.filter(piece)
        .with_columns(part=part)
        .group_by("stream", "part", maintain_order=True)
        .agg(
            pl.col("line").str.join(),
            pl.col("written").str.join("\n"),
            pl.col("open").last(),
            pl.exclude("line", "written", "open", "stream", "part").first(),
        )
        .select(rows.columns)
    )
    waiting = pl.col("open") & (_LINE.str.len_chars() < MAX_JOINED) & (not last)
    rows = pl.concat([rows.filter(~piece), joined.filter(~waiting)]).sort("line_no", maintain_order=True)
    left = joined.filter(waiting).drop("follows")
    return rows, left if left.height else None
