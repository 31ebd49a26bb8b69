"""Addresses that guess, and accounts that are guessed at: one finding each for the worst, one for all the rest."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import polars as pl

from smtplogs._addresses import is_private, neighbourhood
from smtplogs.detect._attack_stories import (
    HARD_PER_DAY,
    KNOWN_AIM,
    KNOWN_LIST,
    KNOWN_SHARE,
    account_row,
    crowd_row,
    network_row,
    source_row,
)
from smtplogs.detect._networks import network
from smtplogs.detect._slices import texts
from smtplogs.detect._turned_shapes import FEW_NAMES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from smtplogs.detect._attack_facts import Book

MOST = 10
MAIN = 0.5
"""An account that one address fails on more than all others together, at any time or in one hour, is that address's story."""

UNKNOWN = 0.5
PER_NAME = 3
PATIENT = 5 * HARD_PER_DAY
"""So many failures a day on one account that exists, from an address that nothing ties to us, and not in the rhythm of a
device: what bans keep below any window. Five times what Entra locks at; who mistypes has asked for help by then. Own choice."""

APART, APART_HITS = 20, 50
"""So many addresses are told one by one, those with most failures; and those that got in. A person reads ten lines."""


CREW = 5
"""So many addresses of one network (/24, /48) from which nobody logs in guess together, if what they try is a list that
somebody knows: strangers of every day that happen to be neighbours try names that do not exist. Own choice."""


@dataclass(frozen=True)
class Limits:
    """When an address guesses."""

    names: int
    unknown_names: int
    failures: int
    within: timedelta


def _most(rows: pl.DataFrame, column: str, n: str = "n_bad") -> list[str]:
    """Return up to 10 values of a column with the most failures."""
    sums = rows.drop_nulls(column).group_by(pl.col(column).cast(pl.String)).agg(pl.col(n).sum())
    return sums.sort(n, column, descending=[True, False])[column].head(MOST).to_list()


def facts_of(book: Book, pairs: pl.DataFrame) -> dict[str, Any]:
    """Return the figures that findings of all kinds have in common, from the pairs they are about."""
    bad = pairs.filter(pl.col("n_bad") > 0)
    names = bad.drop_nulls("account").select("account").unique()
    hits = pairs.filter(pl.col("n_ok") > 0).drop_nulls("account")["account"].cast(pl.String).unique().sort()
    n = int(bad["n_bad"].sum())
    return {
        "start": bad["first_bad"].min(),
        "end": bad["last_bad"].max(),
        "n": n,
        "n_sources": bad["client_ip"].drop_nulls().n_unique(),
        "sources": _most(bad, "client_ip"),
        "n_names": names.height,
        "names": _most(bad, "account"),
        "n_known_names": names.join(book.known, on="account", how="semi").height,
        "unknown_share": bad["n_unknown"].sum() / n if book.n_unknown and n else None,
        "hits": hits.to_list()[:MOST],
        "share_of_failures": n / book.n_bad,
        "n_ok": book.n_ok,
    }


def patient_ones(book: Book) -> pl.DataFrame:
    """Return who fails on one account of ours all day, and has no neighbour that logs in: ``client_ip, account``."""
    lone = book.sources.filter("stranger", pl.col("n_names") <= FEW_NAMES).select("client_ip")
    pairs = book.pairs.filter(pl.col("n_bad") >= PATIENT).join(lone, on="client_ip", how="semi")
    pairs = pairs.join(book.known, on="account", how="semi")
    days = ((pl.col("last_bad") - pl.col("first_bad")) / timedelta(days=1)).clip(lower_bound=1)
    pairs = pairs.filter(pl.col("n_bad") >= PATIENT * days)
    if pairs.is_empty():
        return pairs.select("client_ip", "account")
    good = texts(book.pairs.filter(pl.col("n_ok") > 0).select("client_ip").unique())["client_ip"]
    net = neighbourhood(pl.col("client_ip").cast(pl.String))
    ours = good.to_frame().select(net).to_series().drop_nulls().unique().implode()
    own = net.is_in(ours).fill_null(value=False) | is_private(pl.col("client_ip").cast(pl.String))
    return pairs.filter(~own).select("client_ip", "account")


