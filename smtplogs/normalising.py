"""Captured text -> canonical values: addresses, ports, mechanisms, the words that mean `nothing`."""

from __future__ import annotations

import functools
import ipaddress
import operator
from typing import TYPE_CHECKING

import polars as pl

from smtplogs import translating
from smtplogs._coded import coded
from smtplogs._columns import without
from smtplogs.schema import RECORDS

if TYPE_CHECKING:
    from collections.abc import Sequence

STAGE_OF_STEP = {
    "CONNECT": "connect",
    "connection": "connect",
    "predata": "data",
    "HELO": "helo",
    "EHLO": "helo",
    "STARTTLS": "tls",
    "AUTH": "auth",
    "MAIL": "mail",
    "RCPT": "rcpt",
    "DATA": "data",
    "BDAT": "data",
    "DATA content": "data",
    "END-OF-MESSAGE": "data",
}
_PROTOCOL_OF_SERVICE = {"imap": "imap", "pop3": "pop3", "managesieve": "sieve", "sieve": "sieve"}
_STALE_USER = "^(?:Connection lost|Can't connect|Invalid base64|Invalid authentication mechanism)"
"""Reasons under which Postfix may print the name of an earlier attempt (smtpd_sasl_glue.c keeps the last one)."""

_NO_NAME = r"^[A-Z0-9+/]{12,}={0,2}$"
"""Longer than any mechanism without a hyphen: a secret given in its place (in base64), here already in capitals."""

_ENCRYPTED = {
    "TLS": "yes",
    "TSL": "yes",
    "SSL": "yes",
    "TLS handshaking": None,
    "secured": None,
    "starttls": "yes",
    "stls": "yes",
    "ssl": "yes",
    "tls": "yes",
    "on": "yes",
    "off": "none",
}


_OCTET = "(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"

_GROUP = "[1-9a-f][0-9a-f]{0,3}"
_CANONICAL = (
    rf"^(?:{_OCTET}(?:\.{_OCTET}){{3}}|{_GROUP}(?::{_GROUP}){{7}}"
    rf"|(?:{_GROUP}(?::{_GROUP}){{0,2}})?::(?:{_GROUP}(?::{_GROUP}){{0,2}})?)$"
)
"""Addresses that are canonical beyond doubt (RFC 5952): IPv4; IPv6 without a zero outside of a `::` for two or more."""

_ALWAYS = (
    "host", "pid", "service", "side", "stage", "outcome", "cause", "basis", "user", "client_ip", "mechanism", "detail",
    "queue_id", "session", "vendor_code", "raw",
)  # fmt: skip
"""Columns that later rooms count on, whatever patterns a batch met."""


_NAMED = "_named"
"""Column of mechanisms that the names of authenticators tell."""


@functools.lru_cache(maxsize=1 << 15)
def canonical_address(text: str) -> str | None:
    """Return the canonical text of an address, an IPv4-mapped one as IPv4; None for what is none."""
    try:
        address = ipaddress.ip_address(text.removeprefix("IPv6:").removeprefix("ipv6:").partition("%")[0])
    except ValueError:
        return None
    mapped = getattr(address, "ipv4_mapped", None)
    return str(mapped or address)


def canonical_addresses(values: pl.Series) -> pl.Series:
    """Return canonical texts; what is canonical at a glance passes untouched, the other distinct ones are read."""
    plain = values.str.contains(_CANONICAL)
    if plain.all():
        return values
    odd = values.filter(~plain).unique()
    return values.replace(odd, pl.Series([canonical_address(t) for t in odd], dtype=pl.String))


def split_keys(frame: pl.DataFrame) -> pl.DataFrame:
    """Take `key` (`host tag[pid]` or `host tag`) apart into host, program, pid and service, once per distinct key."""
    keys = coded(frame["key"])
    parts = keys.words.str.extract_groups(r"^(?P<host>[^ ]*) (?P<program>[^\[]*)(?:\[(?P<pid>[0-9]+)\])?$")
    parts = parts.struct.unnest().with_columns(_nothing("host", ""), service_of(pl.col("program")).alias("service"))
    return frame.drop("service", strict=False).hstack([keys.spread(part) for part in parts])


def with_keys(frame: pl.DataFrame, host_name: str | None = None) -> pl.DataFrame:
    """Add `key` to rows that were taken apart the general way, and a name to hosts that have none."""
    if host_name is not None:
        unnamed = pl.col("host") if "host" in frame.columns else pl.lit(None, pl.String)
        frame = frame.with_columns(unnamed.fill_null(host_name).alias("host"))
    host = pl.col("host").fill_null("") if "host" in frame.columns else pl.lit("")
    pid = pl.format("[{}]", "pid").fill_null("") if "pid" in frame.columns else pl.lit("")
    return frame.with_columns(key=pl.concat_str(host, pl.lit(" "), pl.col("program").fill_null(""), pid))


def service_of(program: pl.Expr) -> pl.Expr:
    """Return the middle of a Postfix tag (`postfix/submission/smtpd` -> `submission`); null where there is none."""
    return program.str.extract(r"^[^/]*/(.+)/[^/]*$")


