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


def still_heard(now: pl.DataFrame, before: pl.DataFrame, n_days: int) -> bool:
    """Tell whether most of the missing logins are of clients that are there, and refused: their network is not lost."""
    missing = excess(now, before, n_days, "client_ip", "ok").filter(pl.col("excess") < 0)
    heard = now.filter(pl.col("bad") > 0)["client_ip"].unique().cast(pl.String)
    of_heard = float(missing.filter(pl.col("value").is_in(heard.implode()))["excess"].sum())
    return of_heard <= MOST * float(missing["excess"].sum()) < 0



def missing(now: pl.DataFrame, before: pl.DataFrame, n_days: int) -> pl.DataFrame:
    """Return who logged in less than on a mean day before, the most missing first: ``who, n``."""
    fewer = excess(now.with_columns(WHO), before.with_columns(WHO), n_days, "who", "ok").filter(pl.col("excess") < 0)
    gone = fewer.drop_nulls("value").sort("excess", "value")
    return gone.select(pl.col("value").alias("who"), -pl.col("excess").alias("n"))


def one_missing(gone: pl.DataFrame) -> str | None:
    """Return the account that makes most of the drop by itself: a job that did not run, and no lost network."""
    return gone["who"][0] if gone.height and gone["n"][0] >= MOST * gone["n"].sum() else None


def were_there(gone: pl.DataFrame, hours: Sequence[pl.DataFrame]) -> bool:
    """Tell whether those that are missing logged in during the hour before, as on most days.

    A monitoring probe goes on whatever people do: on a holiday the hour before is quiet but for it.

    Parameters
    ----------
    gone
        As ``missing`` returns it.
    hours
        The attempts of the hour before, then those of the same hour on days before.
    """
    was, *usual = (int(rows.with_columns(WHO).join(gone, on="who")["ok"].sum()) for rows in hours)
    return was >= DROP * sum(usual) / max(len(usual), 1) > 0