def guessers(
    book: Book,
    burst: pl.DataFrame,
    wide: pl.DataFrame,
    limits: Limits,
    members: Mapping[str, str],
    patient: pl.DataFrame,
) -> list[dict[str, Any]]:
    """Return a row for each address that sprays, enumerates or guesses, and for accounts that many guess at.

    `burst` and `wide`: what ``Bursts`` and ``Rounds`` found; `patient`: ``client_ip, account`` of those that guess all
    day. `members` of campaigns are not among those that are told together.
    """
    wide = wide.filter(pl.col("tries_per_name") <= PER_NAME)
    asking = book.sources.filter(
        pl.col("hostile"), pl.col("n_names") >= limits.unknown_names, pl.col("n_unknown") >= UNKNOWN * pl.col("n_bad")
    )
    asking = asking.select("client_ip", (pl.col("n_bad") / pl.col("n_names")).alias("tries_per_name"))
    wide = wide.select("client_ip", "tries_per_name").join(asking, on="client_ip", how="anti")
    main = _mains_of(burst, limits)
    told = pl.concat([asking, wide]).select("client_ip")
    slow = _slow(book, limits, members).join(pl.concat([told, main.select("client_ip")]), on="client_ip", how="anti")
    wide = pl.concat([wide, slow.select("client_ip", pl.lit(None, pl.Float64).alias("tries_per_name"))])
    rows: list[dict[str, Any]] = []
    for kind, own in (("enumeration", asking), ("spray", wide)):
        rows += _told(kind, "client_ip", book.pairs.join(own, on="client_ip"), book, members, source_row)
    alone = pl.concat([main.select("client_ip", "account"), patient]).unique(maintain_order=True)
    alone = alone.join(pl.concat([asking, wide]), on="client_ip", how="anti")
    fast = main.select("client_ip", "account", slow=False)
    pairs = book.pairs.join(alone, on=["client_ip", "account"]).join(fast, on=["client_ip", "account"], how="left")
    rows += _told(
        "brute_force", "client_ip", pairs.with_columns(pl.col("slow").fill_null(value=True)), book, {}, source_row
    )
    rows += _crews(book, pl.concat([told, main.select("client_ip")]), members)
    if burst.is_empty():
        return rows
    shared = burst.join(main, on="account", how="anti").select("account").unique()
    hostile = book.sources.filter("hostile").select("client_ip")
    pairs = book.pairs.join(shared, on="account").join(hostile, on="client_ip", how="semi")
    return rows + _told("brute_force", "account", pairs, book, {}, account_row)


def _slow(book: Book, limits: Limits, members: Mapping[str, str]) -> pl.DataFrame:
    """Return the addresses that guess at accounts of ours too slowly, or too often each, for any window: ``client_ip``.

    Ten names in all, five of them accounts that exist; or three names or more, one of which Entra would lock: ten
    failures a day.
    """
    hostile = book.sources.filter("hostile", ~pl.col("client_ip").cast(pl.String).is_in(list(members)))
    aimed = book.pairs.filter(pl.col("n_bad") > 0).join(hostile, on="client_ip", how="semi")
    aimed = aimed.join(book.known, on="account", how="semi")
    days = ((pl.col("last_bad") - pl.col("first_bad")) / timedelta(days=1)).clip(lower_bound=1)
    sums = aimed.group_by("client_ip").agg(pl.len().alias("n_aimed"), (pl.col("n_bad") / days).max().alias("hardest"))
    wide = (pl.col("n_names") >= limits.names) & (pl.col("n_aimed") >= KNOWN_AIM)
    hard = (pl.col("n_names") > FEW_NAMES) & (pl.col("hardest") >= HARD_PER_DAY)
    return hostile.join(sums, on="client_ip").filter(wide | hard).select("client_ip")


