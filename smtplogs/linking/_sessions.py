"""Which records are of one session: by connection id, session id, process, port, or (Exim's bare main log) by who it was."""

from __future__ import annotations

import datetime as dt

import polars as pl

from smtplogs.schema import RECORDS

IDLE = dt.timedelta(minutes=5)
"""After so long without a line it is another session of Exim (smtp_receive_timeout); its pids come back soon."""

REUSED = dt.timedelta(minutes=5)
"""Sessions that are told only by who it was end then: nobody keeps a connection for longer (Postfix as a client:
smtp_connection_reuse_time_limit), and who sends a mail every minute logs in every minute."""

LONG_IDLE = dt.timedelta(hours=1)
"""The same for Sendmail and OpenSMTPD, which are silent while a mail comes in; their ids do not come back so soon."""

LENT = ("client_ip", "client_name", "server_ip", "server_port", "relay_host", "tls", "cipher")
"""What one line of a session tells for the later ones."""


def place() -> pl.Expr:
    """The host, or the folder of a log that names none."""
    folder = pl.col("source").str.replace(r"[^/\\]*$", "")
    return pl.coalesce("host", folder)


def with_sessions(rows: pl.DataFrame) -> pl.DataFrame:
    """Add `_sid` (number of the session), `_sure` (by an id, not by who it was) and `session`.

    Takes and returns rows in order of time. Exim's client side goes by message: `session` stays null there.
    """
    client = pl.col("side") == "client"
    port = pl.col("client_port").is_not_null() & pl.col("client_ip").is_not_null()
    process = pl.concat_str(pl.lit("pid "), pl.col("pid"), pl.lit(" "), pl.col("side").cast(pl.String))
    text = [pl.col(c).cast(pl.String).fill_null("") for c in ("client_ip", "helo", "authenticator")]
    exim = pl.col("format") == "exim"
    by_message = exim & client
    who = (
        pl.when(by_message).then(pl.concat_str(pl.lit("mail "), pl.col("queue_id").fill_null("")))
        .when(pl.col("session").is_not_null()).then(pl.concat_str(pl.lit("id "), "session"))
        .when(pl.col("pid").is_not_null() & ~(exim & port)).then(process)
        .when(port).then(pl.concat_str(pl.lit("port "), "client_ip", pl.lit(":"), pl.col("client_port").cast(pl.String)))
        .otherwise(pl.concat_str(text, separator="\n"))
    )  # fmt: skip
    sure = by_message | pl.col("session").is_not_null() | pl.col("pid").is_not_null() | port
    rows = rows.with_columns(_who=pl.concat_str(place().fill_null(""), who, separator="\t"), _sure=sure)
    spine = rows.select(
        "time",
        idx=pl.int_range(pl.len(), dtype=pl.UInt32),
        exim=exim,
        guessed=exim & ~sure,
        code=pl.col("_who").cast(pl.Categorical).to_physical().cast(pl.UInt64),
    ).sort("code", "idx")
    gap = (pl.col("time") - pl.col("time").shift()) > pl.when("exim").then(IDLE).otherwise(LONG_IDLE)
    start = (pl.col("code") != pl.col("code").shift()).fill_null(value=True) | gap.fill_null(value=False)
    spine = spine.with_columns(start=start, began=pl.when(start).then("time")).with_columns(
        pl.col("began").forward_fill()
    )
    # at marks of the clock, so that a slice of a log parts them as the whole does
    mark = pl.col("time").dt.truncate(REUSED)
    later = pl.col("guessed") & (mark != mark.shift()) & (pl.col("time") - pl.col("began") > REUSED)
    later = later.fill_null(value=False)
    spine = spine.with_columns(start=pl.col("start") | later)
    spine = spine.with_columns(sid=pl.col("start").cum_sum().cast(pl.UInt32))
    began = spine.filter("start")["time"].dt.to_string("%Y-%m-%dT%H:%M:%SZ").fill_null("")
    sid = spine.sort("idx")["sid"].alias("_sid")
    rows = rows.drop("_who").with_columns(sid, began.gather(sid - 1).alias("_began"))
    return _named(rows, by_message)


def _named(rows: pl.DataFrame, by_message: pl.Expr) -> pl.DataFrame:
    """Name sessions that have no token: `host/program/pid@begin`, or `program/address:port@begin`."""
    name = [pl.format("{}/", "host").fill_null(""), pl.format("{}/", "program").fill_null("")]
    process = pl.col("pid").cast(pl.String)
    peer = pl.concat_str(pl.col("client_ip").fill_null("local"), pl.format(":{}", "client_port").fill_null(""))
    told = pl.concat_str(*name, pl.coalesce(process, peer))
    made = pl.when(~by_message).then(pl.concat_str(told, pl.lit("@"), "_began"))
    return rows.with_columns(session=pl.coalesce("session", made)).drop("_began")


def lent(rows: pl.DataFrame) -> pl.DataFrame:
    """Give each row what earlier lines of its session told; a mail of a logged-in client also the login."""
    login = pl.when((pl.col("stage") == "auth") & (pl.col("outcome") == "success"))
    proof = {c: login.then(c) for c in ("user", "mechanism")}
    mail = pl.col("stage") == "mail"
    return rows.with_columns(
        *(pl.coalesce(c, pl.col(c).forward_fill().over("_sid")).cast(RECORDS[c].dtype).alias(c) for c in LENT),
        *(
            pl.when(mail & (pl.col("side") == "server"))
            .then(pl.coalesce(c, expr.forward_fill().over("_sid")))
            .otherwise(c)
            .alias(c)
            for c, expr in proof.items()
        ),
    )
