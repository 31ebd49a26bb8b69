"""Addresses that work through one list of names: linked by the names they share, brought together as campaigns."""

from __future__ import annotations

import polars as pl

from smtplogs._addresses import provider_network
from smtplogs.detect._stolen import not_owners

LEAST_NAMES = 3
LEAST_SHARED = 3
ALIKE = 0.3
"""Two sources that tried 3 names or more are linked if they share 3 and a Jaccard index of 0.3: two botnets with partly
shared dictionaries stay apart."""

LEAST_SOURCES = 3

EVERYBODYS = 0.3
MANY = 50
LEFT = 0.5
"""A name that more than 30 % of 50 sources or more tried, `admin` or `info`, links nobody; except
sources that would keep less than half of their names by that."""

MOST_PAIRS = 3_000_000
"""Pairs that are compared at most; of names that would give more the rarer are kept: they tell most."""


LIGHT_TRIES, LIGHT_SOURCES, LIGHT_PER_ACCOUNT, LIGHT_ACCOUNTS = 2, 100, 20, 5
"""Addresses that try once or twice share no list of names. Together they are a campaign where a hundred of them or more
aim at five accounts that exist or more, twenty at each: what strangers guess every day are names that do not exist."""

LIGHT_NETWORKS = 0.5
"""Fewer accounts are enough if the addresses lie in so many networks of providers, for each address, that they are no phone
of the owner's whose address changes."""


def once_each(pairs: pl.DataFrame, sources: pl.DataFrame, known: pl.DataFrame) -> pl.DataFrame:
    """Return the pairs of a campaign whose addresses try once or twice each; none, if there is no such campaign.

    Parameters
    ----------
    pairs, sources, known
        As in a `Book`.
    """
    light = sources.filter(pl.col("n_ok") == 0, pl.col("n_bad") <= LIGHT_TRIES).select("client_ip")
    aimed = pairs.filter(pl.col("n_bad") > 0).join(light, on="client_ip", how="semi")
    aimed = not_owners(aimed.join(known, on="account", how="semi"), pairs)
    aimed = aimed.filter(pl.len().over("account") >= LIGHT_PER_ACCOUNT)
    ips = aimed.select(pl.col("client_ip").unique().cast(pl.String))
    if ips.height < LIGHT_SOURCES:
        return aimed.clear()
    enough = aimed["account"].n_unique() >= LIGHT_ACCOUNTS or _spread(ips)
    return aimed if enough else aimed.clear()


def _spread(ips: pl.DataFrame) -> bool:
    return ips.select(provider_network(pl.col("client_ip")).n_unique()).item() >= LIGHT_NETWORKS * ips.height


NEAREST = 10
MORE_TRIES = 0.1
"""Addresses that take turns begin, and end, within one round of each other and try equally often; each is held against so
many that begin next after it. A tenth more tries, or one: some are lost."""

WHOLE = 0.9
"""Who takes turns comes to all names of its turn again and again: sources that share names with others, and have tried less of
theirs than this, draw from a list. Two botnets that do so for a week begin and end together by chance."""


def in_turn(pairs: pl.DataFrame, sources: pl.DataFrame, known: pl.DataFrame) -> pl.DataFrame:
    """Return which sources hand one list round, each with names of its own: ``ip, ip_2``.

    They share no names, so that only time and number of their tries tie them. Only those count that try three accounts
    or more that exist: of the strangers of every day too many begin by chance at the same time.

    Parameters
    ----------
    pairs, sources, known
        As in a `Book`.
    """
    aimed = pairs.filter(pl.col("n_bad") > 0).join(known, on="account", how="semi").group_by("client_ip").len()
    aimed = aimed.filter(pl.col("len") >= LEAST_NAMES)
    some = sources.filter("stranger").join(aimed, on="client_ip", how="semi")
    some = some.select(pl.col("client_ip").alias("ip"), "first_bad", "last_bad", "n_bad").sort("first_bad", "ip")
    round_ = (pl.col("last_bad") - pl.col("first_bad")) / (pl.col("n_bad") - 1)
    some = some.with_columns(round_.alias("round"))
    parts = []
    for k in range(1, NEAREST + 1):
        both = pl.concat([some, some.shift(-k).select(pl.all().name.suffix("_2"))], how="horizontal")
        near = pl.min_horizontal("round", "round_2")
        apart = [(pl.col(f"{end}_2") - pl.col(end)).abs() for end in ("first_bad", "last_bad")]
        more = (pl.col("n_bad_2") - pl.col("n_bad")).abs()
        equal = (more <= 1) | (more <= MORE_TRIES * pl.col("n_bad"))
        parts.append(both.filter(equal, *(a <= near for a in apart)).select("ip", "ip_2"))
    return pl.concat(parts)


