"""The edges of an incident: when it really began and ended, and what a partial fault proves to be between them."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import polars as pl

from smtplogs.detect._bins import BIN
from smtplogs.detect._incident_facts import ALL, FEW, LEAST_SHARE, MOST, SHARED

if TYPE_CHECKING:
    from datetime import datetime

    from smtplogs.detect._incident_facts import Facts


def proved(facts: Facts, kind: str, inside: pl.DataFrame) -> str:
    """Return what a partial fault proves to be between its first and its last refusal.

    The bins at both ends hold logins from before and after, and somebody may mistype then. Without these: an ``outage``
    if hardly anybody got in, or nobody while nine tenths were refused; a ``policy_change`` if nobody got in, while nine
    tenths were refused, who has something in common with them, and others did.
    """
    if kind != "partial_fault":
        return kind
    at = inside.filter(pl.col("time") >= facts.start, pl.col("time") <= facts.end)
    ours = at.filter("established")
    ok, bad = int(ours["ok"].sum()), int(ours["bad"].sum())
    at_work = ours.group_by("client_ip").agg(pl.col("bad").sum())
    # who was at work only before or after it met nothing
    if at_work.filter(pl.col("bad") > 0).height >= ALL * at_work.height:
        if ok <= LEAST_SHARE * (ok + bad):
            return "outage"
        n, first, last = _longest_refusal(ours)
        if n >= (1 - LEAST_SHARE) * bad:
            facts.start, facts.end = first, last
            return "outage"
    for dimension in SHARED:
        values = ours.filter(pl.col("bad") > 0).drop_nulls(dimension).group_by(dimension).agg(pl.col("bad").sum())
        if dimension == "host" or values.is_empty():
            continue
        value = values.sort("bad", dimension).row(-1)[0]
        n, first, last = _longest_refusal(ours.filter(pl.col(dimension) == value))
        if n < (1 - LEAST_SHARE) * bad:
            continue
        during = at.filter(pl.col("time") >= first, pl.col("time") <= last)
        clients = during.filter("established").group_by("client_ip").agg(pl.col("bad").sum(), pl.col("ok").sum())
        clients = clients.filter(pl.col("bad") > 0)
        only = clients.filter(pl.col("ok") == 0).height
        others = int(during.filter(pl.col(dimension) != value)["ok"].sum())
        if others >= FEW and only >= MOST * max(clients.height, FEW):
            facts.shared, facts.n_failing_only = (dimension, str(value)), only
            facts.start, facts.end = first, last
            return "policy_change"
    return kind


def _longest_refusal(rows: pl.DataFrame) -> tuple[int, Any, Any]:
    """Return how many were refused in the worst stretch without a login, and the first and the last of them."""
    logins = rows.filter(pl.col("ok") > 0)["time"].sort()
    refused = rows.filter(pl.col("bad") > 0).sort("time")
    if refused.is_empty():
        return 0, None, None
    between = refused.group_by(pl.Series("after", logins.search_sorted(refused["time"]))).agg(
        pl.col("bad").sum(), pl.col("time").min().alias("first"), pl.col("time").max().alias("last")
    )
    return between.sort("bad", "after").select("bad", "first", "last").row(-1)


def own_failures(facts: Facts, inside: pl.DataFrame) -> int:
    """Return how often the client that explains most of the rise was refused on its account."""
    own = inside.filter(pl.col("client_ip") == facts.top_ip, pl.col("account") == facts.top_user)
    return int(own.filter(pl.col("time") >= facts.start, pl.col("time") <= facts.end)["bad"].sum())


def sharpened(facts: Facts, kind: str, inside: pl.DataFrame) -> tuple[datetime, datetime]:
    """Return the first and last moment of an incident: of the attempts that make it, not of whole bins."""
    bad = inside.filter(pl.col("bad") > 0)
    if kind in {"outage", "partial_fault", "policy_change"}:
        own = bad.filter("established")
    elif kind == "one_client_rise" and facts.n_names:
        own = bad.filter(pl.col("client_ip") == facts.top_ip, pl.col("account") == facts.top_user)
    elif kind in {"one_client_rise", "spray_rise"} and facts.top_ip:
        own = bad.filter(pl.col("client_ip") == facts.top_ip)
    elif kind == "botnet_rise":
        own = bad.filter(pl.col("first_good").is_null(), pl.col("client_ip").is_not_null())
    else:
        return facts.start, facts.end
    if kind in {"one_client_rise", "spray_rise"}:
        # the address and the account of most failures need not be one client
        return own["time"].min() or facts.start, own["time"].max() or facts.end  # pyright: ignore
    # one client alone may have mistyped just before: three within a bin begin, and end, an incident
    own = own.sort("time")
    others = pl.col("client_ip").n_unique() >= FEW
    begins = own.rolling("time", period=BIN, offset=timedelta(0), closed="both").agg(others.alias("many"))
    ends = own.rolling("time", period=BIN, closed="both").agg(others.alias("many"))
    return (
        begins.filter("many")["time"].min() or facts.start,
        ends.filter("many")["time"].max() or facts.end,
    )  # pyright: ignore
