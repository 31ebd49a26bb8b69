"""The shapes of a client whose secret stopped working: refused in a run, between logins of another, or from the beginning."""

from __future__ import annotations

from datetime import timedelta

import polars as pl

from smtplogs.detect._rhythm import rhythm, schedules

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

LASTING, LASTING_FAILURES = timedelta(days=1), 50
"""So long and so often it is told even if the account is used from nowhere else meanwhile: it is locked out by that client, or
closed. Longer than outages last. Own choice."""

JOINT_FAILURES = 3
"""Several clients of one account that turned at one time bear each other out: of such a run so few failures are enough, if
all of them have as many as an uneven run, and it is longer than locks last. A shared mailbox fails like that."""

SLOW = 3600.0
BEAT_LOGINS, BEAT_TICKS = 5, 8
"""Three failures are enough, too, of a job of every hour or slower, if they come at the times at which it used to log in: its
last logins (five at most) and all of the failures keep one rhythm, eight ticks together. Own choice, above the five that
``_rhythm.py`` asks for: none of them may be off."""

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
without a login holds most of them; or if they go on over a night, five times a day: nobody mistypes so often."""

FEW_NAMES = 2
SLOWEST_GUESS = 60.0
GUESSING = timedelta(hours=1)
"""A client that never logged in is told if it tries two names at most (a device that was set up wrongly tries no more), not
faster, and not for less than this."""

PROBING, PROBES = timedelta(days=1), 24
"""So long, and so many tries, if nothing ties it to us but a name in a domain of ours that nobody logs in with: a probe or
a service whose mailbox is gone. Who guesses tries other names as well. Own choice."""

DOMAIN = r"@([^@]+)$"


def runs_of(judged: pl.DataFrame) -> pl.DataFrame:
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


def stale_runs(rows: pl.DataFrame, successes: int, failures: int) -> pl.DataFrame:
    """Return the runs of clients that had logged in, and then were refused for long while the account worked."""
    enough = rows.filter("bad", pl.col("n_ok") >= successes).group_by(RUN).agg(pl.col("n").sum().alias("n_run"))
    enough = enough.filter(pl.col("n_run") >= min(failures, JOINT_FAILURES)).drop("n_run")
    mine = rows.join(enough, on=RUN, how="semi", maintain_order="left")
    runs = _summed(mine, RUN)
    span = pl.col("end") - pl.col("start")
    works = pl.col("n_elsewhere") > 0
    # an outage, or a lock, is over sooner
    even = pl.col("regular") & (works | (span >= ALONE))
    uneven = works & (span >= UNEVEN) & (pl.col("n_bad") >= UNEVEN_FAILURES)
    uneven = ~pl.col("regular") & (uneven | ((span >= LASTING) & (pl.col("n_bad") >= LASTING_FAILURES)))
    many = (even | uneven) & (pl.col("n_bad") >= failures)
    slow = _on_beat(runs.filter(~many, span >= pl.when(works).then(ALONE).otherwise(LASTING)), rows)
    runs = runs.join(slow, on=RUN, how="left", maintain_order="left")
    on_beat = pl.col("beat_s").is_not_null()
    told = runs.filter(many | on_beat | _jointly(runs)).join(
        _beset(mine, rows, RUN), on=RUN, how="left", maintain_order="left"
    )
    told = told.with_columns(
        pl.coalesce("beat_s", "period_s").alias("period_s"),
        pl.when(on_beat).then(1.0).otherwise("regular_share").alias("regular_share"),
        (pl.col("regular") | on_beat).alias("regular"),
    ).drop("beat_s")
    among = (pl.col("beset_share") >= BESET_SHARE).fill_null(False)
    among = among & ((span <= LOCKED) | (pl.col("n_others") > pl.col("n_bad")))
    victim = among & (~pl.col("regular") | (span <= LOCKED))
    told = told.with_columns(among.alias("beset"), pl.lit("stale").alias("shape")).filter(~victim)
    # who logged in after another client had begun to fail knows the new secret
    others = told.filter(~pl.col("beset")).select("account_id", pl.col("start").alias("turned_at"))
    follows = told.join(others, on="account_id").filter(pl.col("beset"), pl.col("turned_at") < pl.col("last_ok"))
    return told.join(follows, on=RUN, how="anti", maintain_order="left")


def _on_beat(runs: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    """Return those runs, and the period, that go on in the rhythm of the client's last logins: ``*RUN, beat_s`` [s]."""
    runs = runs.select(*CLIENT, pl.col("run").alias("of"), "start", "end")
    near = rows.join(runs, on=CLIENT).filter(pl.col("time") <= pl.col("end"))
    logins = near.filter("ok", pl.col("run") <= pl.col("of"), pl.col("run") > pl.col("of") - BEAT_LOGINS)
    failures = near.filter("bad", pl.col("run") == pl.col("of"))
    beat = rhythm(pl.concat([logins, failures]), [*CLIENT, "of"])
    beat = beat.filter(pl.col("n_ticks") >= BEAT_TICKS, pl.col("period_s") >= SLOW, pl.col("regular_share") == 1)
    return beat.select(*CLIENT, pl.col("of").alias("run"), pl.col("period_s").alias("beat_s"))


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


def mixed_clients(rows: pl.DataFrame, successes: int) -> pl.DataFrame:
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


def never_worked(rows: pl.DataFrame, book: pl.DataFrame, domains: pl.Series, failures: int) -> pl.DataFrame:
    """Return the clients that try in a rhythm and were never seen to log in, if something ties them to us.

    `domains`: those in which others log in.
    """
    few = book.filter(pl.col("n_names") <= FEW_NAMES)
    strangers = rows.join(few, on="client_ip", how="semi", maintain_order="left")
    strangers = strangers.filter(pl.col("n_ok").max().over(CLIENT) == 0)
    runs = _summed(strangers, RUN)
    known = few.select("client_ip", "near", "own", "n_names")
    runs = runs.join(known, on="client_ip", how="left", maintain_order="left")
    tied = (pl.col("n_account") > 0) | pl.col("near") | pl.col("own")
    span = pl.col("end") - pl.col("start")
    lasts = (span >= PROBING) & (pl.col("n_ticks") >= PROBES) & (pl.col("n_names") == 1)
    ours = pl.col("account").str.extract(DOMAIN).is_in(domains.implode()).fill_null(False)
    slow = (pl.col("period_s") >= SLOWEST_GUESS) & (span >= GUESSING)
    return (
        runs.filter("regular", tied | (ours & lasts), slow, pl.col("n_bad") >= failures)
        .drop("near", "own", "n_names")
        .with_columns(pl.lit("never").alias("shape"))
    )
