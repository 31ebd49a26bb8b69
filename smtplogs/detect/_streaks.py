"""Runs of refused logins in which no lock can be shown: of a user, of an address, of all strangers together."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import polars as pl

from smtplogs.detect._attempts import chained, dense
from smtplogs.detect._crowds import MOST_NAMES
from smtplogs.detect._histories import OUTAGE_BIN, sprayers
from smtplogs.detect._ledger import attempts
from smtplogs.schema import TIME

if TYPE_CHECKING:
    from smtplogs.detect._ledger import Ledger
    from smtplogs.detect._locks import Locks, Rules

MANY_SOURCES = 3
MERGED = timedelta(days=1)
"""Streaks of one subject from one main source with shorter pauses are one finding: a nightly job is one story."""

OUTAGE_LENGTH = timedelta(minutes=10)
ROW = [
    "kind", "subject_id", "run", "time", "n", "user", "account_id", "client_ip", "ip_id", "cause",
    "trusted", "next_ok", "last_any", "next_any", "next_any_ip", "source", "line_no", "source_id",
]  # fmt: skip


@dataclass(frozen=True)
class Streaks:
    """A row a streak, the refused attempts in them (`streak`), the addresses of a crowd, what outages explain (`outage`)."""

    found: pl.DataFrame
    rows: pl.DataFrame
    crowd: pl.DataFrame
    outages: pl.DataFrame


def find_streaks(
    ledger: Ledger, history: pl.DataFrame, book: pl.DataFrame, locks: Locks, rules: Rules, strangers: int
) -> Streaks:
    """Find the streaks that no lock explains, and fold what strangers did into one campaign if they are many."""
    blamed = locks.found["trigger_id"].drop_nulls().unique().implode()
    crowd = book.filter("stranger", ~pl.col("ip_id").is_in(blamed)).select("ip_id")
    crowd = crowd if crowd.height > strangers else crowd.clear()
    spraying = sprayers(book)
    rows = _of_users(history, spraying, locks)
    rows = pl.concat([rows, *_of_addresses(ledger, book, spraying, crowd)])
    rows = chained(rows, ["kind", "subject_id", "run"], rules.lasting)
    hot = rows.filter(dense(rows, rules.failures, rules.within)).select("chain").unique()
    rows = rows.join(hot, on="chain", how="semi", maintain_order="left")
    outages = _in_outages(rows, locks.outages)
    rows = rows.join(outages, on="chain", how="anti", maintain_order="left")
    rows = rows.join(book.select("ip_id", "stranger"), on="ip_id", how="left", maintain_order="left")
    rows = rows.join(_merged(rows), on="chain", how="left", maintain_order="left").sort(
        "streak", "time", "source_id", "line_no"
    )
    found = _summed(rows, locks)
    if crowd.height:
        found = found.filter(~(pl.col("attack") & ~pl.col("main_id").is_in(blamed)))
    return Streaks(found, rows.join(found, on="streak", how="semi", maintain_order="left"), crowd, outages)


def _of_users(history: pl.DataFrame, spraying: pl.Series, locks: Locks) -> pl.DataFrame:
    """Return the refused attempts with a name, but those of sprayers and those in a lock."""
    return (
        history.filter("bad", ~pl.col("ip_id").is_in(spraying.implode()).fill_null(False))
        .join(locks.found, on=["account_id", "run"], how="anti", maintain_order="left")
        .with_columns(pl.lit("user").alias("kind"), pl.col("account_id").alias("subject_id"))
        .select(ROW)
    )


def _of_addresses(ledger: Ledger, book: pl.DataFrame, spraying: pl.Series, crowd: pl.DataFrame) -> list[pl.DataFrame]:
    """Return the refused attempts without a name and those of sprayers, by address; not those of the crowd."""
    sprays = pl.col("ip_id").is_in(spraying.implode())
    nameless = ledger.refused.filter(pl.col("account_id").is_null(), pl.col("n_bad") > 0)["ip_id"]
    here = book.filter(sprays | pl.col("ip_id").is_in(nameless.unique().implode())).select("ip_id")
    here = here.join(crowd, on="ip_id", how="anti")
    columns = ("user", "source", "line_no")
    addresses = ledger.refused.join(here, on="ip_id", how="semi")["client_ip"].cast(pl.String).unique()
    theirs = pl.col("client_ip").is_in(addresses.implode())
    parts = list(attempts(ledger, *columns, where=theirs, numbered=True)) if here.height else []
    if not parts:
        return []
    login = pl.when("ok").then("time")
    rows = (
        pl.concat(parts)
        .sort("ip_id", "time", "source_id", "line_no", "ok", "client_id")
        .with_columns(
            pl.col("ok").cast(pl.Int64).cum_sum().over("ip_id").alias("run"),
            login.forward_fill().over("ip_id").alias("last_any"),
            login.backward_fill().over("ip_id").alias("next_any"),
            pl.lit("address").alias("kind"),
            pl.col("ip_id").alias("subject_id"),
            pl.lit(False).alias("trusted"),
            pl.lit(None, TIME).alias("next_ok"),
            pl.col("ip_id").alias("next_any_ip"),
        )
        .filter(pl.col("bad") & (pl.col("account_id").is_null() | sprays))
        .select(ROW)
    )
    return [rows]


def _in_outages(rows: pl.DataFrame, bins: pl.DataFrame) -> pl.DataFrame:
    """Return the chains that an outage explains: established clients, refused mostly while those of others were."""
    tick = pl.col("time").dt.truncate(OUTAGE_BIN)
    new = (pl.col("bin") - pl.col("bin").shift(1) > 2 * OUTAGE_LENGTH).fill_null(True)
    bins = bins.with_columns(new.cast(pl.UInt32).cum_sum().alias("outage"))
    rows = rows.with_columns(tick.alias("bin")).join(bins, on="bin", how="left", maintain_order="left")
    inside = pl.col("n").filter(pl.col("outage").is_not_null() & pl.col("trusted")).sum() * 2 > pl.col("n").sum()
    rows = rows.filter(inside.over("chain")).with_columns(pl.col("outage").drop_nulls().first().over("chain"))
    return rows.sort("outage", "time", "source_id", "line_no")


def _merged(rows: pl.DataFrame) -> pl.DataFrame:
    """Bring chains of one subject from one main source together (`streak`) unless a long pause lies between."""
    chains = (
        rows.group_by("kind", "subject_id", "chain", "ip_id", maintain_order=True)
        .agg(pl.col("n").sum(), pl.col("time").min().alias("start"), pl.col("time").max().alias("end"))
        .sort("chain", "n", "ip_id", descending=[False, True, False])
        .group_by("kind", "subject_id", "chain", maintain_order=True)
        .agg(pl.col("ip_id").first().alias("main_id"), pl.col("start").min(), pl.col("end").max())
        .sort("kind", "subject_id", "main_id", "start")
    )
    new = pl.any_horizontal(pl.col(c).ne_missing(pl.col(c).shift(1)) for c in ("kind", "subject_id", "main_id"))
    new = new | (pl.col("start") - pl.col("end").shift(1) > MERGED).fill_null(False)
    return chains.select("chain", "main_id", new.cast(pl.UInt32).cum_sum().alias("streak"))


def _summed(rows: pl.DataFrame, locks: Locks) -> pl.DataFrame:
    """Return a row a streak: how many, from where, on whom, and what came after."""
    cause = most(rows, "cause").select("streak", pl.col("most").list.first().alias("cause"))
    sources = most(rows, "client_ip").rename({"most": "sources", "n_most": "n_sources"})
    names = most(rows, "user").rename({"most": "names"}).drop("n_most")
    told = ("doubt", "n_others_refused", "n_others_active", "n_let_in", "n_refused_alike")
    doubts = locks.doubted.select("account_id", "run", *told)
    doubted = rows.join(doubts, on=["account_id", "run"]).unique("streak", keep="first", maintain_order=True)
    lost = pl.col("trusted") & pl.col("next_ok").is_null()
    many = (pl.col("kind") == "address") | ~pl.col("known") | (pl.col("n_sources") >= MANY_SOURCES)
    return (
        rows.group_by("streak", maintain_order=True)
        .agg(
            pl.col("kind", "subject_id", "main_id", "user", "account_id").first(),
            pl.col("client_ip").filter(pl.col("ip_id") == pl.col("main_id")).first().alias("main"),
            pl.col("time").min().alias("start"),
            pl.col("time").max().alias("end"),
            pl.col("n").sum(),
            pl.col("n").filter(pl.col("ip_id").eq_missing(pl.col("main_id"))).sum().alias("n_main"),
            pl.col("chain").n_unique().alias("n_streaks"),
            pl.col("account_id").drop_nulls().n_unique().alias("n_names"),
            pl.col("stranger").fill_null(False).all().alias("all_strangers"),
            pl.col("stranger").filter(pl.col("ip_id") == pl.col("main_id")).first().alias("main_stranger"),
            pl.any_horizontal(pl.col("last_any", "next_any").is_not_null().any()).alias("known"),
            pl.col("client_ip").filter(lost).unique(maintain_order=True).alias("lost"),
            pl.col("client_ip").filter("trusted").unique(maintain_order=True).alias("established"),
            pl.col("next_any").last().alias("recovered_at"),
            (pl.col("next_any_ip").last() == pl.col("main_id").first()).alias("same"),
            pl.col("next_ok").filter(pl.col("ip_id") == pl.col("main_id")).last().alias("main_ok"),
        )
        .join(cause, on="streak", how="left")
        .join(sources, on="streak", how="left")
        .join(names, on="streak", how="left")
        .join(doubted.select("streak", *told), on="streak", how="left")
        .with_columns((pl.col("all_strangers") & many).alias("attack"))
        .sort("streak")
    )


def most(rows: pl.DataFrame, column: str) -> pl.DataFrame:
    """Return the most frequent values of a column in each streak, and how many there are."""
    return (
        rows.drop_nulls(column)
        .group_by("streak", column)
        .agg(pl.col("n").sum())
        .sort("streak", "n", column, descending=[False, True, False])
        .group_by("streak", maintain_order=True)
        .agg(pl.col(column).head(MOST_NAMES).alias("most"), pl.len().alias("n_most"))
    )
