"""Sums of pieces of a log, added up now and then, so that only one sum a group is held."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from smtplogs.detect._slices import NUMBERED
from smtplogs.schema import EVENTS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MANY_ROWS = 50_000
"""From so many on the streaming engine is the faster one."""

MOST_PARTS = 4
"""So many pieces wait before they are added to what is known."""


class Sums:
    """Sums by some event columns: of columns ``n_...`` the sum, of ``first_...`` and ``last_...`` the ends, of words any."""

    def __init__(self, by: Sequence[str], columns: Mapping[str, Any]) -> None:
        """Begin with nothing; `columns` with their dtypes."""
        self._by = list(by)
        keys = {k: pl.Categorical() if k in NUMBERED else EVENTS[k].dtype for k in by}
        self._schema: Any = keys | dict(columns)
        self._parts = [pl.DataFrame(schema=self._schema)]
        self._how = [_added(c) for c in columns]

    def add(self, part: pl.DataFrame) -> None:
        """Take the sums of a piece."""
        self._parts.append(part.cast(self._schema))
        if len(self._parts) > MOST_PARTS:
            self._parts = [self.all()]

    def all(self) -> pl.DataFrame:
        """Return what all pieces sum up to."""
        return summed(pl.concat(self._parts), self._by, *self._how)


def summed(rows: pl.DataFrame, by: Sequence[str], *sums: pl.Expr) -> pl.DataFrame:
    """Return a row a group: of many groups in half the time and memory of ``group_by``, if the sums are plain ones."""
    return rows.lazy().group_by(by).agg(*sums).collect(engine="streaming" if rows.height > MANY_ROWS else "in-memory")


def _added(name: str) -> pl.Expr:
    column = pl.col(name)
    return {"n": column.sum(), "first": column.min(), "last": column.max()}.get(name.split("_")[0], column.any())
