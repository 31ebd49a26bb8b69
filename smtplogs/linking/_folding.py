"""Several lines about one thing: one row stays, the others go into its `also`."""

from __future__ import annotations

import polars as pl

from smtplogs.schema import reference


def folded(rows: pl.DataFrame, into: pl.Series, *columns: str) -> pl.DataFrame:
    """Fold rows into others.

    Parameters
    ----------
    rows
        Any rows with `source`, `line_no`, `also`.
    into
        For each row the number of the row that it is folded into, or null: it stays.
    *columns
        Where the row that stays has null, the first value of the folded ones is taken.
    """
    numbered = rows.with_columns(_row=pl.int_range(pl.len(), dtype=pl.Int64), _into=into.cast(pl.Int64))
    gone = numbered.filter(pl.col("_into").is_not_null())
    if gone.is_empty():
        return rows
    told = gone.group_by("_into", maintain_order=True).agg(
        _refs=reference(),
        _more=pl.col("also").fill_null([]).list.explode().drop_nulls(),
        **{f"_{c}": pl.col(c).drop_nulls().first() for c in columns},
    )
    stays = numbered.filter(pl.col("_into").is_null())
    stays = stays.join(told, left_on="_row", right_on="_into", how="left", maintain_order="left")
    refs = pl.concat_list(pl.col("also").fill_null([]), "_refs", "_more")
    return stays.with_columns(
        also=pl.when(pl.col("_refs").is_not_null()).then(refs).otherwise("also"),
        **{c: pl.coalesce(c, f"_{c}") for c in columns},
    ).select(rows.columns)
