"""Small literal event tables, as the tests of detectors write them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl

from smtplogs.schema import EVENTS, FINDINGS, as_table, dtypes, empty

NINE = datetime(2026, 2, 3, 9, 0, tzinfo=UTC)
ANN, BOB = "ann@example.com", "bob@example.com"
HOME, APP, STRANGER = "192.0.2.5", "198.51.100.23", "203.0.113.9"

CAUSES = {"success": "success", "failure": "bad_credentials", "deferred": "backend_unavailable"}


def events(*rows: dict[str, Any]) -> pl.DataFrame:
    """Return events; `at` is in minutes after nine, what a row does not say is a usual attempt at AUTH."""
    filled = []
    for i, row in enumerate(rows, 1):
        outcome = row.get("outcome", "success")
        usual = {
            "time": NINE + timedelta(minutes=row["at"]),
            "stage": "auth",
            "outcome": outcome,
            "cause": CAUSES.get(outcome, "unknown"),
            "basis": "line",
            "count": 1,
            "side": "server",
            "protocol": "smtp",
            "service": "submission",
            "program": "postfix/submission/smtpd",
            "session": f"s{i}",
            "host": "mx",
            "source": "mail.log",
            "line_no": i,
        }
        filled.append(usual | {k: v for k, v in row.items() if k != "at"})
    return as_table(pl.DataFrame(filled, schema=dtypes(EVENTS), strict=False), EVENTS)


def table(*rows: dict[str, Any]) -> pl.DataFrame:
    """Return events with what each row says and nothing else; no rows make an empty table."""
    return as_table(pl.DataFrame(list(rows), infer_schema_length=None) if rows else empty(EVENTS), EVENTS)


def findings(*rows: dict[str, Any]) -> pl.DataFrame:
    """Return findings with what each row says: the common columns, then its own."""
    frame = pl.DataFrame(list(rows), infer_schema_length=None) if rows else empty(FINDINGS)
    own = frame.select(c for c in frame.columns if c not in FINDINGS)
    return pl.concat([as_table(frame, FINDINGS), own], how="horizontal") if own.width else as_table(frame, FINDINGS)


def tries(
    user: str | None, ip: str | None, minutes: list[float], outcome: str = "success", **more: Any
) -> list[dict[str, Any]]:
    """Return an attempt at each of these minutes."""
    return [{"at": m, "user": user, "client_ip": ip, "outcome": outcome, **more} for m in minutes]


def shuffled(frame: pl.DataFrame) -> pl.DataFrame:
    """Return the rows in another order."""
    return frame.sample(fraction=1, shuffle=True, seed=7)


def only(found: pl.DataFrame) -> dict[str, Any]:
    """Return the one finding."""
    assert found.height == 1, found["title"].to_list()
    return found.row(0, named=True)


def kinds(found: pl.DataFrame) -> list[str]:
    """Return the kinds of findings, sorted."""
    return sorted(found["kind"].cast(pl.String))
