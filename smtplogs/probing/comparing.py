"""What clients in a log try, beside what a server offers: those that can never succeed."""

from __future__ import annotations

import json
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from smtplogs.replies import causes
from smtplogs.schema import CAUSES, EVENTS, TIME, as_table, door

if TYPE_CHECKING:
    from smtplogs.probing import Probe

STEPS = ("connect", "banner", "ehlo", "starttls", "tls", "ehlo_tls", "auth", "quit")

PORTS: dict[str, pl.DataType | type[pl.DataType]] = {
    "port": pl.UInt16, "address": pl.String, "mode": pl.String, "time": TIME, "connected": pl.Boolean,
    "banner": pl.String, "before": pl.List(pl.String), "after": pl.List(pl.String),
    "auth_before": pl.List(pl.String), "auth_after": pl.List(pl.String), "tls": pl.String, "cipher": pl.String,
    "tls_accepted": pl.List(pl.String), "tls_refused": pl.List(pl.String), "trusted": pl.Boolean, "distrust": pl.String,
    "cert_subject": pl.String, "cert_names": pl.List(pl.String), "cert_issuer": pl.String, "cert_from": TIME,
    "cert_until": TIME, "cert_days_left": pl.Int32, "cert_sha256": pl.String, "cert_chain": pl.List(pl.String),
    "fault": pl.String, **{f"{step}_s": pl.Float64 for step in STEPS},
}  # fmt: skip
"""Columns of `Probe.ports`."""

COLUMNS = {
    "client_ip": pl.String,
    "user": pl.String,
    "cause": pl.Enum(CAUSES),
    "tries": pl.String,
    "offered": pl.List(pl.String),
    "n_events": pl.UInt32,
    "first": TIME,
    "last": TIME,
    "told": pl.String,
    "fix": pl.String,
}


@door
def compare_probe(events: pl.DataFrame, probe: Probe | pl.DataFrame | str | PathLike[str]) -> pl.DataFrame:
    """Compare what clients in a log try with what a probe saw: the clients that can never succeed.

    Parameters
    ----------
    events
        Event table of the server's own log (`side` server).
    probe
        What `probe` returned for that server, its table `ports`, or a file that holds what `smtplogs probe --json` printed.

    Returns
    -------
    DataFrame
        A row per client, user and thing tried in vain: `client_ip, user, cause, tries, offered` (List(String)),
        `n_events` (attempts), `first, last` (UTC), `told`, `fix`. Causes: `mechanism_unsupported` (a mechanism that no
        port offers), `tls_too_old` (a version that every port refuses), `tls_required` (a login in the clear where AUTH
        is offered only under TLS), `wrong_host_or_port` (a port that offers no AUTH). Whatever once succeeded with the
        same client, user and thing is left out, and so is what the log does not tell (null; event columns may be
        missing). Nothing is claimed from ports that could not be asked.

    Raises
    ------
    ValueError
        If the file holds something else.
    OSError
        If it cannot be read.

    Notes
    -----
    Known false positives: a server behind a balancer whose other members offer more; a log older than a change.
    """
    ports = _ports(probe)
    seen = ports.filter(
        pl.col("connected") & (pl.col("auth_before").is_not_null() | pl.col("auth_after").is_not_null())
    )
    if seen.is_empty():
        return pl.DataFrame(schema=COLUMNS)
    n = pl.col("count").fill_null(1)
    tried = as_table(events, EVENTS).filter(
        (pl.col("side").fill_null("server") == "server")
        & (pl.col("protocol").fill_null("smtp") == "smtp")
        & pl.col("stage").is_in(["auth", "tls"])
        & pl.col("outcome").is_not_null()
        & (pl.col("outcome") != "info")
    ).with_columns(count=n)  # fmt: skip
    offered = _distinct(seen, "auth_before") | _distinct(seen, "auth_after")
    under_tls = _distinct(seen, "auth_after") - _distinct(seen, "auth_before")
    clear = _distinct(seen, "auth_before")
    accepted, refused = _distinct(seen, "tls_accepted"), _distinct(seen, "tls_refused")
    silent = seen.filter(
        (pl.col("auth_after").list.len().fill_null(0) == 0) & (pl.col("auth_before").list.len().fill_null(0) == 0)
    )["port"].to_list()
    auth = pl.col("stage") == "auth"
    parts = [
        _group(
            tried.filter(auth & pl.col("mechanism").is_not_null()), pl.col("mechanism"),
            ~pl.col("tries").is_in(sorted(offered)), "mechanism_unsupported", offered,
            "asks for the mechanism {}, which the server does not offer",
        ),
        _group(
            tried, pl.col("tls"), pl.col("tls").is_in(sorted(refused - accepted)), "tls_too_old", accepted,
            "speaks {}, which the server refuses",
        ),
        _group(
            tried.filter(auth), pl.when(pl.col("tls") == "none").then(pl.lit("no TLS")),
            pl.lit(bool(under_tls) and not clear), "tls_required", under_tls,
            "tries to log in with {}, where AUTH is offered only under TLS",
        ),
        _group(
            tried.filter(auth), pl.col("server_port").cast(pl.String),
            pl.col("server_port").is_in(silent), "wrong_host_or_port",
            {str(p) for p in seen["port"].to_list() if p not in silent},
            "tries to log in on port {}, which offers no AUTH",
        ),
    ]  # fmt: skip
    return pl.concat(parts).sort("n_events", "client_ip", "user", "cause", descending=[True, False, False, False])


def _distinct(ports: pl.DataFrame, column: str) -> set[str]:
    return set(ports[column].explode().drop_nulls().to_list())


def _group(
    tried: pl.DataFrame, what: pl.Expr, hopeless: pl.Expr, cause: str, offered: set[str], told: str
) -> pl.DataFrame:  # fmt: skip
    """Return the rows of one cause: a client, a user, a thing tried, never with success."""
    fix = causes().row(by_predicate=pl.col("cause") == cause, named=True)["fix"]
    return (
        tried.with_columns(tries=what)
        .filter(pl.col("tries").is_not_null() & hopeless)
        .group_by("client_ip", "user", "tries")
        .agg(
            n_events=pl.col("count").sum().cast(pl.UInt32),
            won=(pl.col("outcome") == "success").any(),
            first=pl.col("time").min(),
            last=pl.col("time").max(),
        )
        .filter(~pl.col("won"))
        .with_columns(
            cause=pl.lit(cause, pl.Enum(CAUSES)),
            offered=pl.lit(pl.Series([sorted(offered)], dtype=pl.List(pl.String))).first(),
            told=pl.format("{} " + told, pl.col("client_ip").fill_null("a client"), pl.col("tries")),
            fix=pl.lit(fix),
        )
        .select(pl.col(name).cast(dtype) for name, dtype in COLUMNS.items())
    )


def _ports(probe: Probe | pl.DataFrame | str | PathLike[str]) -> pl.DataFrame:
    """Return the table `ports` of what was asked, or of a file with its JSON."""
    if isinstance(probe, pl.DataFrame):
        return probe
    if not isinstance(probe, str | PathLike):
        return probe.ports
    try:
        told = json.loads(Path(probe).expanduser().read_text("utf-8"))
        return pl.read_json(json.dumps(told["ports"]).encode(), schema=PORTS)
    except (KeyError, TypeError, ValueError, pl.exceptions.PolarsError):
        raise ValueError(f"{probe} is not what `smtplogs probe --json` prints") from None
