"""Whose failures set off a lock: the account's own client, an attacker, or nobody the log knows."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import polars as pl

from smtplogs.detect._rhythm import rhythm

if TYPE_CHECKING:
    from smtplogs.detect._histories import History
    from smtplogs.detect._ledger import Ledger
    from smtplogs.detect._locks import Locks

TRIGGER_KINDS = ("self_inflicted", "attacker_induced", "unknown_source", "administrator")

CLUSTER = 3
"""So many addresses that never logged in, failing on one account at a time, are one attack."""

REGULAR_FOR = timedelta(days=1)
"""A steady beat counts as an application only if it lasts: a guessing tool is regular for minutes."""


def judged_triggers(locks: Locks, history: History, ledger: Ledger, book: pl.DataFrame) -> pl.DataFrame:
    """Return, for each lock, ``trigger_kind`` and the facts that it rests on.

    ``logged_in_before`` (on this account, before the lock), ``logged_in_after``, ``regular`` and ``period_s``,
    ``names_failed``, ``sprays``, ``stranger``, ``n_strangers`` (among the sources before the lock).
    """
    found = locks.found.select("lock", "account_id", "onset_before", "trigger_id", "source_ids")
    pair = ["account_id", "trigger_id"]
    mine = ledger.logins.rename({"ip_id": "trigger_id"}).join(found, on=pair, how="semi")
    logins = mine.group_by(pair).agg(pl.col("first_ok").min().alias("first"), pl.col("last_ok").max().alias("last"))
    failing = history.rows.filter("bad").rename({"ip_id": "trigger_id"}).join(found, on=pair, how="semi")
    lasted = failing.group_by(pair).agg((pl.col("time").max() - pl.col("time").min() >= REGULAR_FOR).alias("lasted"))
    beat = rhythm(failing, pair).select(*pair, "regular", "period_s")
    strangers = (
        found.select("lock", pl.col("source_ids").alias("ip_id"))
        .explode("ip_id")
        .join(book.filter("stranger"), on="ip_id", how="semi")
        .group_by("lock")
        .agg(pl.len().alias("n_strangers"))
    )
    own = pl.col("logged_in_before") | (pl.col("logged_in_after") & ~pl.col("sprays"))
    attack = pl.col("sprays") | (pl.col("stranger") & (pl.col("n_strangers") >= CLUSTER))
    steady = pl.col("regular") & (pl.col("names_failed") == 1)
    return (
        found.join(logins, on=pair, how="left")
        .join(beat, on=pair, how="left")
        .join(lasted, on=pair, how="left")
        .join(book.rename({"ip_id": "trigger_id"}).drop("n_failed", "names_ok", "n_rows"), on="trigger_id", how="left")
        .join(strangers, on="lock", how="left")
        .with_columns(
            (pl.col("first") < pl.col("onset_before")).fill_null(False).alias("logged_in_before"),
            (pl.col("last") > pl.col("onset_before")).fill_null(False).alias("logged_in_after"),
            (pl.col("regular") & pl.col("lasted")).fill_null(False).alias("regular"),
            pl.col("sprays", "stranger").fill_null(False),
            pl.col("names_failed", "n_strangers").fill_null(0),
        )
        .with_columns(
            pl.when(own)
            .then(pl.lit("self_inflicted"))
            .when(attack)
            .then(pl.lit("attacker_induced"))
            .when(steady)
            .then(pl.lit("self_inflicted"))
            .otherwise(pl.lit("unknown_source"))
            .alias("trigger_kind")
        )
        .select(
            "lock", "trigger_kind", "logged_in_before", "logged_in_after", "regular", "period_s", "names_failed",
            "sprays", "stranger", "n_strangers",
        )
    )  # fmt: skip
