"""Clients whose secret stopped working: runs of refusals after logins, their rhythm, and the moment of the change."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import polars as pl

from smtplogs._addresses import is_private, neighbourhood, networks_of
from smtplogs._engine import by_size
from smtplogs._written import only
from smtplogs.detect._attempts import ALSO_USED, NEEDED, POLICY_CAUSES, account, dense, login_attempts
from smtplogs.detect._moving import moving_accounts, moving_clients
from smtplogs.detect._slices import ahead, compact, judged, pieces, sliced, texts
from smtplogs.detect._sums import Sums, summed
from smtplogs.detect._turned_shapes import (
    ALONE,
    CLIENT,
    DOMAIN,
    FEW_NAMES,
    JOINT_FAILURES,
    mixed_clients,
    never_worked,
    runs_of,
    stale_runs,
)
from smtplogs.schema import TIME

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import timedelta

PART = 1_500_000
"""Attempts on accounts that are worth a look and are held at a time, about."""

OTHER_CAUSES = (*POLICY_CAUSES, "account_locked", "account_disabled")
"""Refused for another reason than the secret."""

JUDGED = {"stage": ["auth"], "outcome": ["success", "failure"]}
MANY_AT_ONCE = 5
AT_ONCE = "20m"
"""So many accounts that turn within this time: a change of rule, or an outage, rather than each its own."""


@dataclass(frozen=True)
class Turned:
    """A row a client that fails with an old secret, or never logged in; its refused attempts; figures of the frame.

    If no account is worth a look, the three frames are empty and without columns.
    """

    found: pl.DataFrame
    rows: pl.DataFrame
    changes: pl.DataFrame
    n_failures: int
    n_unnamed: int


def find_turned(
    events: pl.LazyFrame,
    *,
    successes: int,
    failures: int,
    client: Sequence[str],
    protocols: Sequence[str],
    networks: Sequence[str],
) -> Turned:
    """Find the clients that were refused for long; see ``stale_credentials`` for the rules."""
    names, book, domains, (n_failures, n_unnamed) = _worth_a_look(
        events, successes=successes, failures=failures, client=client, protocols=protocols, networks=networks
    )
    if names.is_empty():
        return Turned(pl.DataFrame(), pl.DataFrame(), pl.DataFrame(), n_failures, n_unnamed)
    parts, told, n_accounts, n_stories = [], [], 0, 0
    # in order of the accounts, so that their numbers and those of the stories go on from part to part
    some = _in_parts(names)
    for own, judged_ones in zip(
        some, ahead([partial(_judged, events, own, client, protocols) for own in some]), strict=True
    ):
        rows = runs_of(judged_ones)
        stale = stale_runs(rows, successes, failures)
        mixed = mixed_clients(rows, successes).join(stale, on=CLIENT, how="anti", maintain_order="left")
        here = pl.concat([stale, mixed], how="diagonal_relaxed")
        moving, moved = moving_clients(judged_ones, here.select(CLIENT).unique(), book, successes, failures)
        # a device that moves is new at each of its addresses
        stops = moving.select("account_id", pl.col("addresses").alias("client_ip")).explode("client_ip")
        never = never_worked(rows, book, domains, failures)
        never = never.join(stops, on=["account_id", "client_ip"], how="anti")
        found = pl.concat([here, never, moving], how="diagonal_relaxed").sort("account_id", "client_id", "start")
        found = found.with_row_index("story", n_stories)
        number = pl.col("account_id") + pl.lit(n_accounts, pl.UInt32)
        parts.append(found.with_columns(number))
        told += [_story_rows(own, of).with_columns(number) for own, of in _by_place(found, rows, moved)]
        n_accounts, n_stories = n_accounts + len(own), n_stories + found.height
    found = pl.concat(parts, how="diagonal_relaxed")
    found = found.with_columns(_at_once(found))
    known = book.select("client_ip", "n_names", "address_ok", "near", "own")
    found = found.join(known, on="client_ip", how="left", maintain_order="left")
    found = _with_own_names(found, events, domains)
    return Turned(found, pl.concat(told), _changes(found), n_failures, n_unnamed)


def _in_parts(names: pl.DataFrame) -> list[pl.DataFrame]:
    """Part the accounts, in order of their names, so that each part has not many more than `PART` attempts."""
    part = names.sort("account").with_columns(((pl.col("n").cum_sum() - pl.col("n")) // PART).alias("part"))
    return part.partition_by("part", maintain_order=True)


def _judged(events: pl.LazyFrame, names: pl.DataFrame, client: Sequence[str], protocols: Sequence[str]) -> pl.DataFrame:
    """Return the attempts on some accounts (`logins`: their names as logged) that say something about the secret."""
    users = names["logins"].explode().drop_nulls()
    # a name with a blank at its end is a mistake in the name, whatever the password
    clean = users.filter(users == users.str.strip_chars())
    used = [c for c in dict.fromkeys((*NEEDED, *ALSO_USED, *client)) if c in events.collect_schema()]
    mine = only(events, JUDGED).filter(pl.col("user").is_in(clean.implode()))
    mine = compact(mine.select(used).collect(engine=by_size()))
    tries = login_attempts(mine.lazy(), protocols=protocols, client=client)
    tries = tries.filter(~pl.col("cause").is_in(OTHER_CAUSES).fill_null(False))
    return tries.filter(pl.col("account_id").is_not_null(), pl.col("client_id").is_not_null())


def _worth_a_look(
    events: pl.LazyFrame,
    *,
    successes: int,
    failures: int,
    client: Sequence[str],
    protocols: Sequence[str],
    networks: Sequence[str],
) -> tuple[pl.DataFrame, pl.DataFrame, pl.Series, tuple[int, int]]:
    """Return the accounts of clients with enough failures, what is known of their addresses, and counts of failures.

    Accounts: ``account, n`` (attempts), ``logins`` (as logged). Of an address: the names it failed on, whether it, or its neighbours, ever
    logged in. Before the counts: the domains in which somebody logs in.
    """
    pairs, users = _pairs(events, client, protocols)
    n_failures = int(pairs["n_bad"].sum())
    n_unnamed = int(pairs.filter(pl.col("account").is_null())["n_bad"].sum())
    sizes = pairs.group_by("account").agg((pl.col("n_ok") + pl.col("n_bad")).cast(pl.Int64).sum().alias("n"))
    pairs = pairs.filter(pl.col("client_ip").is_not_null())
    book = pairs.group_by("client_ip").agg(
        pl.col("account").filter(pl.col("n_bad") > 0).n_unique().alias("n_names"),
        (pl.col("n_ok").sum() > 0).alias("address_ok"),
    )
    net = texts(book.filter("address_ok")).select(neighbourhood(pl.col("client_ip")).alias("net"))["net"]
    # a job of every day has failed thrice before it fails often, and has not been back since
    slow = (pl.col("n_bad") >= JOINT_FAILURES) & (pl.col("last_bad") - pl.col("last_ok") >= ALONE)
    some = (
        pairs.filter(pl.col("account").is_not_null(), (pl.col("n_bad") >= failures) | slow.fill_null(value=False))
        .join(book.select("client_ip", "n_names"), on="client_ip", how="left")
        .filter((pl.col("n_ok") >= successes) | ((pl.col("n_ok") == 0) & (pl.col("n_names") <= FEW_NAMES)))
        .select("account", "client_ip")
    )
    moving = pairs.join(moving_accounts(pairs, successes, failures), on="account", how="semi").filter(
        pl.col("n_bad") > 0
    )
    some = pl.concat([some, moving.select("account", "client_ip")])
    book = texts(book.join(some, on="client_ip", how="semi"))
    own = networks_of(book["client_ip"], networks).is_not_null() if networks else pl.lit(False)
    book = book.with_columns(
        neighbourhood(pl.col("client_ip")).is_in(net.drop_nulls().unique().implode()).fill_null(False).alias("near"),
        (is_private(pl.col("client_ip")) | own).alias("own"),
    )
    names = sizes.join(some, on="account", how="semi").join(users, on="account", how="left")
    good = texts(pairs.filter(pl.col("n_ok") > 0).select("account").unique())["account"]
    return texts(names), book, good.str.extract(DOMAIN).drop_nulls().unique(), (n_failures, n_unnamed)


def _pairs(events: pl.LazyFrame, client: Sequence[str], protocols: Sequence[str]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return how often each client succeeded and failed, and how accounts were written: ``account, logins``.

    Of clients ``account, client_ip, n_ok, n_bad`` and the client columns.
    """
    slices = sliced(events, "time", "stage", "outcome", "user", "client_ip", *client)
    keys = list(dict.fromkeys(["user", "client_ip", *client]))
    sums = Sums(keys, {"n_ok": pl.UInt32(), "n_bad": pl.UInt32(), "last_ok": TIME, "last_bad": TIME})
    n, ok = pl.col("count").fill_null(1).cast(pl.Int64), pl.col("outcome") == "success"
    added = pl.col("n_ok", "n_bad").sum(), pl.col("last_ok", "last_bad").max()
    for piece in pieces(slices, "outcome", "count", *keys, words=JUDGED, where=judged(protocols)):
        rows = piece.with_columns(
            pl.when(ok).then(n).otherwise(0).alias("n_ok"), pl.when(ok).then(0).otherwise(n).alias("n_bad"),
            pl.when(ok).then("time").alias("last_ok"), pl.when(ok).then(None).otherwise("time").alias("last_bad"),
        )  # fmt: skip
        sums.add(summed(rows, keys, *added))
    known = sums.all()
    users = known.select("user").unique()
    users = users.with_columns(account(pl.col("user").cast(pl.String)).cast(pl.Categorical).alias("account"))
    known = known.join(users, on="user", how="left", nulls_equal=True)
    written = users.drop_nulls().group_by("account").agg(pl.col("user").cast(pl.String).alias("logins"))
    return summed(known, ["account", *keys[1:]], *added), written


