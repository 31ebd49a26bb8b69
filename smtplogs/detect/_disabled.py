"""Accounts that somebody shut by hand: refused as disabled although they used to log in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from smtplogs.detect._findings import lines
from smtplogs.detect._sentences import counted, listed, moment, name, times

if TYPE_CHECKING:
    from collections.abc import Mapping


def disabled_accounts(history: pl.DataFrame) -> list[dict[str, Any]]:
    """Return a finding for each stretch in which an account that logged in before was refused as disabled.

    Names that never logged in are passed over: attackers try old names, and those are disabled for good. `history`:
    refused attempts with what lies around them.
    """
    shut = pl.col("cause") == "account_disabled"
    rows = history.filter("bad", shut, pl.col("last_any").is_not_null())
    if rows.is_empty():
        return []
    group = ["account_id", "run"]
    rows = rows.with_columns(pl.struct(group).rank("dense").alias("lock"))
    found = rows.group_by("lock", maintain_order=True).agg(
        pl.col("user", "last_any", "next_any").first(),
        pl.col("time").min().alias("start"),
        pl.col("time").max().alias("last"),
        pl.col("n").sum(),
        pl.col("client_ip").drop_nulls().unique(maintain_order=True).alias("clients"),
    )
    evidence = lines(rows, "lock")
    return [_row(lock) | {"evidence": evidence.get(lock["lock"], [])} for lock in found.iter_rows(named=True)]


def _row(lock: Mapping[str, Any]) -> dict[str, Any]:
    """Return the finding about an account that an administrator shut."""
    user, end = name(lock["user"]), lock["next_any"]
    until = f"until it worked again at {moment(end)}" if end else "and was not seen to work again"
    return {
        "kind": "lockout",
        "severity": "warning",
        "subject_kind": "user",
        "subject": lock["user"],
        "user": lock["user"],
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
            f"It had logged in until {moment(lock['last_any'])}; {counted(len(lock['clients']), 'address', 'addresses')} went on trying.",
        ],
        "refuted_by": "A lock that this directory words as disabled.",
        "onset_after": lock["last_any"],
        "onset_before": lock["start"],
        "end_after": lock["last"],
        "end_before": end,
        "recovered_at": end,
        "trigger_kind": "administrator",
        "trusted_refused": lock["clients"],
    }
