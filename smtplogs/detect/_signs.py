"""Signs of wrong settings: which event speaks of which mistake, and which clients are tied to us."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from smtplogs._addresses import is_private, neighbourhood, networks_of
from smtplogs._engine import by_size
from smtplogs._written import only
from smtplogs.detect._attempts import account
from smtplogs.detect._slices import compact, pieces, stretches, texts
from smtplogs.detect._sums import Sums, summed
from smtplogs.schema import lacking

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from smtplogs.detect._slices import Slices

NAME_KINDS = ("local_part_only", "blank_or_break", "wrong_kind", "password_not_allowed")
"""Mistakes of an account's settings: told by account, wherever it is used from; the others by address."""

SUBMISSION = r"^(?:submission|smtps)"
WRAPPER = r"^(?:submissions|smtps)"

SHAPES = (
    ("SendGrid", r"^apikey$"),
    ("Amazon SES", r"^akia[a-z0-9]{16}$"),
    ("SparkPost", r"^smtp_injection$"),
    ("Mailgun", r"^postmaster@(?:mg|mail|email|sandbox[0-9a-f]*)\."),
    ("Postmark", r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"),
    ("Mailjet", r"^[0-9a-f]{32}$"),
    ("Brevo", r"@smtp-brevo\.com$"),
    ("Resend", r"^resend$"),
)
"""Relay -> form of the user names it gives out, in lower case. Not re-checked against the providers' pages."""

_CERTIFICATE = (
    "(?i)unknown ca|certificate unknown|bad certificate|certificate expired|unsupported certificate"
    "|certificate has expired|self-signed certificate|self signed certificate"
)
_NO_HELLO = "wrong version number|An unexpected TLS packet was received"
"""OpenSSL's and GnuTLS's words where the first bytes are no TLS: plain text on port 465, which Exim's lines do not name."""

_BREAK = r"^[\s'\"`\x{200b}\x{feff}]|[\s'\"`?\x{200b}\x{feff}]$|#0[01][0-9]|\\[rnt]$|[\x00-\x1f\x7f]"
"""Blank, line break, quote or invisible sign at an end of a name; rsyslog writes #012, Postfix ? for control signs."""

_NO_PASSWORDS = (
    "oauth_required", "auth_disabled_by_policy", "app_password_required", "account_action_required", "access_policy_denied",
)  # fmt: skip
DOMAIN = r"@([^@]+)$"

PART = 4_000_000
"""Events that are brought together by address in one go; a table on disk is read once for each."""

USED = (
    "user", "cause", "count", "side", "protocol", "service", "program", "server_port", "mechanism", "tls", "session",
    "detail", "helo", "source", "line_no", "host",
)  # fmt: skip


def narrow(
    events: pl.LazyFrame,
    *columns: str,
    words: Mapping[str, Sequence[str]] | None = None,
    where: pl.Expr | None = None,
) -> pl.LazyFrame:
    """Return rows of our SMTP server about a known address, at a known time; columns that are missing are null.

    `words` that must stand in some columns are asked first, and cost little; `where` is asked of event columns, before
    accounts are brought to their normal form.
    """
    if words:
        events = only(events, words) if words.keys() <= set(events.collect_schema()) else events.clear()
    return (
        events.with_columns(lacking(events, USED))
        .filter(
            pl.col("side").fill_null("server") == "server",
            pl.col("protocol").fill_null("smtp") == "smtp",
            pl.col("client_ip").is_not_null(),
            pl.col("time").is_not_null(),
            *([] if where is None else [where]),
        )
        .with_columns(pl.col("count").fill_null(1).cast(pl.Int64).alias("n"), account(pl.col("user")).alias("account"))
        .filter(pl.col("n") > 0)
        .select(*columns)
    )


def in_parts(events: pl.LazyFrame) -> list[pl.Expr]:
    """Return conditions that part the addresses so that each part has some millions of events, to be held in memory."""
    n = 1 + events.select(pl.len()).collect(engine=by_size()).item() // PART
    return [pl.col("client_ip").hash(0) % n == k for k in range(n)]


def plain_port() -> pl.Expr:
    """True for rows of the port on which servers receive mail: no service name, or port 25."""
    # of OpenSMTPD, whose tag is plain `smtpd`, the log tells no port
    unnamed = pl.col("service").is_null() & pl.col("program").str.ends_with("/smtpd")
    return (unnamed & pl.col("server_port").is_null() | (pl.col("server_port") == 25)).fill_null(False)


def submission_port() -> pl.Expr:
    """True for rows of a port on which clients are expected to log in."""
    return (pl.col("service").str.contains(SUBMISSION) | pl.col("server_port").is_in([465, 587])).fill_null(False)


def shape_of(name: pl.Expr) -> pl.Expr:
    """Return the relay whose user names look like this; null for any other name."""
    lower = name.str.to_lowercase()
    return pl.coalesce([pl.when(lower.str.contains(form)).then(pl.lit(relay)) for relay, form in SHAPES])


def _kind(foreign: pl.Expr) -> pl.Expr:
    """Return the mistake that a row speaks of; the first that fits."""
    stage, outcome, cause, text = (pl.col(c) for c in ("stage", "outcome", "cause", "detail"))
    failed = outcome == "failure"
    auth, refused, ended = stage == "auth", outcome == "refused", (stage == "session") & (outcome == "info")
    wrapper = (pl.col("service").str.contains(WRAPPER) | (pl.col("server_port") == 465)).fill_null(False)
    bare = (pl.col("tls") == "none") & text.str.contains("ehlo=") & ~text.str.contains("auth=|starttls=|mail=")
    silent = wrapper & pl.col("tls").is_null() & text.str.contains(r"^timeout; (?:.* )?commands=0/0")
    hello = ~wrapper & text.str.contains("unknown=0/", literal=True) & ~text.str.contains("[eh][eh]lo=")
    portless = pl.col("service").is_null() & pl.col("server_port").is_null() & ~plain_port()
    web = text.str.contains("(?i)http").fill_null(False)
    shown = ~pl.col("user").str.starts_with("[redacted:")
    no_rights = cause.is_in(["relay_denied", "auth_required"])
    rules = (
        ("tls_mode", (stage == "tls") & (cause == "wrong_host_or_port") & ~web),
        ("tls_mode", (stage == "tls") & portless & text.str.contains(_NO_HELLO)),
        ("tls_mode", ended & submission_port() & (silent | hello)),
        ("old_tls", cause == "tls_too_old"),
        ("cert_not_trusted", (stage == "tls") & text.str.contains(_CERTIFICATE)),
        ("helo", cause == "helo_rejected"),
        ("mechanism", cause.is_in(["mechanism_unsupported", "mechanism_too_weak"])),
        ("port_25", plain_port() & auth & refused),
        ("port_25", plain_port() & refused & no_rights),
        ("port_25", (stage != "tls") & (cause == "wrong_host_or_port")),
        ("no_tls", cause.is_in(["tls_required", "auth_not_offered"])),
        ("no_tls", ended & submission_port() & bare),
        ("blank_or_break", auth & ~outcome.is_in(["success", "info"]) & shown & pl.col("user").str.contains(_BREAK)),
        ("blank_or_break", text.str.contains("(?i)control characters|contains? invalid char")),
        ("bad_base64", cause == "malformed_response"),
        ("password_not_allowed", cause.is_in(_NO_PASSWORDS)),
        (
            "wrong_kind",
            (cause == "wrong_credential_kind") | (auth & failed & shape_of(pl.col("account")).is_not_null()),
        ),
        ("local_part_only", auth & failed & shown & ~pl.col("account").str.contains("@", literal=True)),
        ("local_part_only", auth & failed & (cause == "unknown_user") & pl.col("account").is_not_null()),
        ("local_part_only", auth & failed & shown & foreign),
        ("no_login", (submission_port() | (portless & (stage == "rcpt"))) & refused & no_rights),
    )
    return pl.coalesce([pl.when(rule).then(pl.lit(kind)) for kind, rule in rules])


def _foreign(logins: pl.DataFrame) -> pl.Expr:
    """True for names in a domain in which nobody logs in, tried from an address from which somebody does."""
    domains = logins.select(pl.col("account").cast(pl.String).str.extract(DOMAIN)).drop_nulls().unique().to_series()
    known = logins["client_ip"].drop_nulls().cast(pl.String).unique()
    domain = pl.col("user").cast(pl.String).str.to_lowercase().str.strip_chars().str.extract(DOMAIN)
    here = pl.col("client_ip").cast(pl.String).is_in(known.implode())
    return (here & domain.is_not_null() & ~domain.is_in(domains.implode())).fill_null(value=False)


def _worth_a_look(foreign: pl.Expr) -> pl.Expr:
    """Leave out, at little cost, most of what shows no mistake: wrong passwords of usual names, ends of usual sessions."""
    usual = pl.col("cause").is_in(["bad_credentials", "unknown"]) & pl.col("user").str.contains(
        r"^[A-Za-z0-9_][A-Za-z0-9._+-]*@[A-Za-z0-9.-]*[A-Za-z0-9]$"
    )
    shape = pl.col("user").str.contains("(?i)^postmaster@(?:mg|mail|email|sandbox)|smtp-brevo")
    wrong_password = (pl.col("outcome") == "failure") & usual & ~shape & ~foreign
    # every session with a login ends with such a line
    logged_in = (pl.col("outcome") == "info") & pl.col("detail").str.contains("auth=", literal=True)
    return ~(wrong_password | logged_in).fill_null(False)


def find_signs(slices: Slices, logins: pl.DataFrame) -> pl.DataFrame:
    """Return the rows that speak of a mistake, a narrow frame in order of time. `logins`: as ``logins_of`` gives them.

    ``kind, time, client_ip, user, account, session, n, service, mechanism, helo, cause, detail, host, weak, source,
    line_no``. `weak`: a session that looked for AUTH and left; a monitoring probe looks the same.
    """
    columns = (
        "kind", "time", "client_ip", "user", "account", "session", "n", "service", "mechanism", "helo", "cause",
        "detail", "host", "weak", "source", "line_no",
    )  # fmt: skip
    told = {"outcome": ["refused", "aborted", "failure", "info", "deferred"]}
    parts = []
    foreign = _foreign(logins)
    look = _worth_a_look(foreign) if {"cause", "user", "detail"} <= slices.present else None
    for events in stretches(slices, told, look):
        rows = narrow(
            events, "stage", "outcome", "time", "client_ip", "account", "n", *USED, where=_worth_a_look(foreign)
        )
        kinds = rows.with_columns(_kind(foreign).alias("kind"), (pl.col("outcome") == "info").alias("weak"))
        port = pl.when(plain_port()).then(pl.lit("port 25")).otherwise("service").alias("service")
        found = kinds.filter(pl.col("kind").is_not_null()).with_columns(port).select(columns)
        parts.append(compact(found.collect(engine=by_size())))
    return pl.concat(parts).sort("time", "source", "line_no", "kind", nulls_last=True)


def acquaintances(slices: Slices, signs: pl.DataFrame, logins: pl.DataFrame, networks: Sequence[str]) -> pl.DataFrame:
    """Return what ties each address with a sign to us.

    ``client_ip, n_ok`` (logins from there), ``first_ok, last_ok, near`` (a neighbour logs in), ``own`` (private, or in
    `networks`), ``n_names`` (accounts that failed there). `logins`: as ``logins_of`` gives them.
    """
    here = signs.select("client_ip").unique()
    book = (
        logins.drop_nulls("client_ip")
        .group_by("client_ip")
        .agg(pl.col("n_ok").sum(), pl.col("first_ok").min(), pl.col("last_ok").max())
    )
    near = book.select(neighbourhood(pl.col("client_ip")).alias("net")).unique()
    words = {"stage": ["auth", "mail"], "outcome": ["failure"]}
    where = (pl.col("side").fill_null("server") == "server") & pl.col("client_ip").is_in(here["client_ip"].implode())
    pairs = Sums(["client_ip", "account"], {"n_bad": pl.UInt32()})
    for piece in pieces(slices, "client_ip", "account", words=words, where=where, timeless=True):
        pairs.add(summed(piece, ["client_ip", "account"], pl.len().alias("n_bad")))
    names = pl.col("account").drop_nulls().n_unique().alias("n_names")
    failed = texts(pairs.all().group_by("client_ip").agg(names))
    book = here.join(failed, on="client_ip", how="left").join(book, on="client_ip", how="left")
    known = book.with_columns(pl.col("n_ok", "n_names").fill_null(0), neighbourhood(pl.col("client_ip")).alias("net"))
    own = networks_of(known["client_ip"], networks).is_not_null() if networks else pl.lit(False)
    return known.with_columns(
        pl.col("net").is_in(near["net"].drop_nulls().implode()).fill_null(False).alias("near"),
        (is_private(pl.col("client_ip")) | own).alias("own"),
    ).drop("net")


def meant(signs: pl.DataFrame, logins: pl.DataFrame, known: pl.DataFrame) -> pl.DataFrame:
    r"""Keep the incomplete names that stand for an account which logs in, and say which (`meant`); the rest stays.

    ``ann`` or ``OFFICE\\ann`` for ``ann@example.com``; another domain only if the right name is used from that address.
    An address that nothing ties to us may try one such name too: only its rhythm can tell. A name that itself logs in is
    none.
    """
    in_use = pl.col("account").is_in(logins["account"].unique().implode()).fill_null(value=False)
    incomplete = signs.filter((pl.col("kind") == "local_part_only") & ~in_use)
    rest = signs.filter(pl.col("kind") != "local_part_only").with_columns(pl.lit(None, pl.String).alias("meant"))
    local = pl.col("account").str.replace(r"^.*\\", "").str.replace(r"@.*$", "")
    full = logins.filter(pl.col("account").str.contains("@", literal=True)).with_columns(local.alias("local"))
    here = full.group_by("local", "client_ip").agg(pl.col("user").min().alias("meant_here"))
    anywhere = full.group_by("local").agg(pl.col("user").min().alias("meant_there"), pl.col("account").n_unique())
    anywhere = anywhere.filter(pl.col("account") == 1).drop("account")
    domain = pl.col("account").str.contains("@", literal=True)
    found = (
        incomplete.with_columns(local.alias("local"))
        .join(here, on=["local", "client_ip"], how="left", maintain_order="left")
        .join(anywhere, on="local", how="left", maintain_order="left")
        .join(
            known.select("client_ip", "n_ok", "near", "own", "n_names"),
            on="client_ip",
            how="left",
            maintain_order="left",
        )
        .with_columns(((pl.col("n_ok") > 0) | pl.col("near") | pl.col("own")).alias("tied"))
        .with_columns(
            pl.coalesce(
                "meant_here",
                pl.when(pl.when("tied").then(~domain).otherwise(pl.col("n_names") == 1)).then("meant_there"),
            ).alias("meant")
        )
        .filter(pl.col("meant").is_not_null(), pl.col("meant").str.to_lowercase() != pl.col("account"))
    )
    return pl.concat([rest, found.select(rest.columns)]).sort("time", "source", "line_no", "kind", nulls_last=True)
