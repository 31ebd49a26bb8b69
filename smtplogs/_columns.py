"""Columns of frames put in and left out without a query, which costs more than the work itself where rows are few."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

if TYPE_CHECKING:
    from collections.abc import Container


def without(frame: pl.DataFrame, names: Container[str]) -> pl.DataFrame:
    """Return the frame less these columns, as far as it has them."""
    left = frame.clone()  # shares its columns
    for name in frame.columns:
        if name in names:
            left.drop_in_place(name)
    return left


def constant(name: str, value: Any, n_rows: int, dtype: Any = pl.String) -> pl.Series:
    """Return a column that holds one value."""
    return pl.Series(name, [value], dtype).new_from_index(0, n_rows)
