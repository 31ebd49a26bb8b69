"""Clients that ask too often: refusals that no retry can cure, repeated; a login for every message."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import polars as pl

from smtplogs._addresses import is_private, neighbourhood, networks_of
from smtplogs._engine import by_size
from smtplogs.detect._attempts import chained, dense
from smtplogs.detect._logins import CLIENT
from smtplogs.detect._rhythm import rhythm
from smtplogs.detect._signs import narrow
from smtplogs.replies.meanings import cause_table

if TYPE_CHECKING:
    from collections.abc import Sequence

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
FEW_NAMES = 3
"""An address tied to us only by its neighbours is a client if it tries no more names than this."""

GROWING = 1.5
"""Back-off: the median of a gap divided by the one before it (own choice, as for throttled clients)."""

UNLIMITED = 4
"""A client that no limit refused is told only if it logs in so many times as often."""

PERMANENT = tuple(cause for cause, entry in cause_table().items() if entry["waiting_helps"] is False)
"""Causes that no waiting cures."""


def find_storms(
    events: pl.LazyFrame, logins: pl.DataFrame, networks: Sequence[str], *, per_hour: int, per_day: int
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the clients of ours that repeat refused attempts, a row each, and those attempts (`story`).

    Both are without columns if no address was refused often enough.
    """
    refused = narrow(
        events, "time", "client_ip", "account", "user", "n", "cause", "source", "line_no",
        words={"outcome": ["failure", "deferred", "aborted", "refused"], "cause": PERMANENT},
    )  # fmt: skip
    # addresses first: most are strangers, and the names they tried are nobody's concern
    addresses = refused.group_by("client_ip").agg(pl.col("n").sum()).collect(engine=by_size())
    addresses = addresses.filter(pl.col("n") >= min(per_hour, per_day))["client_ip"]
    if addresses.is_empty():
        return pl.DataFrame(), pl.DataFrame()
    ip = pl.col("client_ip")
    near = logins.select(neighbourhood(ip).alias("net")).drop_nulls()["net"].unique()
    named = addresses.filter(networks_of(addresses, networks).is_not_null()) if networks else addresses.clear()
    here = ip.is_in(logins["client_ip"].drop_nulls().unique().implode()) | is_private(ip) | ip.is_in(named.implode())
    close = neighbourhood(ip).is_in(near.implode()).fill_null(False)
    looked_at = addresses.to_frame().filter(here | close)["client_ip"]
    refused = refused.filter(ip.is_in(looked_at.implode()))
    totals = refused.group_by(CLIENT).agg(pl.col("n").sum()).collect(engine=by_size())
    names = totals.drop_nulls("account").group_by("client_ip").agg(pl.len().alias("n_names"))
    many = totals.filter(pl.col("n") >= min(per_hour, per_day)).join(names, on="client_ip", how="left")
    ours = many.filter(here | (close & (pl.col("n_names").fill_null(0) <= FEW_NAMES))).select(CLIENT)
    rows = refused.join(ours.lazy(), on=CLIENT, how="semi", nulls_equal=True).collect(engine=by_size())
    rows = chained(rows.sort(*CLIENT, "time", "source", "line_no", nulls_last=True), CLIENT, DAY)
    fast = rows.filter(dense(rows, per_hour, HOUR)).select("chain").unique()
    long = rows.filter(dense(rows, per_day, DAY)).select("chain").unique()
    storms = pl.concat([fast, long]).unique()
    rows = rows.join(storms, on="chain", how="semi", maintain_order="left").rename({"chain": "story"})
    found = _storm_rows(rows, fast["chain"])
    return found.join(_cured(found, events), on="story", how="left", maintain_order="left"), rows


