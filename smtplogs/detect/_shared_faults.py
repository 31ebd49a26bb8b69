"""Faults that many clients show at once: a certificate, a mechanism that is gone, passwords switched off for a domain."""

from __future__ import annotations

from datetime import timedelta

import polars as pl

from smtplogs._engine import by_size
from smtplogs.detect._logins import ACCEPTED
from smtplogs.detect._signs import narrow
from smtplogs.schema import TIME

MANY_CLIENTS = 5
WITHIN = timedelta(days=1)
"""So many known clients whose first complaint lies within this time speak of the certificate, not of the clients."""

FEW_CLIENTS, COMPLAINTS, LASTING = 2, 10, timedelta(hours=1)
"""Behind one address of an office there may be all clients there are: two addresses are enough if nobody at all gets in
between their first complaint and their last, an hour at least, and at least so many complained and as many had got in during
as much time before. Own choice."""

STEADY = 3
"""Of a mechanism that was never offered a new client asks now and then: so many times as many within a day as on the day
before tell that it is gone, once a day of logins is known (as incidents are told by a rise to three times the usual)."""

ALERT = r"(unknown ca|certificate unknown|bad certificate|expired|unsupported certificate|self.signed)"
"""What the clients say: one fault of the server makes them all say the same."""

FAILING_ACCOUNTS = 5
FAILURES = 10
OAUTH_LOGINS = 3
"""Password logins of a domain fail from one moment on: so many accounts and failures, while so many tokens work."""

OAUTH = r"^(?:XOAUTH2|OAUTHBEARER)$"


