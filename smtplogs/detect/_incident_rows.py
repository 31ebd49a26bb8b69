"""Attempts of any stretch of time in full detail, and what follows an incident: an incident asks for many of them."""

from __future__ import annotations

import functools
from bisect import bisect_left
from datetime import timedelta
from typing import TYPE_CHECKING

import polars as pl

from smtplogs.detect._bins import BIN
from smtplogs.detect._slices import Slices, pieces

if TYPE_CHECKING:
    from datetime import datetime

    from smtplogs.detect._incident_facts import Facts

HOUR, BEFOREHAND = timedelta(hours=1), timedelta(hours=3)
"""Whether people were at work the hour before a drop tells, or three hours before where an hour has too few logins."""

COMPLAINS = (pl.col("side").fill_null("server") == "server") & pl.col("cause").is_in(
    ["backend_unavailable", "service_unavailable", "server_config_error"]
)
"""The server's own words about its backend."""

DETAIL = ("account", "client_ip", "helo", "mechanism", "service", "host", "tls", "cause", "outcome", "count")
TEXTS = [pl.col(c).cast(pl.String) for c in ("account", "client_ip", "helo", "mechanism", "service", "host", "tls")]


class Attempts:
    """The attempts of an event table, to be asked for by their time.

    A table that is a single piece is read once and held, in order of time; of a larger one each stretch is read anew.

    Parameters
    ----------
    slices
        The table.
    counted
        The condition for attempts.
    """

    def __init__(self, slices: Slices, counted: pl.Expr) -> None:
        self._slices, self._counted = slices, counted
        self._whole = len(slices.bounds) == 1

    def between(self, since: datetime, until: datetime) -> pl.DataFrame:
        """Return the attempts of a stretch of time with DETAIL and their number, `n`."""
        if self._whole:
            rows = _cut(self._every, since, until)
        else:
            rows = self._read(*DETAIL, where=self._counted, since=since, until=until)
        n = pl.col("count").fill_null(1).cast(pl.Int64).alias("n")
        return rows.with_columns(*TEXTS, n)

    def until(self, end: datetime) -> datetime:
        """Return the end of an outage: the server's own words about its backend may go on after the last login tried."""
        last = end + HOUR
        if self._whole:
            words = _cut(self._complaints, end, last)
        else:
            words = self._read(where=COMPLAINS, since=end, until=last).sort("time")
        for time in words["time"]:
            if time - end > 2 * BIN:
                break
            end = time
        return end

    def recovered(self, marked: pl.DataFrame, facts: Facts) -> datetime | None:
        """Return when the first of the clients that were hit logged in again; None if the next day shows none."""
        hit = marked.filter(pl.col("established"), pl.col("bad") > 0)["client_ip"].unique()
        good = self._logins(facts.end, timedelta(days=1))
        return good.filter(pl.col("client_ip").is_in(hit.implode()))["time"].min()  # pyright: ignore

    def back(self, facts: Facts) -> datetime | None:
        """Return when the one client of a rise logged in to the same account, within an hour; None if it did not."""
        own = self._logins(facts.end, HOUR).filter(
            pl.col("client_ip").eq_missing(pl.lit(facts.top_ip)), pl.col("account").eq_missing(pl.lit(facts.top_user))
        )
        return own["time"].min()  # pyright: ignore

    def _logins(self, since: datetime, within: timedelta) -> pl.DataFrame:
        """Return time, address and account of the logins of a stretch of time."""
        good = pl.col("outcome") == "success"
        if self._whole:
            rows = _cut(self._every, since, since + within).filter(good)
        else:  # of a large table no more than is asked for
            rows = self._read("client_ip", "account", where=self._counted & good, since=since, until=since + within)
        return rows.select("time", pl.col("client_ip", "account").cast(pl.String))

    @functools.cached_property
    def _every(self) -> pl.DataFrame:
        return self._read(*DETAIL, where=self._counted).sort("time", maintain_order=True)

    @functools.cached_property
    def _complaints(self) -> pl.DataFrame:
        return self._read(where=COMPLAINS).sort("time")

    def _read(
        self, *columns: str, where: pl.Expr, since: datetime | None = None, until: datetime | None = None
    ) -> pl.DataFrame:
        parts = list(pieces(self._slices, *columns, where=where, since=since, until=until))
        return pl.concat(parts) if parts else next(pieces(self._slices, *columns, where=where)).clear()


def _cut(rows: pl.DataFrame, since: datetime, until: datetime) -> pl.DataFrame:
    """Return the rows from `since` on and before `until`, of rows in order of time."""
    time = rows["time"]
    first, last = (bisect_left(time, moment) for moment in (since, until))  # pyright: ignore
    return rows.slice(first, last - first)