def _by_place(
    found: pl.DataFrame, rows: pl.DataFrame, moved: pl.DataFrame
) -> tuple[tuple[pl.DataFrame, pl.DataFrame], ...]:
    """Return the stories at an address, and those of a device that moves, each with the attempts they are drawn from."""
    moves = pl.col("network").is_not_null()
    return (found.filter(~moves), rows), (found.filter(moves), moved)


def _at_once(found: pl.DataFrame) -> pl.Series:
    """Count, for each, the accounts with a client that turned at about the same time."""
    tick = pl.col("start").dt.truncate(AT_ONCE)
    turned = found.filter(pl.col("shape") == "stale").select("account_id", tick.alias("tick"))
    near = found.select(
        pl.int_range(pl.len()).alias("row"),
        pl.concat_list(tick.dt.offset_by(by) for by in (f"-{AT_ONCE}", "0m", AT_ONCE)).alias("tick"),
    ).explode("tick")
    counts = near.join(turned, on="tick").group_by("row").agg(pl.col("account_id").n_unique().alias("n_at_once"))
    every = pl.DataFrame({"row": pl.int_range(found.height, eager=True)})
    return every.join(counts, on="row", how="left", maintain_order="left")["n_at_once"].fill_null(0)


def _with_own_names(found: pl.DataFrame, events: pl.LazyFrame, domains: pl.Series) -> pl.DataFrame:
    """Add `named`: the reverse name, in a domain of ours, of an address that never logged in and that nothing else ties.

    Servers write only names that lead back to the address: nobody else can have one.
    """
    strange = found.filter(pl.col("shape") == "never", ~pl.col("near"), ~pl.col("own"))["client_ip"].drop_nulls()
    if strange.is_empty() or "client_name" not in events.collect_schema():
        return found.with_columns(pl.lit(None, pl.String).alias("named"))
    here = only(events, JUDGED).filter(pl.col("client_ip").is_in(strange.unique().implode()))
    here = (
        here.select(pl.col("client_ip", "client_name").cast(pl.String)).drop_nulls().unique().collect(engine=by_size())
    )
    lower = pl.col("client_name").str.to_lowercase().str.strip_chars_end(".")
    ends = [lower.str.extract(rf"^(?:.*\.)?((?:[^.]+\.){{{k}}}[^.]+)$").is_in(domains.implode()) for k in range(1, 5)]
    mine = here.filter(pl.any_horizontal(ends))
    named = mine.group_by("client_ip").agg(pl.col("client_name").min().alias("named"))
    return found.join(named, on="client_ip", how="left", maintain_order="left")


