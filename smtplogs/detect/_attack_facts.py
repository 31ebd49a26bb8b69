"""What every address did in the whole log: the sums that guessing is told by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

from smtplogs.detect._slices import Slices, pieces
from smtplogs.detect._sums import Sums, summed
from smtplogs.schema import TIME

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

SPRAY_SHARE = 0.2
"""An address that got into less than a fifth of the accounts it failed on is no gateway: published sprays reach 0.06,
a school behind NAT 0.47."""

TRIES = ("outcome", "cause", "count", "account", "client_ip")


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
        n, time = pl.col("n").cast(pl.Int64), pl.col("time")
        rows = piece.select(
            *key,
            pl.when("ok").then(n).otherwise(0).alias("n_ok"),
            pl.when("bad").then(n).otherwise(0).alias("n_bad"),
            pl.when(pl.col("bad") & pl.col("unknown")).then(n).otherwise(0).alias("n_unknown"),
            pl.when("bad").then(time).alias("bad_at"),
            pl.when("ok").then(time).alias("ok_at"),
        )
        ends = pl.col("bad_at").min().alias("first_bad"), pl.col("bad_at").max().alias("last_bad")
        numbered = pl.col("n_ok", "n_bad", "n_unknown").sum()
        known.add(summed(rows, key, numbered, *ends, pl.col("ok_at").max().alias("last_ok")))
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
