"""Events made by hand: a row a tuple, in the columns that a detector reads."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl

from smtplogs.schema import EVENTS, as_table

NINE = datetime(2026, 2, 3, 9, 0, tzinfo=UTC)


def events(rows: list[tuple[Any, ...]], **constant: Any) -> pl.DataFrame:
    """Return events of ``(seconds after nine, user, client_ip, outcome, more ...)``; `more` is a dict of columns."""
    made = []
    for number, (seconds, user, ip, outcome, *more) in enumerate(rows, 1):
        cause = {"success": "success", "failure": "bad_credentials", "throttled": "throttled_auth"}.get(
            outcome, "unknown"
        )
        row = {
            "time": NINE + timedelta(seconds=seconds), "user": user, "client_ip": ip, "outcome": outcome, "cause": cause,
            "stage": "auth", "side": "server", "protocol": "smtp", "count": 1, "source": "mail.log", "line_no": number,
        }  # fmt: skip
        made.append(row | constant | (more[0] if more else {}))
    columns = list(dict.fromkeys(key for row in made for key in row))
    return as_table(pl.DataFrame({c: [row.get(c) for row in made] for c in columns}, strict=False), EVENTS)
