"""Events made by hand: a row a tuple, in the columns that a detector reads."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import polars as pl

from smtplogs.schema import EVENTS, as_table

NINE = datetime(2026, 2, 3, 9, 0, tzinfo=UTC)
CAUSES = {"success": "success", "failure": "bad_credentials", "throttled": "throttled_auth"}


def events(rows: list[tuple[Any, ...]], **constant: Any) -> pl.DataFrame:
    """Return events of ``(seconds after nine, user, client_ip, outcome, more ...)``; `more` is a dict of columns."""
    n = len(rows)
    outcomes = [row[3] for row in rows]
    columns: dict[str, Any] = {
        "time": NINE + pl.Series([round(1e6 * row[0]) for row in rows], dtype=pl.Duration("us")),
        "user": [row[1] for row in rows],
        "client_ip": [row[2] for row in rows],
        "outcome": outcomes,
        "cause": [CAUSES.get(outcome, "unknown") for outcome in outcomes],
        "line_no": range(1, n + 1),
    }
    same = {"stage": "auth", "side": "server", "protocol": "smtp", "count": 1, "source": "mail.log"} | constant
    columns |= {name: [value] * n for name, value in same.items()}
    own = [row[4] if len(row) > 4 else {} for row in rows]
    for name in dict.fromkeys(name for more in own for name in more):
        before = columns.get(name, [None] * n)
        columns[name] = [more.get(name, value) for more, value in zip(own, before, strict=True)]
    return as_table(pl.DataFrame(columns, strict=False), EVENTS)
