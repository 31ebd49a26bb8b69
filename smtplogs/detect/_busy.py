"""All attempts of addresses that fail often, held as narrowly as can be: 17 bytes each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from smtplogs.detect._attempts import ordered

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_ROWS = 4_000_000
"""Attempts that are given out at a time, about."""

ORDER = ("time", "source_id", "line_no")


class Busy:
    """Attempts of some addresses, taken piece by piece and given out some addresses at a time; of none at first."""

    def __init__(self, addresses: pl.DataFrame | None = None, n_parts: int = 1) -> None:
        """Take attempts of these addresses (`ip_id`), to be given out in so many parts."""
        self._addresses = addresses
        self._parts: list[list[pl.DataFrame]] = [[] for _ in range(n_parts)]

    def add(self, piece: pl.DataFrame) -> None:
        """Take what is needed of one piece of the log; pieces come in order of time."""
        if self._addresses is None:
            return
        rows = piece.join(self._addresses, on="ip_id", how="semi", maintain_order="left")
        rows = ordered(rows, "ip_id", ORDER)
        rows = rows.select("time", "ip_id", pl.col("n").cast(pl.UInt32), "bad")
        for k, part in enumerate(self._parts):
            part.append(rows.filter(pl.col("ip_id") % len(self._parts) == k))

    def parts(self) -> Iterator[pl.DataFrame]:
        """Yield ``time, ip_id, n, bad`` in order of address and time; what was given out is no longer held."""
        while self._parts:
            part = self._parts.pop()
            if part:
                rows = pl.concat(part).sort("ip_id", "time", maintain_order=True)
                yield rows.with_columns(pl.col("n").cast(pl.Int64))


def busy_addresses(book: pl.DataFrame, failures: int) -> Busy:
    """Return the place for the attempts of addresses of the book that failed so often."""
    busy = book.filter(pl.col("n_failed") >= failures)
    return Busy(busy.select("ip_id"), 1 + int(busy["n_rows"].sum()) // MOST_ROWS)
