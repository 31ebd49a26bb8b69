"""Who is missing where logins fall: one job, clients that are refused, or people who had not come that day."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from smtplogs.detect._bins import DROP
from smtplogs.detect._incident_facts import MOST, excess

if TYPE_CHECKING:
    from collections.abc import Sequence

WHO = pl.coalesce("account", "client_ip").alias("who")
"""People keep their account while the addresses of their phones change; logins without mail may name no account."""


FEW_THERE, PART_THERE = 5, 0.1
"""Where fewer of the missing are at work in the hour before on most days, as at dawn, chance decides who was; and where a
smaller part of them is, nobody can tell whether the others came that day. Own choice."""


def still_heard(now: pl.DataFrame, before: pl.DataFrame, n_days: int) -> bool:
    """Tell whether most of the missing logins are of clients that are there, and refused: their network is not lost."""
    missing = excess(now, before, n_days, "client_ip", "ok").filter(pl.col("excess") < 0)
    heard = now.filter(pl.col("bad") > 0)["client_ip"].unique().cast(pl.String)
    of_heard = float(missing.filter(pl.col("value").is_in(heard.implode()))["excess"].sum())
    return of_heard <= MOST * float(missing["excess"].sum()) < 0


def missing(now: pl.DataFrame, before: pl.DataFrame, n_days: int) -> pl.DataFrame:
    """Return whose logins fell as all did or more, against a mean day before, the most missing first: ``who, n``."""
    usual = before.group_by(WHO).agg(pl.col("ok").sum() / max(n_days, 1))
    both = now.group_by(WHO).agg(pl.col("ok").sum().alias("now")).join(usual, on="who", how="full", coalesce=True)
    both = both.drop_nulls("who").with_columns(pl.col("now", "ok").fill_null(0))
    gone = both.filter(pl.col("ok") > 0, pl.col("now") <= DROP * pl.col("ok"))
    return gone.select("who", (pl.col("ok") - pl.col("now")).alias("n")).sort("n", "who", descending=[True, False])


def one_missing(gone: pl.DataFrame) -> str | None:
    """Return the account that makes most of the drop by itself: a job that did not run, and no lost network."""
    return gone["who"][0] if gone.height and float(gone["n"][0]) >= MOST * float(gone["n"].sum()) else None


def as_many(now: pl.DataFrame, before: pl.DataFrame, n_days: int) -> bool:
    """Tell whether as many accounts as on a mean day log in: jobs that send at other hours make such a drop."""
    day = pl.col("time").dt.date()
    usual = before.filter(pl.col("ok") > 0).select(WHO, day.alias("day")).n_unique() / max(n_days, 1)
    return now.filter(pl.col("ok") > 0).select(WHO).n_unique() > DROP * usual


def were_there(gone: pl.DataFrame, hours: Sequence[pl.DataFrame]) -> bool:
    """Tell whether those that are missing logged in during the hour before, as many of them as on most days.

    A monitoring probe and the jobs of that hour go on whatever people do: on a holiday it is quiet but for them.

    Parameters
    ----------
    gone
        As ``missing`` returns it.
    hours
        The attempts of the hour before, then those of the same hour on days before.
    """
    was, *usual = (rows.filter(pl.col("ok") > 0).select(WHO).join(gone, on="who")["who"].n_unique() for rows in hours)
    mean = sum(usual) / max(len(usual), 1)
    return mean >= max(FEW_THERE, PART_THERE * gone.height) and was >= DROP * mean
