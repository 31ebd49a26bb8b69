"""Relay refusals: our own server is the client, and an upstream relay says no."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from smtplogs._engine import by_size
from smtplogs.detect._findings import as_findings, lines
from smtplogs.detect._relay_stories import STATES, not_assessable_row, refusal_row
from smtplogs.detect._rhythm import rhythm
from smtplogs.detect._slices import lazy_door
from smtplogs.replies import causes
from smtplogs.schema import EVENTS, TIME, TRAFFIC, Column, as_table, lacking, need

if TYPE_CHECKING:
    from smtplogs.schema import Frame

COLUMNS: dict[str, Column] = {
    "server": Column(pl.String, "our server that was refused"),
    "relay_state": Column(
        pl.Enum(STATES), "ongoing; recovered: a mail went out after the last refusal; unknown: cannot tell"
    ),
    "n_mails": Column(pl.UInt32, "mails (queue ids) that met the refusal", "mails"),
    "n_deferred": Column(pl.UInt32, "those put off at least once", "mails"),
    "n_bounced": Column(pl.UInt32, "those returned to the sender", "mails"),
    "n_suspended": Column(
        pl.UInt32, "deliveries that the queue manager put off meanwhile without asking any relay", "deliveries"
    ),
    "last_sent": Column(TIME, "last mail that this relay took before the first refusal, to the minute", "UTC"),
    "recovered_at": Column(TIME, "first mail that it took after the last refusal, to the minute", "UTC"),
    "n_sent_between": Column(pl.UInt32, "mails that it took between the first and the last refusal", "deliveries"),
    "reply": Column(pl.String, "the commonest reply, in the relay's words"),
    "reply_code": Column(pl.UInt16, "its code"),
    "enhanced_code": Column(pl.String, "its enhanced status code"),
    "meaning": Column(pl.String, "what the cause means"),
    "wants": Column(pl.String, "form of the user name that this relay gives out, if it is a known one"),
    "logins": Column(pl.List(pl.String), "user names that were refused, if the log tells"),
    "wrong_kind": Column(pl.Boolean, "the login has another form than this relay gives out; null: cannot tell"),
    "period_s": Column(pl.Float64, "time between two attempts, if they keep a rhythm", "s"),
}
"""What ``relay_refusals`` tells beside the common columns."""

BY = ["host", "relay_host", "cause"]


@lazy_door
def relay_refusals(events: pl.LazyFrame, *, traffic: Frame | None = None) -> pl.DataFrame:
    """Find upstream relays that refuse our server: since when, why, what waits.

    How many mails were put off or came back is reported too. A wrong secret for a relay is easily overlooked: Postfix
    turns the 535 into a temporary failure (``smtp_sasl_auth_soft_bounce``, on by default) and Exim defers too, so
    that mail waits for days before anybody hears of it. One finding per server, relay and cause.

    Parameters
    ----------
    events
        Events as ``read`` or ``load`` give them. Needs `time, outcome, cause, side`; uses `stage, count, host,
        relay_host, server_ip, queue_id, delivery, user, detail, reply_code, enhanced_code, source, line_no`.
    traffic
        The traffic table (``read(..., full=True)``): which relay took mail, minute by minute. Without it the last mail
        that went out and the recovery are not known.

    Returns
    -------
    DataFrame
        Findings of the kind ``relay_refusal``: the common columns and those of ``COLUMNS``. A row with status
        ``not_assessable`` is added if relays refused mail, and it cannot be told whether they take mail again.

        Severity: *serious* if the login, the rights, TLS or a policy is at fault, it was met three times or more, and
        no mail went out since; *warning* if it was, or at fewer attempts, or the relay could not be reached for an
        hour; *info* for other limits and faults that passed, and for single refusals of a mail (a receiving server,
        rather than a relay of ours, may have spoken).

    Raises
    ------
    MissingColumns
        If the events lack a column that is needed.

    Notes
    -----
    Postfix does not log the user name of its own login: `wrong_kind` is known only where another format does. Known
    false positives: a receiving server (MX) that refuses one mail with the words of a relay.
    """
    need(events, "time", "outcome", "cause", "side")
    rows = _refusals(events)
    if rows.is_empty():
        return as_findings([], "relay_refusals", COLUMNS)
    told = None if traffic is None else _traffic(traffic)
    found = _summed(rows)
    found = _with_deliveries(found, told if told is not None else as_table(pl.DataFrame(), TRAFFIC), events)
    found = found.join(_meanings(), on="cause", how="left", maintain_order="left")
    found = found.with_columns(pl.lit(told is not None).alias("assessable"))
    evidence = lines(rows.join(found.select(*BY, "story"), on=BY, nulls_equal=True), "story")
    findings = [
        refusal_row(story) | {"evidence": evidence.get(story["story"], [])} for story in found.iter_rows(named=True)
    ]
    if told is None:
        span = found.select(pl.col("start").min(), pl.col("end").max(), pl.col("n").sum()).row(0)
        findings.append(not_assessable_row(*span))
    return as_findings(findings, "relay_refusals", COLUMNS)


def _traffic(traffic: Frame) -> pl.DataFrame:
    frame = traffic.lazy().collect() if isinstance(traffic, pl.DataFrame | pl.LazyFrame) else pl.from_pandas(traffic)
    return as_table(frame, TRAFFIC)


def _refusals(events: pl.LazyFrame) -> pl.DataFrame:
    """Return the attempts at relays that were not accepted, with the columns used."""
    used = (
        "stage", "count", "host", "relay_host", "server_ip", "queue_id", "delivery", "user", "detail", "reply_code",
        "enhanced_code", "source", "line_no",
    )  # fmt: skip
    return (
        events.with_columns(lacking(events, used))
        .filter(
            pl.col("side") == "client",
            ~pl.col("outcome").is_in(["success", "info"]),
            pl.col("time").is_not_null(),
        )
        .with_columns(
            pl.coalesce("relay_host", "server_ip").alias("relay_host"),
            pl.col("count").fill_null(1).cast(pl.Int64).alias("n"),
            pl.col("cause").fill_null("unknown"),
        )
        .filter(pl.col("relay_host").is_not_null())
        .select("time", *dict.fromkeys([*used, "cause", "n"]))
        .collect()
        .sort("time", "source", "line_no", nulls_last=True)
    )


def _summed(rows: pl.DataFrame) -> pl.DataFrame:
    """Return a row a server, relay and cause."""
    queue = pl.col("queue_id")
    beat = rhythm(rows, BY)
    reply = (
        rows.drop_nulls("detail")
        .group_by(*BY, "detail")
        .agg(pl.len(), pl.col("reply_code", "enhanced_code").first(), pl.col("time").min())
    )
    reply = reply.sort("len", "time", "detail", descending=[True, False, False])
    reply = reply.unique(BY, keep="first", maintain_order=True).select(*BY, "detail", "reply_code", "enhanced_code")
    return (
        rows.group_by(BY, maintain_order=True)
        .agg(
            pl.col("time").min().alias("start"),
            pl.col("time").max().alias("end"),
            pl.col("n").sum(),
            queue.drop_nulls().n_unique().alias("n_mails"),
            queue.filter(pl.col("delivery") == "deferred").drop_nulls().n_unique().alias("n_deferred"),
            queue.filter(pl.col("delivery") == "bounced").drop_nulls().n_unique().alias("n_bounced"),
            pl.col("user").drop_nulls().unique().sort().alias("logins"),
            (pl.col("stage") == "auth").any().alias("at_login"),
        )
        .join(reply, on=BY, how="left", nulls_equal=True, maintain_order="left")
        .join(beat.select(*BY, "period_s", "regular"), on=BY, how="left", nulls_equal=True, maintain_order="left")
        .with_row_index("story")
    )


def _with_deliveries(found: pl.DataFrame, traffic: pl.DataFrame, events: pl.LazyFrame) -> pl.DataFrame:
    """Add what each relay took before, between and after, and what the queue manager put off by itself."""
    client = traffic.filter(pl.col("side") == "client")
    sent = client.filter(pl.col("n_sent") > 0).select("host", "relay_host", "time", "n_sent")
    logged = _logged_sent(events)
    sent = pl.concat([sent, logged], how="vertical_relaxed")
    keys = ["host", "relay_host"]
    pairs = found.select("story", *keys, "start", "end").join(sent, on=keys, nulls_equal=True)
    minute = pl.col("time")
    sums = pairs.group_by("story").agg(
        minute.filter(minute <= pl.col("start")).max().alias("last_sent"),
        minute.filter(minute > pl.col("end")).min().alias("recovered_at"),
        pl.col("n_sent").filter((minute > pl.col("start")) & (minute <= pl.col("end"))).sum().alias("n_sent_between"),
    )
    waiting = client.filter(pl.col("relay_host").is_null(), pl.col("n_deferred") > 0).select(
        "host", "time", "n_deferred"
    )
    waiting = found.select("story", "host", "start", "end").join(waiting, on="host", nulls_equal=True)
    inside = pl.col("time").is_between(pl.col("start").dt.truncate("1m"), "end")
    waiting = waiting.filter(inside).group_by("story").agg(pl.col("n_deferred").sum().alias("n_suspended"))
    return (
        found.join(sums, on="story", how="left", maintain_order="left")
        .join(waiting, on="story", how="left", maintain_order="left")
        .with_columns(pl.col("n_sent_between", "n_suspended").fill_null(0))
    )


def _logged_sent(events: pl.LazyFrame) -> pl.DataFrame:
    """Return the deliveries that stand in the event table itself, as other formats than Postfix write them."""
    wanted = {"host": pl.String, "relay_host": pl.String, "time": TIME, "n_sent": pl.UInt32}
    if not {"host", "relay_host", "delivery"} <= set(events.collect_schema()):
        return pl.DataFrame(schema=wanted)
    rows = events.filter(pl.col("side") == "client", (pl.col("delivery") == "sent") | (pl.col("outcome") == "success"))
    return rows.select("host", "relay_host", "time", pl.lit(1, pl.UInt32).alias("n_sent")).collect(engine=by_size())


def _meanings() -> pl.DataFrame:
    table: Any = causes()
    return table.select(pl.col("cause").cast(EVENTS["cause"].dtype), "family", "meaning", "fix", "first_check")