def _cured(found: pl.DataFrame, events: pl.LazyFrame) -> pl.DataFrame:
    """Return when each client logged in to the same account after its storm, if it did not in the midst of it."""
    theirs = pl.col("client_ip").is_in(found["client_ip"].unique().implode())
    good = narrow(events, "time", *CLIENT, words={"outcome": ["success"]}, where=theirs)
    after = good.join(found.lazy().select("story", *CLIENT, "start", "end"), on=CLIENT)
    after = after.filter(pl.col("time") >= pl.col("start")).group_by("story")
    first = after.agg(pl.col("time").min().alias("fixed_at"), pl.col("end").first()).collect(engine=by_size())
    return first.filter(pl.col("fixed_at") > pl.col("end")).select("story", "fixed_at")


def _storm_rows(rows: pl.DataFrame, fast: pl.Series) -> pl.DataFrame:
    """Return a row per run of retries: its span, number, pace, and how the pauses grow."""
    gap = (pl.col("time") - pl.col("time").shift(1)).dt.total_microseconds()
    growth = (gap / gap.shift(1)).filter((gap.shift(1) > 0) & (gap > 0)).median()
    return (
        rows.group_by("story", maintain_order=True)
        .agg(
            pl.col("client_ip", "account").first(),
            pl.col("user").drop_nulls().first(),
            pl.col("time").min().alias("start"),
            pl.col("time").max().alias("end"),
            pl.col("n").sum(),
            pl.col("cause").mode(maintain_order=True).first(),
            growth.alias("growth"),
        )
        .join(rhythm(rows, ["story"]), on="story", how="left", maintain_order="left")
        .with_columns(
            pl.col("story").is_in(fast.implode()).alias("fast"),
            pl.when("regular").then(pl.lit("fixed")).when(pl.col("growth") >= GROWING).then(pl.lit("growing"))
            .otherwise(pl.lit("irregular")).alias("pace"),
        )
    )  # fmt: skip


def find_hourly_logins(
    events: pl.LazyFrame, hours: pl.DataFrame, *, per_hour: int
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the clients that log in once for every mail, often, a row each, and the limits that they met (`story`).

    `hours`: as ``logins_of`` gives them.
    """
    if hours.is_empty():
        return hours, hours
    columns = ("time", "client_ip", "account", "user", "n", "stage", "outcome", "cause", "source", "line_no")
    clients = (
        hours.group_by(CLIENT)
        .agg(
            pl.col("user").min(),
            pl.col("start").min(),
            pl.col("end").max(),
            pl.col("n_logins", "n_mails").sum(),
            pl.col("n_logins").max().alias("most"),
        )
        .sort(CLIENT)
        .with_row_index("story")
    )
    theirs = pl.col("client_ip").is_in(clients["client_ip"].unique().implode())
    limited = {"cause": ["throttled_auth", "throttled_connection"]}
    limits = narrow(events, *columns, words=limited, where=theirs).collect(engine=by_size())
    met = clients.join(limits, on="client_ip", suffix="_met").filter(
        pl.col("account_met").is_null() | (pl.col("account_met") == pl.col("account")),
        pl.col("time").is_between(pl.col("start") - HOUR, pl.col("end") + HOUR),
    )
    met = met.select(
        "story", "time", pl.col("n_met").alias("n") if "n_met" in met.columns else "n", "source", "line_no"
    )
    n_met = met.group_by("story").agg(pl.col("n").sum().alias("n_limited"))
    good = {"stage": ["auth"], "outcome": ["success"]}
    logins = narrow(events, *columns, words=good, where=theirs & pl.col("user").is_not_null())
    mails = logins.join(clients.lazy().select(*CLIENT, "story", "start", "end"), on=CLIENT)
    mails = mails.filter(pl.col("time").is_between("start", "end")).select(met.columns).collect(engine=by_size())
    told = clients.join(n_met, on="story", how="left", maintain_order="left").with_columns(
        pl.col("n_limited").fill_null(0)
    )
    told = told.filter((pl.col("n_limited") > 0) | (pl.col("most") >= UNLIMITED * per_hour))
    return told, pl.concat([mails, met]).sort("story", "time", "source", "line_no")