def canonical(frame: pl.DataFrame) -> pl.DataFrame:
    """Return captured text as canonical values in the documented dtypes, whatever columns there are."""
    has = frame.columns
    for column in ("client_ip", "server_ip"):
        if column in has:
            known = frame[column]
            plain = canonical_addresses(known)
            frame = frame if plain is known else frame.with_columns(plain.alias(column))
    if "authenticator" in has:
        names = coded(frame["authenticator"])
        told = names.words.to_frame("name").select(translating.mechanism_of(pl.col("name"))).to_series()
        frame = frame.with_columns(names.spread(told).alias(_NAMED))
    steps = "step" in has and frame["step"].null_count() < frame.height
    exprs = _canonical(tuple(frame.schema.items()), steps=steps)
    frame = frame.with_columns(exprs) if exprs else frame
    return without(frame, (_NAMED,)) if "authenticator" in has else frame


@functools.lru_cache(maxsize=1 << 10)
def _canonical(columns: tuple[tuple[str, pl.DataType], ...], *, steps: bool) -> list[pl.Expr]:
    """Return what makes canonical values of these columns (name and dtype); `steps`: some row names its SMTP step."""
    has = dict(columns)
    exprs: list[pl.Expr] = []
    exprs += [_nothing(c, "unknown", "<unknown>", "") for c in ("client_name", "host") if c in has]
    exprs += [_nothing(c, "") for c in ("helo", "detail", "sender", "session", "vendor_code") if c in has]
    if "queue_id" in has:
        exprs.append(_nothing("queue_id", "NOQUEUE", ""))
    if "mechanism" in has or _NAMED in has:
        logged = [pl.col("mechanism").str.to_uppercase().str.replace(_NO_NAME, "[redacted]")] * ("mechanism" in has)
        told = [pl.col(_NAMED)] * (_NAMED in has)
        exprs.append(pl.coalesce(*logged, *told).alias("mechanism"))
    if "user" in has:
        exprs.append(_nothing("user", "", "?", "(unavailable)"))
    if "tls" in has:
        exprs.append(pl.col("tls").replace(_ENCRYPTED | translating.TLS).alias("tls"))
    exprs += [
        translating.seconds(pl.col(c)).alias(c) for c in ("rate_window_s", "duration_s") if has.get(c) == pl.String
    ]
    if "delivery" in has:
        became = pl.col("delivery").str.to_lowercase().replace(translating.DELIVERY)
        exprs.append(became.cast(RECORDS["delivery"].dtype, strict=False))
    if steps:
        step = pl.col("step").replace_strict(STAGE_OF_STEP, default="session", return_dtype=RECORDS["stage"].dtype)
        step = pl.when(pl.col("step").is_not_null()).then(step)
        stage = pl.col("stage").cast(RECORDS["stage"].dtype, strict=False)
        exprs.append((pl.coalesce(stage, step) if "stage" in has else step).alias("stage"))
    done = {expr.meta.output_name() for expr in exprs} | {"time", "time_quality"}
    exprs += [
        pl.col(name).cast(RECORDS[name].dtype, strict=False)
        for name, dtype in columns
        if name in RECORDS and name not in done and dtype != RECORDS[name].dtype
    ]
    return exprs


def normalised(frame: pl.DataFrame) -> pl.DataFrame:
    """Return records of the general way with canonical values, and every column that later rooms count on."""
    frame = frame.with_columns(pl.lit(None, pl.String).alias(c) for c in _ALWAYS if c not in frame.columns)
    frame = canonical(frame)
    has = set(frame.columns)
    frame = without_stale_users(frame)
    exprs: list[pl.Expr] = []
    known = pl.col("protocol") if "protocol" in has else pl.lit(None, RECORDS["protocol"].dtype)
    if frame["service"].is_in(list(_PROTOCOL_OF_SERVICE)).any():
        named = pl.col("service").replace_strict(
            _PROTOCOL_OF_SERVICE, default=None, return_dtype=RECORDS["protocol"].dtype
        )
        known = pl.coalesce(known, named)
    exprs.append(known.fill_null("smtp").alias("protocol"))
    once = pl.lit(1, pl.UInt32)
    times = [pl.col(c).cast(pl.UInt32, strict=False).fill_null(1) for c in ("count", "n_attempts") if c in has]
    exprs.append(functools.reduce(operator.mul, times, once).alias("count"))
    return frame.with_columns(exprs)


def without_stale_users(frame: pl.DataFrame, details: Sequence[tuple[pl.Series, pl.Series]] = ()) -> pl.DataFrame:
    """Take away names that may belong to an earlier attempt of the session.

    Parameters
    ----------
    frame
        Records.
    details
        Where `detail` is known by its distinct texts: (row -> number of the text, texts).
    """
    if not {"user", "detail", "format"} <= set(frame.columns):
        return frame
    for codes, texts in details:
        stale = texts.str.contains(_STALE_USER)
        if not stale.any():
            return frame
        hit = pl.lit(stale.gather(codes))
        break
    else:
        hit = pl.col("detail").str.contains(_STALE_USER)
    hit = (hit & (pl.col("format") == "postfix")).fill_null(value=False)
    return frame.with_columns(pl.when(~hit).then("user").alias("user"))


def _nothing(column: str, *words: str) -> pl.Expr:
    """Null where the text is one of the words that stand for nothing."""
    something = pl.all_horizontal(pl.col(column) != word for word in words)
    return pl.when(something).then(pl.col(column)).alias(column)
