"""Who logs in: logins and accepted mails by account and address, and the hours with many of them, in one reading."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from smtplogs.detect._attempts import account
from smtplogs.detect._slices import pieces, texts
from smtplogs.detect._sums import Sums, summed
from smtplogs.schema import TIME

if TYPE_CHECKING:
    from smtplogs.detect._slices import Slices

CLIENT = ["client_ip", "account"]
ACCEPTED = {"stage": ["auth", "mail"], "outcome": ["success"]}

ONE_EACH = 1.2
"""Mails per login, at most and (as 1/1.2) at least, of a client that logs in for each."""


def logins_of(slices: Slices, *, per_hour: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return every login and accepted mail, on any protocol, and the hours in which a client logged in for every mail.

    By account (null: no name) and address: ``account, client_ip, user`` (as logged), ``n_ok, first_ok, last_ok``; and
    of hours with so many logins or more: ``client_ip, account, user, n_logins, n_mails, start, end``.
    """
    sums = Sums(["user", "client_ip"], {"n_ok": pl.UInt32(), "first_ok": TIME, "last_ok": TIME})
    hours = []
    columns = ("user", "account", "client_ip", "stage", "count", "protocol")
    server = pl.col("side").fill_null("server") == "server"
    for piece in pieces(slices, *columns, words=ACCEPTED, where=server, timeless=True):
        time = pl.col("time")
        ends = time.min().alias("first_ok"), time.max().alias("last_ok")
        sums.add(summed(piece, ["user", "client_ip"], pl.len().alias("n_ok"), *ends))
        hours.append(_hourly(piece, per_hour))
    logged = texts(sums.all())
    every = logged.group_by(account(pl.col("user")).alias("account"), "client_ip").agg(
        pl.col("user").min(), pl.col("n_ok").sum(), pl.col("first_ok").min(), pl.col("last_ok").max()
    )
    return every.sort("account", "client_ip"), pl.concat(hours)


def _hourly(piece: pl.DataFrame, per_hour: int) -> pl.DataFrame:
    """Return the hours of one piece with enough logins and about as many mails."""
    hour = pl.col("time").dt.truncate("1h").alias("hour")
    smtp = pl.col("protocol").fill_null("smtp") == "smtp"
    n = pl.col("count").fill_null(1).cast(pl.Int64)
    rows = piece.filter(smtp, n > 0, pl.col("time").is_not_null(), *(pl.col(c).is_not_null() for c in CLIENT))
    rows = rows.select(*CLIENT, "user", (pl.col("stage") == "auth").alias("login"), "time", hour, n.alias("n"))
    by = [*CLIENT, "hour"]
    # logins alone first: few hours have so many
    many = summed(rows.filter("login"), by, pl.col("n").sum()).filter(pl.col("n") >= per_hour)
    hours = rows.join(many.select(by), on=by, how="semi").group_by(by)
    sums = hours.agg(
        pl.col("user").cast(pl.String).min(),
        pl.col("n").filter("login").sum().alias("n_logins"),
        pl.col("n").filter(~pl.col("login")).sum().alias("n_mails"),
        pl.col("time").min().alias("start"),
        pl.col("time").max().alias("end"),
    )
    sums = sums.filter(
        pl.col("n_mails") <= ONE_EACH * pl.col("n_logins"), pl.col("n_logins") <= ONE_EACH * pl.col("n_mails")
    )
    return texts(sums.drop("hour"))