def _crews(book: Book, told: pl.DataFrame, members: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return a row for each network whose addresses, none of them told by itself, guess slowly together."""
    quiet = book.sources.filter(pl.col("n_ok") == 0, pl.col("n_names") > 0).select("client_ip")
    quiet = quiet.join(told, on="client_ip", how="anti")
    quiet = quiet.filter(~pl.col("client_ip").cast(pl.String).is_in(list(members)))
    net = network(pl.col("client_ip").cast(pl.String)).cast(pl.Categorical).alias("net")
    quiet = quiet.with_columns(net).drop_nulls("net").filter(pl.len().over("net") >= CREW)
    if quiet.is_empty():
        return []
    good = book.pairs.filter(pl.col("n_ok") > 0).select(pl.col("client_ip").unique()).select(net)
    crews = book.pairs.join(quiet.join(good, on="net", how="anti"), on="client_ip").drop_nulls("account")
    aimed = (
        crews.join(book.known, on="account", how="semi").group_by("net").agg(pl.col("account").n_unique().alias("aim"))
    )
    wide = crews.group_by("net").agg(pl.col("account").n_unique().alias("names")).join(aimed, on="net")
    wide = wide.filter(pl.col("aim") >= KNOWN_LIST, pl.col("aim") >= KNOWN_SHARE * pl.col("names"))
    crews = crews.join(wide, on="net", how="semi").with_columns(pl.col("n_bad").sum().over("net").alias("all"))
    groups = {str(net): own for (net,), own in crews.sort("all", descending=True).group_by("net", maintain_order=True)}
    rows = []
    for name in sorted(list(groups)[:APART]):
        ips = groups[name]["client_ip"].cast(pl.String).unique().sort().to_list()
        rows.append(network_row("spray", name, facts_of(book, groups[name])) | {"_sources": ips, "_addresses": ips})
    return rows


def _mains_of(burst: pl.DataFrame, limits: Limits) -> pl.DataFrame:
    """Return whose story each burst is: ``account, client_ip``, of those that fail most at any time or in an hour."""
    if burst.is_empty():
        return pl.DataFrame(schema={"account": pl.Categorical(), "client_ip": pl.Categorical()})
    main = pl.concat([_mains(burst, []), _mains(burst, ["hour"]).filter(pl.col("n") >= limits.failures)])
    return main.select("account", "client_ip").unique(maintain_order=True)


def _mains(burst: pl.DataFrame, by: list[str]) -> pl.DataFrame:
    """Return the addresses that fail on an account (in an hour) more than all others together: two guessers in turn are two."""
    sums = burst.group_by("account", "client_ip", *by).agg(pl.col("n").sum())
    sums = sums.filter(pl.col("n") >= MAIN * pl.col("n").sum().over("account", *by))
    sums = sums.sort("account", "client_ip", *by).unique(["account", *by], keep="first", maintain_order=True)
    return sums.select("account", "client_ip", "n")


def _told(
    kind: str,
    key: str,
    pairs: pl.DataFrame,
    book: Book,
    members: Mapping[str, str],
    told: Callable[[str, str, Mapping[str, Any]], dict[str, Any]],
) -> list[dict[str, Any]]:
    """Return a row for each of the worst keys and for those that got in, and one for all the rest."""
    if pairs.is_empty():
        return []
    order = texts(pairs.group_by(key).agg(pl.col("n_bad", "n_ok").sum())).sort("n_bad", key, descending=[True, False])
    apart = pl.concat([order.head(APART), order.filter(pl.col("n_ok") > 0).head(APART_HITS)])[key].unique().sort()
    one_by_one = pl.col(key).cast(pl.String).is_in(apart.implode())
    rows = []
    groups = {str(k): own for (k,), own in pairs.filter(one_by_one).group_by(key)}
    for name in apart:
        own = groups[name]
        tries = own["tries_per_name"][0] if "tries_per_name" in own.columns else None
        slow = "slow" in own.columns and own["slow"].all()
        row = told(kind, name, facts_of(book, own) | {"tries_per_name": tries, "slow": slow})
        rows.append(row | {"_sources": own["client_ip"].drop_nulls().cast(pl.String).to_list()})
    rest = pairs.filter(~one_by_one, ~pl.col("client_ip").cast(pl.String).is_in(list(members)))
    if rest.height:
        facts = facts_of(book, rest)
        rows.append(crowd_row(kind, facts) | {"_addresses": facts["sources"]})
    return rows
