"""Courier: logins that only mails prove, and refusals for which a backend that was down is to blame."""

from __future__ import annotations

import datetime as dt

import polars as pl

from smtplogs.linking._sessions import place
from smtplogs.schema import RECORDS

IDLE = dt.timedelta(minutes=5)
"""After so long without a mail of the same name and address it is another login: no line tells of sessions."""

NEAR = dt.timedelta(seconds=2)
"""The line that says why stands next to the refusal; they share no id."""


def linked(rows: pl.DataFrame) -> pl.DataFrame:
    """Return events: with a login for the first of each run of mails, and what authdaemond's silence refused."""
    return pl.concat([_silent(rows), _logins(rows)], how="diagonal_relaxed")


def _logins(rows: pl.DataFrame) -> pl.DataFrame:
    """One success per run of mails of a name and address."""
    mails = rows.filter((pl.col("pattern") == "mail") & pl.col("time").is_not_null())
    # a run goes on in the next file
    who = [place().fill_null(""), pl.col("user"), pl.col("client_ip")]
    gap = pl.col("time") - pl.col("time").shift().over(who)
    first = mails.filter((gap > IDLE).fill_null(value=True))
    blank = ("queue_id", "detail", "also", "sender", "n_recipients")
    login = {"stage": "auth", "basis": "context"}
    return first.with_columns(
        *(pl.lit(None, RECORDS[c].dtype).alias(c) for c in blank),
        *(pl.lit(v, RECORDS[c].dtype).alias(c) for c, v in login.items()),
    )


def _silent(rows: pl.DataFrame) -> pl.DataFrame:
    """The bare refusal next to each complaint about authdaemond was none of a password."""
    down = rows.filter(pl.col("pattern").str.ends_with("authdaemon_down")).select("source", "line_no", _at="time")
    if down.is_empty():
        return rows
    rows = rows.with_row_index("_row")
    bare = (pl.col("stage") == "auth") & (pl.col("outcome") == "failure") & (pl.col("basis") == "assumed")
    refused = rows.filter(bare).select("_row", "source", "line_no", "time").sort("line_no")
    told = pl.col("_row").is_in(_nearest(down.sort("line_no"), refused)["_row"].implode())
    values = {"outcome": "deferred", "cause": "backend_unavailable", "basis": "context"}
    return rows.with_columns(
        pl.when(told).then(pl.lit(v, RECORDS[c].dtype)).otherwise(c).alias(c) for c, v in values.items()
    ).drop("_row")


def _nearest(down: pl.DataFrame, refused: pl.DataFrame) -> pl.DataFrame:
    """Return a refusal for each complaint, the nearest that no other complaint has: each is written by its own process."""
    found = [refused.head(0)]
    for _ in range(5):
        if down.is_empty() or refused.is_empty():
            break
        near = down.with_columns(_line=pl.col("line_no")).join_asof(
            refused, on="line_no", by="source", strategy="nearest", check_sortedness=False, coalesce=False
        )
        near = near.filter((pl.col("_at") - pl.col("time")).abs() <= NEAR)
        apart = (pl.col("_line").cast(pl.Int64) - pl.col("line_no_right").cast(pl.Int64)).abs()
        near = near.sort(apart, maintain_order=True).unique("_row", keep="first", maintain_order=True)
        if near.is_empty():
            break
        found.append(refused.join(near.select("_row"), on="_row", how="semi"))
        refused = refused.join(near.select("_row"), on="_row", how="anti", maintain_order="left")
        down = down.join(
            near.select("source", line_no="_line"), on=["source", "line_no"], how="anti", maintain_order="left"
        )
    return pl.concat(found)
