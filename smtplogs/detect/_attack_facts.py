"""What every address did in the whole log, and in bursts: the sums that guessing is told by."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import polars as pl

from smtplogs.detect._attempts import dense
from smtplogs.detect._slices import Slices, pieces, span_of
from smtplogs.detect._sums import Sums
from smtplogs.schema import TIME

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

SPRAY_SHARE = 0.2
"""An address that got into less than a fifth of the accounts it failed on is no gateway: published sprays reach 0.06,
a school behind NAT 0.47."""

TRIES = ("outcome", "cause", "count", "account", "client_ip")
ROUND = timedelta(hours=1)


@dataclass(frozen=True)
class Book:
    """Sums over the whole log.

    `pairs`: ``client_ip, account, n_ok, n_bad, n_unknown, first_bad, last_bad, last_ok``; `sources`: a row an address
    that failed, with ``stranger`` (3 failures, never a login), ``hostile`` (that, or fails on 3 names and gets into
    less than a fifth of them); `known`: accounts that logged in from an address that is not hostile.
    """

    pairs: pl.DataFrame
    sources: pl.DataFrame
    known: pl.DataFrame
    n_bad: int
    n_named: int
    n_ok: int
    n_unknown: int


def attempts(
    slices: Slices, judged: pl.Expr, outcomes: Sequence[str] = ("success", "failure")
) -> Iterator[pl.DataFrame]:
    """Yield ``time, account, client_ip, n, ok, bad, unknown`` of each piece."""
    for piece in pieces(slices, *TRIES, words={"stage": ["auth"], "outcome": outcomes}, where=judged):
        yield piece.select(
            "time",
            "account",
            "client_ip",
            pl.col("count").fill_null(1).cast(pl.UInt32).alias("n"),
            (pl.col("outcome") == "success").alias("ok"),
            (pl.col("outcome") == "failure").alias("bad"),
            (pl.col("cause") == "unknown_user").fill_null(value=False).alias("unknown"),
        )


def book_of(slices: Slices, judged: pl.Expr) -> Book:
    """Return the sums of all attempts."""
    key = ["client_ip", "account"]
    numbers: dict[str, Any] = dict.fromkeys(("n_ok", "n_bad", "n_unknown"), pl.Int64())
    known = Sums(key, numbers | dict.fromkeys(("first_bad", "last_bad", "last_ok"), TIME))
    for piece in attempts(slices, judged):
        n = pl.col("n").cast(pl.Int64)
        sums = piece.group_by(key).agg(
            n.filter("ok").sum().alias("n_ok"),
            n.filter("bad").sum().alias("n_bad"),
            n.filter(pl.col("bad") & pl.col("unknown")).sum().alias("n_unknown"),
            pl.col("time").filter("bad").min().alias("first_bad"),
            pl.col("time").filter("bad").max().alias("last_bad"),
            pl.col("time").filter("ok").max().alias("last_ok"),
        )
        known.add(sums)
    pairs = known.all()
    if pairs.is_empty():
        schema = {"client_ip": pl.Categorical(), "account": pl.Categorical()}
        return Book(pl.DataFrame(schema=schema), pl.DataFrame(), pl.DataFrame(), 0, 0, 0, 0)
    named = pl.col("account").is_not_null()
    sources = (
        pairs.filter(pl.col("client_ip").is_not_null())
        .group_by("client_ip")
        .agg(
            pl.col("n_ok", "n_bad", "n_unknown").sum(),
            pl.col("first_bad").min(),
            pl.col("last_bad").max(),
            (named & (pl.col("n_bad") > 0)).sum().alias("n_names"),
            (named & (pl.col("n_ok") > 0)).sum().alias("n_names_ok"),
            (named & (pl.col("n_unknown") > 0)).sum().alias("n_names_unknown"),
        )
        .filter(pl.col("n_bad") > 0)
        .with_columns(((pl.col("n_ok") == 0) & (pl.col("n_bad") >= 3)).alias("stranger"))
        .with_columns(
            (
                pl.col("stranger")
                | ((pl.col("n_names") >= 3) & (pl.col("n_names_ok") < SPRAY_SHARE * pl.col("n_names")))
            ).alias("hostile")
        )
    )
    hostile = sources.filter("hostile").select("client_ip")
    known = pairs.filter(pl.col("n_ok") > 0, named).join(hostile, on="client_ip", how="anti").select("account").unique()
    total = pairs.select(
        pl.col("n_bad").sum(),
        pl.col("n_bad").filter(named).sum().alias("named"),
        pl.col("n_ok").sum(),
        pl.col("n_unknown").sum(),
    ).row(0)
    return Book(pairs, sources, known, *total)


def bursts(slices: Slices, judged: pl.Expr, book: Book, failures: int, within: timedelta) -> pl.DataFrame:
    """Return the failures of hostile addresses that belong to a burst on one account, summed by the hour.

    ``account, client_ip, n, first, last``. A burst: `failures` failures of any hostile addresses on the account within
    that time. Pieces are read with the rows of that time before them carried over.
    """
    hostile = book.sources.filter("hostile").select("client_ip")
    many = (
        book.pairs.join(hostile, on="client_ip", how="semi")
        .filter(pl.col("account").is_not_null())
        .group_by("account")
        .agg(pl.col("n_bad").sum())
        .filter(pl.col("n_bad") >= failures)
        .select("account")
    )
    carry: pl.DataFrame | None = None
    sums = []
    for piece in attempts(slices, judged, ["failure"]):
        rows = piece.join(hostile, on="client_ip", how="semi").join(many, on="account", how="semi")
        rows = rows.select("time", "account", "client_ip", "n").with_columns(pl.lit(value=False).alias("told"))
        if carry is not None:
            rows = pl.concat([carry, rows])
        if rows.is_empty():
            continue
        rows = rows.with_columns(pl.col("account").to_physical().alias("chain"))
        rows = rows.sort("time", maintain_order=True).sort("chain", maintain_order=True)
        rows = rows.with_columns(dense(rows, failures, within).alias("hit"))
        ahead = pl.when("hit").then("time").backward_fill().over("chain") - pl.col("time")
        rows = rows.with_columns((ahead <= within).fill_null(value=False).alias("inside"))
        _, until = span_of(rows, "time", "time")
        own = rows.filter("inside", ~pl.col("told"))
        sums.append(
            own.group_by("account", "client_ip", pl.col("time").dt.truncate("1h").alias("hour")).agg(
                pl.col("n").cast(pl.Int64).sum(),
                pl.col("time").min().alias("first"),
                pl.col("time").max().alias("last"),
            )
        )
        carry = rows.filter(pl.col("time") >= until - within).with_columns(pl.col("told") | pl.col("inside"))  # pyright: ignore
        carry = carry.select("time", "account", "client_ip", "n", "told")
    return pl.concat(sums) if sums else pl.DataFrame()


def rounds(slices: Slices, judged: pl.Expr, book: Book, names: int) -> pl.DataFrame:
    """Return the addresses that tried so many accounts within an hour: ``client_ip, most_names, tries_per_name``.

    `tries_per_name` is the median over accounts and hours: how often a name is tried in one round.
    """
    many = book.sources.filter(pl.col("hostile"), pl.col("n_names") >= names).select("client_ip")
    carry: pl.DataFrame | None = None
    widest, each = [], []
    for piece in attempts(slices, judged, ["failure"]):
        own = piece.filter(pl.col("account").is_not_null()).join(many, on="client_ip", how="semi")
        own = own.select("time", "account", "client_ip", "n")
        if own.is_empty():
            continue
        hour = pl.col("time").dt.truncate("1h").alias("hour")
        # an hour is never cut: of each name and hour only the count is kept
        each.append(own.group_by("client_ip", "account", hour).agg(pl.col("n").sum()).select("client_ip", "n"))
        rows = own if carry is None else pl.concat([carry, own])
        rows = rows.sort("time")
        seen = rows.rolling("time", period=ROUND, closed="both", group_by="client_ip").agg(
            pl.col("account").n_unique().alias("most_names")
        )
        widest.append(seen.group_by("client_ip").agg(pl.col("most_names").max()))
        carry = rows.filter(pl.col("time") >= span_of(rows, "time", "time")[1] - ROUND)
    if not widest:
        return pl.DataFrame(
            schema={"client_ip": pl.Categorical(), "most_names": pl.UInt32, "tries_per_name": pl.Float64}
        )
    per_name = pl.concat(each).group_by("client_ip").agg(pl.col("n").median().alias("tries_per_name"))
    return (
        pl.concat(widest)
        .group_by("client_ip")
        .agg(pl.col("most_names").max())
        .filter(pl.col("most_names") >= names)
        .join(per_name, on="client_ip")
    )


def light_hours(slices: Slices, judged: pl.Expr, light: pl.DataFrame) -> pl.DataFrame:
    """Return what addresses that try little did, hour by hour: ``hour, client_ip, account, n, n_unknown``."""
    parts = []
    for piece in attempts(slices, judged, ["failure"]):
        own = piece.join(light, on="client_ip", how="semi")
        hour = pl.col("time").dt.truncate("1h").alias("hour")
        parts.append(
            own.group_by(hour, "client_ip", "account").agg(
                pl.col("n").cast(pl.Int64).sum(),
                pl.col("unknown").sum().alias("n_unknown"),
                pl.col("time").min().alias("first"),
                pl.col("time").max().alias("last"),
            )
        )
    return pl.concat(parts) if parts else pl.DataFrame()
