"""Logins let in right after as many failures as came before a lock: they speak against it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from smtplogs.detect._attempts import RUN, failed_within

if TYPE_CHECKING:
    from datetime import timedelta

TIMES = 4
"""So many logins let in to each refused client after as many failures: who was refused mistyped. A real lock of 15 minutes under
guesses that never end refuses an account half of the time, so one to one. Own choice."""

LEAST = {"account": 4, "site": 20}
"""So many of them at least: on the account itself, or where it has too few, on all accounts whose established clients were
ever refused. Own choice."""


def let_in(locks: pl.DataFrame, refusals: pl.DataFrame, within: timedelta, soon: timedelta) -> pl.DataFrame:
    """Count the logins that passed where a lock should have stood.

    Somebody who guesses at an account without pause has always failed often enough before its owner's typing mistake.
    If the owner gets in many times for each mistake, a moment after as many failures, no such number locks.

    Parameters
    ----------
    locks
        Those that no text of the server tells: ``lock, account_id``, and ``n_all_before`` (failures before it).
    refusals
        Refused attempts in chains: with ``dense`` (enough failures lie before it, its own included), ``reached`` (when
        they last did, before it), ``trusted``, ``explained``.
    within
        The failures lie within this time.
    soon
        A login as soon as this after the last of them counts: the shortest lock that is published.

    Returns
    -------
    DataFrame
        ``lock, n_let_in, n_refused_alike`` (logins that passed, and established clients refused, after no fewer failures)
        where they speak against it, on the account or on the whole site.
    """
    met = refusals.filter("trusted", "explained").unique(RUN, keep="first", maintain_order=True)
    passed = (
        refusals.filter("dense")
        .group_by(RUN, maintain_order=True)
        .agg(pl.col("chain", "next_any").last(), pl.col("time").last().alias("reached"))
        .filter(pl.col("next_any") - pl.col("reached") <= soon)
        .join(met, on=RUN, how="anti")
    )
    passed, met = (failed_within(rows, refusals, within) for rows in (passed, met))
    mine = locks.select("lock", "account_id", failed="n_all_before")
    against = [
        _at_least(mine, passed, by, "n_let_in")
        .join(_at_least(mine, met, by, "n_refused_alike"), on="lock")
        .filter(pl.col("n_let_in") >= LEAST[where], pl.col("n_let_in") >= TIMES * pl.col("n_refused_alike"))
        for where, by in (("account", ["account_id"]), ("site", []))
    ]
    return pl.concat(against).unique("lock", keep="first", maintain_order=True)


def _at_least(locks: pl.DataFrame, others: pl.DataFrame, by: list[str], name: str) -> pl.DataFrame:
    """Count, for each lock, those of the others that had no fewer failures before them: ``lock`` and the count."""
    sums = others.group_by(*by, pl.col("failed").alias("then")).len(name)
    pairs = locks.join(sums, on=by) if by else locks.join(sums, how="cross")
    return pairs.filter(pl.col("then") >= pl.col("failed")).group_by("lock").agg(pl.col(name).sum())
