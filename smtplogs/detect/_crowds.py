"""What addresses that never logged in did together: sums over the whole log, and lines spread evenly over it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from smtplogs.detect._findings import MOST_LINES
from smtplogs.detect._ledger import attempts

if TYPE_CHECKING:
    from smtplogs.detect._ledger import Ledger

MOST_NAMES = 10


def crowd_facts(ledger: Ledger, crowd: pl.DataFrame) -> dict[str, Any]:
    """Return the figures of the one finding for all of a crowd of addresses (`ip_id`), and the lines behind it."""
    mine = ledger.pairs.join(crowd, on="ip_id", how="semi").filter(pl.col("n_bad") > 0)
    named = mine.filter(pl.col("account_id").is_not_null())
    known = ledger.pairs.filter(pl.col("n_ok") > 0).select("account_id").unique()
    names, causes, lines = [], [], []
    hour = pl.col("time").dt.truncate("1h").alias("hour")
    columns = ("user", "source", "line_no")
    for piece in attempts(ledger, *columns, where=pl.col("outcome") == "failure", numbered=True):
        rows = piece.join(crowd, on="ip_id", how="semi")
        names.append(rows.group_by("user").agg(pl.col("n").sum()))
        causes.append(rows.group_by("cause").agg(pl.col("n").sum()))
        written = rows.filter(pl.col("source").is_not_null(), pl.col("line_no").is_not_null())
        lines.append(written.group_by(hour).len())
    return {
        "start": mine["first_bad"].min(),
        "end": mine["last_bad"].max(),
        "n": mine["n_bad"].sum(),
        "n_sources": mine["ip_id"].n_unique(),
        "sources": _most([mine.select("client_ip", pl.col("n_bad").alias("n"))], "client_ip"),
        "n_names": named["account_id"].n_unique(),
        "n_known": named.select("account_id").unique().join(known, on="account_id", how="semi").height,
        "names": _most(names, "user"),
        "cause": ([*_most(causes, "cause"), None])[0],
        "n_logins": ledger.pairs["n_ok"].sum(),
        "evidence": _spread(ledger, crowd, pl.concat(lines).sort("hour")),
    }


def _most(parts: list[pl.DataFrame], column: str) -> list[str]:
    """Return the values with the most attempts, the most first."""
    sums = pl.concat(parts).drop_nulls(column).group_by(column).agg(pl.col("n").sum())
    sums = (
        sums.with_columns(pl.col(column).cast(pl.String).alias("text"))
        if column != "cause"
        else sums.with_columns(text=column)
    )
    return sums.sort("n", "text", descending=[True, False])[column].cast(pl.String).head(MOST_NAMES).to_list()


def _spread(ledger: Ledger, crowd: pl.DataFrame, hours: pl.DataFrame) -> list[str]:
    """Return the lines of a crowd, evenly spread, the first and the last among them: only their hours are read."""
    n = int(hours["len"].sum())
    if not n:
        return []
    most = min(MOST_LINES, n)
    # as `spread` does: the first row of each of so many equal parts, and the last
    places = sorted({-(-k * (n - 1) // max(most - 1, 1)) for k in range(most)})
    first = hours.with_columns((pl.col("len").cum_sum() - pl.col("len")).cast(pl.Int64).alias("first"))
    wanted = pl.DataFrame({"place": places}, schema={"place": pl.Int64}).join_asof(
        first.select("hour", "first"), left_on="place", right_on="first", strategy="backward"
    )
    at = pl.col("time").dt.truncate("1h")
    chosen = []
    inside = (pl.col("outcome") == "failure") & at.is_in(wanted["hour"].unique().implode())
    for piece in attempts(ledger, "source", "line_no", where=inside, numbered=True):
        rows = piece.join(crowd, on="ip_id", how="semi")
        rows = rows.filter(pl.col("source").is_not_null(), pl.col("line_no").is_not_null())
        rows = rows.sort("time", "line_no", "source_id").with_columns(at.alias("hour"))
        rows = rows.join(first.select("hour", "first"), on="hour", maintain_order="left")
        place = pl.col("first") + pl.int_range(pl.len()).over("hour")
        told = rows.with_columns(place.alias("place")).join(wanted.select("place"), on="place", how="semi")
        chosen.append(told.select("place", pl.format("{}:{}", "source", "line_no").alias("line")))
    return pl.concat(chosen).sort("place")["line"].unique(maintain_order=True).to_list() if chosen else []
