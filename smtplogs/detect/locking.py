"""Lockouts: a right password refused because of failures before it; and the runs of failures that show no lock."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from smtplogs._parameters import at_least_one
from smtplogs.detect._attempts import duration
from smtplogs.detect._bans import bans_of
from smtplogs.detect._busy import Busy, busy_addresses
from smtplogs.detect._crowds import MOST_NAMES, Hours, crowd_facts
from smtplogs.detect._disabled import disabled_accounts
from smtplogs.detect._findings import as_findings, finding_id, lines
from smtplogs.detect._histories import histories
from smtplogs.detect._ledger import address_book, ledger_of
from smtplogs.detect._lock_stories import lock_row, not_assessable_row
from smtplogs.detect._locks import Rules, find_locks, with_logins
from smtplogs.detect._persons import one_person
from smtplogs.detect._slices import lazy_door
from smtplogs.detect._stated_bans import stated_bans
from smtplogs.detect._streak_stories import campaign_row, outage_row, streak_row
from smtplogs.detect._streaks import find_streaks
from smtplogs.detect._triggers import TRIGGER_KINDS, judged_triggers
from smtplogs.schema import TIME, Column

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import timedelta

    from smtplogs.detect._ledger import Ledger
    from smtplogs.detect._locks import Locks
    from smtplogs.detect._streaks import Streaks

RECOVERIES = ("same_address", "other_address")

COLUMNS: dict[str, Column] = {
    "onset_after": Column(TIME, "lockout: it began after this: last login, or first of the failures before it", "UTC"),
    "onset_before": Column(TIME, "lockout: and not later than this: first right attempt refused", "UTC"),
    "end_after": Column(TIME, "lockout: it ended after this: last right attempt refused", "UTC"),
    "end_before": Column(TIME, "lockout: and not later than this: next login from anywhere; null: none seen", "UTC"),
    "recovered_at": Column(TIME, "first login of the subject after it, from anywhere", "UTC"),
    "recovered_from": Column(pl.Enum(RECOVERIES), "streak of a user: whether that login came from the main source"),
    "trigger": Column(pl.String, "address with the most failures before the lock, or in the streak"),
    "trigger_kind": Column(
        pl.Enum(TRIGGER_KINDS),
        "lockout: self_inflicted: logged in to this account at another time, or beats steadily for days; "
        "attacker_induced: fails on 3 accounts or more and hardly gets in, or one of 3 strangers or more at a time; "
        "administrator: shut by hand; else unknown_source",
    ),
    "trigger_share": Column(pl.Float64, "share of the trigger in those failures, 0-1"),
    "n_failures_before": Column(
        pl.UInt32, "lockout: failures of others in the window before the first right attempt refused", "attempts"
    ),
    "n_trusted_refused": Column(pl.UInt32, "lockout: refused attempts of established clients", "attempts"),
    "trusted_refused": Column(
        pl.List(pl.String), "lockout: addresses of those clients; streak: established ones in it"
    ),
    "threshold_estimate": Column(
        pl.UInt32,
        "lockout: failures that lock, at most: the least seen before any lock of the account, from any source",
        "attempts",
    ),
    "duration_at_least_s": Column(pl.Float64, "lockout: last less first right attempt refused", "s"),
    "duration_estimate_s": Column(
        pl.Float64, "lockout: length, at most: the least end_before - onset_after of any lock of the account", "s"
    ),
    "policy": Column(pl.String, "lockout: published policy nearest to both estimates; a hint; null: none fits"),
    "lock_number": Column(pl.UInt32, "lockout: first, second ... of this account; later ones are part of the first"),
    "n_streaks": Column(pl.UInt32, "streak: runs brought together, less than a day apart", "runs"),
    "n_bans": Column(pl.UInt32, "ip_ban: silences, or bans that the log states", "bans"),
    "ban_s": Column(pl.Float64, "ip_ban: their usual length", "s"),
    "n_sources": Column(pl.UInt32, "addresses the failures came from", "addresses"),
    "sources": Column(pl.List(pl.String), f"streak: up to {MOST_NAMES} of them, most failures first"),
    "n_names": Column(pl.UInt32, "streak: accounts tried", "accounts"),
    "names": Column(pl.List(pl.String), f"streak: up to {MOST_NAMES} of the logins tried, as logged"),
    "unnamed_share": Column(pl.Float64, "share of all failed logins of the frame that carry no user name, 0-1"),
}
"""What ``lockouts`` tells beside the common columns."""


@lazy_door
@one_person
def lockouts(
    events: pl.LazyFrame,
    *,
    failures: int = 5,
    within: str = "15m",
    trusted_successes: int = 3,
    trusted_last: str = "4d",
    recover: str = "6h",
    lasting: str = "1h",
    shortest: str = "1m",
    strangers: int = 10,
    client: Sequence[str] = ("client_ip",),
    protocols: Sequence[str] = ("smtp",),
) -> pl.DataFrame:
    """Find right passwords that were refused after failures, and who caused that.

    A lock shows only if somebody with the right secret meets it: an *established* client, which had logged in before,
    is refused after failures of others, and gets in again with the same secret; or the server says so (cause
    ``account_locked``). Locks that nobody met cannot be seen. Runs of failures in which no lock can be shown are reported
    as ``failure_streak``: five typing mistakes and a login are a streak. Two neighbours of a lock are reported as well: an
    account shut by an administrator (refused as disabled after it had worked), and an address that was banned after
    failures (``ip_ban``), which shows as silences of equal length, or in the lines of a log of bans.

    Not taken for a lock: a rotation (the first to fail had been trusted and fails on while the account works), an
    outage (established clients of many accounts refused in the same minutes, without failures before), typing mistakes
    under guesses that never end (somebody gets in four times for each refusal, a moment after as many failures), a rule
    (causes ``oauth_required``, ``auth_disabled_by_policy`` ...) and limits (outcome ``throttled``). Only outcome
    failure at stage auth, on side server, counts, as often as `count` says.

    Parameters
    ----------
    events
        Events as ``read`` or ``load`` give them. Needs `time, stage, outcome, user, client_ip`; uses `cause, count,
        side, protocol, source, line_no`. Rows without a time are passed over.
    failures
        Failures that make a streak, and that must come before a lock [attempts]. fail2ban counts 5; below the 10 of
        Active Directory and Entra, so that a streak logged in part still counts.
    within
        They lie within this time, bounds included. Between the 10 min of Active Directory and the 15 of pam_faillock.
    trusted_successes
        Logins after which a client is established [attempts]. Own choice.
    trusted_last
        The last of them is no older than this. Own choice: who went home on Friday is known on Tuesday, after a long
        weekend.
    recover
        An established client that was refused logs in again within this. Own choice, above the usual lock times.
    lasting
        No lock is taken to last longer after the last failure that could have caused it; a longer pause parts a run
        of failures. The longest usual lock of the published policies is 1 h (Zimbra); half an hour is common.
    shortest
        A single client that is back sooner may have mistyped. The shortest published lock is 60 s (Entra).
    strangers
        If more addresses than this failed and never logged in anywhere, all that they did is one finding of the kind
        ``campaign`` [addresses]; a person reads ten lines. Those that locked an account are reported in any case.
    client
        Event columns that, with the account, tell one client from another (in ``clients``, `client` names one of
        them). ``("client_ip", "helo")`` parts clients behind one address, if failures carry the HELO name.
    protocols
        Which logins count. Dovecot's IMAP failures lock the same account: add ``"imap"`` if they are in the log.

    Returns
    -------
    DataFrame
        Findings of the kinds ``lockout``, ``failure_streak`` and ``ip_ban``: the common columns and those of ``COLUMNS``; the
        weightiest first. `start` and `end` of a lock are `onset_before` and `end_before`. A single row with status
        ``not_assessable`` is added if no failure carries a user name.

        Severity: *serious* if an established client met a lock, or never came back after a streak; *warning* for a
        lock that only the server tells, and for streaks that did not end well; *info* for typing mistakes and for
        what strangers did.

    Raises
    ------
    MissingColumns
        If the events lack a column that is needed.
    ValueError
        If a threshold or duration cannot be used.

    Notes
    -----
    Trigger, threshold, length and policy are estimates: the log shows only the attempts that somebody made. A ban by
    silence needs five failures before each silence, so that a job which tries twice every five minutes shows none; one or two
    silences of an address of yours need those of a stranger to bear them out. The published policies and where they are written down stand in ``detect/_policies.py``.
    """
    at_least_one(failures=failures, trusted_successes=trusted_successes)
    rules = Rules(failures, duration(within, "within"), duration(lasting, "lasting"), duration(shortest, "shortest"))
    back = duration(recover, "recover")
    established = duration(trusted_last, "trusted_last")
    ledger = ledger_of(events, protocols=protocols, client=client)
    told = stated_bans(events)
    if ledger.refused.is_empty():
        return as_findings(bans_of(ledger, told, Busy(), failures), "lockouts", COLUMNS)
    book = address_book(ledger)
    busy = Busy() if told.height else busy_addresses(book, failures)
    by_strangers = book.filter("stranger").select("ip_id")
    hours = Hours(by_strangers if by_strangers.height > strangers else by_strangers.clear())
    history = histories(
        ledger,
        trusted_successes=trusted_successes,
        trusted_last=established,
        recover=back,
        beside=[busy.add, hours.add],
    )
    # first what holds most, and holds it no longer
    bans = bans_of(ledger, told, busy, failures)
    locks = find_locks(history, rules)
    streaks = find_streaks(ledger, history.rows, book, locks, rules, strangers)

    first, last, n_refused, share = ledger.span()
    rows = _locks(locks, with_logins(locks, ledger), judged_triggers(locks, history, ledger, book), rules, share)
    rows += _streaks(streaks, locks, back, share) + _campaign(streaks, ledger, hours, share) + _outages(streaks)
    rows += disabled_accounts(history.rows) + bans
    if share == 1:
        rows.append(not_assessable_row(first, last, n_refused))
    return as_findings([row | {"unnamed_share": share} for row in rows], "lockouts", COLUMNS)


def _locks(
    locks: Locks, deciding: pl.DataFrame, triggers: pl.DataFrame, rules: Rules, share: float
) -> list[dict[str, Any]]:
    """Return a row a lock; those that repeat on one account are part of its first."""
    most = _seconds(pl.col("end_before") - pl.col("onset_after"))
    known = _seconds(pl.min_horizontal("end_before", "end_after") - pl.col("onset_before"))
    found = (
        locks.found.join(triggers, on="lock", how="left")
        .sort("account_id", "onset_before")
        .with_columns(most.alias("most_s"), known.alias("known_s"), pl.lit(share).alias("unnamed_share"))
        .with_columns(
            pl.int_range(1, pl.len() + 1).over("account_id").alias("lock_number"),
            pl.col("onset_before").first().over("account_id").alias("first_onset"),
            pl.col("n_all_before").min().over("account_id").alias("threshold"),
            pl.col("known_s").min().over("account_id").alias("least_s"),
            pl.col("most_s").min().over("account_id"),
        )
    )
    evidence = lines(deciding, "lock")
    return [
        lock_row(lock, rules) | {"evidence": evidence.get(lock["lock"], [])} for lock in found.iter_rows(named=True)
    ]


def _streaks(streaks: Streaks, locks: Locks, back: timedelta, share: float) -> list[dict[str, Any]]:
    """Return a row a streak; one of the trigger of a lock on the same account is part of the story of that lock."""
    first = locks.found.sort("onset_before").unique(["account_id", "trigger_id"], keep="first", maintain_order=True)
    first = first.select("account_id", pl.col("trigger_id").alias("main_id"), pl.col("onset_before").alias("locked_at"))
    found = streaks.found.join(first, on=["account_id", "main_id"], how="left").with_columns(
        # a phone that polls while its owner mistypes is no sign of anything else
        (pl.col("main_ok") - pl.col("end") <= back).fill_null(False).alias("soon"),
        pl.lit(share).alias("unnamed_share"),
    )
    evidence = lines(streaks.rows, "streak")
    return [
        streak_row(streak)
        | {
            "evidence": evidence.get(streak["streak"], []),
            "part_of": finding_id("lockouts", "user", streak["user"], streak["locked_at"])
            if streak["kind"] == "user" and streak["locked_at"]
            else None,
        }
        for streak in found.iter_rows(named=True)
    ]


def _campaign(streaks: Streaks, ledger: Ledger, hours: Hours, share: float) -> list[dict[str, Any]]:
    """Return one row for the strangers, if they are many; none otherwise."""
    if streaks.crowd.is_empty():
        return []
    facts = crowd_facts(ledger, streaks.crowd, hours) | {"unnamed_share": share}
    return [campaign_row(facts) | {"evidence": facts["evidence"]}]


def _outages(streaks: Streaks) -> list[dict[str, Any]]:
    """Return one row for each outage that explains streaks."""
    rows = streaks.outages
    if rows.is_empty():
        return []
    facts = rows.group_by("outage", maintain_order=True).agg(
        pl.col("time").min().alias("start"),
        pl.col("time").max().alias("end"),
        pl.col("n").sum(),
        pl.col("ip_id").n_unique().alias("n_sources"),
        pl.col("account_id").n_unique().alias("n_names"),
        pl.col("n_hit").max(),
        pl.col("user").unique(maintain_order=True).head(MOST_NAMES).alias("names"),
        pl.col("cause").drop_nulls().mode(maintain_order=True).first(),
    )
    evidence = lines(rows, "outage")
    return [outage_row(fact) | {"evidence": evidence.get(fact["outage"], [])} for fact in facts.iter_rows(named=True)]


def _seconds(span: pl.Expr) -> pl.Expr:
    return span.dt.total_microseconds() / 1e6
