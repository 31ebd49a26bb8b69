"""A lost answer from Dovecot: a broken backend, or the delay it lays on an address that failed before.

Sources: Dovecot src/auth/auth-penalty.c; Postfix xsasl_dovecot_server.c; measured in the project's loopback lab.
"""

from __future__ import annotations

import polars as pl

from smtplogs._coded import coded
from smtplogs._columns import without
from smtplogs.overview import LOST_ANSWER
from smtplogs.schema import RECORDS

PENALTY_WITHIN = "30s"
"""Dovecot's penalty delay (4, 8, 15 s) remembers failures of an address for about this long."""

PENALTY_BEFORE = "40s"
"""The same before the line of a lost answer, which Postfix writes 10 s after the AUTH command."""

PENALTY_LASTS = "70s"
"""The penalty sinks by one step for every 29 s without a failure; from the highest, the fourth, it stays above the 10 s
that Postfix waits for 58 s. Postfix's line of the lost answer follows 10 s later."""

BROKEN_WITHIN = "2m"
"""An error of the backend explains lost answers up to this far from it, unless somebody is judged between the two."""

ALIVE_WITHIN = "5m"
"""A success of anybody within this time shows that the backend was alive."""

_CAUSE, _OUTCOME, _BASIS = (RECORDS[c].dtype for c in ("cause", "outcome", "basis"))

_SERVER = (pl.col("side") == "server") & pl.col("time").is_not_null()
_AT_AUTH = _SERVER & (pl.col("stage") == "auth")
_GOOD, _JUDGED = pl.col("outcome") == "success", pl.col("outcome") == "failure"


def penalties(events: pl.DataFrame) -> pl.DataFrame:
    """A lost answer from Dovecot: a broken backend, or the delay it lays on an address that failed before.

    Takes events in order of time.

    Backend: an error of it stands within two minutes. Penalty: two or more failed or lost attempts of that address
    before, none more than 30 s before the next AUTH command, one of them judged in the last minute, while somebody
    succeeds within 5 minutes.
    """
    lost = (events["cause"] == "unknown") & events["detail"].str.starts_with(LOST_ANSWER)
    if not lost.any():
        return events
    is_lost = pl.lit(lost.fill_null(value=False))
    row = pl.int_range(pl.len(), dtype=pl.UInt32)
    at = _rows(events.with_columns(_event=row), _SERVER & is_lost, "_event", "client_ip")
    at = _beside_backend(at, events, is_lost)
    at = _answered(at, events)
    at = _after_attempts(at, events)
    return _decided(events, _verdicts(at))


def _beside_backend(at: pl.DataFrame, events: pl.DataFrame, is_lost: pl.Expr) -> pl.DataFrame:
    """Add `_broken` and `_alive`: the nearest error of the backend, and the nearest login of anybody."""
    # Dovecot complains of an asker that left, which is what Postfix does when a penalty takes too long
    left = pl.col("detail").str.contains("pending requests", literal=True).fill_null(value=False)
    of_nobody = (pl.col("protocol") == "smtp") & pl.col("user").is_null() & ~left
    broken = pl.col("cause").is_in(["backend_unavailable", "server_config_error"]) & _SERVER & ~is_lost
    broken = _rows(_rows(events, broken, "protocol", "user", "detail"), of_nobody)
    alive = _rows(events, _SERVER & _GOOD)
    for marks, name, within in ((broken, "_broken", BROKEN_WITHIN), (alive, "_alive", ALIVE_WITHIN)):
        at = at.join_asof(
            marks.select("time", "host", pl.col("time").alias(name)),
            on="time", by="host", strategy="nearest", tolerance=within, check_sortedness=False,
        )  # fmt: skip
    return at


