"""Lazy tables on disk: rows are filtered while their words are still text, before the words of all become categories."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import polars as pl

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

PLACE = "_smtplogs_written"
"""Attribute of a lazy table; every operation on the table leaves it behind, so that it cannot be out of date."""


class Written(NamedTuple):
    """What a lazy table was made from: the table on disk, its columns of text, and what is done to it."""

    texts: pl.LazyFrame
    columns: frozenset[str]
    finished: Callable[[pl.LazyFrame], pl.LazyFrame]


def made_from(texts: pl.LazyFrame, finished: Callable[[pl.LazyFrame], pl.LazyFrame]) -> pl.LazyFrame:
    """Return the finished table, which knows what it was made from.

    Parameters
    ----------
    texts
        Table on disk.
    finished
        Turns it, or some of its rows, into the table; must treat each row by itself.
    """
    table = finished(texts)
    columns = frozenset(name for name, dtype in texts.collect_schema().items() if dtype == pl.String)
    setattr(table, PLACE, Written(texts, columns, finished))
    return table


def changed(table: pl.LazyFrame, how: Callable[[pl.LazyFrame], pl.LazyFrame]) -> pl.LazyFrame:
    """Return the table with a change that treats each row by itself, and keeps the words that rows are picked by."""
    written: Written | None = getattr(table, PLACE, None)
    if written is None:
        return how(table)
    return made_from(written.texts, lambda texts: how(written.finished(texts)))


def only(table: pl.LazyFrame, words: Mapping[str, Sequence[str]], look: pl.Expr | None = None) -> pl.LazyFrame:
    """Return the rows that have one of these words in each of these columns.

    A cast to categories hides a condition from the reader of Parquet files. Of a table made from texts the condition is
    put to the texts, so that of other rows no column is read. ``unknown`` may stand for any word: it is asked of the
    finished table. `look`: a condition that leaves out no text that it would keep as a category.
    """
    asked = [(c, "unknown" not in some, pl.col(c).is_in(list(some))) for c, some in words.items()]
    whole = [condition for *_, condition in asked]
    written: Written | None = getattr(table, PLACE, None)
    if written is not None:
        early = [condition for column, plain, condition in asked if plain and column in written.columns]
        early += [] if look is None else [look]
        table = written.finished(written.texts.filter(early)) if early else table
    whole += [] if look is None else [look]
    return table.filter(whole) if whole else table
