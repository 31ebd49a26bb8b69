"""Intervals in which a right secret was refused: found, bounded, and told from outages and password changes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import polars as pl

from smtplogs.detect._attempts import POLICY_CAUSES, RUN, chained, dense, failed_within
from smtplogs.detect._findings import spread
from smtplogs.detect._histories import OUTAGE_BIN
from smtplogs.detect._ledger import attempts
from smtplogs.detect._let_in import let_in

if TYPE_CHECKING:
    from smtplogs.detect._histories import History
    from smtplogs.detect._ledger import Ledger

LOCK_LIKE = ("bad_credentials", "account_locked", "unknown")
"""What a lock may look like to a client with the right secret; other causes name another reason."""

OUTAGE_AROUND = ("-10m", "0m", "10m")
OUTAGE_ACCOUNTS = 3
OUTAGE_SHARE = 0.2
"""An outage: established clients of 3 accounts, and of a fifth of those active in these minutes, refused or put off
although nobody had failed before them. The partial outage of the lab hit 55 % of the established users."""

TURNED = timedelta(days=1)
"""Who was refused for longer has an old secret, whatever the server does now."""

ALIKE = 3
"""So many established clients of one account failing alike before a lock: the account failed them, not they it."""

MOST_CROSSED = 2
"""Logins of others between two refusals of a witness: the account may be locked again before it tries. More of them
mean an old secret. On simulated sites 2 costs one lock in eighty and drops five wrong findings of twelve."""

CLIENT_STREAK = ["account_id", "client_id", "n_ok"]


@dataclass(frozen=True)
class Rules:
    """The parameters of the detector, durations parsed."""

    failures: int
    within: timedelta
    lasting: timedelta
    shortest: timedelta


@dataclass(frozen=True)
class Locks:
    """A row a lock, a row a run of refusals that only looked like one, the lines behind the locks, and outages.

    Outages: bins, and how many accounts met refusals in each (`n_hit`).
    """

    found: pl.DataFrame
    doubted: pl.DataFrame
    evidence: pl.DataFrame
    outages: pl.DataFrame


def find_locks(history: History, rules: Rules) -> Locks:
    """Find the locks of every account.

    A lock ends at the latest with the next login of the account, so that a run of refusals holds at most one.
    `found` and `doubted` have the keys ``account_id, run``, the brackets ``onset_after, onset_before, end_after,
    end_before``, what came before (``n_before, n_sources, reached, trigger, trigger_id, n_trigger``), who was refused
    (``clients, n_clients, n_refused``), ``by_text`` (the server said so) and what speaks against a lock.
    """
    refusals = _refusals(history.rows, rules)
    witnesses = _witnesses(refusals, rules)
    locks = _candidates(refusals, witnesses)
    bins = _outages(history, refusals)
    before = _before(locks, refusals, rules)
    refused = _refused(locks, refusals, witnesses)
    locks = (
        locks.join(_brackets(locks, refusals, refused), on="lock", how="left")
        .join(_blame(before), on="lock", how="left")
        .join(before.group_by("lock").agg(pl.col("n").sum().alias("n_all_before")), on="lock", how="left")
        .join(_turned(before, refusals), on="lock", how="left")
        .join(_amid(locks, bins), on="lock", how="left")
        .with_columns(pl.col("n_before", "n_sources", "n_others_refused", "n_others_active").fill_null(0))
        .sort("lock")
    )
    passed = let_in(locks.filter(~pl.col("by_text")), refusals, rules.within, rules.shortest)
    locks = locks.join(passed, on="lock", how="left", maintain_order="left").with_columns(_doubt(rules).alias("doubt"))
    found = locks.filter(pl.col("doubt").is_null())
    return Locks(
        found,
        locks.filter(pl.col("doubt").is_not_null()),
        _lines(found, before, refused),
        bins.filter("outage").select("bin", pl.col("n_others_refused").alias("n_hit")),
    )


def _refusals(history: pl.DataFrame, rules: Rules) -> pl.DataFrame:
    """Return the refused attempts in chains, each with the last moment at which enough failures lay before it.

    Only of accounts on which a lock could show: somebody was established there, or the server spoke of a lock.
    """
    by_rule = pl.col("cause").is_in(POLICY_CAUSES).fill_null(False)
    said = (pl.col("cause") == "account_locked").fill_null(False)
    rows = history.with_columns(said.alias("said"))
    rows = rows.filter((pl.col("trusted") | pl.col("said")).any().over("account_id")).filter("bad", ~by_rule)
    rows = chained(rows, RUN, rules.lasting)
    return (
        rows.with_columns(dense(rows, rules.failures, rules.within, ~pl.col("said")))
        .with_columns(pl.when("dense").then("time").forward_fill().over("chain").alias("reached"))
        # strictly before, in the order of the log: a failure does not explain itself
        .with_columns(pl.col("reached").shift(1).over("chain"))
        .with_columns((pl.col("time") - pl.col("reached") <= rules.lasting).fill_null(False).alias("explained"))
        .with_columns(
            pl.col("time").min().over(CLIENT_STREAK).alias("fails_from"),
            pl.col("time").max().over(CLIENT_STREAK).alias("fails_until"),
            pl.when(~pl.col("explained")).then("time").max().over(CLIENT_STREAK).alias("unexplained_until"),
            (pl.col("run").max() - pl.col("run").min()).over(CLIENT_STREAK).alias("crossed"),
            (pl.col("next_ok") - pl.col("time").min() < rules.shortest).over(CLIENT_STREAK).alias("mistyped"),
        )
    )


def _witnesses(refusals: pl.DataFrame, rules: Rules) -> pl.DataFrame:
    """Return the first refused attempt of each established client that failures of others explain.

    A witness gets in again at its first try after the account works, unless it was locked again: who goes on failing
    has an old secret.
    """
    healed = (pl.col("unexplained_until") <= pl.col("next_any")).fill_null(True) & (pl.col("crossed") <= MOST_CROSSED)
    first = (
        refusals.filter("trusted", "heals", "explained", healed, pl.col("cause").is_in(LOCK_LIKE).fill_null(True))
        .group_by("chain", "client_id", maintain_order=True)
        .first()
    )
    own = (
        first.select("chain", "client_id", "reached")
        .join(refusals.filter(~pl.col("said")).select("chain", "client_id", "time", "n"), on=["chain", "client_id"])
        .filter(pl.col("time").is_between(pl.col("reached") - rules.within, "reached"))
        .group_by("chain", "client_id")
        .agg(pl.col("n").sum().alias("own"))
    )
    first = failed_within(first, refusals, rules.within)
    return (
        first.join(own, on=["chain", "client_id"], how="left")
        .filter(pl.col("failed") - pl.col("own").fill_null(0) >= rules.failures)
        .sort(*RUN, "time", "client_id")
    )


def _candidates(refusals: pl.DataFrame, witnesses: pl.DataFrame) -> pl.DataFrame:
    """Return a row a run in which a witness was refused, or in which the server said that the account is locked."""
    said = (
        refusals.filter("said")
        .group_by(RUN, maintain_order=True)
        .agg(pl.col("time").first().alias("said_at"), pl.col("chain").first().alias("said_chain"))
    )
    seen = witnesses.group_by(RUN, maintain_order=True).agg(
        pl.col("time").first().alias("seen_at"),
        pl.col("chain", "reached").first(),
        pl.col("client_id").first().alias("witness_id"),
        pl.col("client_id").n_unique().alias("n_clients"),
        pl.col("crossed").min(),
        pl.col("client_ip").unique(maintain_order=True).alias("clients"),
    )
    said_first = (pl.col("said_at") <= pl.col("seen_at")).fill_null(pl.col("seen_at").is_null())
    return (
        seen.join(said, on=RUN, how="full", coalesce=True)
        .sort(RUN)
        .with_row_index("lock")
        .with_columns(
            pl.col("said_at").is_not_null().alias("by_text"),
            pl.min_horizontal("seen_at", "said_at").alias("onset_before"),
            pl.when(said_first).then("said_chain").otherwise("chain").alias("chain"),
            pl.when(said_first).then("said_at").otherwise("reached").alias("reached"),
            pl.when(~said_first).then("witness_id").alias("witness_id"),
            pl.col("n_clients").fill_null(0),
            pl.col("clients").fill_null(pl.lit([], pl.List(pl.String))),
        )
    )


def _before(locks: pl.DataFrame, refusals: pl.DataFrame, rules: Rules) -> pl.DataFrame:
    """Return the failures that came before each lock; `own` are those of the client that met it first."""
    return (
        locks.select("lock", "chain", "witness_id", pl.col("reached").alias("until"))
        .join(refusals.filter(~pl.col("said")), on="chain")
        .filter(pl.col("time").is_between(pl.col("until") - rules.within, "until"))
        .with_columns((pl.col("client_id") == pl.col("witness_id")).fill_null(False).alias("own"))
        .sort("lock", "time", "source_id", "line_no")
    )


def _refused(locks: pl.DataFrame, refusals: pl.DataFrame, witnesses: pl.DataFrame) -> pl.DataFrame:
    """Return the attempts that met each lock: those of the witnesses, and those refused in so many words."""
    met = witnesses.select(*RUN, "client_id", pl.col("time").alias("met_at"))
    met = met.unique([*RUN, "client_id"], keep="first", maintain_order=True)
    return (
        refusals.join(locks.select(*RUN, "lock", "onset_before"), on=RUN)
        .join(met, on=[*RUN, "client_id"], how="left")
        .with_columns((pl.col("time") >= pl.col("met_at")).fill_null(False).alias("of_witness"))
        .filter(pl.col("of_witness") | pl.col("said"))
        .sort("lock", "time", "source_id", "line_no")
    )


def _brackets(locks: pl.DataFrame, refusals: pl.DataFrame, refused: pl.DataFrame) -> pl.DataFrame:
    """Bound onset and end: after the last login and the first failure, before the first refusal; and so on."""
    chains = refusals.group_by("chain").agg(
        pl.col("user", "last_any", "next_any").first(),
        pl.col("time").filter(~pl.col("said")).min().alias("chain_start"),
        pl.col("n").sum().alias("n_chain"),
    )
    ends = refused.group_by("lock").agg(
        pl.col("time").max().alias("end_after"),
        pl.col("n").filter("of_witness").sum().alias("n_refused"),
    )
    # a lock told by the server may rest on failures that this log does not hold
    since = pl.when(~pl.col("by_text")).then("chain_start")
    return (
        locks.select("lock", "chain", "by_text")
        .join(chains, on="chain", how="left")
        .join(ends, on="lock", how="left")
        .select(
            "lock",
            "end_after",
            "n_refused",
            "n_chain",
            "user",
            "last_any",
            pl.max_horizontal("last_any", since).alias("onset_after"),
            pl.col("next_any").alias("end_before"),
        )
    )


def _blame(before: pl.DataFrame) -> pl.DataFrame:
    """Name the client with the most failures before each lock; ties go to the first by address."""
    return (
        before.filter(~pl.col("own"))
        .group_by("lock", "client_id", maintain_order=True)
        .agg(pl.col("n").sum(), pl.col("client_ip", "ip_id").first(), pl.col("trusted").any())
        .sort("lock", "n", "client_id", descending=[False, True, False])
        .group_by("lock", maintain_order=True)
        .agg(
            pl.col("n").sum().alias("n_before"),
            pl.col("n").first().alias("n_trigger"),
            pl.col("client_ip").first().alias("trigger"),
            pl.col("ip_id").first().alias("trigger_id"),
            pl.col("client_id").first().alias("trigger_client"),
            pl.col("ip_id").drop_nulls().unique().alias("source_ids"),
            pl.col("ip_id").n_unique().alias("n_sources"),
            pl.col("trusted").sum().alias("n_established"),
        )
    )


def _turned(before: pl.DataFrame, refusals: pl.DataFrame) -> pl.DataFrame:
    """Tell whether the trigger was an established client until this very run, and fails beyond its end."""
    first = (
        before.join(_blame(before).select("lock", "trigger_client"), on="lock")
        .filter(pl.col("client_id") == pl.col("trigger_client"))
        .group_by("lock", maintain_order=True)
        .first()
        .select("lock", "account_id", "run", "client_id", "n_ok", "fails_from", "fails_until", "next_any")
    )
    start = refusals.select(*CLIENT_STREAK, "run", pl.col("time").alias("fails_from"), "trusted").filter("trusted")
    turned = first.join(start, on=[*CLIENT_STREAK, "run", "fails_from"], how="semi")
    return first.select(
        "lock",
        pl.col("lock").is_in(turned["lock"].implode()).alias("turned"),
        (pl.col("fails_until") > pl.col("next_any")).fill_null(False).alias("goes_on"),
    )


def _outages(history: History, refusals: pl.DataFrame) -> pl.DataFrame:
    """Count, per stretch of ten minutes, the accounts at work and those refused without failures before them.

    Who is back within a minute mistyped: a dozen people who do must not hide a lock.
    """
    began = pl.col("time") - pl.col("fails_from")
    stranded = pl.concat(
        [
            refusals.filter("trusted", ~pl.col("explained"), ~pl.col("mistyped").fill_null(False), began <= TURNED),
            history.rows.filter("trusted", ~pl.col("bad")),
        ],
        how="diagonal",
    )
    refused = stranded.select("bin", "account_id", pl.col("let_in").fill_null(value=False)).unique()
    many = (pl.col("n_others_refused") >= OUTAGE_ACCOUNTS) & (
        pl.col("n_others_refused") >= OUTAGE_SHARE * pl.col("n_others_active")
    )
    return (
        refused.group_by("bin")
        .agg(pl.len().alias("n_others_refused"), (~pl.col("let_in")).sum().alias("n_others_active"))
        .join(history.active, on="bin", how="left")
        .with_columns(pl.col("n_others_active") + pl.col("n_let_in").fill_null(0))
        .drop("n_let_in")
        .with_columns(many.alias("outage"))
        .sort("bin")
    )


def _amid(locks: pl.DataFrame, bins: pl.DataFrame) -> pl.DataFrame:
    """Tell whether an outage lies around the onset of each lock, and the figures of its worst ten minutes."""
    around = [pl.col("onset_before").dt.truncate(OUTAGE_BIN).dt.offset_by(by) for by in OUTAGE_AROUND]
    near = locks.select("lock", pl.concat_list(around).alias("bin")).explode("bin")
    return (
        near.join(bins, on="bin")
        .sort("lock", "outage", "n_others_refused", "bin", descending=[False, True, True, False])
        .group_by("lock", maintain_order=True)
        .first()
        .drop("bin")
    )


def _doubt(rules: Rules) -> pl.Expr:
    """Name the other explanation that fits at least as well as a lock; null if none does."""
    alone = pl.col("n_clients") < 2
    brief = (pl.col("end_before") - pl.col("onset_before") < rules.shortest).fill_null(False)
    # a lock has somebody with a wrong secret: not so if its own clients fail a little each, and none stands out
    alike = (pl.col("n_established") >= ALIKE) & (pl.col("n_trigger") * 2 < pl.col("n_before"))
    changed = pl.col("turned").fill_null(False) & pl.col("goes_on").fill_null(False)
    return (
        pl.when("by_text")
        .then(None)
        .when(pl.col("outage").fill_null(False))
        .then(pl.lit("outage"))
        .when(pl.col("n_let_in").is_not_null())
        .then(pl.lit("let_in"))
        .when(alike.fill_null(False))
        .then(pl.lit("fault"))
        .when(alone & changed)
        .then(pl.lit("rotation"))
        .when(alone & brief)
        .then(pl.lit("typing"))
    )


def _lines(found: pl.DataFrame, before: pl.DataFrame, refused: pl.DataFrame) -> pl.DataFrame:
    """Return the lines that decide, but for the logins on either side: the failures and the refusals."""
    columns = ["lock", "time", "source", "line_no"]
    told = [spread(rows, "lock", 9).select(columns) for rows in (before, refused)]
    return pl.concat(told).join(found, on="lock", how="semi")


def with_logins(locks: Locks, ledger: Ledger) -> pl.DataFrame:
    """Return the lines that decide, with the login on either side of each lock."""
    around = locks.found.select("lock", "account_id", pl.concat_list("last_any", "end_before").alias("time"))
    around = around.explode("time").drop_nulls("time")
    if around.is_empty():
        return locks.evidence
    then = pl.col("time").is_in(around["time"].unique().implode())
    parts = [locks.evidence]
    columns = ("user", "source", "line_no")
    for piece in attempts(ledger, *columns, outcomes=["success"], where=then, numbered=True):
        logins = around.join(piece, on=["account_id", "time"]).sort("lock", "time", "source_id", "line_no", "client_id")
        logins = logins.unique(["lock", "time"], keep="first", maintain_order=True)
        parts.append(logins.select(locks.evidence.columns))
    return pl.concat(parts)
