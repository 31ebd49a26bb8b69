"""Exposure: logins in plain text, with weak mechanisms, old TLS or on port 25; secrets that stand in the log."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from smtplogs._addresses import is_private
from smtplogs._engine import by_size
from smtplogs._parameters import at_least_one
from smtplogs.detect._exposure_stories import TRENDS, others_row, passwords_row, secret_row, weak_row
from smtplogs.detect._findings import as_findings, lines
from smtplogs.detect._signs import narrow, plain_port
from smtplogs.detect._slices import lazy_door
from smtplogs.schema import TIME, Column, need

if TYPE_CHECKING:
    from datetime import datetime

COLUMNS: dict[str, Column] = {
    "first": Column(TIME, "first seen", "UTC"),
    "last": Column(TIME, "last seen", "UTC"),
    "n_logins": Column(pl.UInt32, "logins of this kind", "logins"),
    "login_share": Column(pl.Float64, "share of all logins of that user, 0-1"),
    "trend": Column(pl.Enum(TRENDS), "second half of the log against the first: less than half, more than twice"),
    "sources": Column(pl.List(pl.String), "addresses, most logins first, 10 at most"),
    "n_sources": Column(pl.UInt32, "how many addresses", "addresses"),
    "variants": Column(pl.List(pl.String), "mechanisms, TLS versions or kinds of secret that it is about"),
    "n_users": Column(pl.UInt32, "password_login, and the row of the rest: accounts", "accounts"),
    "users": Column(pl.List(pl.String), "some of them"),
}
"""What ``exposure`` tells beside the common columns."""

OLD_TLS = ("SSLv2", "SSLv3", "TLSv1", "TLSv1.1")
"""RFC 8996 forbids TLS 1.0 and 1.1; Microsoft 365 cut them off."""

WEAK = r"^(?:CRAM-MD5|DIGEST-MD5|NTLM)$"
"""RFC 6331 (DIGEST-MD5), RFC 6151 (MD5 as a keyed hash); NTLM passes on hashes."""

OAUTH = r"^(?:XOAUTH2|OAUTHBEARER)$"
TYPED = r"^(?:PLAIN|LOGIN|CRAM-MD5|DIGEST-MD5|NTLM|SCRAM-.*)$"
MOST_NAMES = 10


@lazy_door
def exposure(events: pl.LazyFrame, *, users: int = 50) -> pl.DataFrame:
    """Take stock of weak logins that succeed, and of secrets in the log.

    An inventory, not an alarm. Kinds: ``plain_text_login`` (no TLS, proven), ``old_tls_login`` (before TLS 1.2),
    ``weak_mechanism`` (CRAM-MD5, DIGEST-MD5, NTLM), ``port_25_login``, ``password_login`` (a domain that knows OAuth
    tokens still takes passwords), ``secret_in_log``.

    Parameters
    ----------
    events
        Events as ``read`` or ``load`` give them. Needs `time, stage, outcome, user, client_ip`; uses `count, side,
        protocol, mechanism, tls, service, program, server_port, redacted, source, line_no`.
    users
        Accounts of each kind that get a row of their own, most logins first; the rest share one row [accounts].

    Returns
    -------
    DataFrame
        The common columns and those of ``COLUMNS``: a finding per kind and account; per domain; per file and kind of
        secret. Its `evidence` names the lines that hold a secret, never the secret: also lines that tell of no attempt
        (debug lines, a response without its command, lines not understood), which are `info` rows of format ``leak``.

        Severity: *info*; *warning* for plain text from an address that is not private, and for secrets in a log.

    Raises
    ------
    MissingColumns
        If the events lack a column that is needed.
    ValueError
        If `users` is below 1.

    Notes
    -----
    RFC 8314 asks for TLS on every submission. Known false positive: TLS that ends at a proxy in front of the server.
    `tls` is ``none`` only where the log proves it, so a log without TLS lines shows no plain-text logins. What was
    typed as user name and looks like a password is reported as *info*: guessing bots send such names too.
    """
    at_least_one(users=users)
    need(events, "time", "stage", "outcome", "user", "client_ip")
    rows = _weak_logins(events)
    middle, end = _halves(events)
    own = _own_rows(rows, _logins_by_user(events), middle, users)
    return as_findings([*own, *_passwords(events), *_secrets(events, end)], "exposure", COLUMNS)


def _logins(events: pl.LazyFrame, *columns: str) -> pl.LazyFrame:
    return narrow(events, *columns, words={"stage": ["auth"], "outcome": ["success"]})


def _logins_by_user(events: pl.LazyFrame) -> pl.DataFrame:
    """Count the logins of each account."""
    return (
        _logins(events, "account", "n")
        .group_by("account")
        .agg(pl.col("n").sum().alias("n_all"))
        .collect(engine=by_size())
    )


def _weak_logins(events: pl.LazyFrame) -> pl.DataFrame:
    """Return the weak logins: a row for each of the kinds that one belongs to."""
    columns = ("account", "user", "client_ip", "n", "time", "source", "line_no")
    rows = _logins(events, *columns, "mechanism", "tls", "service", "program", "server_port")
    found = {
        "plain_text_login": (pl.col("tls") == "none", "mechanism"),
        "old_tls_login": (pl.col("tls").is_in(OLD_TLS), "tls"),
        "weak_mechanism": (pl.col("mechanism").str.contains(WEAK), "mechanism"),
        "port_25_login": (plain_port(), "tls"),
    }
    parts = [
        rows.filter(rule).select(pl.lit(kind).alias("kind"), *columns, pl.col(seen).alias("seen"))
        for kind, (rule, seen) in found.items()
    ]
    return pl.concat(pl.collect_all(parts, engine=by_size()))


def _halves(events: pl.LazyFrame) -> tuple[datetime | None, datetime | None]:
    """Return the middle and the end of the log."""
    span = events.select(pl.col("time").min(), pl.col("time").max().alias("end"))
    start, end = span.collect(engine=by_size()).row(0)
    return (start + (end - start) / 2, end) if start else (None, None)


def _own_rows(rows: pl.DataFrame, totals: pl.DataFrame, middle: datetime | None, users: int) -> list[dict[str, Any]]:
    """Return a row a kind and account, and one for the accounts beyond the first `users`."""
    by = ["kind", "account"]
    sources = (
        rows.group_by(*by, "client_ip")
        .agg(pl.col("n").sum())
        .sort(*by, "n", "client_ip", descending=[False, False, True, False], nulls_last=True)
        .group_by(by, maintain_order=True)
        .agg(
            pl.col("client_ip").head(MOST_NAMES).alias("sources"),
            pl.len().alias("n_sources"),
            (~is_private(pl.col("client_ip"))).any().alias("public"),
        )
    )
    late = pl.col("n").filter(pl.col("time") > middle).sum() if middle else pl.lit(0)
    early = pl.col("n").sum() - late
    trend = pl.when(late * 2 < early).then(pl.lit("falling")).when(late > early * 2).then(pl.lit("rising"))
    found = (
        rows.group_by(by)
        .agg(
            pl.col("user").drop_nulls().min(),
            pl.col("n").sum(),
            pl.col("time").min().alias("first"),
            pl.col("time").max().alias("last"),
            pl.col("seen").drop_nulls().unique().sort().alias("variants"),
            trend.otherwise(pl.lit("steady")).alias("trend"),
        )
        .join(sources, on=by, nulls_equal=True)
        .join(totals, on="account", how="left", nulls_equal=True)
        .sort("kind", "n", "account", descending=[False, True, False], nulls_last=True)
        .with_columns(pl.int_range(pl.len()).over("kind").alias("place"))
        .with_row_index("story")
    )
    few = found.filter(pl.col("place") < users)
    told = rows.join(few.select(*by, "story"), on=by, nulls_equal=True)
    evidence = lines(told, "story")
    own = [weak_row(story) | {"evidence": evidence.get(story["story"], [])} for story in few.iter_rows(named=True)]
    rest = found.filter(pl.col("place") >= users).with_columns(pl.col("kind").rank("dense").alias("rest"))
    left = lines(rows.join(rest.select(*by, pl.col("rest").alias("story")), on=by, nulls_equal=True), "story")
    groups = rest.group_by("rest", maintain_order=True).agg(
        pl.col("kind").first(),
        pl.col("n").sum(),
        pl.col("first").min(),
        pl.col("last").max(),
        pl.col("user").drop_nulls().head(MOST_NAMES).alias("users"),
        pl.len().alias("n_users"),
        pl.col("public").any(),
    )
    own += [others_row(group) | {"evidence": left.get(group["rest"], [])} for group in groups.iter_rows(named=True)]
    return own


def _passwords(events: pl.LazyFrame) -> list[dict[str, Any]]:
    """Return a row for each domain in which tokens and passwords both log in."""
    mechanism = pl.col("mechanism")
    rows = _logins(events, "account", "user", "n", "time", "mechanism", "source", "line_no").with_columns(
        pl.col("account").str.extract(r"@([^@]+)$", 1).alias("domain"),
        mechanism.str.contains(OAUTH).alias("token"),
        mechanism.str.contains(TYPED).alias("password"),
    )
    rows = rows.filter(pl.col("domain").is_not_null())
    both = (
        rows.group_by("domain")
        .agg(pl.col("token", "password").any(), pl.col("n").sum().alias("n_all"))
        .collect(engine=by_size())
    )
    both = both.filter("token", "password").sort("domain").with_row_index("story")
    if both.is_empty():
        return []
    mine = (
        rows.filter("password")
        .join(both.lazy().select("domain", "story", "n_all"), on="domain")
        .collect(engine=by_size())
    )
    found = mine.group_by("story").agg(
        pl.col("domain", "n_all").first(),
        pl.col("n").sum(),
        pl.col("time").min().alias("first"),
        pl.col("time").max().alias("last"),
        pl.col("user").unique().sort().head(MOST_NAMES).alias("users"),
        pl.col("account").n_unique().alias("n_users"),
        pl.col("mechanism").unique().sort().alias("variants"),
    )
    evidence = lines(mine, "story")
    told = found.sort("story").iter_rows(named=True)
    return [passwords_row(story) | {"evidence": evidence.get(story["story"], [])} for story in told]


def _secrets(events: pl.LazyFrame, end: datetime | None) -> list[dict[str, Any]]:
    """Return a row for each file and kind of secret that was cut out of its lines."""
    if not {"redacted", "source", "line_no"} <= set(events.collect_schema()):
        return []
    rows = events.filter(pl.col("redacted").is_not_null()).select("source", "redacted", "time", "line_no")
    mine = rows.unique().collect(engine=by_size()).sort("source", "redacted", "line_no")
    found = (
        mine.group_by("source", "redacted", maintain_order=True)
        .agg(pl.len().alias("n"), pl.col("time").min().alias("first"), pl.col("time").max().alias("last"))
        .with_row_index("story")
    )
    # a line without a time is evidence all the same
    evidence = lines(mine.join(found.select("source", "redacted", "story"), on=["source", "redacted"]), "story")
    told = found.iter_rows(named=True)
    return [secret_row(story, end) | {"evidence": evidence.get(story["story"], [])} for story in told]
