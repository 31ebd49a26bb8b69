"""Takeovers: a source that an account never used gets in and sends far more than its owner does."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import polars as pl

from smtplogs.detect._attempts import duration
from smtplogs.detect._findings import as_findings, not_assessable
from smtplogs.detect._networks import network
from smtplogs.detect._persons import one_person
from smtplogs.detect._sentences import counted, length, listed, moment, name, stretch
from smtplogs.detect._slices import Slices, judged, pieces, proof, sliced, sliced_door, texts
from smtplogs.schema import TIME, Column

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

COLUMNS: dict[str, Column] = {
    "n_messages": Column(pl.UInt32, "mails accepted from the new source within the time", "messages"),
    "n_recipients": Column(pl.UInt32, "their recipients, where the log tells; else null", "recipients"),
    "usual_per_hour": Column(pl.Float64, "95 % of the hours in which the account sends: no more than this", "messages"),
    "established_since": Column(TIME, "first login of the account in the log", "UTC"),
    "n_failures_before": Column(pl.UInt32, "failures of that source on the account before it got in", "attempts"),
    "n_names_failed": Column(pl.UInt32, "accounts that the source failed on", "accounts"),
    "n_new_sources": Column(pl.UInt32, "sources new to the account within a day of it", "addresses"),
    "n_senders": Column(pl.UInt32, "sender addresses used, where the log tells", "addresses"),
    "foreign_sender": Column(pl.Boolean, "a sender other than the login was used; null: the log does not tell"),
    "n_refused_after": Column(pl.UInt32, "later refusals of the account by a rule or quota", "attempts"),
    "helo": Column(pl.String, "what the source called itself"),
}
"""What ``compromises`` tells beside the common columns."""

PAIR = ["account", "client_ip"]
REFUSALS = ("account_restricted", "throttled_sending", "quota_exceeded", "sender_not_owned", "account_action_required")
BEFORE = timedelta(days=1)
MANY_SOURCES = 5


@sliced_door
@one_person
def compromises(
    events: pl.LazyFrame,
    *,
    established: str = "3d",
    messages: int = 20,
    times_usual: float = 3.0,
    within: str = "1h",
    protocols: Sequence[str] = ("smtp",),
) -> pl.DataFrame:
    """Find accounts that a stranger seems to use; never a proof.

    A new source gets in and sends a burst. The source (address and its /24 or /48) never logged in to the account
    before, the account is established, and within an hour of its first login that source sends many more mails, or to
    many more recipients, than the account does in all but its busiest hours. Failures before the login only add
    weight: in the lab a rule of failures and then a success met two of five takeovers and seven repaired
    applications.

    Parameters
    ----------
    events
        Events as ``read`` or ``load`` give them; a LazyFrame is read in pieces. Needs `time, stage, outcome, user,
        client_ip`; uses `cause, count, side, protocol, n_recipients, sender, helo, source, line_no`.
    established
        The first login of the account in the log is at least this old. Own choice.
    messages
        Mails, or recipients, that make a burst at least [messages]. Own choice.
    times_usual
        And so many times the account's own 95 % hour. Own choice.
    within
        Time after the first login of the source.
    protocols
        Which logins count.

    Returns
    -------
    DataFrame
        Findings of the kind ``takeover``, severity *serious*: the common columns and those of ``COLUMNS``. If the log
        shows no mail that was accepted (Dovecot's submission, sign-ins of Entra), logins are counted in place of mails;
        such a finding is a *warning* if nothing adds weight. A row with status ``not_assessable`` if neither tells, or
        the log is shorter than `established`.

    Raises
    ------
    MissingColumns
        If the events lack a column that is needed.
    ValueError
        If a threshold or duration cannot be used.

    Notes
    -----
    Known false positives: a new gateway, web mail or mailing application of the owner; travel and a new phone do not
    send a burst. An archive that begins after the takeover cannot show it.
    """
    if messages < 1 or times_usual <= 0:
        raise ValueError(f"messages={messages!r} must be 1 or more, times_usual={times_usual!r} above 0")
    old, window = duration(established, "established"), duration(within, "within")
    slices = sliced(events, "time", "stage", "outcome", "user", "client_ip")
    good = judged(protocols, ("auth", "mail"))
    logins, hours, stage = _sums(slices, good)
    if logins.is_empty():
        return as_findings([], "compromises", COLUMNS)
    first, last = logins["first"].min(), logins["last"].max()
    no_mail = stage != "mail"
    cannot = as_findings([_not_assessable_row(first, last, no_mail=no_mail, old=old)], "compromises", COLUMNS)
    if last - first < old:  # pyright: ignore
        return cannot
    usual = hours.group_by("account").agg(
        pl.col("n").quantile(0.95, "nearest").cast(pl.Float64).alias("usual"),
        pl.col("recipients").quantile(0.95, "nearest").cast(pl.Float64).alias("usual_recipients"),
    )
    newcomers = _newcomers(logins, old)
    sent = _sent(slices, good, newcomers, window, stage)
    least = pl.max_horizontal(pl.lit(float(messages)), times_usual * pl.col("usual").fill_null(0.0))
    least_to = pl.max_horizontal(pl.lit(float(messages)), times_usual * pl.col("usual_recipients").fill_null(0.0))
    # the few that sent much first: every new source with every hour of its account could grow beyond memory
    bursts = newcomers.join(sent, on=PAIR, how="inner")
    bursts = bursts.filter((pl.col("n") >= messages) | (pl.col("recipients") >= messages))
    # its own burst counts among the account's hours: an owner who sends seldom would look busy by it
    found = (
        bursts.join(_usual_without(hours, bursts, usual), on=PAIR, how="left")
        .filter((pl.col("n") >= least) | (pl.col("recipients") >= least_to))
        .sort("first", *PAIR)
    )
    if found.is_empty():
        return cannot if no_mail else as_findings([], "compromises", COLUMNS)
    told = texts(_failures(slices, protocols, found, newcomers)).with_row_index("finding")
    wanted = told.select(
        "finding", "account", "client_ip", (pl.col("first") - BEFORE).alias("start"), pl.col("until").alias("end")
    )
    wanted = wanted.with_columns(pl.col("finding").cast(pl.Int64))
    here = {"stage": ["auth", "mail"], "outcome": ["success", "failure"]}
    evidence = proof(slices, wanted, PAIR, words=here, where=good)
    return as_findings(
        [
            _row(t, window, no_mail=no_mail) | {"evidence": evidence.get(t["finding"], [])}
            for t in told.iter_rows(named=True)
        ],
        "compromises",
        COLUMNS,
    )


def _sums(slices: Slices, good: pl.Expr) -> tuple[pl.DataFrame, pl.DataFrame, str]:
    """Return first and last login of each account and source, and mails per account, source and hour.

    And what was counted: ``mail``; or ``auth``, the logins, if the log shows no mail of anybody who logged in.
    """
    logins = []
    hours: dict[str, list[pl.DataFrame]] = {"mail": [], "auth": []}
    words = {"stage": ["auth", "mail"], "outcome": ["success"]}
    for piece in pieces(slices, "stage", "count", "account", "client_ip", "n_recipients", words=words, where=good):
        named = piece.drop_nulls(PAIR)
        logins.append(named.group_by(PAIR).agg(pl.col("time").min().alias("first"), pl.col("time").max().alias("last")))
        for stage, own in hours.items():
            if stage == "auth" and any(h.height for h in hours["mail"]):
                own.clear()
                continue
            own.append(
                named.filter(pl.col("stage") == stage)
                .group_by(*PAIR, pl.col("time").dt.truncate("1h").alias("hour"))
                .agg(
                    pl.col("count").fill_null(1).cast(pl.Int64).sum().alias("n"),
                    pl.col("n_recipients").cast(pl.Int64).sum().alias("recipients"),
                )
            )
    if not logins:
        return pl.DataFrame(), pl.DataFrame(), "mail"
    stage = "auth" if hours["auth"] else "mail"
    return (
        pl.concat(logins).group_by(PAIR).agg(pl.col("first").min(), pl.col("last").max()),
        pl.concat(hours[stage]).group_by(*PAIR, "hour").agg(pl.col("n", "recipients").sum()),
        stage,
    )


def _newcomers(logins: pl.DataFrame, old: timedelta) -> pl.DataFrame:
    """Return the sources that an established account had not used before: the address and its network are new."""
    net = network(pl.col("client_ip").cast(pl.String)).fill_null(pl.col("client_ip").cast(pl.String))
    known = logins.with_columns(net.cast(pl.Categorical).alias("net")).with_columns(
        pl.col("first").min().over("account").alias("since"),
        pl.col("first").min().over("account", "net").alias("net_since"),
    )
    new = known.filter(pl.col("first") == pl.col("net_since"), pl.col("first") - pl.col("since") >= old)
    return new.select(*PAIR, "first", "since", "net")


def _usual_without(hours: pl.DataFrame, newcomers: pl.DataFrame, usual: pl.DataFrame) -> pl.DataFrame:
    """Return what is usual for the account of each new source, without the hours from its first login on."""
    before = newcomers.select(*PAIR, "first").join(
        hours.group_by("account", "hour").agg(pl.col("n", "recipients").sum()), on="account"
    )
    before = before.filter(pl.col("hour") + timedelta(hours=1) <= pl.col("first"))
    own = before.group_by(PAIR).agg(
        pl.col("n").quantile(0.95, "nearest").cast(pl.Float64).alias("usual"),
        pl.col("recipients").quantile(0.95, "nearest").cast(pl.Float64).alias("usual_recipients"),
    )
    return own.select(*PAIR, *usual.columns[1:])


def _sent(slices: Slices, good: pl.Expr, newcomers: pl.DataFrame, window: timedelta, stage: str) -> pl.DataFrame:
    """Return what each new source sent, or how often it logged in (`stage`), within the window after its first login."""
    parts = []
    columns = ("stage", "count", "account", "client_ip", "n_recipients", "sender", "helo")
    for piece in pieces(slices, *columns, words={"stage": [stage], "outcome": ["success"]}, where=good):
        own = piece.join(newcomers.select(*PAIR, "first"), on=PAIR).filter(pl.col("time") - pl.col("first") <= window)
        parts.append(own.drop("stage"))
    if not parts:
        return pl.DataFrame(schema={**newcomers.select(PAIR).schema, "n": pl.Int64, "recipients": pl.Int64})
    foreign = pl.col("sender").str.to_lowercase() != pl.col("account").cast(pl.String)
    return (
        pl.concat(parts)
        .group_by(PAIR)
        .agg(
            pl.col("count").fill_null(1).cast(pl.Int64).sum().alias("n"),
            pl.col("n_recipients").cast(pl.Int64).sum().alias("recipients"),
            pl.col("n_recipients").is_not_null().any().alias("told_recipients"),
            pl.col("sender").drop_nulls().n_unique().alias("n_senders"),
            foreign.any(ignore_nulls=False).alias("foreign_sender"),
            pl.col("helo").drop_nulls().first(),
            pl.col("time").max().alias("until"),
        )
    )


def _failures(slices: Slices, protocols: Sequence[str], found: pl.DataFrame, newcomers: pl.DataFrame) -> pl.DataFrame:
    """Add what went before and after: failures of the source, other new sources, refusals of the account."""
    ips, accounts = found.select("client_ip").unique(), found.select("account").unique()
    failed, refused = [], []
    bad = {"stage": ["auth"], "outcome": ["failure"]}
    for piece in pieces(slices, "count", "account", "client_ip", words=bad, where=judged(protocols)):
        own = piece.join(ips, on="client_ip", how="semi")
        failed.append(
            own.select("time", "account", "client_ip", pl.col("count").fill_null(1).cast(pl.Int64).alias("n"))
        )
    for piece in pieces(slices, "count", "account", words={"cause": REFUSALS}, where=pl.col("user").is_not_null()):
        refused.append(piece.join(accounts, on="account", how="semi").select("time", "account"))
    empty = pl.DataFrame(schema={"time": TIME, **found.select(PAIR).schema, "n": pl.Int64})
    tries = pl.concat([empty, *failed])
    before = (
        found.select(*PAIR, "first")
        .join(tries, on=PAIR)
        .filter(pl.col("time") < pl.col("first"))
        .group_by(PAIR)
        .agg(pl.col("n").sum().alias("n_failures_before"))
    )
    names = tries.group_by("client_ip").agg(pl.col("account").drop_nulls().n_unique().alias("n_names_failed"))
    later = pl.concat([empty.select("time", "account"), *refused])
    after = (
        found.select(*PAIR, "first")
        .join(later, on="account")
        .filter(pl.col("time") > pl.col("first"))
        .group_by(PAIR)
        .agg(pl.len().alias("n_refused_after"))
    )
    near = (
        found.select(*PAIR, "first")
        .join(newcomers.select("account", pl.col("first").alias("other")), on="account")
        .filter((pl.col("other") - pl.col("first")).abs() <= BEFORE)
        .group_by(PAIR)
        .agg(pl.len().alias("n_new_sources"))
    )
    for table, key in ((before, PAIR), (names, ["client_ip"]), (after, PAIR), (near, PAIR)):
        found = found.join(table, on=key, how="left", maintain_order="left")
    counts = ("n_failures_before", "n_names_failed", "n_refused_after", "n_new_sources")
    return found.with_columns(pl.col(counts).fill_null(0))


def _row(t: Mapping[str, Any], window: timedelta, *, no_mail: bool) -> dict[str, Any]:
    """Return the finding for one account and source."""
    what, did = ("login", "logged in") if no_mail else ("mail", "sent")
    user, ip = name(t["account"]), name(t["client_ip"])
    recipients = t["recipients"] if t["told_recipients"] else None
    to = f" to {counted(recipients, 'recipient')}" if recipients else ""
    reasons = [
        f"{ip} and its network had never logged in to {user}, which is seen from {moment(t['since'])} on.",
        f"{counted(t['n'], what)}{to} within {length(window)}; the account's busiest hours before had "
        f"{t['usual'] or 0:,.0f}.",
    ]
    if no_mail:
        reasons.append("The log shows no accepted mail: logins stand for what was sent.")
    weight = 0
    if t["n_failures_before"]:
        reasons.append(f"{counted(t['n_failures_before'], 'failure')} of that source on the account came before.")
        weight += 1
    if t["n_names_failed"] >= 3:
        reasons.append(f"The source failed on {counted(t['n_names_failed'], 'account')} as well.")
        weight += 1
    if t["n_new_sources"] >= MANY_SOURCES:
        reasons.append(f"{t['n_new_sources']:,} sources new to the account logged in within a day.")
        weight += 1
    if t["n_refused_after"]:
        reasons.append(f"The account was refused by a rule or quota {t['n_refused_after']:,} times afterwards.")
        weight += 1
    if t["foreign_sender"]:
        reasons.append(f"Senders other than the login were used ({t['n_senders']:,}).")
        weight += 1
    return {
        "kind": "takeover",
        "severity": "warning" if no_mail and not weight else "serious",
        "subject_kind": "user",
        "subject": t["account"],
        "user": t["account"],
        "client_ip": t["client_ip"],
        "start": t["first"],
        "end": t["until"],
        "n_events": t["n"],
        "title": f"{'How often' if no_mail else 'What'} {ip} {did} as {user} is consistent with takeover: {counted(t['n'], what)}{to} "
        f"{stretch(t['first'], t['until'])}, right after its first login.",
        "cause": "success",
        "advice": f"Ask the owner of {user} about {listed([t['client_ip']])}; if it is not theirs, change the password, "
        "end open sessions and look at what was sent.",
        "confidence": "high" if weight >= 2 else "medium" if weight else "low",
        "because": reasons,
        "refuted_by": "The owner knows the source: travel with a mailing, a new gateway, application or web mail.",
        "n_messages": None if no_mail else t["n"],
        "n_recipients": recipients,
        "usual_per_hour": t["usual"],
        "established_since": t["since"],
        "n_failures_before": t["n_failures_before"],
        "n_names_failed": t["n_names_failed"],
        "n_new_sources": t["n_new_sources"],
        "n_senders": t["n_senders"] or None,
        "foreign_sender": t["foreign_sender"],
        "n_refused_after": t["n_refused_after"],
        "helo": t["helo"],
    }


def _not_assessable_row(start: Any, end: Any, *, no_mail: bool, old: timedelta) -> dict[str, Any]:
    """Return the row that says that takeovers cannot be told: no mail is seen, or the log is too short."""
    why = "the log shows no mail accepted from a login" if no_mail else f"the log is shorter than {length(old)}"
    return not_assessable(
        "takeover",
        "all accounts",
        start,
        end,
        None,
        title=f"Whether accounts were taken over cannot be told: {why}.",
        advice="Read more of the log, and one that shows accepted mail (Postfix's client= lines, Exim's <= lines).",
        because=["A takeover shows as a source new to an established account that sends a burst."],
        refuted_by="More of the same log.",
    )
