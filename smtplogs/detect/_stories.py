"""Findings of several detectors that tell the same story: one leads, the others are its consequences."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import polars as pl

from smtplogs.detect._findings import weightiest_first
from smtplogs.schema import SEVERITIES

SERVER = ("outage", "partial_fault", "policy_change", "network_loss", "log_hole")
TAKEN = ("takeover",)
LOCK = ("lockout",)
ATTACK = ("distributed", "stuffing", "brute_force", "spray", "enumeration")
RISE = ("one_client_rise", "spray_rise", "botnet_rise", "unclear_rise")
EFFECT = ("throttling", "relay_throttling", "ip_ban")
SIGN = ("failure_streak", "retry_storm", "never_worked", "scanner")
STUBBORN = ("stale_credential", "never_worked", "retry_storm", "failure_streak")
"""Clients that go on and on: two forgotten applications make a rise that no single one explains."""

REFUSED = ("cert_not_trusted", "mechanism", "no_login", "no_tls")
"""What a client shows, too, while the server refuses everybody."""

ALONE = (
    "rule_hit",
    "plain_text_login",
    "weak_mechanism",
    "old_tls_login",
    "port_25_login",
    "password_login",
    "secret_in_log",
)
"""Inventories and what-ifs: no part of a story."""

RANKS = {
    **dict.fromkeys(SERVER, 0), **dict.fromkeys(TAKEN, 1), **dict.fromkeys(ATTACK, 3), **dict.fromkeys(LOCK, 4),
    **dict.fromkeys(RISE, 6), **dict.fromkeys(EFFECT, 7), **dict.fromkeys(SIGN, 8),
}  # fmt: skip
CLIENT, BANNED = 2, 5
"""Who leads: a fault of the server; a takeover; what is wrong with a client (every kind that is not named here: a
forgotten application, a rotation, wrong settings, a relay's refusals); an attack; a lock; a ban of strangers, which tells
more than the rise they made; then what these lead to."""

RULE = -1
"""A rule that shuts passwords out of a whole domain, a certificate, or a mechanism that is gone, leads even what looks like
a fault of the server: it says which."""

NEAR = timedelta(hours=1)
FOREVER = datetime(9999, 1, 1, tzinfo=UTC)
MOST_TOLD = 3


def merged(found: pl.DataFrame) -> pl.DataFrame:
    """Return findings as stories: those that belong to another carry its identifier in `part_of`.

    A finding joins the leading one with the same client (address, and account where both name one), the same account
    or the same relay, at most an hour apart; refusals of many accounts join the outage they fall into; a rise by many
    addresses joins a guesser, a ban or a client that goes on with an old password, if half of them are told as such. The leader is as severe as its weightiest
    part and names its consequences. Leaders come first, the weightiest first.
    """
    if found.is_empty():
        return found
    told = found.filter(pl.col("status") == "found", ~pl.col("kind").cast(pl.String).is_in(ALONE))
    nodes = told.select(
        pl.col("finding_id").alias("id"),
        pl.col("kind").cast(pl.String).replace_strict(RANKS, default=CLIENT, return_dtype=pl.Int64).alias("rank"),
        "kind",
        "subject_kind",
        "subject",
        pl.col("user").str.to_lowercase().str.strip_chars().alias("user"),
        "client_ip",
        "relay_host",
        "start",
        pl.col("end").fill_null(FOREVER).alias("end"),
        "n_events",
        "part_of",
        "severity",
        pl.col("cause").cast(pl.String),
        _sources(found).alias("sources"),
    ).filter(pl.col("start").is_not_null())
    rank = pl.when(_of_ours(nodes)).then(CLIENT).when(_rule()).then(RULE)
    rank = rank.when(pl.col("kind") == "ip_ban", pl.col("severity") == "info").then(BANNED).otherwise("rank")
    nodes = nodes.with_columns(rank.alias("rank"))
    child = nodes.filter(pl.col("part_of").is_null() | ~pl.col("part_of").is_in(nodes["id"].implode()))
    edges = pl.concat([*_same(child, nodes), _inside(child, nodes), _shared(child, nodes), _ruled(child, nodes)])
    best = (
        edges.filter(pl.col("id") != pl.col("leader"))
        .sort("id", "leader_rank", "apart", "leader_n", "leader", descending=[False, False, False, True, False])
        .unique("id", keep="first", maintain_order=True)
        .select(pl.col("id").alias("finding_id"), "leader")
    )
    found = (
        found.join(best, on="finding_id", how="left", maintain_order="left")
        .with_columns(pl.coalesce("leader", "part_of").alias("part_of"))
        .drop("leader")
    )
    return _ranked(_consequences(found))


def _of_ours(nodes: pl.DataFrame) -> pl.Expr:
    """Tell the clients of ours whose repeated wrong password looks like guessing: a device set up wrongly leads.

    Storms are told of clients that something ties to us; so are clients that never worked, if above info.
    """
    client = pl.struct("client_ip", "user")
    alone = [pl.col("client_ip").is_not_null(), pl.col("user").is_not_null()]
    guesses = nodes.filter(pl.col("kind") == "brute_force", pl.col("severity") != "serious", *alone).select(client)
    never = nodes.filter(pl.col("kind") == "never_worked", pl.col("severity") != "info", *alone).select(client)
    sign = (pl.col("kind") == "never_worked") | (
        (pl.col("kind") == "retry_storm") & ~client.is_in(never["client_ip"].implode())
    )
    return sign & (pl.col("severity") != "info") & client.is_in(guesses["client_ip"].implode())


def _same(child: pl.DataFrame, nodes: pl.DataFrame) -> list[pl.DataFrame]:
    """Return who could lead whom by address, account or relay: ``id, leader, leader_rank, leader_n, apart``."""
    edges = []
    for column in ("client_ip", "user", "relay_host"):
        pairs = child.drop_nulls(column).join(nodes.drop_nulls(column), on=column, suffix="_l")
        pairs = pairs.filter(pl.col("rank_l") < pl.col("rank"))
        near = (pl.col("start") <= pl.col("end_l") + NEAR) & (pl.col("end") >= pl.col("start_l") - NEAR)
        pairs = pairs.filter(near)
        if column == "client_ip":
            # one address may be an office: two findings that name accounts name the same
            pairs = pairs.filter((pl.col("user") == pl.col("user_l")).fill_null(value=True))
            apart = 0
        elif column == "user":
            # another address of the same account is the same story only where the account itself is at stake
            pairs = pairs.filter(
                pl.col("client_ip").is_null()
                | pl.col("client_ip_l").is_null()
                | (pl.col("client_ip") == pl.col("client_ip_l"))
            )
            apart = 1
        else:
            apart = 0
        edges.append(_edges(pairs, apart))
    return edges


def _inside(child: pl.DataFrame, nodes: pl.DataFrame) -> pl.DataFrame:
    """Return what falls into a fault of the server, or a wave of strangers into its campaign."""
    server = nodes.filter(pl.col("kind").cast(pl.String).is_in(SERVER))
    slack = timedelta(minutes=10)
    pairs = child.join_where(
        server.select(pl.all().name.suffix("_l")),
        pl.col("start") >= pl.col("start_l") - NEAR,
        pl.col("start") <= pl.col("end_l") + slack,
    )
    # a fault begins when three clients met it: one that asks all the time met it first
    begun = pl.col("kind").cast(pl.String).is_in(["retry_storm", *REFUSED])
    begun = begun & (pl.col("end") - pl.col("start") <= 2 * (pl.min_horizontal("end", "end_l") - pl.col("start_l")))
    # many accounts at a time met the fault before three clients did so within five minutes
    begun = begun | ((pl.col("subject_kind") == "server") & (pl.col("end") >= pl.col("start_l")))
    pairs = pairs.filter(begun | (pl.col("start") >= pl.col("start_l") - slack))
    # refusals of many accounts at a time are the fault, even if one of them mistypes an hour later
    within = (pl.col("end") <= pl.col("end_l") + slack) | (pl.col("subject_kind") == "server")
    pairs = pairs.filter(within)
    own = pl.col("kind").cast(pl.String).is_in([*SIGN, *RISE, "throttling", *REFUSED])
    pairs = pairs.filter(own, pl.col("rank") > pl.col("rank_l"))
    waves = nodes.filter(pl.col("kind").cast(pl.String).is_in(["distributed", "stuffing"]))
    rises = child.filter(pl.col("kind").cast(pl.String) == "botnet_rise").join_where(
        waves.select(pl.all().name.suffix("_l")), pl.col("start") <= pl.col("end_l"), pl.col("end") >= pl.col("start_l")
    )
    # a campaign of weeks goes on behind a wave of hours: the wave belongs to one of its own length
    alike = (pl.col("end_l") - pl.col("start_l")) <= 3 * (pl.col("end") - pl.col("start")) + NEAR
    return pl.concat([_edges(pairs, 0), _edges(rises.filter(alike), 0)])


def _rule() -> pl.Expr:
    kind, on = pl.col("kind").cast(pl.String), pl.col("subject_kind").cast(pl.String)
    passwords = (kind == "password_not_allowed") & (on == "service")
    return passwords | (kind.is_in(["cert_not_trusted", "mechanism"]) & (on == "server"))


def _ruled(child: pl.DataFrame, nodes: pl.DataFrame) -> pl.DataFrame:
    """Return what a rule that no longer takes passwords, or a server that refuses all, explains.

    Refusals in its domain, or for the same cause, mostly after it began.
    """
    rules = nodes.filter(_rule()).select(pl.all().name.suffix("_l"))
    pairs = child.join_where(rules, pl.col("end") >= pl.col("start_l"), pl.col("start") <= pl.col("end_l"))
    kind = pl.col("kind").cast(pl.String)
    told = kind.is_in([*SERVER, *RISE, *SIGN, "stale_credential", "rotation"])
    here = pl.col("user").str.ends_with(pl.format("@{}", pl.col("subject_l").str.to_lowercase())).fill_null(value=True)
    alike = kind.is_in([*SERVER, *RISE, *SIGN, *REFUSED]) & (pl.col("cause") == pl.col("cause_l"))
    explained = pl.when(pl.col("subject_kind_l") == "service").then(told & here).otherwise(alike.fill_null(value=False))
    after = pl.col("start_l") - pl.col("start") <= pl.col("end") - pl.col("start_l")
    # clients name one fault of a certificate in several ways: the one that most name leads
    first = (pl.col("n_events_l") > pl.col("n_events")) | (
        (pl.col("n_events_l") == pl.col("n_events")) & (pl.col("id_l") < pl.col("id"))
    )
    return _edges(pairs.filter(explained, after, (pl.col("rank") > RULE) | first), 0)


def _sources(found: pl.DataFrame) -> pl.Expr:
    """Return the addresses that share a rise, as the details of its finding name them."""
    if "details" not in found.columns:
        return pl.lit([], pl.List(pl.String))
    listed = pl.col("details").str.extract(r'"sources":\[([^\]]*)\]')
    return listed.str.extract_all(r"[0-9a-f.:]{3,}")


def _shared(child: pl.DataFrame, nodes: pl.DataFrame) -> pl.DataFrame:
    """Return whose guessing, ban or old password explains a rise of many: several of them at a time are no campaign."""
    rises = child.filter(pl.col("kind").cast(pl.String).is_in(["botnet_rise", "unclear_rise"]))
    addresses = rises.select(
        "id", "rank", "start", "end", "n_events", pl.col("sources").alias("client_ip"), n=pl.col("sources").list.len()
    )
    kind, loud = pl.col("kind").cast(pl.String), pl.col("severity") != "info"
    guessers = nodes.filter(kind.is_in([*ATTACK, "ip_ban"]) | (kind.is_in(STUBBORN) & (loud | (kind == STUBBORN[0]))))
    pairs = addresses.explode("client_ip").drop_nulls("client_ip").join(guessers, on="client_ip", suffix="_l")
    pairs = pairs.filter(pl.col("start_l") <= pl.col("end"), pl.col("end_l") >= pl.col("start"))
    most = pl.col("client_ip").n_unique().over("id") * 2 >= pl.col("n")
    return _edges(pairs.filter(most), 0)


def _edges(pairs: pl.DataFrame, apart: int) -> pl.DataFrame:
    return pairs.select(
        "id",
        pl.col("id_l").alias("leader"),
        pl.col("rank_l").alias("leader_rank"),
        pl.col("n_events_l").fill_null(0).alias("leader_n"),
        pl.lit(apart, pl.Int32).alias("apart"),
    )


def _roots(found: pl.DataFrame) -> pl.DataFrame:
    """Return ``finding_id, root``: the leader at the top of each finding's chain."""
    links = found.select("finding_id", pl.col("part_of").alias("up"))
    known = links.select(pl.col("finding_id").alias("up"), pl.col("up").alias("next"))
    roots = links.with_columns(pl.col("finding_id").alias("root"))
    for _ in range(found.height):
        step = roots.join(known.rename({"up": "root"}), on="root", how="left", maintain_order="left")
        up = pl.when(pl.col("next").is_in(links["finding_id"].implode())).then("next")
        new = step.select("finding_id", "up", pl.coalesce(up, "root").alias("root"))
        if new.equals(roots):
            break
        roots = new
    return roots.select("finding_id", "root")


def _consequences(found: pl.DataFrame) -> pl.DataFrame:
    """Raise the severity of leaders to that of their weightiest part, and let them name what followed."""
    weight = {word: i for i, word in enumerate(SEVERITIES)}
    known = found.unique("finding_id", keep="first", maintain_order=True)
    roots = _roots(known)
    parts = (
        weightiest_first(known.join(roots, on="finding_id"))
        .filter(pl.col("root") != pl.col("finding_id"))
        .group_by("root", maintain_order=True)
        .agg(
            pl.col("title").head(MOST_TOLD).alias("titles"),
            pl.len().alias("n_parts"),
            pl.col("severity").cast(pl.String).replace_strict(weight, return_dtype=pl.Int8).max().alias("worst"),
        )
        .rename({"root": "finding_id"})
    )
    told = pl.col("titles").list.eval(pl.lit("Part of this: ") + pl.element())
    more = pl.col("n_parts").cast(pl.Int64) - MOST_TOLD  # a count has no sign: fewer parts would be very many
    rest = (
        pl.when(more > 0)
        .then(
            pl.concat_list(
                pl.format("And {} more finding{}.", more, pl.when(more > 1).then(pl.lit("s")).otherwise(pl.lit("")))
            )
        )
        .otherwise(pl.lit([], pl.List(pl.String)))
    )
    own = pl.col("severity").cast(pl.String).replace_strict(weight, return_dtype=pl.Int8)
    words = {i: word for word, i in weight.items()}
    worst = pl.max_horizontal(own, pl.col("worst").fill_null(0)).replace_strict(words, return_dtype=pl.String)
    none = pl.lit([], pl.List(pl.String))
    return (
        found.join(parts, on="finding_id", how="left", maintain_order="left")
        .with_columns(
            worst.cast(found.schema["severity"]).alias("severity"),
            pl.concat_list(pl.col("because").fill_null(none), told.fill_null(none), rest.fill_null(none)).alias(
                "because"
            ),
        )
        .drop("titles", "n_parts", "worst")
    )


def _ranked(found: pl.DataFrame) -> pl.DataFrame:
    """Sort leaders by weight, then the parts."""
    part = pl.col("part_of").is_not_null() & pl.col("part_of").is_in(found["finding_id"].implode())
    part = part.fill_null(value=False)
    return pl.concat([weightiest_first(found.filter(~part)), weightiest_first(found.filter(part))])