def linked(pairs: pl.DataFrame, turns: pl.DataFrame | None = None) -> pl.DataFrame:
    """Return which sources belong together: ``ip, campaign``, campaigns numbered by size.

    Parameters
    ----------
    pairs
        ``ip, name``, each once.
    turns
        Sources that belong together for another reason, as ``in_turn`` returns them.
    """
    pairs = pairs.filter(pl.len().over("ip") >= LEAST_NAMES).select(
        pl.col("ip").to_physical().alias("i"), pl.col("name").to_physical().alias("name"), "ip"
    )
    if pairs.is_empty():
        return pairs.select("ip").with_columns(pl.lit(None, pl.UInt32).alias("campaign"))
    n_sources = pairs["i"].n_unique()
    uses = pairs.group_by("name").agg(pl.len().cast(pl.Int64).alias("uses"))
    rare = uses.filter((pl.col("uses") <= EVERYBODYS * n_sources) | (n_sources < MANY))
    both = _alike(pairs, rare)
    # a botnet may be so many of all sources that the names of its list look like everybody's: those that would keep
    # less than half of their names are compared by all of them
    kept = pairs.select("i", pl.col("name").is_in(rare["name"].implode()).alias("kept"))
    poor = kept.group_by("i").agg(pl.col("kept").mean())
    poor = poor.filter(pl.col("kept") < LEFT)["i"].implode()
    if len(poor[0]):
        more = _alike(pairs, uses).filter(pl.col("i").is_in(poor) | pl.col("i_2").is_in(poor))
        both = pl.concat([both, more]).unique()
    if turns is not None and turns.height:
        whole = _whole(pairs, components(both)).implode()
        more = turns.select(pl.col("ip").to_physical().alias("i"), pl.col("ip_2").to_physical().alias("i_2"))
        both = pl.concat([both, more.filter(pl.col("i").is_in(whole), pl.col("i_2").is_in(whole))])
    found = components(both)
    return (
        pairs.select("ip", "i")
        .unique("i", maintain_order=True)
        .join(found, on="i", how="inner")
        .filter(pl.len().over("component") >= LEAST_SOURCES)
        .select("ip", pl.col("component").alias("campaign"))
    )


def _whole(pairs: pl.DataFrame, found: pl.DataFrame) -> pl.Series:
    """Return the sources that have tried (nearly) all names that they and those linked to them have tried."""
    own = pairs.join(found, on="i", how="left").with_columns(pl.col("component").fill_null(pl.col("i")))
    every = own.group_by("component").agg(pl.col("name").n_unique().alias("every"))
    tried = own.group_by("i", "component").agg(pl.col("name").n_unique().alias("tried")).join(every, on="component")
    return tried.filter(pl.col("tried") >= WHOLE * pl.col("every"))["i"]


def _alike(pairs: pl.DataFrame, uses: pl.DataFrame) -> pl.DataFrame:
    """Return the pairs of sources that share enough of these names: ``i, i_2``."""
    ordered = uses.sort("uses", "name")
    kept = ordered.filter((pl.col("uses") ** 2 / 2).cum_sum() <= MOST_PAIRS)
    used = pairs.select("i", "name").join(kept, on="name")
    sizes = used.group_by("i").agg(pl.len().alias("size"))
    used = used.filter(pl.col("uses") > 1).select("i", "name")
    return (
        used.join(used, on="name", suffix="_2")
        .filter(pl.col("i") < pl.col("i_2"))
        .group_by("i", "i_2")
        .agg(pl.len().alias("shared"))
        .filter(pl.col("shared") >= LEAST_SHARED)
        .join(sizes, on="i")
        .join(sizes.rename({"i": "i_2", "size": "size_2"}), on="i_2")
        .filter(pl.col("shared") / (pl.col("size") + pl.col("size_2") - pl.col("shared")) >= ALIKE)
        .select("i", "i_2")
    )


def components(edges: pl.DataFrame) -> pl.DataFrame:
    """Return the connected parts of a graph of edges ``i, i_2``: ``i, component`` (its lowest node).

    Each round gives every node the lowest label among its neighbours and of that label's own node (pointer jumping),
    so that the rounds grow with the logarithm of the longest path.
    """
    ways = pl.concat([edges, edges.select(pl.col("i_2").alias("i"), pl.col("i").alias("i_2"))]).unique()
    labels = ways.select("i").unique().with_columns(pl.col("i").alias("component"))
    while True:
        near = (
            ways.join(labels.rename({"i": "i_2"}), on="i_2").group_by("i").agg(pl.col("component").min().alias("near"))
        )
        step = labels.join(near, on="i").with_columns(pl.min_horizontal("component", "near").alias("low"))
        jump = step.select(pl.col("i").alias("low"), pl.col("low").alias("lower"))
        new = step.join(jump, on="low", how="left").select("i", pl.col("lower").alias("component")).sort("i")
        if new.equals(labels.sort("i")):
            return new
        labels = new
