"""Misconfigured clients: what is wrong in their settings, distinguished from the scanners that show the same signs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from smtplogs._engine import by_size
from smtplogs._parameters import at_least_one
from smtplogs._written import only
from smtplogs.detect import _misconfig_stories as stories
from smtplogs.detect._attempts import duration
from smtplogs.detect._findings import as_findings, lines
from smtplogs.detect._hints import known_bots, likely_software
from smtplogs.detect._logins import ACCEPTED, logins_of
from smtplogs.detect._rhythm import rhythm
from smtplogs.detect._shared_faults import find_certificate_faults, find_lost_mechanisms, find_passwords_switched_off
from smtplogs.detect._signs import NAME_KINDS, acquaintances, find_signs, meant, shape_of
from smtplogs.detect._slices import lazy_door, sliced
from smtplogs.detect._storms import find_hourly_logins, find_storms
from smtplogs.schema import TIME, Column, reference

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import timedelta

    from smtplogs.detect._slices import Slices

TIES = ("address", "user", "own", "network", "rhythm")
PACES = ("fixed", "growing", "irregular")

COLUMNS: dict[str, Column] = {
    "tie": Column(
        pl.Enum(TIES),
        "why it is taken for a client of ours: logins from its address, of its account, its network named or private, "
        "logins from near it, or only the steady rhythm",
    ),
    "n_sessions": Column(
        pl.UInt32, "sessions with the sign; retry_storm: tries; login_per_message: logins", "sessions"
    ),
    "sources": Column(pl.List(pl.String), "addresses it came from"),
    "meant": Column(pl.String, "account that the name stands for"),
    "seen": Column(pl.String, "the mechanism, greeting or relay that the sign is about"),
    "services": Column(pl.List(pl.String), "services it was seen on"),
    "works_elsewhere": Column(pl.List(pl.String), "logins that succeed: from its address, or of the account meant"),
    "fixed_at": Column(TIME, "first login after the last sign, if none came between the signs", "UTC"),
    "period_s": Column(pl.Float64, "time between two sessions, if they keep a rhythm", "s"),
    "n_per_day": Column(pl.Float64, "signs per day between the first and the last", "per day"),
    "pace": Column(pl.Enum(PACES), "retry_storm: how the pauses between two tries run"),
    "n_limited": Column(pl.UInt32, "login_per_message: refusals by a limit meanwhile", "attempts"),
    "n_scanners": Column(pl.UInt32, "scanner: addresses that nothing ties to us", "addresses"),
    "likely": Column(pl.String, "what software it is, likely (see client_hints)"),
    "answers": Column(pl.List(pl.String), "questions of the troubleshooting checklist that this answers"),
}
"""What ``misconfigured_clients`` tells beside the common columns."""

FEW_NAMES = 3
"""An address near our clients that failed on more names than this is a guesser, not a client."""

SLOWEST_SCAN = 60.0
RHYTHM_LASTS = 3600.0
RHYTHM_NAMES = 2
"""The rhythm alone ties a client to us only if it is slower than this [s], lasts so long [s], with so few names."""


@lazy_door
def misconfigured_clients(
    events: pl.LazyFrame,
    *,
    sessions: int = 3,
    span: str = "10m",
    storm_per_hour: int = 30,
    storm_per_day: int = 200,
    logins_per_hour: int = 30,
    networks: Sequence[str] = (),
) -> pl.DataFrame:
    """Find clients with wrong settings, and what repairs them.

    Fifteen mistakes are distinguished (the `kind`): ``port_25``, ``no_tls``, ``tls_mode`` (wrapper against STARTTLS),
    ``old_tls``, ``cert_not_trusted``, ``mechanism``, ``local_part_only``, ``blank_or_break``, ``bad_base64``,
    ``password_not_allowed``, ``wrong_kind`` (a relay's credentials at a mailbox server), ``helo``, ``retry_storm``,
    ``login_per_message``, ``no_login``. Scanners show many of the same signs: a client is reported only if something ties
    it to us, and scanners are counted in one row.

    Parameters
    ----------
    events
        Events as ``read`` or ``load`` give them. Needs `time, stage, outcome, client_ip, user`; uses `cause, count,
        side, protocol, service, program, server_port, mechanism, tls, session, detail, helo, host, source, line_no`.
    sessions
        Sessions with a sign before a client is reported [sessions]. Own choice.
    span
        The first and the last lie at least this far apart. Own choice: no single burst.
    storm_per_hour, storm_per_day
        Refusals of one client, for a cause that no waiting cures, within an hour or a day [attempts]. Own choice: one
        every two minutes.
    logins_per_hour
        Logins of one client within a clock hour, each with about one mail, if a limit refused it; four times as many
        if none did [logins]. Own choice.
    networks
        Networks of your own, as ``("192.0.2.0/24",)``; private addresses always count as yours.

    Returns
    -------
    DataFrame
        The common columns and those of ``COLUMNS``. The subject is the client: its address, for mistakes in the name
        the name and the address; the server for a certificate that many known clients began to refuse, or a mechanism
        that they began to miss; the domain for passwords that stopped while tokens go on.

        Severity: *warning*; *serious* for the certificate, the mechanism and the domain; *info* if logins from there succeed since,
        if only the rhythm ties the client to us, for a login per message that met no limit, and for the scanners.

    Raises
    ------
    MissingColumns
        If the events lack a column that is needed.
    ValueError
        If a threshold, duration or network cannot be used.

    Notes
    -----
    Postfix writes no line when it refuses AUTH by the state of the session: there only the counters of the disconnect
    line tell (events with basis ``counter``). A sign of the same session as a successful login is no mistake of
    settings (Outlook asks for NTLM first). Names of relays' users are recognised by their shape. Passwords that a rule of
    access keeps out (``access_policy_denied``) are reported only of addresses from which somebody used to log in, or of your own:
    for strangers the rule is there. Where a log names no port (Sendmail, Exim) a refusal to relay is ``no_login``. A
    certificate that only two known addresses refuse is the server's fault if nobody else gets in meanwhile. Known false
    positives: monitoring probes (reported as ``no_tls``, *info*), a neighbour of your users who scans.
    """
    at_least_one(
        sessions=sessions, storm_per_hour=storm_per_hour, storm_per_day=storm_per_day, logins_per_hour=logins_per_hour
    )
    least = duration(span, "span")
    slices = sliced(events, "time", "stage", "outcome", "client_ip", "user")
    every, hours = logins_of(slices, per_hour=logins_per_hour)
    rows = _shown(slices, events, every, networks, sessions, least)
    rows += _told(*find_passwords_switched_off(events), stories.passwords_off_row)
    logins = every.drop_nulls("account")
    storms, storm_lines = find_storms(events, logins, networks, per_hour=storm_per_hour, per_day=storm_per_day)
    if storms.height:
        limits = (pl.lit(storm_per_hour).alias("per_hour"), pl.lit(storm_per_day).alias("per_day"))
        rows += _told(storms.with_columns(_per_day(), *limits), storm_lines, stories.storm_row)
    rows += _told(*find_hourly_logins(events, hours, per_hour=logins_per_hour), stories.hourly_row)
    return as_findings(rows, "misconfigured_clients", COLUMNS)


def _shown(
    slices: Slices, events: pl.LazyFrame, every: pl.DataFrame, networks: Sequence[str], sessions: int, least: timedelta
) -> list[dict[str, Any]]:
    """Return a row for each mistake that clients show signs of; `every`: as ``logins_of`` gives it."""
    signs = find_signs(slices, every)
    if signs.is_empty():
        return []
    known = acquaintances(slices, signs, every, networks)
    logins = every.drop_nulls("account")
    signs = _without_later_logins(meant(signs, logins, known), events)
    faults, fault_lines = find_certificate_faults(signs, known, events)
    rows = _told(faults, fault_lines, stories.certificate_row)
    signs = signs.join(fault_lines.select("kind", "source", "line_no"), on=["kind", "source", "line_no"], how="anti")
    lost, lost_lines = find_lost_mechanisms(signs, known)
    rows += _told(lost, lost_lines, stories.lost_mechanism_row)
    signs = signs.join(lost_lines.select("kind", "source", "line_no"), on=["kind", "source", "line_no"], how="anti")
    mine, strangers = _clients(signs, known, logins, events, sessions, least)
    if mine.height:
        rows += _told(_summed(mine, logins, events), mine, stories.client_row)
    return rows + _scanners(strangers, logins, sessions)


def _told(found: pl.DataFrame, rows: pl.DataFrame, row: Any) -> list[dict[str, Any]]:
    """Return findings for `found`, with the lines of `rows` (both by `story`) as evidence."""
    if found.is_empty():
        return []
    evidence = lines(rows, "story")
    return [row(story) | {"evidence": evidence.get(story["story"], [])} for story in found.iter_rows(named=True)]


def _without_later_logins(signs: pl.DataFrame, events: pl.LazyFrame) -> pl.DataFrame:
    """Leave out signs of sessions in which a login succeeded."""
    if "session" not in events.collect_schema():
        return signs
    worked = (
        only(events, ACCEPTED)
        .filter(pl.col("session").is_in(signs["session"].drop_nulls().unique().implode()))
        .select("session")
        .unique()
        .collect(engine=by_size())
    )
    return signs.filter(~pl.col("session").is_in(worked["session"].implode()).fill_null(False))


def _clients(
    signs: pl.DataFrame,
    known: pl.DataFrame,
    logins: pl.DataFrame,
    events: pl.LazyFrame,
    sessions: int,
    least: timedelta,
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the rows of clients with a mistake (`story`), and in a few columns those of strangers."""
    accounts = logins["account"].unique().implode()
    stripped = pl.col("account").str.replace_all(r"^[\s'\"`?]+|[\s'\"`?]+$|#0[01][0-9]", "")
    here = (pl.col("n_ok") > 0) & ((pl.col("n_names") <= FEW_NAMES) | (pl.col("n_ok") >= pl.col("n_names")))
    near = pl.col("near") & (pl.col("n_names") <= FEW_NAMES)
    # who is kept out by a rule of access is often a stranger: the rule is there for them
    ruled = (pl.col("cause") == "access_policy_denied").fill_null(value=False)
    named = (pl.col("kind") != "local_part_only") & ~ruled & stripped.is_in(accounts).fill_null(False)
    tie = pl.when(here).then(pl.lit("address")).when(named).then(pl.lit("user"))
    tie = tie.when("own").then(pl.lit("own")).when(near & ~ruled).then(pl.lit("network"))
    rows = signs.join(known, on="client_ip", how="left", maintain_order="left").with_columns(
        tie.cast(pl.Enum(TIES)).alias("tie"),
        pl.when(pl.col("kind") == "blank_or_break").then(stripped)
        .when(pl.col("kind").is_in(NAME_KINDS)).then("account").alias("key"),
        stripped.alias("stripped"),
        pl.coalesce("session", reference(), pl.int_range(pl.len()).cast(pl.String))
        .alias("session"),
    )  # fmt: skip
    rows = rows.with_columns(pl.when(pl.col("key").is_null()).then("client_ip").alias("by_ip"))
    by = ["kind", "key", "by_ip"]
    strong = ~pl.col("weak") | (pl.col("kind") != "no_tls")
    rows = rows.with_columns(strong.any().over(by).alias("any_strong"))
    rows = rows.filter(strong | ~pl.col("any_strong")).with_columns((~strong).alias("weak"))
    tied = _enough(rows.filter(pl.col("tie").is_not_null()), by, sessions, least)
    # a sign that a monitoring probe shows as well needs a rhythm too
    beat = rhythm(_starts(tied, by), by)
    tied = _with_beat(tied, beat, by).filter(~pl.col("weak") | pl.col("regular"))
    strange = rows.filter(pl.col("tie").is_null())
    lone = pl.col("key").is_null() | (pl.col("kind") == "local_part_only")
    timed = _enough(strange.filter(lone, ~pl.col("weak")), by, sessions, least)
    timed = _with_beat(timed, rhythm(_starts(timed, by), by), by)
    lasts = (pl.col("time").max() - pl.col("time").min()).over(by).dt.total_seconds() >= RHYTHM_LASTS
    timed = timed.filter(
        "regular", pl.col("period_s") >= SLOWEST_SCAN, lasts, pl.col("n_names") <= RHYTHM_NAMES
    ).with_columns(pl.lit("rhythm").cast(pl.Enum(TIES)).alias("tie"))
    bots = known_bots(events, timed["client_ip"].unique().to_list())
    timed = timed.filter(~pl.col("client_ip").is_in(list(bots)))
    strange = strange.join(timed.select(by).unique(), on=by, how="anti", nulls_equal=True, maintain_order="left")

    strange = strange.filter(pl.col("kind") != "local_part_only", ~ruled)
    mine = pl.concat([tied, timed]).sort(*by, "time", "source", "line_no", nulls_last=True)
    new = pl.any_horizontal(pl.col(c).ne_missing(pl.col(c).shift(1)) for c in by)
    mine = mine.with_columns((new | (pl.int_range(pl.len()) == 0)).cast(pl.UInt32).cum_sum().alias("story"))
    return mine, strange.select("kind", "time", "client_ip", "n", "weak", "source", "line_no")


def _starts(rows: pl.DataFrame, by: list[str]) -> pl.DataFrame:
    return rows.group_by(*by, "session").agg(pl.col("time").min())


def _enough(rows: pl.DataFrame, by: list[str], sessions: int, least: timedelta) -> pl.DataFrame:
    """Keep groups of enough sessions over enough time."""
    many = pl.col("session").n_unique().over(by) >= sessions
    return rows.filter(many & ((pl.col("time").max() - pl.col("time").min()).over(by) >= least))


def _with_beat(rows: pl.DataFrame, beat: pl.DataFrame, by: list[str]) -> pl.DataFrame:
    beat = beat.select(*by, "period_s", "regular")
    return rows.join(beat, on=by, how="left", nulls_equal=True, maintain_order="left")


def _summed(mine: pl.DataFrame, logins: pl.DataFrame, events: pl.LazyFrame) -> pl.DataFrame:
    """Return a row a client and mistake."""
    ips = mine["client_ip"].unique().to_list()
    software = likely_software(events, ips)
    found = mine.group_by("story", maintain_order=True).agg(
        pl.col("kind", "period_s", "regular").first(),
        pl.col("weak").all(),
        pl.col("tie").min(),
        pl.col("client_ip").mode(maintain_order=True).first(),
        pl.col("client_ip").unique().sort().alias("sources"),
        pl.col("user", "meant", "stripped").drop_nulls().first(),
        pl.col("time").min().alias("start"),
        pl.col("time").max().alias("end"),
        pl.col("n").sum(),
        pl.col("session").n_unique().alias("n_sessions"),
        pl.col("cause").drop_nulls().cast(pl.String).mode(maintain_order=True).first(),
        (pl.col("cause").eq("unknown") | pl.col("detail").str.contains("commands="))
        .fill_null(False)
        .any()
        .alias("silent"),
        pl.col("service").drop_nulls().unique().sort().alias("services"),
        pl.col("mechanism").drop_nulls().unique().sort().alias("mechanisms"),
        pl.col("helo").drop_nulls().unique().sort().alias("helos"),
        shape_of(pl.col("account")).drop_nulls().unique().sort().alias("relays"),
    )
    found = found.join(_works(found, logins), on="story", how="left", maintain_order="left")
    found = found.join(_fixed(found, events), on="story", how="left", maintain_order="left")
    return found.with_columns(
        _per_day(),
        pl.col("client_ip").replace_strict(software, default=None, return_dtype=pl.String).alias("likely"),
        pl.col("n_works").fill_null(0),
        pl.col("works").fill_null(pl.lit([], pl.List(pl.String))),
    )


def _per_day() -> pl.Expr:
    days = (pl.col("end") - pl.col("start")).dt.total_microseconds() / 86_400e6
    return (pl.col("n") / pl.max_horizontal(days, pl.lit(1.0))).alias("n_per_day")


def _works(found: pl.DataFrame, logins: pl.DataFrame) -> pl.DataFrame:
    """Return which logins succeed: of the account, for mistakes in the name; else from the address."""
    name_kind = pl.col("kind").is_in(NAME_KINDS)
    by_name = found.filter(name_kind).with_columns(
        pl.coalesce(pl.col("meant").str.to_lowercase(), "stripped").alias("account")
    )
    by_ip = found.filter(~name_kind).select("story", "client_ip")
    same = pl.concat(
        [
            by_name.select("story", "account").join(logins, on="account").select("story", "user"),
            by_ip.join(logins, on="client_ip").select("story", "user"),
        ]
    )
    sums = same.group_by("story").agg(
        pl.col("user").unique().sort().head(10).alias("works"), pl.col("user").n_unique().alias("n_works")
    )
    one = pl.when(pl.col("n_works") == 1).then(pl.col("works").list.first())
    return sums.with_columns(one.alias("known_user"))


def _fixed(found: pl.DataFrame, events: pl.LazyFrame) -> pl.DataFrame:
    """Return when each client logged in after its last sign, if it did not between the first and the last."""
    ips = found["client_ip"].unique().implode()
    ok = (
        only(events, ACCEPTED)
        .filter(pl.col("client_ip").is_in(ips))
        .select("client_ip", pl.col("time").alias("ok_at"))
        .collect(engine=by_size())
    )
    after = found.select("story", "client_ip", "start", "end").join(ok, on="client_ip")
    return (
        after.group_by("story")
        .agg(
            pl.col("ok_at").is_between("start", "end").any().alias("between"),
            pl.col("ok_at").filter(pl.col("ok_at") > pl.col("end")).min().alias("fixed_at"),
        )
        .filter(~pl.col("between"))
        .select("story", "fixed_at")
    )


def _scanners(strangers: pl.DataFrame, logins: pl.DataFrame, sessions: int) -> list[dict[str, Any]]:
    """Return one row for all that show signs and are none of ours; or that nobody can be told, if nobody logs in."""
    rows = strangers.filter(~pl.col("weak"))
    if rows["n"].sum() < sessions:
        return []
    start, end, n = rows.select(pl.col("time").min(), pl.col("time").max().alias("end"), pl.col("n").sum()).row(0)
    evidence = lines(rows.with_columns(pl.lit(0).alias("story")), "story").get(0, [])
    if logins.is_empty():
        return [stories.no_logins_row(start, end, n) | {"evidence": evidence}]
    most = rows.group_by("client_ip").agg(pl.col("n").sum()).sort("n", "client_ip", descending=[True, False])
    kinds = rows["kind"].unique().sort().to_list()
    row = stories.scanners_row(start, end, n, most["client_ip"].to_list(), kinds)
    return [row | {"evidence": evidence}]
