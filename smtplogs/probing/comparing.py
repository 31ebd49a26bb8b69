"""What clients in a log try, beside what a server offers: those that can never succeed."""

from __future__ import annotations

import json
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from smtplogs.probing.results import PORTS
from smtplogs.replies import causes
from smtplogs.schema import CAUSES, EVENTS, TIME, as_table, door

if TYPE_CHECKING:
    from smtplogs.probing.results import Probe

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
    tried = _tried(events)
    logins = tried.filter(pl.col("stage") == "auth")
    clear, under_tls = _distinct(seen, "auth_before"), _distinct(seen, "auth_after")
    accepted, refused = _distinct(seen, "tls_accepted"), _distinct(seen, "tls_refused")
    n_offered = pl.sum_horizontal(pl.col("auth_before", "auth_after").list.len().fill_null(0))
    without_auth = seen.filter(n_offered == 0)["port"].to_list()
    in_vain = [
        _in_vain(
            logins,
            pl.col("mechanism"),
            ~pl.col("tries").is_in(sorted(clear | under_tls)),
            cause="mechanism_unsupported",
            offered=clear | under_tls,
            told="asks for the mechanism {}, which the server does not offer",
        ),
        _in_vain(
            tried,
            pl.col("tls"),
            pl.col("tries").is_in(sorted(refused - accepted)),
            cause="tls_too_old",
            offered=accepted,
            told="speaks {}, which the server refuses",
        ),
        _in_vain(
            logins,
            pl.when(pl.col("tls") == "none").then(pl.lit("no TLS")),
            pl.lit(bool(under_tls) and not clear),
            cause="tls_required",
            offered=under_tls,
            told="tries to log in with {}, where AUTH is offered only under TLS",
        ),
        _in_vain(
            logins,
            pl.col("server_port").cast(pl.String),
            pl.col("server_port").is_in(without_auth),
            cause="wrong_host_or_port",
            offered={str(port) for port in seen["port"] if port not in without_auth},
            told="tries to log in on port {}, which offers no AUTH",
        ),
    ]
    return pl.concat(in_vain).sort("n_events", "client_ip", "user", "cause", descending=[True, False, False, False])


def _tried(events: pl.DataFrame) -> pl.DataFrame:
    """Return what clients tried at our server over SMTP that depends on what it offers."""
    return (
        as_table(events, EVENTS)
        .filter(
            pl.col("side").fill_null("server") == "server",
            pl.col("protocol").fill_null("smtp") == "smtp",
            pl.col("stage").is_in(["auth", "tls"]),
            pl.col("outcome") != "info",
        )
        .with_columns(pl.col("count").fill_null(1))
    )


def _distinct(ports: pl.DataFrame, column: str) -> set[str]:
    return set(ports[column].explode().drop_nulls().to_list())


def _in_vain(
    tried: pl.DataFrame, what: pl.Expr, hopeless: pl.Expr, *, cause: str, offered: set[str], told: str
) -> pl.DataFrame:
    """Return the rows of one cause: a client, a user, and the thing that they try, never with success.

    Parameters
    ----------
    tried
        Events.
    what
        The thing tried, which becomes the column `tries`; null: none.
    hopeless
        Whether it can never succeed.
    cause, offered, told
        Columns of the rows; `told` has a place for the thing.
    """
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
