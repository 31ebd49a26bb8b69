"""What an incident looks like from inside: who was hit, who explains the rise, and which kind fits."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import polars as pl

from smtplogs.detect._networks import network
from smtplogs.detect._slices import texts

if TYPE_CHECKING:
    from datetime import datetime

ESTABLISHED = 3
"""Logins within seven days, outside of the incident, after which a client (account and address) is established."""

AROUND = timedelta(days=7)

DIMENSIONS = (
    "client_ip", "network", "account", "domain", "helo", "mechanism", "service", "host", "tls", "cause",
)  # fmt: skip
"""What a rise is broken down by, nearest to a person first."""

SHARED = ("mechanism", "service", "domain", "tls", "host")
"""What clients may have in common that a rule, or one of several servers, shuts out."""

LEAST_SHARE = 0.1
ENOUGH = 0.67
LIFT, LIFT_OF_DROPS = 1.5, 1.05
"""Adtributor (NSDI 2014): values that explain 10 % or more, until 67 % are explained; and only those whose share of the
rise is half as much again as their share of ordinary traffic: that everybody uses PLAIN explains nothing. A drop
cannot fall below zero, so a little more than the ordinary share is enough there."""

HIT = 0.4
ALL = 0.8
NORMAL = 0.9
MOST = 0.5
FEW = 3
MOST_SOURCES = 10


@dataclass(frozen=True)
class Rows:
    """The attempts of one episode and those of the same hours on days before it."""

    inside: pl.DataFrame
    before: pl.DataFrame
    n_days: int


@dataclass
class Facts:
    """Figures of one episode."""

    start: datetime
    end: datetime
    n_bad: int = 0
    n_ok: int = 0
    usual_ok: float = 0.0
    usual_bad: float = 0.0
    bad_a_day: float = 0.0
    n_hit: int = 0
    n_active: int = 0
    n_failing_only: int = 0
    n_hit_beside: int = 0
    top_ip: str | None = None
    top_ip_share: float = 0.0
    top_ip_good_before: bool = False
    top_user: str | None = None
    top_user_share: float = 0.0
    one_name: bool = False
    stranger_share: float = 0.0
    top_ip_stranger: bool = False
    n_aimed: int = 0
    n_aimed_by_top: int = 0
    unnamed: bool = False
    one_missing: str | None = None
    as_many: bool = False
    deferred_share: float = 0.0
    judged_share: float = 0.0
    hole_share: float = 0.0
    thin: bool = False
    abrupt: bool = True
    typed: bool = False
    recovered_at: datetime | None = None
    shared: tuple[str, str] | None = None
    cause: str | None = None
    n_sources: int = 0
    sources: list[str] = field(default_factory=list)
    n_names: int = 0
    explained_by: list[tuple[str, str, float]] = field(default_factory=list)

    @property
    def success_share(self) -> float | None:
        """Logins, as a share of what is usual; None if too few are usual to tell."""
        return self.n_ok / self.usual_ok if self.usual_ok >= 5 else None

    @property
    def beside_share(self) -> float:
        """The same without what one account has to itself, if that is most of the refusals."""
        return self.n_hit_beside / self.n_active if self.n_active else 0.0

    @property
    def hit_share(self) -> float:
        """Share of the established clients at work that were refused."""
        return self.n_hit / self.n_active if self.n_active else 0.0


def described(rows: pl.DataFrame) -> pl.DataFrame:
    """Add the network, the domain of the account and the pair by which clients are told apart."""
    return rows.with_columns(
        network(pl.col("client_ip")).alias("network"),
        pl.col("account").str.extract(r"@([^@]+)$").alias("domain"),
        pl.when(pl.col("outcome").is_in(["failure", "deferred", "refused", "aborted"]))
        .then("n")
        .otherwise(0)
        .alias("bad"),
        pl.when(pl.col("outcome") == "success").then("n").otherwise(0).alias("ok"),
    )


def established(known: pl.DataFrame, start: datetime, end: datetime) -> pl.DataFrame:
    """Return the clients (``account, client_ip``; and null accounts) that logged in often around an episode."""
    hour = pl.col("hour")
    outside = (hour + timedelta(hours=1) <= start) | (hour >= end)
    near = known.filter(hour >= start - AROUND, hour <= end + AROUND, outside)
    return near.group_by("account", "client_ip").agg(pl.col("ok").sum()).filter(pl.col("ok") >= ESTABLISHED)


def turned(old: pl.DataFrame, inside: pl.DataFrame) -> pl.DataFrame:
    """Return the established clients (``account, client_ip``) that were only refused in the hours before an episode.

    Parameters
    ----------
    old
        The attempts of those hours, `described`.
    inside
        Those of the episode, as ``facts_of`` returns them.
    """
    clients = inside.filter("established", pl.col("bad") > 0).select("account", "client_ip").unique()
    refused = pl.col("bad") > 0, pl.col("ok") == 0
    sums = old.group_by("account", "client_ip").agg(pl.col("bad", "ok").sum()).filter(*refused)
    named = clients.drop_nulls("account").join(sums, on=["account", "client_ip"], how="semi")
    # without a name a client is known by its address, under whatever name it had logged in
    sums = old.group_by("client_ip").agg(pl.col("bad", "ok").sum()).filter(*refused)
    return pl.concat([named, clients.filter(pl.col("account").is_null()).join(sums, on="client_ip", how="semi")])


def facts_of(
    rows: Rows,
    known: pl.DataFrame,
    good: pl.DataFrame,
    start: datetime,
    end: datetime,
    but: pl.DataFrame | None = None,
) -> tuple[Facts, pl.DataFrame]:
    """Return the figures of an episode, and its rows with ``established`` marked.

    `known`: logins by account, address and hour; `good`: the first such hour of each address, ``first_good``; `but`:
    clients that do not count as established.
    """
    inside = described(rows.inside)
    before = described(rows.before)
    ours = texts(established(known, start, end))
    if but is not None:
        ours = ours.join(but, on=["account", "client_ip"], how="anti", nulls_equal=True, maintain_order="left")
        nameless = but.filter(pl.col("account").is_null())
        ours = ours.join(nameless, on="client_ip", how="anti", maintain_order="left")
    # without a name a client is known by its address
    by_pair = ours.select("account", "client_ip", pl.lit(value=True).alias("pair_known"))
    by_ip = ours.group_by("client_ip").agg(pl.lit(value=True).alias("ip_known"))
    inside = (
        inside.join(by_pair, on=["account", "client_ip"], how="left", maintain_order="left")
        .join(by_ip, on="client_ip", how="left", maintain_order="left")
        .join(good, on="client_ip", how="left", maintain_order="left")
        .with_columns(
            pl.when(pl.col("account").is_null())
            .then(pl.col("ip_known"))
            .otherwise(pl.col("pair_known"))
            .fill_null(value=False)
            .alias("established")
        )
    )
    at = inside.filter(pl.col("time") >= start, pl.col("time") < end)
    facts = Facts(start, end)
    facts.n_bad, facts.n_ok = int(at["bad"].sum()), int(at["ok"].sum())
    clients = at.filter("established").group_by("client_ip").agg(pl.col("bad").sum(), pl.col("ok").sum())
    facts.n_active = clients.height
    facts.n_hit = clients.filter(pl.col("bad") > 0).height
    facts.n_failing_only = clients.filter(pl.col("bad") > 0, pl.col("ok") == 0).height
    facts.n_hit_beside = _hit_beside(at)
    bad = at.filter(pl.col("bad") > 0)
    if facts.n_bad:
        strange = pl.col("bad").filter(pl.col("first_good").is_null() & pl.col("client_ip").is_not_null())
        deferred = pl.col("bad").filter(pl.col("outcome") == "deferred")
        judged = pl.col("bad").filter(pl.col("outcome") == "failure")
        facts.stranger_share, facts.deferred_share, facts.judged_share = bad.select(
            part.sum().alias(name) / facts.n_bad for name, part in (("s", strange), ("d", deferred), ("j", judged))
        ).row(0)
        facts.cause = _most(bad, "cause")
        facts.n_sources = bad["client_ip"].drop_nulls().n_unique()
        by_source = bad.drop_nulls("client_ip").group_by("client_ip").agg(pl.col("bad").sum())
        by_source = by_source.sort("bad", "client_ip", descending=[True, False])
        most = by_source.filter(pl.col("bad").cum_sum().shift(1, fill_value=0) < ENOUGH * pl.col("bad").sum())
        facts.sources = most["client_ip"].cast(pl.String).head(MOST_SOURCES).to_list()
        facts.n_names = bad["account"].drop_nulls().n_unique()
        facts.top_ip, facts.top_ip_share = _top(at, before, rows.n_days, "client_ip", "bad")
        facts.top_user, facts.top_user_share = _top(at, before, rows.n_days, "account", "bad")
        _name_one_client(facts, bad)
        first = bad.filter(pl.col("client_ip") == facts.top_ip)["first_good"].min() if facts.top_ip else None
        facts.top_ip_good_before = first is not None and first < start  # pyright: ignore
        facts.top_ip_stranger = facts.top_ip is not None and first is None
        _aim(facts, bad, known)
        facts.shared = _shared(at)
        facts.explained_by = decomposition(at, before, rows.n_days, "bad")
    return facts, inside


def _hit_beside(at: pl.DataFrame) -> int:
    """Count the established clients that were refused, without those of an account that has most of their refusals.

    A lock shuts out all devices of one account; a fault of the server meets others as well.
    """
    hit = at.filter("established", pl.col("bad") > 0)
    names = hit.drop_nulls("account").group_by("account").agg(pl.col("bad").sum()).sort("bad", "account")
    if names.height and names["bad"][-1] >= MOST * int(hit["bad"].sum()):
        hit = hit.filter(pl.col("account").is_null() | (pl.col("account") != names["account"][-1]))
    return hit["client_ip"].n_unique()


def _aim(facts: Facts, bad: pl.DataFrame, known: pl.DataFrame) -> None:
    """Count the accounts that log in from elsewhere among those that strangers, or the one address, tried.

    And tell whether the names are missing.
    """
    tried = bad.filter(pl.col("first_good").is_null())
    ours = known.select(pl.col("account").cast(pl.String)).drop_nulls().unique()["account"].implode()
    aimed = pl.col("account").is_in(ours).fill_null(value=False)
    names = pl.col("account").filter(aimed)
    facts.n_aimed, facts.n_aimed_by_top = tried.select(
        names.n_unique().alias("all"), names.filter(pl.col("client_ip").filter(aimed) == facts.top_ip).n_unique()
    ).row(0)
    unnamed = (pl.col("outcome") == "failure") & pl.col("account").is_null()
    facts.unnamed = int(tried.filter(unnamed)["bad"].sum()) > MOST * int(tried["bad"].sum())


def _name_one_client(facts: Facts, bad: pl.DataFrame) -> None:
    """Tell whether the address that made most of a rise failed on one account, and name that one."""
    own = bad.filter(pl.col("client_ip") == facts.top_ip)
    names = own.drop_nulls("account").group_by("account").agg(pl.col("bad").sum()).sort("bad", "account")
    if facts.top_ip_share >= MOST and names.height:
        user, n = names.row(-1)
        facts.one_name = n >= MOST * int(own["bad"].sum())
        if facts.one_name and user != facts.top_user:
            facts.top_user, facts.top_user_share = str(user), n / facts.n_bad


def _most(rows: pl.DataFrame, column: str) -> Any:
    known = (
        rows.drop_nulls(column).group_by(column).agg(pl.col("bad").sum()).sort("bad", column, descending=[True, False])
    )
    return known[column][0] if known.height else None


def excess(now: pl.DataFrame, before: pl.DataFrame, n_days: int, dimension: str, measure: str) -> pl.DataFrame:
    """Return how much more (of `measure`) each value of a dimension has now than on a mean day before."""
    usual = before.group_by(dimension).agg(pl.col(measure).sum() / max(n_days, 1))
    return (
        now.group_by(dimension)
        .agg(pl.col(measure).sum().alias("now"))
        .join(usual, on=dimension, how="full", coalesce=True, nulls_equal=True)
        .with_columns(pl.col("now", measure).fill_null(0.0))
        .select(pl.col(dimension).cast(pl.String).alias("value"), (pl.col("now") - pl.col(measure)).alias("excess"))
        .sort("value")  # sums of floats depend on the order
    )


def _top(
    now: pl.DataFrame, before: pl.DataFrame, n_days: int, dimension: str, measure: str
) -> tuple[str | None, float]:
    """Return the value of a column that adds most to a rise, and its share of it."""
    more = excess(now, before, n_days, dimension, measure).filter(pl.col("excess") > 0)
    total = more["excess"].sum()
    more = more.drop_nulls("value").sort("excess", "value", descending=[True, False])
    return (more["value"][0], more["excess"][0] / total) if more.height and total else (None, 0.0)


def _shared(at: pl.DataFrame) -> tuple[str, str] | None:
    """Return what nine tenths of the refused established clients have in common, and hardly one that got in."""
    bad = at.filter(pl.col("established"), pl.col("bad") > 0)
    ok = at.filter(pl.col("ok") > 0)
    if ok["ok"].sum() < FEW or bad.is_empty():
        return None
    for dimension in SHARED:
        values = bad.drop_nulls(dimension).group_by(dimension).agg(pl.col("bad").sum()).sort("bad", dimension)
        if values.is_empty():
            continue
        value, n = values.row(-1)
        others = int(ok.filter(pl.col(dimension) == value)["ok"].sum())
        known = int(ok.drop_nulls(dimension)["ok"].sum())
        if known >= FEW and n >= ALL * int(bad["bad"].sum()) and others <= LEAST_SHARE * known:
            return dimension, str(value)
    return None


def decomposition(now: pl.DataFrame, before: pl.DataFrame, n_days: int, measure: str) -> list[tuple[str, str, float]]:
    """Return which values explain the change: (dimension, value, share), of the dimension that needs fewest.

    `measure` ``bad``: the rise of refused attempts; ``ok``: the drop of logins.
    """
    sign, lift = (1, LIFT) if measure == "bad" else (-1, LIFT_OF_DROPS)
    values = [pl.col(d).cast(pl.String) for d in DIMENSIONS]
    nothing = pl.lit(0, pl.Int64)
    traffic = pl.concat(
        rows.select(*values, "ok", now=of_now, before=of_before)
        for rows, of_now, of_before in ((now, pl.col(measure), nothing), (before, nothing, pl.col(measure)))
    )
    whole = max(traffic["ok"].sum(), 1)
    more = pl.col("now") - pl.col("before") / max(n_days, 1)
    explained = (
        traffic.unpivot(DIMENSIONS, index=["now", "before", "ok"], variable_name="dimension")
        .group_by("dimension", "value")
        .agg(pl.col("now", "before", "ok").sum())
        .sort("dimension", "value")  # sums of floats depend on the order
        .with_columns(more=more * sign)
        .with_columns(share=pl.col("more") / pl.col("more").clip(lower_bound=0).sum().over("dimension"))
        .filter(pl.col("value").is_not_null(), pl.col("more") > 0, pl.col("share") >= LEAST_SHARE)
        .filter(pl.col("share") >= lift * pl.col("ok") / whole)
        .sort("share", "value", descending=[True, False])
        .filter(pl.col("share").cum_sum().shift(1, fill_value=0.0).over("dimension") < ENOUGH)
    )
    best: tuple[tuple[int, float, int], list[tuple[str, str, float]]] | None = None
    for place, dimension in enumerate(DIMENSIONS):
        found = list(explained.filter(dimension=dimension).select("dimension", "value", "share").iter_rows())
        if not found:
            continue
        share = sum(s for *_, s in found)
        rank = (0 if share >= ENOUGH else 1, len(found) if share >= ENOUGH else -share, place)
        if best is None or rank < best[0]:
            best = (rank, found)
    return best[1] if best else []


def verdict(facts: Facts, *, up: bool) -> str:
    """Return the kind of incident that the figures fit; the rules are those of the documentation's table."""
    successes = facts.success_share
    if facts.hole_share >= ALL:
        return "log_hole"
    hit_many = facts.n_hit_beside >= FEW and facts.beside_share >= HIT
    if not up:
        return "partial_fault" if hit_many else "network_loss"
    low = successes is not None and successes < NORMAL
    # where all get in as usual, a few who mistype among many strangers are no fault
    usual = successes is not None and not low and facts.stranger_share >= MOST
    # one client that is most of the rise may be a fault's own, but a few who mistype beside it are no fault
    some_hit = facts.n_hit_beside >= FEW and facts.beside_share >= HIT / 2 and facts.top_ip_share < ENOUGH
    if (hit_many and not usual) or (some_hit and low and facts.stranger_share < MOST):
        if facts.shared and facts.n_failing_only >= MOST * facts.n_hit:
            return "partial_fault" if facts.shared[0] == "host" else "policy_change"
        none = successes is not None and successes <= 1 - ALL
        if facts.hit_share >= ALL and (none or facts.n_failing_only >= ALL * facts.n_hit):
            return "outage"
        return "partial_fault"
    if facts.top_ip_share >= MOST:
        return "one_client_rise" if facts.one_name or facts.n_names == 0 else "spray_rise"
    if facts.stranger_share >= MOST or facts.top_user_share >= MOST:
        return "botnet_rise"
    return "unclear_rise"
