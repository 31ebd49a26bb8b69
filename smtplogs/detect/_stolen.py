"""Lists of stolen names that are worked through over hours: more accounts than strangers hit on other days."""

from __future__ import annotations

from datetime import timedelta

import polars as pl

from smtplogs._addresses import provider_network

HOURS = 12
WINDOW = timedelta(hours=HOURS)
"""A list is followed for so long. Own choice: a working day, or a night."""

SOURCES, ACCOUNTS = 20, 20
TIMES_USUAL, STANDS_OUT = 4.0, 6.0
"""So many addresses, and accounts that exist, within the window; four times the accounts of the median window, and six
times the spread of such a count above it. Own choice, as for incidents."""

LEAST_WINDOWS = 6
"""A log of fewer windows does not show what is usual."""

EDGE = 0.25
"""A wave begins, and ends, with an hour that holds a quarter of its fullest hour: beside it there is the daily noise."""


NOBODYS = r"^(?:192\.0\.2\.|198\.51\.100\.|203\.0\.113\.|2001:db8:)"
"""Addresses of RFC 5737 and 3849, as in logs that were made or made anonymous: no provider has them, neighbours there share
nothing."""


def not_owners(hours: pl.DataFrame, pairs: pl.DataFrame) -> pl.DataFrame:
    """Leave out accounts that log in from the provider's network they fail from: their own phones, at a new address."""
    accounts = hours.select("account").unique()
    good = pairs.filter(pl.col("n_ok") > 0).join(accounts, on="account", how="semi").select("client_ip", "account")
    # each address is placed once, and numbers are compared: there may be millions
    ip = pl.col("client_ip").cast(pl.String)
    net = pl.when(~ip.str.contains(NOBODYS)).then(provider_network(ip)).cast(pl.Categorical).alias("net")
    nets = pl.concat([hours.select("client_ip"), good.select("client_ip")]).unique().with_columns(net)
    own = good.join(nets, on="client_ip").select("account", "net").unique()
    placed = hours.join(nets, on="client_ip", how="left", maintain_order="left")
    return placed.join(own, on=["account", "net"], how="anti", maintain_order="left").drop("net")


def slow_waves(hours: pl.DataFrame) -> pl.DataFrame:
    """Return the hours in which strangers work through a list of accounts that exist: ``hour, wave``.

    Parameters
    ----------
    hours
        ``hour, client_ip, account, n`` of addresses that try little, on accounts that exist.
    """
    none = pl.DataFrame(schema={"hour": hours.schema["hour"], "wave": pl.UInt32})
    if hours.is_empty():
        return none
    first, last = hours.select(pl.col("hour").min(), pl.col("hour").max().alias("last")).row(0)
    if last - first < LEAST_WINDOWS * WINDOW:
        return none
    grid = pl.DataFrame({"hour": pl.datetime_range(first, last, "1h", eager=True)})
    counts = (
        hours.select("hour", "account", "client_ip", "n")
        .sort("hour")
        .group_by_dynamic("hour", every="1h", period=WINDOW)
        .agg(pl.col("account", "client_ip").n_unique(), pl.col("n").sum())
    )
    counts = grid.join(counts, on="hour", how="left", maintain_order="left").with_columns(
        pl.col("account", "client_ip", "n").fill_null(0).cast(pl.Int64)
    )
    usual = pl.col("account").median()
    hits = counts.filter(
        pl.col("account") >= ACCOUNTS,
        pl.col("client_ip") >= SOURCES,
        pl.col("n") <= 2 * pl.col("account"),
        pl.col("account") >= TIMES_USUAL * usual,
        pl.col("account") - usual >= STANDS_OUT * usual.clip(lower_bound=1).sqrt(),
    )
    if hits.is_empty():
        return none
    inside = pl.concat([hits.select(pl.col("hour") + timedelta(hours=k)) for k in range(HOURS)]).unique()
    each = hours.group_by("hour").agg(pl.col("account").n_unique().alias("here"))
    inside = inside.join(each, on="hour", how="left").with_columns(pl.col("here").fill_null(0)).sort("hour")
    new = (pl.col("hour") - pl.col("hour").shift(1) > timedelta(hours=1)).fill_null(value=True)
    inside = inside.with_columns(new.cast(pl.UInt32).cum_sum().alias("wave"))
    full = pl.col("hour").filter(pl.col("here") >= EDGE * pl.col("here").max())
    return inside.filter(pl.col("hour").is_between(full.min().over("wave"), full.max().over("wave"))).select(
        "hour", "wave"
    )