def find_certificate_faults(
    signs: pl.DataFrame, known: pl.DataFrame, events: pl.LazyFrame
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the servers whose certificate many clients began to refuse at once, a row each, and the lines (`story`)."""
    alert = pl.col("detail").str.to_lowercase().str.extract(ALERT, 1)
    rows = signs.filter(pl.col("kind") == "cert_not_trusted").with_columns(alert.alias("alert"))
    if rows.is_empty():
        return rows, rows
    rows = rows.join(
        known.filter(pl.col("n_ok") > 0).select("client_ip", pl.col("first_ok")), on="client_ip", maintain_order="left"
    )
    firsts = (
        rows.group_by("host", "alert", "client_ip")
        .agg(pl.col("time").min(), pl.col("first_ok").first())
        # who complained before it ever logged in never trusted it
        .filter(pl.col("first_ok") < pl.col("time"))
        .sort("host", "alert", "time", "client_ip")
    )
    firsts = firsts.with_columns(
        pl.col("time").shift(-(MANY_CLIENTS - 1)).over("host", "alert").alias("fifth"),
    )
    onset = (
        firsts.filter(pl.col("fifth") - pl.col("time") <= WITHIN)
        .group_by("host", "alert", maintain_order=True)
        .agg(pl.col("time").min().alias("onset"))
    )
    onset = pl.concat([onset, _with_nobody_else(firsts, rows, onset, events)]).with_row_index("story")
    mine = rows.join(onset, on=["host", "alert"], nulls_equal=True, maintain_order="left").filter(
        pl.col("time") >= pl.col("onset")
    )
    told = mine.group_by("story", maintain_order=True).agg(
        pl.col("host").first(),
        pl.col("time").min().alias("start"),
        pl.col("time").max().alias("end"),
        pl.col("n").sum(),
        pl.col("client_ip").unique().sort().alias("sources"),
        pl.col("detail").mode(maintain_order=True).first(),
    )
    return told, mine


def _with_nobody_else(
    firsts: pl.DataFrame, rows: pl.DataFrame, told: pl.DataFrame, events: pl.LazyFrame
) -> pl.DataFrame:
    """Return ``host, alert, onset`` of complaints of a few known clients during which nobody else got in."""
    by = ["host", "alert"]
    few = firsts.join(told, on=by, how="anti", nulls_equal=True)
    mine = rows.join(few.select(*by, "client_ip"), on=[*by, "client_ip"], nulls_equal=True)
    spans = mine.group_by(by, maintain_order=True).agg(
        pl.col("client_ip").n_unique(),
        pl.col("time").min().alias("onset"),
        pl.col("time").max().alias("last"),
        pl.len(),
    )
    spans = spans.filter(
        pl.col("client_ip") >= FEW_CLIENTS, pl.col("len") >= COMPLAINTS, pl.col("last") - pl.col("onset") >= LASTING
    )
    found = []
    for span in spans.iter_rows(named=True):
        here = narrow(events, "time", "host", words=ACCEPTED, where=pl.col("host").eq_missing(pl.lit(span["host"])))
        long = span["last"] - span["onset"]
        near = here.filter(pl.col("time") >= span["onset"] - long, pl.col("time") <= span["last"])
        before = pl.col("time") < span["onset"]
        was, got_in = (
            near.select(before.sum().alias("was"), (~before).sum().alias("in")).collect(engine=by_size()).row(0)
        )
        if got_in == 0 and was >= COMPLAINTS:
            found.append({c: span[c] for c in (*by, "onset")})
    return pl.DataFrame(found, schema=told.schema)


def find_lost_mechanisms(signs: pl.DataFrame, known: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the mechanisms that many clients began to miss at once, a row each, and the lines (`story`)."""
    by = ["host", "mechanism"]
    rows = signs.filter(pl.col("kind") == "mechanism", pl.col("mechanism").is_not_null())
    if rows.is_empty():
        return rows, rows
    ours = known.filter(pl.col("n_ok") > 0).select("client_ip", "first_ok")
    log_start = ours["first_ok"].min()
    rows = rows.join(ours, on="client_ip", maintain_order="left")
    firsts = rows.group_by(*by, "client_ip").agg(pl.col("time").min(), pl.col("first_ok").first())
    firsts = firsts.filter(pl.col("first_ok") < pl.col("time")).sort(*by, "time", "client_ip")
    fifth = pl.col("time").shift(-(MANY_CLIENTS - 1)).over(by)
    times = firsts.group_by(by).agg(pl.col("time").alias("times"))
    starts = firsts.filter(fifth - pl.col("time") <= WITHIN, pl.col("time") - pl.lit(log_start, TIME) >= WITHIN)
    around = starts.join(times, on=by, nulls_equal=True).explode("times")
    apart = pl.col("times") - pl.col("time")
    onset = (
        around.group_by(*by, "time", "client_ip", maintain_order=True)
        .agg(
            apart.is_between(pl.duration(), WITHIN).sum().alias("n_after"),
            ((apart < pl.duration()) & (apart >= -WITHIN)).sum().alias("n_before"),
        )
        .filter(pl.col("n_after") >= STEADY * pl.col("n_before"))
        .group_by(by, maintain_order=True)
        .agg(pl.col("time").min().alias("onset"))
        .with_row_index("story")
    )
    mine = rows.join(onset, on=by, nulls_equal=True, maintain_order="left").filter(pl.col("time") >= pl.col("onset"))
    told = mine.group_by("story", maintain_order=True).agg(
        pl.col("host", "mechanism").first(),
        pl.col("time").min().alias("start"),
        pl.col("time").max().alias("end"),
        pl.col("n").sum(),
        pl.col("client_ip").unique().sort().alias("sources"),
    )
    return told, mine


def find_passwords_switched_off(events: pl.LazyFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the domains whose password logins fail from one moment on while tokens work, and the lines (`story`)."""
    domain = pl.col("account").str.extract(r"@([^@]+)$", 1)
    good = {"stage": ["auth"], "outcome": ["success"]}
    by_token = pl.col("mechanism").str.contains(OAUTH).fill_null(False)
    tokens = narrow(events, "account", words=good, where=by_token).select(domain.alias("domain"))
    # few logs know tokens at all: without them no domain is looked at
    known = tokens.group_by("domain").len().filter(pl.col("len") >= OAUTH_LOGINS).collect(engine=by_size())
    columns = ("time", "client_ip", "account", "n", "stage", "outcome", "mechanism", "source", "line_no")
    judged = {"stage": ["auth"], "outcome": ["success", "failure"]}
    if known["domain"].null_count() == known.height:
        return known.clear(), known
    rows = (
        narrow(events, *columns, words=judged)
        .with_columns(
            domain.alias("domain"),
            by_token.alias("token"),
            (pl.col("outcome") == "success").alias("ok"),
        )
        .filter(pl.col("domain").is_in(known["domain"].drop_nulls().implode()))
    )
    password = ~pl.col("token") & pl.col("ok")
    last = (
        rows.group_by("domain")
        .agg(
            pl.col("time").filter(password).max().alias("last_ok"),
            (pl.col("token") & pl.col("ok")).sum().alias("n_token"),
        )
        .filter(pl.col("last_ok").is_not_null(), pl.col("n_token") >= OAUTH_LOGINS)
        .sort("domain")
        .with_row_index("story")
        .collect(engine=by_size())
    )
    if last.is_empty():
        return last.with_columns(start="last_ok", end="last_ok").clear(), pl.DataFrame()
    worked = rows.filter(password).select("account").unique()
    after = rows.join(last.lazy(), on="domain").filter(pl.col("time") > pl.col("last_ok")).collect(engine=by_size())
    failed = after.filter(~pl.col("token")).join(
        worked.collect(engine=by_size()), on="account", how="semi", maintain_order="left"
    )
    tokens = after.filter("token", "ok").group_by("story").agg(pl.len().alias("n_tokens_after"))
    told = (
        failed.group_by("story")
        .agg(
            pl.col("domain", "last_ok").first(),
            pl.col("time").min().alias("start"),
            pl.col("time").max().alias("end"),
            pl.col("n").sum(),
            pl.col("account").n_unique().alias("n_accounts"),
            pl.col("account").unique().sort().head(10).alias("names"),
        )
        .join(tokens, on="story")
        .filter(
            pl.col("n_accounts") >= FAILING_ACCOUNTS,
            pl.col("n") >= FAILURES,
            pl.col("n_tokens_after") >= OAUTH_LOGINS,
        )
        .sort("story")
    )
    return told, failed.join(told.select("story"), on="story", how="semi")