def _story_rows(found: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    """Return the refused attempts of each story, with the logins just before and after."""
    own = [*CLIENT, "story", "start", "end", "last_ok", "next_ok"]
    inside = rows.join(found.select(own), on=CLIENT, suffix="_story").filter(
        (pl.col("bad") & pl.col("time").is_between("start", "end"))
        | (pl.col("ok") & (pl.col("time") == pl.col("last_ok_story")))
        | (pl.col("ok") & (pl.col("time") == pl.col("next_ok_story")))
    )
    return inside.select("story", "time", "source", "source_id", "line_no", "n", "ok", "bad", *CLIENT)


def hasty(rows: pl.DataFrame, failures: int, within: timedelta) -> pl.Series:
    """Return the stories in which so many failures fall within that time, so that they can trip a lock or a ban."""
    bad = rows.filter("bad").sort("story", "time", "source_id", "line_no").with_columns(pl.col("story").alias("chain"))
    return bad.filter(dense(bad, failures, within))["story"].unique().sort()


def _changes(found: pl.DataFrame) -> pl.DataFrame:
    """Bound the moment at which the secret of each account changed, over all its clients that turned then.

    Each gives a bracket (last login, first failure]; brackets that overlap speak of one change.
    """
    stale = found.filter(pl.col("shape") == "stale").select(
        "story", "account_id", "client_id", pl.coalesce("client_ip", "network").alias("client_ip"), "last_ok", "next_ok",
        pl.col("start").alias("first_bad"),
    )  # fmt: skip
    pairs = stale.select("story", "account_id", "last_ok", "first_bad").join(stale, on="account_id", suffix="_other")
    overlap = (pl.col("last_ok_other") < pl.col("first_bad")) & (pl.col("last_ok") < pl.col("first_bad_other"))
    return (
        pairs.filter(overlap)
        .group_by("story", maintain_order=True)
        .agg(
            pl.col("last_ok_other").max().alias("changed_after"),
            pl.col("first_bad_other").min().alias("changed_before"),
            pl.col("client_id").n_unique().alias("n_turned"),
            pl.col("client_ip").unique().sort().alias("turned"),
            pl.col("client_ip").filter(pl.col("next_ok").is_not_null()).unique().sort().alias("repaired"),
        )
        .filter(pl.col("changed_after") < pl.col("changed_before"))
    )
