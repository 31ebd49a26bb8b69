"""Rows by their numbers: what repeats is looked at once and spread over its rows, few values find their places."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl


@dataclass
class Coded:
    """A column of text as numbers: `codes` point into the distinct `words`; null stays null."""

    codes: pl.Series
    words: pl.Series

    def spread(self, values: pl.Series) -> pl.Series:
        """Return for each row the value of its word."""
        return values.gather(self.codes) if self.codes.null_count() else values[self.codes]


def coded(texts: pl.Series) -> Coded:
    """Number the distinct texts in order of their first row."""
    kind = pl.Categorical(pl.Categories.random())  # of this column alone: its categories are freed with it
    as_words = texts.cast(kind)
    codes = as_words.to_physical().alias("code")
    n_words = 0 if codes.null_count() == codes.len() else int(codes.max()) + 1  # type: ignore[arg-type]
    words = pl.int_range(n_words, dtype=pl.UInt32, eager=True).cat.to(kind).cast(pl.String)
    return Coded(codes, words.alias(texts.name))


def packed(texts: pl.Series) -> pl.Series:
    """Copy texts side by side: what is picked out of a large buffer is slow to look at several times where it lies."""
    return texts + ""


def places(n_rows: int, rows: pl.Series) -> pl.Series:
    """Return for each of so many rows where it stands in `rows`, null if nowhere: what `gather` takes to spread values."""
    nowhere = pl.repeat(None, n_rows, dtype=pl.UInt32, eager=True)
    return nowhere.scatter(rows, pl.int_range(rows.len(), dtype=pl.UInt32, eager=True))