def _answered(at: pl.DataFrame, events: pl.DataFrame) -> pl.DataFrame:
    """Add `_answered`: the first verdict on anybody since the error, or else since the lost answer."""
    answers = _rows(events, _AT_AUTH & (_JUDGED | _GOOD))
    return (
        at.with_columns(_then=pl.col("time"), time=pl.min_horizontal("time", "_broken"))
        .sort("time", maintain_order=True)
        .join_asof(
            answers.select("time", "host", _answered=pl.col("time")),
            on="time", by="host", strategy="forward", check_sortedness=False,
        )
        .with_columns(time="_then")
        .drop("_then")
        .sort("time", maintain_order=True)
    )  # fmt: skip


def _after_attempts(at: pl.DataFrame, events: pl.DataFrame) -> pl.DataFrame:
    """Add `_in_a_row` and `_judged`: attempts of the address without a pause before, and the last that was judged."""
    tried = _rows(events, _AT_AUTH & (_JUDGED | (pl.col("cause") == "unknown")), "client_ip", "count", "outcome")
    tried = tried.join(at.select("client_ip").unique(), on="client_ip", how="semi", maintain_order="left")
    return at.join_asof(
        _in_a_row(tried), on="time", by="client_ip", strategy="backward", tolerance=PENALTY_BEFORE,
        allow_exact_matches=False, check_sortedness=False,
    ).join_asof(
        tried.filter(_JUDGED).select("client_ip", "time", _judged=pl.col("time")),
        on="time", by="client_ip", strategy="backward", tolerance=PENALTY_LASTS, check_sortedness=False,
    )  # fmt: skip


def _verdicts(at: pl.DataFrame) -> pl.DataFrame:
    """Return the cause of each lost answer that has one: `_event` (row number), `_verdict`."""
    # somebody judged between the error and the lost answer, or soon after: one bad account or socket, no outage
    answered = pl.col("_answered") <= pl.max_horizontal("time", "_broken").dt.offset_by(PENALTY_WITHIN)
    return at.select(
        "_event",
        _verdict=pl.when(pl.col("_broken").is_not_null() & ~answered.fill_null(value=False))
        .then(pl.lit("backend_unavailable"))
        .when((pl.col("_in_a_row") >= 2) & pl.col("_judged").is_not_null() & pl.col("_alive").is_not_null())
        .then(pl.lit("throttled_auth")),
    ).drop_nulls()


def _decided(events: pl.DataFrame, verdicts: pl.DataFrame) -> pl.DataFrame:
    """Put the verdicts into the events they are about."""
    if verdicts.is_empty():
        return events
    cause = pl.repeat(None, events.height, dtype=pl.String, eager=True)
    cause = cause.scatter(verdicts["_event"].sort(), verdicts.sort("_event")["_verdict"])
    throttled = pl.lit(cause == "throttled_auth").fill_null(value=False)
    return events.with_columns(
        cause=pl.coalesce(pl.lit(cause).cast(_CAUSE), "cause"),
        outcome=pl.when(throttled).then(pl.lit("throttled", _OUTCOME)).otherwise("outcome"),
        basis=pl.when(pl.lit(cause.is_not_null())).then(pl.lit("context", _BASIS)).otherwise("basis"),
    )


def _rows(events: pl.DataFrame, which: pl.Expr, *columns: str) -> pl.DataFrame:
    """Return time, host and some columns of the rows for which something holds."""
    rows = events.select("time", "host", *columns, _which=which).filter("_which")
    return without(rows, ("_which",)).with_columns(pl.col("host").fill_null(""))


def _in_a_row(tried: pl.DataFrame) -> pl.DataFrame:
    """Count, for each address and moment, its attempts up to then that follow each other within `PENALTY_BEFORE`."""
    who, time, n = pl.col("_who"), pl.col("time"), pl.col("count").cast(pl.Int64)
    by_address = tried.with_columns(_who=coded(tried["client_ip"]).codes).sort("_who", maintain_order=True)
    first = who.ne_missing(who.shift()) | (time > time.shift().dt.offset_by(PENALTY_BEFORE))
    before = pl.when(first.fill_null(value=True)).then(n.cum_sum() - n).forward_fill()
    return by_address.select("client_ip", "time", _in_a_row=n.cum_sum() - before)
