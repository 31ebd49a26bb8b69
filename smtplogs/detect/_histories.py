"""Refused attempts with what lies around them: the logins of account and client before and after, piece by piece."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from smtplogs.detect._attempts import ordered
from smtplogs.detect._ledger import SPRAYED, address_book, attempts

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import timedelta

    from smtplogs.detect._ledger import Ledger

OUTAGE_BIN = "10m"
ORDER = ("time", "source_id", "line_no", "client_id")
LOGIN = pl.when("ok").then("time")


@dataclass(frozen=True)
class History:
    """Refused attempts with a name, in order of account and time; and how many accounts logged in, by ten minutes.

    `rows`: ``time, user`` (the login as first logged with a success, else as first logged), ``account_id,
    client_ip, ip_id, client_id, n, cause, bad, source, source_id, line_no``, and ``run`` (logins of the account so far:
    a run of refusals has one number), ``last_any, next_any`` (login of the account before and after), ``next_any_ip``,
    ``n_ok`` (logins of this client so far), ``last_ok, next_ok`` (its login before and after), ``trusted`` (an
    established client at that time), ``heals`` (logs in again soon). ``bin`` of ten minutes and ``let_in`` (the account
    logged in within it). `active`: ``bin, n_let_in`` (accounts).
    """

    rows: pl.DataFrame
    active: pl.DataFrame


def histories(
    ledger: Ledger,
    *,
    trusted_successes: int,
    trusted_last: timedelta,
    recover: timedelta,
    beside: Sequence[Callable[[pl.DataFrame], None]] = (),
) -> History:
    """Follow the accounts that were refused through the log; `beside` are shown each piece of it as well.

    Left out: failures of sprayers on names that never logged in and were never said to be locked; they are told by
    address.
    """
    parts, names, active = _gathered(ledger, trusted_successes, trusted_last, beside)
    if not parts:
        return History(pl.DataFrame(), pl.DataFrame())
    owner = pl.concat(names).group_by("account_id", maintain_order=True)
    owner = owner.agg(
        pl.coalesce(pl.col("good").drop_nulls().first(), pl.col("first").drop_nulls().first()).alias("user")
    )
    rows = pl.concat(parts).drop("user", "pair_last", "any_last")
    # the parts would stay beside the whole
    parts.clear()
    rows = rows.join(owner, on="account_id", how="left")
    heals = (pl.col("next_ok") - pl.col("time") <= recover).fill_null(False).alias("heals")
    return History(rows.with_columns(heals).sort("account_id", *ORDER), pl.concat(active))


def _gathered(
    ledger: Ledger,
    trusted_successes: int,
    trusted_last: timedelta,
    beside: Sequence[Callable[[pl.DataFrame], None]],
) -> tuple[list[pl.DataFrame], list[pl.DataFrame], list[pl.DataFrame]]:
    """Return, part by part: the refused attempts, the names of accounts, how many accounts logged in by ten minutes."""
    spraying = pl.col("ip_id").is_in(sprayers(address_book(ledger)).implode()).fill_null(False)
    accounts = _of_interest(ledger, spraying)
    pair = ["account_id", "ip_id"]
    last = ledger.logins.group_by(pair).agg(pl.col("last_ok").max().alias("pair_last"))
    any_last = last.group_by("account_id").agg(pl.col("pair_last").max().alias("any_last"))
    established = (pl.col("n_ok") >= trusted_successes) & (pl.col("time") - pl.col("last_ok") <= trusted_last)
    before: dict[str, pl.DataFrame] = {}
    done, waiting, active, names = [], [], [], []
    for piece in attempts(ledger, "user", "source", "line_no", numbered=True):
        for follow in beside:
            follow(piece)
        named = piece.filter(pl.col("account_id").is_not_null())
        mine = named.join(accounts, on="account_id", maintain_order="left")
        mine = ordered(mine, "account_id", ORDER[:3], "ok", "client_id")
        names.append(_first_names(mine))
        rows = _around(mine.filter((~pl.col("ok")).any().over("account_id")), before)
        rows = rows.filter(~pl.col("ok"), pl.col("worked") | pl.col("said") | ~spraying)
        trusted = (established & pl.col("client_id").is_not_null()).fill_null(False)
        logins = named.filter("ok")
        tick = pl.col("time").dt.truncate(OUTAGE_BIN).alias("bin")
        at_work = logins.select("account_id", tick).unique().with_columns(let_in=pl.lit(value=True))
        active.append(at_work.group_by("bin").agg(pl.len().alias("n_let_in")))
        rows = (
            rows.with_columns(trusted.alias("trusted"), tick)
            .join(last, on=pair, how="left", nulls_equal=True)
            .join(any_last, on="account_id", how="left")
            .join(at_work, on=["account_id", "bin"], how="left")
        )
        waiting = [_followed(frame, logins) for frame in waiting]
        waiting.append(rows.drop("worked", "said", "ok", "client"))
        kept = pl.concat(waiting)
        open_ended = (pl.col("next_any").is_null() & (pl.col("any_last") > pl.col("time"))) | (
            pl.col("next_ok").is_null() & (pl.col("pair_last") > pl.col("time"))
        )
        open_ended = open_ended.fill_null(False)
        done.append(kept.filter(~open_ended))
        waiting = [kept.filter(open_ended)]
        before = _after(before, logins.join(accounts.filter("worked"), on="account_id", how="semi"))
    return [*done, *waiting], names, active


def sprayers(book: pl.DataFrame) -> pl.Series:
    """Return the addresses that never logged in and failed on several accounts."""
    return book.filter("stranger", pl.col("names_failed") >= SPRAYED)["ip_id"]


def _of_interest(ledger: Ledger, spraying: pl.Expr) -> pl.DataFrame:
    """Return the accounts that were refused and may be told as accounts: ``account_id, worked, said``."""
    # not within the groups: there the list of sprayers would be repeated for each
    refused = ledger.refused.filter(pl.col("account_id").is_not_null()).with_columns(spraying.alias("spraying"))
    worked = ledger.logins.select("account_id").unique().with_columns(worked=pl.lit(value=True))
    return (
        refused.group_by("account_id")
        .agg(pl.col("said").any(), (~pl.col("spraying")).any().alias("by_others"))
        .join(worked, on="account_id", how="left")
        .with_columns(pl.col("worked").fill_null(value=False))
        .filter(pl.col("worked") | pl.col("said") | pl.col("by_others"))
        .select("account_id", "worked", "said")
    )


def _first_names(rows: pl.DataFrame) -> pl.DataFrame:
    user = pl.col("user")
    return rows.group_by("account_id", maintain_order=True).agg(
        user.filter("ok").first().alias("good"), user.first().alias("first")
    )


def _around(rows: pl.DataFrame, before: dict[str, pl.DataFrame]) -> pl.DataFrame:
    """Add what was before in the pieces so far, and what is before and after within this one."""
    account, client = "account_id", ["account_id", "client_id"]
    rows = rows.with_columns(
        pl.col("ok").cast(pl.Int64).cum_sum().over(account).alias("run"),
        LOGIN.forward_fill().over(account).alias("last_any"),
        LOGIN.backward_fill().over(account).alias("next_any"),
        pl.when("ok").then("ip_id").backward_fill().over(account).alias("next_any_ip"),
        pl.when("ok").then("n").otherwise(0).cum_sum().over(client).alias("n_ok"),
        LOGIN.forward_fill().over(client).alias("last_ok"),
        LOGIN.backward_fill().over(client).alias("next_ok"),
    )
    if not before:
        return rows
    return (
        rows.join(before["account"], on=account, how="left", maintain_order="left")
        .join(before["client"], on=client, how="left", nulls_equal=True, maintain_order="left")
        .with_columns(
            pl.col("run") + pl.col("so_far").fill_null(0),
            pl.coalesce("last_any", "any_before").alias("last_any"),
            pl.col("n_ok") + pl.col("ok_so_far").fill_null(0),
            pl.coalesce("last_ok", "ok_before").alias("last_ok"),
        )
        .drop("so_far", "any_before", "ok_so_far", "ok_before")
    )


def _after(before: dict[str, pl.DataFrame], logins: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """Return what the next piece has to know: logins so far and the last of them, of accounts and of clients."""
    account, client = ["account_id"], ["account_id", "client_id"]
    time = pl.col("time").max()
    new = {
        "account": logins.group_by(account).agg(pl.len().cast(pl.Int64).alias("so_far"), time.alias("any_before")),
        "client": logins.group_by(client).agg(pl.col("n").sum().alias("ok_so_far"), time.alias("ok_before")),
    }
    if not before:
        return new
    return {
        "account": pl.concat([before["account"], new["account"]])
        .group_by(account)
        .agg(pl.col("so_far").sum(), pl.col("any_before").max()),
        "client": pl.concat([before["client"], new["client"]])
        .group_by(client)
        .agg(pl.col("ok_so_far").sum(), pl.col("ok_before").max()),
    }


def _followed(rows: pl.DataFrame, logins: pl.DataFrame) -> pl.DataFrame:
    """Add to attempts of earlier pieces the first login of this one, where none had followed."""
    logins = logins.sort(*ORDER)
    first = logins.unique("account_id", keep="first").select(
        "account_id", pl.col("time").alias("any_after"), pl.col("ip_id").alias("after_ip")
    )
    own = logins.group_by("account_id", "client_id").agg(pl.col("time").min().alias("ok_after"))
    none = pl.col("next_any").is_null()
    return (
        rows.join(first, on="account_id", how="left")
        .join(own, on=["account_id", "client_id"], how="left", nulls_equal=True)
        .with_columns(
            pl.when(none).then("after_ip").otherwise("next_any_ip").alias("next_any_ip"),
            pl.coalesce("next_any", "any_after").alias("next_any"),
            pl.coalesce("next_ok", "ok_after").alias("next_ok"),
        )
        .drop("any_after", "after_ip", "ok_after")
    )
