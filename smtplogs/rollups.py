"""Events added up: by cause, and by session."""

from __future__ import annotations

import polars as pl

from smtplogs.schema import door, need


@door
def summary(events: pl.DataFrame) -> pl.DataFrame:
    """Add up events by what happened.

    Parameters
    ----------
    events
        The event table.

    Returns
    -------
    DataFrame
        A row per (side, protocol, stage, outcome, cause), most frequent first: `n` (attempts; `count` added up),
        `n_users`, `n_client_ips` (distinct, null not counted), `first`, `last` (UTC), `detail` (commonest words of
        the software). Context rows (outcome info) are left out.

    Raises
    ------
    MissingColumns
        If the frame is no event table.
    """
    need(events, "side", "protocol", "stage", "outcome", "cause", "count", "user", "client_ip", "time", "detail")
    by = ["side", "protocol", "stage", "outcome", "cause"]
    rows = events.filter(pl.col("outcome") != "info")
    return (
        rows.group_by(by)
        .agg(
            pl.col("count").cast(pl.UInt64).sum().alias("n"),
            pl.col("user").drop_nulls().n_unique().alias("n_users"),
            pl.col("client_ip").drop_nulls().n_unique().alias("n_client_ips"),
            pl.col("time").min().alias("first"),
            pl.col("time").max().alias("last"),
            pl.col("detail").drop_nulls().mode().sort().first().alias("detail"),
        )
        .sort("n", *by, descending=[True, *[False] * len(by)], nulls_last=True)
    )


@door
def sessions(events: pl.DataFrame) -> pl.DataFrame:
    """Add up events by SMTP session.

    A client that tries three mechanisms in one connection makes three failures and one session: detectors and people
    look at both.

    Parameters
    ----------
    events
        The event table.

    Returns
    -------
    DataFrame
        A row per `session`, in order of time: `start`, `end` (first and last event, UTC), `host`, `service`, `side`,
        `client_ip`, `client_name`, `helo`, `tls`, `users` (list), `mechanisms` (list), `n_attempts`, `n_success`,
        `n_failure`, `n_not_judged` (deferred, aborted, refused, throttled), `n_mails`, `causes` (list), and `result`:
        success if any login succeeded, else the outcome of the last attempt, null without one. Events without a
        session are left out.

    Raises
    ------
    MissingColumns
        If the frame is no event table.
    """
    need(events, "session", "time", "stage", "outcome", "cause", "count", "user", "mechanism", "tls")
    auth = pl.col("stage") == "auth"
    good, bad = auth & (pl.col("outcome") == "success"), auth & (pl.col("outcome") == "failure")
    n = pl.col("count").cast(pl.UInt64)

    def first(column: str) -> pl.Expr:
        return pl.col(column).drop_nulls().first().alias(column)

    def distinct(column: str, name: str) -> pl.Expr:
        return pl.col(column).drop_nulls().unique(maintain_order=True).cast(pl.String).alias(name)

    return (
        events.filter(pl.col("session").is_not_null())
        .sort("time", "source", "line_no", nulls_last=True, maintain_order=True)
        .group_by("session", maintain_order=True)
        .agg(
            pl.col("time").min().alias("start"),
            pl.col("time").max().alias("end"),
            *(first(c) for c in ("host", "service", "side", "client_ip", "client_name", "helo", "tls")),
            distinct("user", "users"),
            distinct("mechanism", "mechanisms"),
            n.filter(auth).sum().alias("n_attempts"),
            n.filter(good).sum().alias("n_success"),
            n.filter(bad).sum().alias("n_failure"),
            n.filter(auth & ~good & ~bad).sum().alias("n_not_judged"),
            n.filter((pl.col("stage") == "mail") & (pl.col("outcome") == "success")).sum().alias("n_mails"),
            pl.col("cause").filter(pl.col("outcome") != "success").drop_nulls().unique(maintain_order=True)
            .cast(pl.String).alias("causes"),
            pl.when(good.any()).then(pl.lit("success")).otherwise(pl.col("outcome").cast(pl.String).filter(auth).last())
            .cast(events.schema["outcome"]).alias("result"),
        )
        .sort("start", "session", nulls_last=True)
    )  # fmt: skip
