"""Failures that come thick and fast, of one account, one address or many: three ways to look at one reading of the log."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import polars as pl

from smtplogs.detect._attempts import dense
from smtplogs.detect._rhythm import rhythm
from smtplogs.detect._slices import span_of
from smtplogs.detect._sums import summed

if TYPE_CHECKING:
    from smtplogs.detect._attack_facts import Book

PAIR = ["client_ip", "account"]
ROUND = timedelta(hours=1)
HOUR = pl.col("time").dt.truncate("1h").alias("hour")


class Bursts:
    """The failures of hostile addresses that belong to a burst on one account, summed by the hour.

    A burst: `failures` failures of any hostile addresses on the account within that time.
    """

    def __init__(self, book: Book, failures: int, within: timedelta) -> None:
        """Look for bursts on accounts that hostile addresses failed on so often."""
        self._hostile = book.sources.filter("hostile").select("client_ip")
        self._many = (
            book.pairs.join(self._hostile, on="client_ip", how="semi")
            .filter(pl.col("account").is_not_null())
            .group_by("account")
            .agg(pl.col("n_bad").sum())
            .filter(pl.col("n_bad") >= failures)
            .select("account")
        )
        self._failures, self._within = failures, within
        self._carry: pl.DataFrame | None = None
        self._sums: list[pl.DataFrame] = []

    def add(self, piece: pl.DataFrame) -> None:
        """Take the failures of a piece; rows of that time before it are carried over."""
        rows = piece.join(self._hostile, on="client_ip", how="semi").join(self._many, on="account", how="semi")
        rows = rows.select("time", "account", "client_ip", "n").with_columns(pl.lit(value=False).alias("told"))
        if self._carry is not None:
            rows = pl.concat([self._carry, rows])
        if rows.is_empty():
            return
        within = self._within
        rows = rows.with_columns(pl.col("account").to_physical().alias("chain"))
        rows = rows.sort("time", maintain_order=True).sort("chain", maintain_order=True)
        rows = rows.with_columns(dense(rows, self._failures, within).alias("hit"))
        ahead = pl.when("hit").then("time").backward_fill().over("chain") - pl.col("time")
        rows = rows.with_columns((ahead <= within).fill_null(value=False).alias("inside"))
        _, until = span_of(rows, "time", "time")
        own = rows.filter("inside", ~pl.col("told"))
        self._sums.append(
            own.group_by("account", "client_ip", HOUR).agg(
                pl.col("n").cast(pl.Int64).sum(),
                pl.col("time").min().alias("first"),
                pl.col("time").max().alias("last"),
            )
        )
        carry = rows.filter(pl.col("time") >= until - within).with_columns(pl.col("told") | pl.col("inside"))
        self._carry = carry.select("time", "account", "client_ip", "n", "told")

    def found(self) -> pl.DataFrame:
        """Return ``account, client_ip, hour, n, first, last``."""
        return pl.concat(self._sums) if self._sums else pl.DataFrame()


class Rounds:
    """The addresses that tried so many accounts within an hour."""

    def __init__(self, book: Book, names: int) -> None:
        """Look at hostile addresses that tried so many accounts at all."""
        self._many = book.sources.filter(pl.col("hostile"), pl.col("n_names") >= names).select("client_ip")
        self._names = names
        self._carry: pl.DataFrame | None = None
        self._widest: list[pl.DataFrame] = []
        self._each: list[pl.DataFrame] = []

    def add(self, piece: pl.DataFrame) -> None:
        """Take the failures of a piece; the rows of an hour before it are carried over."""
        own = piece.filter(pl.col("account").is_not_null()).join(self._many, on="client_ip", how="semi")
        own = own.select("time", "account", "client_ip", "n")
        if own.is_empty():
            return
        # an hour is never cut: of each name and hour only the count is kept
        each = summed(own.with_columns(HOUR), ["client_ip", "account", "hour"], pl.col("n").sum())
        self._each.append(each.select("client_ip", "n"))
        rows = own if self._carry is None else pl.concat([self._carry, own])
        rows = rows.sort("time")
        self._carry = rows.filter(pl.col("time") >= span_of(rows, "time", "time")[1] - ROUND)
        seen = self._thick(rows).rolling("time", period=ROUND, closed="both", group_by="client_ip")
        seen = seen.agg(pl.col("account").n_unique().alias("most_names"))
        self._widest.append(seen.group_by("client_ip").agg(pl.col("most_names").max()))

    def _thick(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Leave out hours that hold too few rows, with the hour on either side, for so many names within an hour."""
        hours = rows.group_by("client_ip", HOUR).len("here")
        beside = [
            hours.select("client_ip", pl.col("hour") + k * ROUND, pl.col("here").alias(f"by{k}")) for k in (1, -1)
        ]
        for other in beside:
            hours = hours.join(other, on=["client_ip", "hour"], how="left")
        most = pl.col("here") + pl.max_horizontal(pl.col("by1", "by-1").fill_null(0))
        hours = hours.filter(most >= self._names)
        return rows.with_columns(HOUR).join(hours, on=["client_ip", "hour"], how="semi", maintain_order="left")

    def found(self) -> pl.DataFrame:
        """Return ``client_ip, most_names, tries_per_name``: the median over accounts and hours of the tries in one round."""
        if not self._widest:
            return pl.DataFrame(
                schema={"client_ip": pl.Categorical(), "most_names": pl.UInt32, "tries_per_name": pl.Float64}
            )
        per_name = pl.concat(self._each).group_by("client_ip").agg(pl.col("n").median().alias("tries_per_name"))
        return (
            pl.concat(self._widest)
            .group_by("client_ip")
            .agg(pl.col("most_names").max())
            .filter(pl.col("most_names") >= self._names)
            .join(per_name, on="client_ip")
        )


class Beats:
    """The times at which some addresses failed on one account."""

    def __init__(self, pairs: pl.DataFrame) -> None:
        """Look at these pairs (``client_ip, account``)."""
        self._pairs = pairs
        self._parts: list[pl.DataFrame] = []

    def add(self, piece: pl.DataFrame) -> None:
        """Take the failures of a piece."""
        if not self._pairs.is_empty():
            self._parts.append(piece.join(self._pairs, on=PAIR, how="semi").select(*PAIR, "time"))

    def found(self) -> pl.DataFrame:
        """Return the pairs that keep no rhythm, as a device would."""
        if not self._parts:
            return self._pairs
        beat = rhythm(pl.concat(self._parts), PAIR).filter("regular")
        return self._pairs.join(beat, on=PAIR, how="anti", maintain_order="left")


class LightHours:
    """What addresses that try little did, hour by hour."""

    def __init__(self, light: pl.DataFrame) -> None:
        """Look at these addresses (`client_ip`)."""
        self._light = light
        self._parts: list[pl.DataFrame] = []

    def add(self, piece: pl.DataFrame) -> None:
        """Take the failures of a piece."""
        if self._light.is_empty():
            return
        own = piece.join(self._light, on="client_ip", how="semi")
        self._parts.append(
            own.group_by(HOUR, "client_ip", "account").agg(
                pl.col("n").cast(pl.Int64).sum(),
                pl.col("unknown").sum().alias("n_unknown"),
                pl.col("time").min().alias("first"),
                pl.col("time").max().alias("last"),
            )
        )

    def found(self) -> pl.DataFrame:
        """Return ``hour, client_ip, account, n, n_unknown, first, last``."""
        return pl.concat(self._parts) if self._parts else pl.DataFrame()
