"""Refusals of a relay that belong together although our queue waited between them: it asks seldom, the limit stays."""

from __future__ import annotations

from datetime import timedelta

import polars as pl

QUEUE_WAITS = timedelta(seconds=4000)
"""A queue that is put off asks again after so long at most (Postfix: maximal_backoff_time): such a pause between two refusals
of a relay ends no episode, if nothing is seen to go through meanwhile."""


def held_on(episodes: pl.DataFrame) -> pl.Series:
    """Return the episodes at a relay that follow another sooner than our queue asks again, or are followed so."""
    by = ("group", "key")
    relay = episodes.filter(pl.col("side") == "client").sort(*by, "first")
    soon = pl.col("first") - pl.col("last").shift(1).over(by) <= QUEUE_WAITS
    before = soon.fill_null(value=False)
    return relay.filter(before | before.shift(-1, fill_value=False).over(by))["episode"]


def joined(rows: pl.DataFrame, episodes: pl.DataFrame, accepted: pl.DataFrame) -> pl.DataFrame:
    """Number episodes at a relay as one if our queue waited between them and nothing is seen to go through."""
    by = ["group", "key"]
    held = episodes.filter(pl.col("side") == "client").sort(*by, "first")
    sent = accepted.filter(key_kind="relay_host", stage="mail").select("key", "time").sort("time")
    held = held.sort("first").join_asof(
        sent.rename({"time": "went"}), left_on="first", right_on="went", by="key", check_sortedness=False, coalesce=False
    )  # fmt: skip
    held = held.sort(*by, "first")
    last = pl.col("last").shift(1).over(by)
    on = (pl.col("first") - last <= QUEUE_WAITS) & ~(pl.col("went") >= last).fill_null(value=False)
    held = held.with_columns((~on.fill_null(value=False)).cast(pl.UInt32).cum_sum().alias("k"))
    held = held.select("episode", pl.col("episode").first().over("k").alias("whole"))
    rows = rows.join(held, on="episode", how="left", maintain_order="left")
    return rows.with_columns(pl.coalesce("whole", "episode").alias("episode")).drop("whole")
