"""Clients whose secret stopped working: runs of refusals after logins, their rhythm, and the moment of the change."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

import polars as pl

from smtplogs._addresses import is_private, neighbourhood, networks_of
from smtplogs._engine import by_size
from smtplogs._written import only
from smtplogs.detect._attempts import ALSO_USED, NEEDED, POLICY_CAUSES, account, dense, login_attempts
from smtplogs.detect._rhythm import rhythm, schedules
from smtplogs.detect._slices import ahead, compact, judged, pieces, sliced, texts
from smtplogs.detect._sums import Sums, summed

if TYPE_CHECKING:
    from collections.abc import Sequence

PART = 1_500_000
"""Attempts on accounts that are worth a look and are held at a time, about."""

OTHER_CAUSES = (*POLICY_CAUSES, "account_locked", "account_disabled")
"""Refused for another reason than the secret."""

JUDGED = {"stage": ["auth"], "outcome": ["success", "failure"]}
CLIENT = ["account_id", "client_id"]
RUN = [*CLIENT, "run"]

ALONE = timedelta(hours=6)
"""Longer than locks and outages last: such a run needs no login from elsewhere to show that the account works."""

MOST_MISSED = 4.0
"""More tries left out than this, for each one made, is no rhythm: two bursts hours apart, as of a client that met locks."""

UNEVEN = timedelta(hours=12)
UNEVEN_FAILURES = 10
"""A run that keeps no rhythm is told only if it is that long, over a night at least (who mistypes has asked for help by
then), with that many failures, and the account works."""

JOINT_FAILURES = 3
"""Several clients of one account that turned at one time bear each other out: of such a run so few failures are enough, if
all of them have as many as an uneven run, and it is longer than locks last. A shared mailbox fails like that."""

LOCKED = timedelta(minutes=75)
LOCKING = 5
BESET_SHARE = 0.8
"""So many failures of others within this time (a window of 15 minutes and a lock of an hour) before most failures of a
client: a lock explains them too. Others must have failed more, else two old passwords would hide each other."""

MIXED_TICKS = 20
MIXED_RUNS = 3
MIXED_SHARE = 0.8
MIXED_PER_DAY = 5
"""Failures between logins of the same address are told only if they alone keep a rhythm for so long, and no stretch
without a login holds most of them; or if they go on over a night, five times a day: nobody
mistypes so often."""

MANY_AT_ONCE = 5
AT_ONCE = "20m"
"""So many accounts that turn within this time: a change of rule, or an outage, rather than each its own."""

FEW_NAMES = 2
SLOWEST_GUESS = 60.0
GUESSING = timedelta(hours=1)
"""A client that never logged in is told if it tries two names at most, not faster, and not for less than this."""


@dataclass(frozen=True)
class Turned:
    """A row a client that fails with an old secret, or never logged in; its refused attempts; figures of the frame."""

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
    names, book, (n_failures, n_unnamed) = _worth_a_look(
        events, successes=successes, failures=failures, client=client, protocols=protocols, networks=networks
    )
    parts, told, n_accounts, n_stories = [], [], 0, 0
    # in order of the accounts, so that their numbers and those of the stories go on from part to part
    some = _in_parts(names)
    for own, judged_ones in zip(
        some, ahead([partial(_judged, events, own, client, protocols) for own in some]), strict=True
    ):
        rows = _runs(judged_ones)
        stale = _stale(rows, successes, failures)
        mixed = _mixed(rows, successes).join(stale, on=CLIENT, how="anti", maintain_order="left")
        found = pl.concat([stale, mixed, _never(rows, book, failures)], how="diagonal_relaxed")
        found = found.sort("account_id", "client_id", "start").with_row_index("story", n_stories)
        number = pl.col("account_id") + pl.lit(n_accounts, pl.UInt32)
        parts.append(found.with_columns(number))
        told.append(_story_rows(found, rows).with_columns(number))
        n_accounts, n_stories = n_accounts + len(own), n_stories + found.height
    found = pl.concat(parts, how="diagonal_relaxed")
    found = found.with_columns(_at_once(found))
    known = book.select("client_ip", "n_names", "address_ok", "near", "own")
    found = found.join(known, on="client_ip", how="left", maintain_order="left")
    return Turned(found, pl.concat(told), _changes(found), n_failures, n_unnamed)


def _in_parts(names: pl.DataFrame) -> list[pl.DataFrame]:
    """Part the accounts, in order of their names, so that each part has not many more than `PART` attempts."""
    part = names.sort("account").with_columns(((pl.col("n").cum_sum() - pl.col("n")) // PART).alias("part"))
    return part.partition_by("part", maintain_order=True) if part.height else [part]


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
) -> tuple[pl.DataFrame, pl.DataFrame, tuple[int, int]]:
    """Return the accounts of clients with enough failures, what is known of their addresses, and counts of failures.

    Accounts: ``account, n`` (attempts), ``logins`` (as logged). Of an address: the names it failed on, whether it, or its neighbours, ever
    logged in.
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
    some = (
        pairs.filter(pl.col("account").is_not_null(), pl.col("n_bad") >= failures)
        .join(book.select("client_ip", "n_names"), on="client_ip", how="left")
        .filter((pl.col("n_ok") >= successes) | ((pl.col("n_ok") == 0) & (pl.col("n_names") <= FEW_NAMES)))
    )
    book = texts(book.join(some, on="client_ip", how="semi"))
    own = networks_of(book["client_ip"], networks).is_not_null() if networks else pl.lit(False)
    book = book.with_columns(
        neighbourhood(pl.col("client_ip")).is_in(net.drop_nulls().unique().implode()).fill_null(False).alias("near"),
        (is_private(pl.col("client_ip")) | own).alias("own"),
    )
    names = sizes.join(some, on="account", how="semi").join(users, on="account", how="left")
    return texts(names), book, (n_failures, n_unnamed)


