"""Captured text -> canonical values: addresses, ports, mechanisms, the words that mean `nothing`."""

from __future__ import annotations

import functools
import ipaddress
import operator
from typing import Any

import polars as pl

from smtplogs.schema import RECORDS

STAGE_OF_STEP = {
    "CONNECT": "connect",
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

_ENCRYPTED = {"TLS": "yes", "TSL": "yes", "SSL": "yes", "TLS handshaking": None, "secured": None}


_OCTET = "(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"

_ALWAYS = (
    "host", "pid", "service", "side", "stage", "outcome", "cause", "basis", "user", "client_ip", "mechanism", "detail",
    "queue_id", "session", "vendor_code", "raw",
)  # fmt: skip
"""Columns that later rooms count on, whatever patterns a batch met."""


def canonical_address(text: str) -> str | None:
    """Return the canonical text of an address, an IPv4-mapped one as IPv4; None for what is none."""
    try:
        address = ipaddress.ip_address(text.removeprefix("IPv6:").removeprefix("ipv6:").partition("%")[0])
    except ValueError:
        return None
    mapped = getattr(address, "ipv4_mapped", None)
    return str(mapped or address)


def canonical_addresses(values: pl.Series) -> pl.Series:
    """Canonical text of the distinct addresses; plain IPv4 passes untouched."""
    odd = values.unique().drop_nulls()
    odd = odd.filter(~odd.str.contains(rf"^{_OCTET}(?:\.{_OCTET}){{3}}$"))
    if odd.is_empty():
        return values
    return values.replace(odd, pl.Series([canonical_address(t) for t in odd], dtype=pl.String))


def split_keys(frame: pl.DataFrame) -> pl.DataFrame:
    """Take `key` (`host tag[pid]` or `host tag`) apart into host, program and pid, once per distinct key."""
    keys = frame.select(pl.col("key").unique())
    parts = keys.with_columns(
        pl.col("key")
        .str.extract_groups(r"^(?P<host>[^ ]*) (?P<program>[^\[]*)(?:\[(?P<pid>[0-9]+)\])?$")
        .alias("_parts")
    ).unnest("_parts")
    parts = parts.with_columns(_nothing("host", ""), service_of(pl.col("program")).alias("service"))
    return frame.drop("service", strict=False).join(parts, on="key", how="left", maintain_order="left")


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


def normalised(frame: pl.DataFrame, *, bare: bool = False) -> pl.DataFrame:
    """Return the records with canonical values and the documented dtypes; `bare`: add no columns."""
    if not bare:
        frame = frame.with_columns(pl.lit(None, pl.String).alias(c) for c in _ALWAYS if c not in frame.columns)
    has = set(frame.columns)
    for column in ("client_ip", "server_ip"):
        if column in has:
            frame = frame.with_columns(canonical_addresses(frame[column]).alias(column))
    exprs: list[pl.Expr] = []
    exprs += [_nothing(c, "unknown", "") for c in ("client_name", "host") if c in has]
    exprs += [_nothing(c, "") for c in ("helo", "detail", "sender", "session", "vendor_code") if c in has]
    if "queue_id" in has:
        exprs.append(_nothing("queue_id", "NOQUEUE", ""))
    if "mechanism" in has:
        exprs.append(pl.col("mechanism").str.to_uppercase())
    if "user" in has:
        nobody = (pl.col("user") == "") | (pl.col("user") == "?") | (pl.col("user") == "(unavailable)")
        if "detail" in has and "format" in has:
            stale = pl.col("detail").str.contains(_STALE_USER).fill_null(value=False)
            nobody = nobody | ((pl.col("format") == "postfix") & stale)
        exprs.append(pl.when(~nobody).then("user").alias("user"))
    if "tls" in has:
        exprs.append(pl.col("tls").replace(_ENCRYPTED).alias("tls"))
    if "delivery" in has:
        exprs.append(pl.col("delivery").str.to_lowercase().cast(RECORDS["delivery"].dtype, strict=False))
    if "step" in has and frame["step"].null_count() < frame.height:
        step = pl.col("step").replace_strict(STAGE_OF_STEP, default="session", return_dtype=pl.String)
        step = pl.when(pl.col("step").is_not_null()).then(step)
        exprs.append((pl.coalesce("stage", step) if "stage" in has else step).alias("stage"))
    known = pl.col("protocol") if "protocol" in has else pl.lit(None, pl.String)
    if "service" in has and frame["service"].is_in(list(_PROTOCOL_OF_SERVICE)).any():
        known = pl.coalesce(
            known, pl.col("service").replace_strict(_PROTOCOL_OF_SERVICE, default=None, return_dtype=pl.String)
        )
    exprs.append(known.fill_null("smtp").alias("protocol"))
    once = pl.lit(1, pl.UInt32)
    times = [pl.col(c).cast(pl.UInt32, strict=False).fill_null(1) for c in ("count", "n_attempts") if c in has]
    exprs.append(functools.reduce(operator.mul, times, once).alias("count"))
    frame = frame.with_columns(exprs)
    return frame.with_columns(_casts(frame))


def _nothing(column: str, *words: str) -> pl.Expr:
    """Null where the text is one of the words that stand for nothing."""
    something = pl.all_horizontal(pl.col(column) != word for word in words)
    return pl.when(something).then(pl.col(column)).alias(column)


def _casts(frame: pl.DataFrame) -> list[pl.Expr]:
    """Casts to the documented dtypes of the columns present."""

    def cast(name: str, dtype: Any) -> pl.Expr:
        return pl.col(name).cast(dtype, strict=False)

    return [
        cast(name, RECORDS[name].dtype)
        for name, dtype in frame.schema.items()
        if name in RECORDS and dtype != RECORDS[name].dtype and name not in ("time", "time_quality")
    ]
