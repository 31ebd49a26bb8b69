"""Which software is it, likely? Clients held against a documented table of habits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from smtplogs._addresses import KINDS
from smtplogs._parameters import several
from smtplogs.detect._hints import HINTS, habits, matched
from smtplogs.detect._signs import in_parts
from smtplogs.detect._slices import lazy_door
from smtplogs.schema import TIME, Column, need

if TYPE_CHECKING:
    from collections.abc import Sequence

COLUMNS: dict[str, Column] = {
    "client_ip": Column(pl.String, "address of the client"),
    "likely": Column(HINTS["likely"], "what software it is, likely"),
    "sort": Column(HINTS["sort"], "application, device, mail program, service, bot; timing: only how it behaves"),
    "confidence": Column(HINTS["confidence"], "how far the habit is peculiar to that software"),
    "seen": Column(pl.String, "what was seen of it: the name, the order of mechanisms, the rhythm"),
    "rule": Column(HINTS["rule"], "name of the hint in detect/hints.toml"),
    "source": Column(HINTS["source"], "where the habit is written down, or who reports it"),
    "users": Column(pl.List(pl.String), "logins used from there, as logged, 20 at most"),
    "n_sessions": Column(pl.UInt32, "sessions seen", "sessions"),
    "first": Column(TIME, "first seen", "UTC"),
    "last": Column(TIME, "last seen", "UTC"),
    "address_kind": Column(pl.Enum(KINDS), "kind of address"),
    "period_s": Column(pl.Float64, "time between its sessions, if they keep a rhythm", "s"),
}
"""What ``client_hints`` returns."""


@lazy_door
def client_hints(events: pl.LazyFrame, *, clients: Sequence[str] = ()) -> pl.DataFrame:
    """Tell which software a client likely is, by its habits: hints, no proof.

    Looked at are the names it gives itself and the server believes, the order in which it tries mechanisms within one
    session, TLS version, rhythm, how it leaves, and the kind of its address. The table of hints with their sources
    is ``smtplogs/detect/hints.toml``.

    Parameters
    ----------
    events
        Events as ``read`` or ``load`` give them. Needs `time, stage, outcome, client_ip`; uses `helo, client_name,
        mechanism, tls, session, detail, user, source, line_no`: what is missing gives no hint.
    clients
        Addresses to look at; none: all of them.

    Returns
    -------
    DataFrame
        A row per address and hint that fits, with the columns of ``COLUMNS``; by address, the surest hint first. An
        address that no hint fits has no row.

    Raises
    ------
    MissingColumns
        If the events lack a column that is needed.
    ValueError
        If `clients` is a text in place of a list.

    Notes
    -----
    Postfix logs the greeting (HELO) only in refusals, so most of its clients are known by mechanisms and rhythm alone.
    Names can be chosen freely: what greets as an iPhone need not be one.
    """
    need(events, "time", "stage", "outcome", "client_ip")
    asked = several("clients", clients)
    parts = [pl.col("client_ip").is_in(asked)] if asked else in_parts(events)
    found = pl.concat([matched(habits(events, part)) for part in parts]).sort("client_ip", "place")
    casts = [pl.col(name).cast(column.dtype) for name, column in COLUMNS.items()]
    return found.rename({"address": "address_kind"}).select(casts)