def _pairs(events: pl.LazyFrame, client: Sequence[str], protocols: Sequence[str]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return how often each client succeeded and failed, and how accounts were written: ``account, logins``.

    Of clients ``account, client_ip, n_ok, n_bad`` and the client columns.
    """
    slices = sliced(events, "time", "stage", "outcome", "user", "client_ip", *client)
    keys = list(dict.fromkeys(["user", "client_ip", *client]))
    sums = Sums(keys, {"n_ok": pl.UInt32(), "n_bad": pl.UInt32()})
    n, ok = pl.col("count").fill_null(1).cast(pl.Int64), pl.col("outcome") == "success"
    for piece in pieces(slices, "outcome", "count", *keys, words=JUDGED, where=judged(protocols)):
        rows = piece.with_columns(
            pl.when(ok).then(n).otherwise(0).alias("n_ok"), pl.when(ok).then(0).otherwise(n).alias("n_bad")
        )
        sums.add(summed(rows, keys, pl.col("n_ok", "n_bad").sum()))
    known = sums.all()
    users = known.select("user").unique()
    users = users.with_columns(account(pl.col("user").cast(pl.String)).cast(pl.Categorical).alias("account"))
    known = known.join(users, on="user", how="left", nulls_equal=True)
    written = users.drop_nulls().group_by("account").agg(pl.col("user").cast(pl.String).alias("logins"))
    return summed(known, ["account", *keys[1:]], pl.col("n_ok", "n_bad").sum()), written


def _runs(judged: pl.DataFrame) -> pl.DataFrame:
    """Give each attempt the run it belongs to (its client's logins so far) and what the account did meanwhile."""
    login = pl.when("ok").then("time")
    logins = pl.when("ok").then("n").otherwise(0)
    return judged.with_columns(
        pl.col("user").filter("ok").first().over("account_id"),
        pl.col("ok").cast(pl.Int64).cum_sum().over(CLIENT).alias("run"),
        logins.cum_sum().over(CLIENT).alias("n_ok"),
        logins.cum_sum().over("account_id").alias("n_any"),
        logins.sum().over("account_id").alias("n_account"),
        login.forward_fill().over(CLIENT).alias("last_ok"),
        login.backward_fill().over(CLIENT).alias("next_ok"),
        login.max().over("account_id").alias("account_last"),
        pl.col("time").min().over("account_id").alias("account_first"),
        pl.when("ok").then("client_ip").alias("ok_ip"),
        pl.col("user").first().over("account_id").alias("first_form"),
    ).with_columns(pl.coalesce("user", "first_form").alias("user"))


def _summed(rows: pl.DataFrame, by: list[str]) -> pl.DataFrame:
    """Return a row a group of refused attempts, with its rhythm."""
    bad = rows.filter("bad")
    sums = bad.group_by(by, maintain_order=True).agg(
        pl.col("user", "account", "client_ip", "account_last", "account_first").first(),
        pl.col("time").min().alias("start"),
        pl.col("time").max().alias("end"),
        pl.col("n").sum().alias("n_bad"),
        pl.col("n_ok").max(),
        pl.col("last_ok").first(),
        pl.col("next_ok").last(),
        (pl.col("n_any").last() - pl.col("n_any").first()).alias("n_elsewhere"),
        (pl.col("n_account").last() - pl.col("n_any").first()).alias("n_after"),
        pl.col("n_account").first(),
        pl.col("cause").mode(maintain_order=True).first(),
    )
    beat = rhythm(bad, by)
    room = (pl.col("end") - pl.col("start")).dt.total_microseconds() / 1e6 / pl.col("period_s") + 1
    dense_enough = (room <= (1 + MOST_MISSED) * pl.col("n_ticks")).fill_null(False)
    beat = (
        beat.join(sums.select(*by, "start", "end"), on=by, how="left", maintain_order="left")
        .with_columns((pl.col("regular") & dense_enough).alias("regular"))
        .drop("start", "end")
    )
    return sums.join(beat, on=by, how="left").join(schedules(bad, beat, by), on=by, how="left")


def _stale(rows: pl.DataFrame, successes: int, failures: int) -> pl.DataFrame:
    """Return the runs of clients that had logged in, and then were refused for long while the account worked."""
    enough = rows.filter("bad", pl.col("n_ok") >= successes).group_by(RUN).agg(pl.col("n").sum().alias("n_run"))
    enough = enough.filter(pl.col("n_run") >= min(failures, JOINT_FAILURES)).drop("n_run")
    mine = rows.join(enough, on=RUN, how="semi", maintain_order="left")
    runs = _summed(mine, RUN)
    span = pl.col("end") - pl.col("start")
    works = pl.col("n_elsewhere") > 0
    # an outage, or a lock, is over sooner
    even = pl.col("regular") & (works | (span >= ALONE))
    uneven = ~pl.col("regular") & works & (span >= UNEVEN) & (pl.col("n_bad") >= UNEVEN_FAILURES)
    told = runs.filter(((even | uneven) & (pl.col("n_bad") >= failures)) | _jointly(runs)).join(
        _beset(mine, rows, RUN), on=RUN, how="left", maintain_order="left"
    )
    among = (pl.col("beset_share") >= BESET_SHARE).fill_null(False)
    among = among & ((span <= LOCKED) | (pl.col("n_others") > pl.col("n_bad")))
    victim = among & (~pl.col("regular") | (span <= LOCKED))
    told = told.with_columns(among.alias("beset"), pl.lit("stale").alias("shape")).filter(~victim)
    # who logged in after another client had begun to fail knows the new secret
    others = told.filter(~pl.col("beset")).select("account_id", pl.col("start").alias("turned_at"))
    follows = told.join(others, on="account_id").filter(pl.col("beset"), pl.col("turned_at") < pl.col("last_ok"))
    return told.join(follows, on=RUN, how="anti", maintain_order="left")


def _jointly(runs: pl.DataFrame) -> pl.Series:
    """Tell the runs that began together with runs of other clients of the account, while it works elsewhere."""
    span = pl.col("end") - pl.col("start")
    own = runs.with_row_index("row").filter(pl.col("n_elsewhere") > 0, span > LOCKED)
    own = own.select("row", "account_id", "client_id", "last_ok", "start", "n_bad")
    pairs = own.join(own, on="account_id", suffix="_other").filter(
        pl.col("client_id") != pl.col("client_id_other"),
        pl.col("last_ok_other") < pl.col("start"),
        pl.col("last_ok") < pl.col("start_other"),
    )
    sums = pairs.group_by("row").agg(pl.col("n_bad").first() + pl.col("n_bad_other").sum())
    rows = sums.filter(pl.col("n_bad") >= UNEVEN_FAILURES)["row"]
    return pl.int_range(runs.height, eager=True).is_in(rows.implode())


def _beset(mine: pl.DataFrame, rows: pl.DataFrame, by: list[str]) -> pl.DataFrame:
    """Tell how many failures of each run or client (`by`) came soon after others' on the account, as under a lock."""
    summed = {"account": ["account_id"], "own": CLIENT}
    bad = pl.col("n") * pl.col("bad").cast(pl.Int64)
    known = rows.with_columns(bad.cum_sum().over(key).alias(name) for name, key in summed.items())
    here = known.join(mine.filter("bad").select(by).unique(), on=by, how="semi").filter("bad")
    here = here.select(*dict.fromkeys((*by, *CLIENT)), "time", (pl.col("time") - LOCKED).alias("since"), *summed).sort(
        "since"
    )
    for name, key in summed.items():
        before = known.select(*key, "time", pl.col(name).alias(f"{name}_before")).sort("time")
        here = here.join_asof(
            before, left_on="since", right_on="time", by=key, suffix="_then", check_sortedness=False, coalesce=False
        ).drop("time_then")
    before = pl.col("account_before", "own_before").fill_null(0)
    here = here.with_columns(before).sort(*by, "time")
    others = (pl.col("account") - pl.col("account_before")) - (pl.col("own") - pl.col("own_before"))
    between = pl.col("account").last() - pl.col("account").first() - pl.col("own").last() + pl.col("own").first()
    return here.group_by(by).agg((others >= LOCKING).mean().alias("beset_share"), between.alias("n_others"))


def _mixed(rows: pl.DataFrame, successes: int) -> pl.DataFrame:
    """Return the addresses where one program keeps failing in a rhythm while another logs in to the same account."""
    some = (
        rows.filter("bad")
        .group_by(CLIENT)
        .agg(
            pl.col("n_ok").min().alias("n_before"),
            pl.col("run").n_unique(),
            pl.col("run").unique_counts().max().alias("longest"),
            pl.len().alias("ticks"),
        )
    )
    some = some.filter(
        pl.col("n_before") >= successes,
        pl.col("run") >= MIXED_RUNS,
        pl.col("ticks") >= MIXED_TICKS,
        pl.col("longest") <= MIXED_SHARE * pl.col("ticks"),
    )
    mine = rows.join(some, on=CLIENT, how="semi", maintain_order="left")
    pooled = _summed(mine, CLIENT).join(_beset(mine, rows, CLIENT), on=CLIENT, how="left", maintain_order="left")
    span = pl.col("end") - pl.col("start")
    steady = pl.col("regular") & (span >= ALONE)
    locked = (pl.col("beset_share") >= BESET_SHARE).fill_null(False)
    often = ~locked & (span >= UNEVEN) & (pl.col("n_ticks") >= MIXED_PER_DAY * (span / timedelta(days=1)))
    return pooled.filter(steady | often, pl.col("n_ticks") >= MIXED_TICKS).with_columns(
        pl.lit("mixed").alias("shape"),
        pl.lit(None, pl.Int64).alias("run"),
        pl.lit(None).cast(pl.Datetime("us", "UTC")).alias("next_ok"),
    )


def _never(rows: pl.DataFrame, book: pl.DataFrame, failures: int) -> pl.DataFrame:
    """Return the clients that try in a rhythm and were never seen to log in, if something ties them to us."""
    few = book.filter(pl.col("n_names") <= FEW_NAMES)
    strangers = rows.join(few, on="client_ip", how="semi", maintain_order="left")
    strangers = strangers.filter(pl.col("n_ok").max().over(CLIENT) == 0)
    runs = _summed(strangers, RUN)
    runs = runs.join(few.select("client_ip", "near", "own"), on="client_ip", how="left", maintain_order="left")
    tied = (pl.col("n_account") > 0) | pl.col("near") | pl.col("own")
    slow = (pl.col("period_s") >= SLOWEST_GUESS) & (pl.col("end") - pl.col("start") >= GUESSING)
    return (
        runs.filter("regular", tied, slow, pl.col("n_bad") >= failures)
        .drop("near", "own")
        .with_columns(pl.lit("never").alias("shape"))
    )


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
        "story", "account_id", "client_id", "client_ip", "last_ok", "next_ok", pl.col("start").alias("first_bad")
    )
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
