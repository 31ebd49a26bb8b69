"""Accounts that somebody shut by hand: refused as disabled although they used to log in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from smtplogs.detect._findings import lines
from smtplogs.detect._sentences import counted, listed, moment, name, times

if TYPE_CHECKING:
    from collections.abc import Mapping


def disabled_accounts(tries: pl.DataFrame) -> list[dict[str, Any]]:
    """Return a finding for each stretch in which an account that logged in before was refused as disabled.

    Names that never logged in are passed over: attackers try old names, and those are disabled for good.
    """
    shut = tries.filter("bad", pl.col("cause") == "account_disabled", pl.col("account_id").is_not_null())
    if shut.is_empty():
        return []
    rows = tries.join(shut.select("account_id").unique(), on="account_id", how="semi").sort(
        "account_id", "time", "source_id", "line_no"
    )
    login = pl.when("ok").then("time")
    rows = rows.with_columns(
        login.forward_fill().over("account_id").alias("last_ok"),
        login.backward_fill().over("account_id").alias("next_ok"),
        pl.col("ok").cast(pl.UInt32).cum_sum().over("account_id").alias("run"),
        pl.col("user").filter("ok").first().over("account_id").alias("owner"),
    )
    rows = rows.filter("bad", pl.col("cause") == "account_disabled", pl.col("last_ok").is_not_null())
    group = ["account_id", "run"]
    rows = rows.with_columns(pl.struct(group).rank("dense").alias("lock"))
    found = rows.group_by("lock", maintain_order=True).agg(
        pl.col("owner", "last_ok", "next_ok").first(),
        pl.col("time").min().alias("start"),
        pl.col("time").max().alias("last"),
        pl.col("n").sum(),
        pl.col("client_ip").drop_nulls().unique(maintain_order=True).alias("clients"),
    )
    evidence = lines(rows, "lock")
    return [_row(lock) | {"evidence": evidence.get(lock["lock"], [])} for lock in found.iter_rows(named=True)]


def _row(lock: Mapping[str, Any]) -> dict[str, Any]:
    user, end = name(lock["owner"]), lock["next_ok"]
    until = f"until it worked again at {moment(end)}" if end else "and was not seen to work again"
    return {
        "kind": "lockout",
        "severity": "warning",
        "subject_kind": "user",
        "subject": lock["owner"],
        "user": lock["owner"],
        "client_ip": lock["clients"][0] if lock["clients"] else None,
        "start": lock["start"],
        "end": end,
        "n_events": lock["n"],
        "title": f"{user} was shut by an administrator: refused as disabled {times(lock['n'])} from {moment(lock['start'])}, {until}.",
        "cause": "account_disabled",
        "advice": f"Ask who shut {user} and why; stop its clients at {listed(lock['clients'])} if it is to stay shut.",
        "confidence": "high",
        "because": [
            "The server says that the account is disabled, which no number of failures causes.",
            f"It had logged in until {moment(lock['last_ok'])}; {counted(len(lock['clients']), 'address', 'addresses')} went on trying.",
        ],
        "refuted_by": "A lock that this directory words as disabled.",
        "onset_after": lock["last_ok"],
        "onset_before": lock["start"],
        "end_after": lock["last"],
        "end_before": end,
        "recovered_at": end,
        "trigger_kind": "administrator",
        "trusted_refused": lock["clients"],
    }
