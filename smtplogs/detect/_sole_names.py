"""Failures without a name, from an address from which one account alone logs in: they are taken for that account's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from smtplogs._engine import by_size
from smtplogs._written import changed, only
from smtplogs.detect._attempts import account
from smtplogs.detect._sentences import name
from smtplogs.schema import lacking

if TYPE_CHECKING:
    from collections.abc import Sequence

FAILED = {"stage": ["auth"], "outcome": ["failure"]}
ACCEPTED = {"stage": ["auth", "mail"], "outcome": ["success"]}


def sole_names(events: pl.LazyFrame, *, successes: int, failures: int, protocols: Sequence[str]) -> pl.DataFrame:
    """Return the addresses of which the log names who logs in, and not who fails: ``client_ip, user, n`` (failures).

    Postfix before 3.9 names no failure, Cyrus SASL none without the log of saslauthd. Only addresses with as many nameless
    failures, and as many logins, all of one account, on which alone named failures are as well.
    """
    here = _at_known(events, FAILED, protocols).filter(pl.col("user").is_null())
    bad = here.group_by("client_ip").agg(pl.col("n").sum()).filter(pl.col("n") >= failures).collect(engine=by_size())
    if bad.is_empty():
        return bad.with_columns(user=pl.lit(None, pl.String))
    known = pl.concat(
        _at_known(events, words, protocols)
        .filter(pl.col("user").is_not_null(), pl.col("client_ip").is_in(bad["client_ip"].implode()))
        .with_columns(pl.lit(words is ACCEPTED).alias("ok"))
        for words in (ACCEPTED, FAILED)
    )
    logins = known.group_by("client_ip", account(pl.col("user")).alias("account")).agg(
        pl.col("user").min(), pl.col("ok").sum().alias("n_ok")
    )
    alone = logins.collect(engine=by_size()).filter(pl.len().over("client_ip") == 1, pl.col("n_ok") >= successes)
    return bad.join(alone.select("client_ip", "user"), on="client_ip").sort("client_ip")


def named(events: pl.LazyFrame, sole: pl.DataFrame) -> pl.LazyFrame:
    """Give those failures the name."""
    if sole.is_empty():
        return events
    ip = pl.col("client_ip").cast(pl.String)
    whose = ip.replace_strict(sole["client_ip"], sole["user"], default=None, return_dtype=pl.String)
    nameless = pl.col("user").is_null() & (pl.col("stage") == "auth") & (pl.col("outcome") == "failure")
    user = pl.when(nameless).then(whose).otherwise(pl.col("user").cast(pl.String)).alias("user")
    return changed(events, lambda rows: rows.with_columns(user))


def explained(found: pl.DataFrame, sole: pl.DataFrame) -> pl.DataFrame:
    """Say so among the reasons of the findings about these addresses, and believe them less."""
    users = dict(sole.select("client_ip", "user").iter_rows())
    here = pl.col("client_ip").is_in(sole["client_ip"].implode()).fill_null(value=False)
    added = [
        [f"The failures carry no name: {name(users[ip])} is the only account that logs in from {name(ip)}."]
        if ip in users
        else []
        for ip in found["client_ip"]
    ]
    why = pl.concat_list(pl.col("because").fill_null([]), pl.Series("added", added, pl.List(pl.String)))
    less = pl.when(here & (pl.col("confidence") == "high")).then(pl.lit("medium")).otherwise(pl.col("confidence"))
    return found.with_columns(why.alias("because"), less.cast(found.schema["confidence"]).alias("confidence"))


def _at_known(events: pl.LazyFrame, words: dict[str, list[str]], protocols: Sequence[str]) -> pl.LazyFrame:
    rows = only(events, words)
    rows = rows.with_columns(lacking(rows, ("side", "protocol", "count"))).filter(
        pl.col("side").fill_null("server") == "server",
        pl.col("protocol").fill_null("smtp").is_in(list(protocols)),
        pl.col("client_ip").is_not_null(),
    )
    count = pl.col("count").fill_null(1).cast(pl.Int64).alias("n")
    return rows.select(pl.col("client_ip", "user").cast(pl.String), count)
