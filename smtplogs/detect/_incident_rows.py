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

HOUR = timedelta(hours=1)

BACKEND_CAUSES = ("backend_unavailable", "service_unavailable", "server_config_error")

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
        rows = _cut(self._every, since, until) if self._whole else self._read(since, until)
        n = pl.col("count").fill_null(1).cast(pl.Int64).alias("n")
        return rows.with_columns(*TEXTS, n)

    def _read(self, since: datetime | None, until: datetime | None) -> pl.DataFrame:
        parts = list(pieces(self._slices, *DETAIL, where=self._counted, since=since, until=until))
        return pl.concat(parts) if parts else next(pieces(self._slices, *DETAIL, where=self._counted)).clear()

    @functools.cached_property
    def _every(self) -> pl.DataFrame:
        return self._read(None, None).sort("time", maintain_order=True)

    @functools.cached_property
    def _complaints(self) -> pl.DataFrame:
        return self._complaining(None, None)

    def _complaining(self, since: datetime | None, until: datetime | None) -> pl.DataFrame:
        words = (pl.col("side").fill_null("server") == "server") & pl.col("cause").is_in(BACKEND_CAUSES)
        parts = list(pieces(self._slices, where=words, since=since, until=until))
        return pl.concat(parts).sort("time") if parts else pl.DataFrame(schema={"time": pl.Datetime("us", "UTC")})

    def until(self, end: datetime) -> datetime:
        """Return the end of an outage: the server's own words about its backend may go on after the last login tried."""
        last = end + HOUR
        words = _cut(self._complaints, end, last) if self._whole else self._complaining(end, last)
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
        return self.between(since, since + within).filter(pl.col("outcome") == "success")


def _cut(rows: pl.DataFrame, since: datetime, until: datetime) -> pl.DataFrame:
    """Return the rows from `since` on and before `until`, of rows in order of time."""
    time = rows["time"]
    first, last = (bisect_left(time, moment) for moment in (since, until))  # pyright: ignore
    return rows.slice(first, last - first)
