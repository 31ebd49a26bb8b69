"""Attacks: brute force, spray, enumeration, stuffing, slow campaigns; and what a published rule would have done."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import polars as pl

from smtplogs._parameters import at_least_one
from smtplogs.detect._attack_facts import Book, attempts, book_of
from smtplogs.detect._attack_stories import (
    HARD_PER_DAY,
    campaign_row,
    no_names_row,
    no_unknown_row,
    rule_row,
    strangers_row,
    stuffing_row,
)
from smtplogs.detect._attempts import duration
from smtplogs.detect._campaigns import in_turn, linked, once_each
from smtplogs.detect._findings import as_findings, finding_id
from smtplogs.detect._flurries import ROUND, Beats, Bursts, LightHours, Rounds
from smtplogs.detect._guessers import MAIN, MOST, UNKNOWN, Limits, facts_of, guessers, patient_ones
from smtplogs.detect._persons import one_person
from smtplogs.detect._presets import PRESETS, bans, fires, keyed
from smtplogs.detect._slices import judged, pieces, proof, sliced, sliced_door, span_of, texts
from smtplogs.detect._stolen import not_owners, slow_waves
from smtplogs.schema import SEVERITIES, Column

if TYPE_CHECKING:
    from collections.abc import Sequence

    from smtplogs.detect._presets import Preset
    from smtplogs.detect._slices import Slices

COLUMNS: dict[str, Column] = {
    "n_sources": Column(pl.UInt32, "addresses that took part", "addresses"),
    "sources": Column(pl.List(pl.String), "up to 10 of them, most failures first"),
    "n_names": Column(pl.UInt32, "accounts tried", "accounts"),
    "names": Column(pl.List(pl.String), "up to 10 of them, most failures first"),
    "n_known_names": Column(pl.UInt32, "of them accounts that log in from elsewhere", "accounts"),
    "unknown_share": Column(
        pl.Float64, "share of the failures on names that do not exist, 0-1; null: the log cannot tell"
    ),
    "hits": Column(pl.List(pl.String), "accounts that these addresses got into"),
    "tries_per_name": Column(pl.Float64, "median attempts on one account by one address within an hour", "attempts"),
    "share_of_failures": Column(pl.Float64, "share of all failed logins of the log, 0-1"),
    "helo": Column(pl.String, "distributed: name that most of the addresses call themselves"),
    "mechanism": Column(pl.String, "distributed: mechanism that most of them use"),
    "active_hours": Column(pl.List(pl.String), "distributed: hours of the day (UTC) with failures, as `09`"),
    "preset": Column(pl.String, "rule_hit: name of the rule"),
    "n_fired": Column(pl.UInt32, "rule_hit: how often it would have fired; bans where it bans"),
    "users_hit": Column(
        pl.List(pl.String),
        "rule_hit: accounts whose logins a ban would have cut off; for rules that only alert, those that log in there",
    ),
    "users_there": Column(pl.List(pl.String), "rule_hit: accounts that log in from there at any time"),
    "n_logins_hit": Column(pl.UInt32, "rule_hit: logins within the bans", "attempts"),
}
"""What ``attacks`` tells beside the common columns."""

STUFFING_SOURCES, STUFFING_NAMES, STUFFING_EDGE = 20, 50, 5
STUFFING_KNOWN = 20
"""So many accounts that exist tell a stolen list as well: strangers of every day guess names, and hit few. As many as the
addresses. Own choice."""

LIGHT = 3
FAILED = {"stage": ["auth"], "outcome": ["failure"]}
ONCE = 2**32 - 1
"""Number of the campaign of those that try once or twice: no address has it."""


@sliced_door
@one_person
def attacks(
    events: pl.LazyFrame,
    *,
    preset: str | None = None,
    failures: int = 10,
    within: str = "10m",
    names: int = 10,
    unknown_names: int = 20,
    protocols: Sequence[str] = ("smtp",),
) -> pl.DataFrame:
    """Find who guesses passwords: brute force, spray, stuffing, slow campaigns.

    Enumeration of names too, and campaigns of many addresses in step. Only *hostile* addresses count: with three
    failures or more and no login in the whole log, or failing on three accounts or more and getting into less than a
    fifth of them. An office or web mail behind one address is none, nor is a person who gets in at last. With
    `preset` the question is another: would that published rule have fired, on whom, and which of our own users would
    it have hit?

    Parameters
    ----------
    events
        Events as ``read`` or ``load`` give them; a LazyFrame is read in pieces. Needs `time, stage, outcome, user,
        client_ip`; uses `cause, count, side, protocol, helo, mechanism, source, line_no`.
    preset
        Name of a rule of ``detect/_presets.py``: fail2ban, mailcow, wazuh, crowdsec, crowdsec-slow, sentinel ...
    failures
        Brute force: failures on one account [attempts]. Entra locks at 10. Or 50 a day at any pace, without a rhythm, from
        an address that nothing ties to us: bans keep such guessing below any window.
    within
        within this time, bounds included. As fail2ban and mailcow.
    names
        Spray: accounts that one address tries within an hour, at most 3 times each [accounts]. Sentinel takes 5 in
        20 min, which office gateways reach. Or at any pace, if five of them are accounts that exist; or three
        accounts, if one that exists fails ten times a day, at which Entra would lock it.
    unknown_names
        Enumeration: accounts that one address tries, half of the failures on names that do not exist [accounts].
    protocols
        Which logins count.

    Returns
    -------
    DataFrame
        Findings of the kinds ``brute_force, spray, enumeration, stuffing, distributed``, or with `preset` only
        ``rule_hit``: the common columns and those of ``COLUMNS``. Those of an address that belongs to a campaign are
        `part_of` it. Severity: *serious* if an attacker got in; *warning* if accounts that exist are aimed at hard;
        *info* for the daily noise, and for what a rule would have done to strangers.

    Raises
    ------
    MissingColumns
        If the events lack a column that is needed.
    ValueError
        If there is no such preset, or a threshold or duration cannot be used.

    Notes
    -----
    Known false positives: clients that are set up wrongly and never succeed, carrier NAT of travellers, an archive too
    short to see the logins of the addresses. Thresholds of the published rules and their sources: ``_presets.py``.
    """
    at_least_one(failures=failures, names=names, unknown_names=unknown_names)
    if preset is not None and preset not in PRESETS:
        raise ValueError(f"no preset named {preset!r}; there are {', '.join(sorted(PRESETS))}")
    span = duration(within, "within")
    slices = sliced(events, "time", "stage", "outcome", "user", "client_ip")
    condition = judged(protocols)
    book = book_of(slices, condition)
    if not book.n_bad:
        return as_findings([], "attacks", COLUMNS)
    if preset is not None:
        return as_findings(_rule(slices, condition, book, PRESETS[preset]), "attacks", COLUMNS)
    first, last = span_of(book.pairs, "first_bad", "last_bad")
    if not book.n_named:
        return as_findings([no_names_row(first, last, book.n_bad)], "attacks", COLUMNS)
    members, rows = _campaigns(slices, condition, book)
    limits = Limits(names, unknown_names, failures, span)
    looks = (
        Bursts(book, limits.failures, limits.within),
        Rounds(book, limits.names),
        LightHours(_light(book, members)),
        Beats(patient_ones(book)),
    )
    for piece in attempts(slices, condition, ["failure"]):
        for look in looks:
            look.add(piece)
    burst, wide, light, patient = (look.found() for look in looks)
    singles = [*guessers(book, burst, wide, limits, members, patient), *_stuffing(book, light)]
    rows = _folded(rows, singles, members)
    strangers = book.sources.filter("stranger")
    if not book.n_unknown and strangers.filter(pl.col("n_names") >= unknown_names).height:
        rows.append(no_unknown_row(first, last, book.n_bad))
    return as_findings(_proved(slices, condition, rows), "attacks", COLUMNS)


def _folded(
    campaigns: list[dict[str, Any]], singles: list[dict[str, Any]], members: dict[str, str]
) -> list[dict[str, Any]]:
    """Return campaigns and single findings; what a member does as all of them do is told by the campaign alone."""
    own: dict[str, list[dict[str, Any]]] = {}
    rows = []
    for row in singles:
        sources = row.pop("_sources", row["sources"])
        campaign = members.get(row["client_ip"]) if row["client_ip"] else _shared(sources, members)
        if campaign and row["kind"] in {"spray", "enumeration"} and not row["hits"]:
            own.setdefault(campaign, []).append(row)
        else:
            rows.append(row | {"part_of": campaign})
    for row in campaigns:
        fast = own.get(finding_id("attacks", row["subject_kind"], row["subject"], row["start"]), [])
        if fast:
            row["because"].append(f"{len(fast):,} of them tried ten accounts or more within an hour.")
            row["severity"] = max([row, *fast], key=lambda r: SEVERITIES.index(r["severity"]))["severity"]
    return campaigns + rows


def _shared(sources: Sequence[str], members: dict[str, str]) -> str | None:
    """Return the campaign to which most of these addresses belong: who guess at one account by turns act as one."""
    of = Counter(members[ip] for ip in sources if ip in members)
    campaign, n = max(of.items(), key=lambda item: (item[1], item[0]), default=(None, 0))
    return campaign if 2 * n > len(sources) else None


def _campaigns(slices: Slices, condition: pl.Expr, book: Book) -> tuple[dict[str, str], list[dict[str, Any]]]:
    """Return which address belongs to which campaign (its finding), and a row a campaign."""
    strangers = book.sources.filter("stranger").select("client_ip")
    pairs = book.pairs.join(strangers, on="client_ip", how="semi").filter(pl.col("account").is_not_null())
    turns = in_turn(book.pairs, book.sources, book.known)
    found = linked(pairs.select(pl.col("client_ip").alias("ip"), pl.col("account").alias("name")), turns)
    members: dict[str, str] = {}
    rows = []
    light = once_each(book.pairs, book.sources.join(found, left_on="client_ip", right_on="ip", how="anti"), book.known)
    if light.height:
        crowd = light.select(pl.col("client_ip").unique().alias("ip"), pl.lit(ONCE, pl.UInt32).alias("campaign"))
        found = pl.concat([found, crowd], how="vertical_relaxed")
    marks = _fingerprints(slices, condition, found) if found.height else {}
    for (number,), own in found.group_by("campaign", maintain_order=True):
        mine = book.pairs.join(own.select(pl.col("ip").alias("client_ip")), on="client_ip", how="semi")
        facts = facts_of(book, mine) | marks.get(number, {})
        days = max((facts["end"] - facts["start"]) / timedelta(days=1), 1.0)
        aimed = mine.join(book.known, on="account", how="semi").group_by("account").agg(pl.col("n_bad").sum())
        facts["worst_per_day"] = (aimed["n_bad"].max() or 0) / days  # pyright: ignore
        once = number == ONCE
        if once and facts["worst_per_day"] < HARD_PER_DAY:
            continue  # the daily noise
        row = campaign_row(facts, once=once)
        rows.append(row)
        name = finding_id("attacks", row["subject_kind"], row["subject"], row["start"])
        members |= dict.fromkeys(own["ip"].cast(pl.String).to_list(), name)
        row["_addresses"] = own["ip"].cast(pl.String).to_list()
    return members, rows


def _fingerprints(slices: Slices, condition: pl.Expr, found: pl.DataFrame) -> dict[Any, dict[str, Any]]:
    """Return what the members of each campaign have in common: HELO name, mechanism, hours of the day."""
    members = found.rename({"ip": "client_ip"})
    parts = []
    for piece in pieces(slices, "client_ip", "helo", "mechanism", words=FAILED, where=condition):
        own = piece.join(members, on="client_ip")
        parts.append(
            own.group_by("campaign", "helo", "mechanism", pl.col("time").dt.hour().alias("hour")).agg(pl.len())
        )
    sums = texts(pl.concat(parts))
    marks = {}
    for (number,), own in sums.group_by("campaign"):
        total = int(own["len"].sum())
        mark: dict[str, Any] = {"active_hours": [f"{hour:02}" for hour in own["hour"].unique().sort()]}
        for column in ("helo", "mechanism"):
            values = own.drop_nulls(column).group_by(column).agg(pl.col("len").sum()).sort("len", column)
            most = values.row(-1) if values.height else (None, 0)
            mark[column] = most[0] if most[1] >= MAIN * total else None
        marks[number] = mark
    return marks


def _light(book: Book, members: dict[str, str]) -> pl.DataFrame:
    """Return the addresses that try little and belong to no campaign; none if they are too few for stuffing."""
    light = book.sources.filter(
        pl.col("n_ok") <= pl.col("n_names_ok"), pl.col("n_names_ok") <= 1, pl.col("n_names") <= LIGHT,
        pl.col("n_bad") <= 2 * LIGHT, ~pl.col("client_ip").cast(pl.String).is_in(list(members)),
    ).select("client_ip")  # fmt: skip
    return light if light.height >= STUFFING_SOURCES else light.clear()


def _stuffing(book: Book, light: pl.DataFrame) -> list[dict[str, Any]]:
    """Return a row for each stretch of hours in which many addresses try many accounts, each once or twice."""
    if light.is_empty():
        return []
    hours = light.drop_nulls("account")
    if hours.is_empty():
        return []
    hours = not_owners(hours, book.pairs)
    hours = hours.join(book.known.with_columns(known=True), on="account", how="left", maintain_order="left")
    by_hour = hours.group_by("hour").agg(
        pl.col("account").filter("known").n_unique().alias("n_known"),
        pl.col("client_ip").n_unique().alias("ips"),
        pl.col("account").n_unique().alias("names"),
        pl.col("n", "n_unknown").sum(),
    )
    # two hours together: a wave does not begin at a full hour
    both = (
        pl.concat([by_hour, by_hour.with_columns(pl.col("hour") - ROUND)])
        .group_by("hour")
        .agg(pl.exclude("hour").sum())
    )
    busy = both.filter(
        pl.col("ips") >= STUFFING_SOURCES,
        (pl.col("names") >= STUFFING_NAMES) | (pl.col("n_known") >= STUFFING_KNOWN),
        pl.col("n") <= 2 * pl.col("names"),
        pl.col("n_unknown") < UNKNOWN * pl.col("n"),
    )
    spans = pl.concat([busy.select("hour"), busy.select(pl.col("hour") + ROUND)]).unique().sort("hour")
    spans = spans.join(by_hour.filter(pl.col("ips") >= STUFFING_EDGE), on="hour", how="semi", maintain_order="left")
    new = (pl.col("hour") - pl.col("hour").shift(1) > 3 * ROUND).fill_null(value=True)
    busy = spans.with_columns(new.cast(pl.UInt32).cum_sum().alias("wave"))
    aimed = hours.filter("known")
    slow = slow_waves(aimed).filter(~pl.col("hour").is_in(busy["hour"].implode()).any().over("wave"))
    rows = []
    waves = [hours.join(busy, on="hour"), aimed.join(slow, on="hour")]
    for own in (own for part in waves for _, own in part.group_by("wave", maintain_order=True)):
        pairs = book.pairs.join(own.select("client_ip", "account").unique(), on=["client_ip", "account"], how="semi")
        ips = own.select("client_ip").unique()
        everything = book.pairs.join(ips, on="client_ip", how="semi").filter(pl.col("n_ok") > 0)
        facts = facts_of(book, pairs)
        facts["start"], facts["end"] = own["first"].min(), own["last"].max()
        # an address that got in at its first try on another account is not proved to belong to it
        facts["hits"] = (
            everything.drop_nulls("account")["account"].cast(pl.String).unique().sort().to_list()[:MOST]
            if facts["hits"]
            else []
        )
        row = stuffing_row(facts)
        row["_addresses"] = ips["client_ip"].cast(pl.String).to_list()
        rows.append(row)
    return rows


def _rule(slices: Slices, condition: pl.Expr, book: Book, preset: Preset) -> list[dict[str, Any]]:
    """Return what a rule would have done: a row for all strangers together, and one for each source of our own."""
    enough = book.sources.filter(pl.col("n_bad") >= preset.count).select("client_ip")
    by_address = preset.key == "client_ip"
    parts = []
    for piece in attempts(slices, condition):
        rows = piece.join(enough, on="client_ip", how="semi") if by_address else piece
        rows = rows if preset.model == "then_success" else rows.filter("bad")
        parts.append(keyed(rows, preset))
    fired = fires(pl.concat(parts), preset)
    if fired.is_empty():
        return []
    own = bans(fired, preset.ban_s or preset.window_s)
    cut = _cut(slices, condition, own, preset)
    sums = (
        own.group_by("key")
        .agg(pl.col("start").min(), pl.col("start").max().alias("last"), pl.len().alias("n_fired"))
        .join(cut, on="key", how="left")
        .with_columns(
            pl.col("n_logins_hit").fill_null(0),
            pl.col("users_hit", "users_there").fill_null(pl.lit([], pl.List(pl.String))),
        )
    )
    sums = texts(sums).with_columns((pl.col("users_there").list.len() > 0).alias("ours")).sort("key")
    rows = [rule_row(preset, row) for row in sums.filter("ours").iter_rows(named=True)]
    strangers = sums.filter(~pl.col("ours"))
    if strangers.height:
        rows.append(strangers_row(preset, strangers))
    return rows


def _cut(slices: Slices, condition: pl.Expr, own: pl.DataFrame, preset: Preset) -> pl.DataFrame:
    """Return the logins that bans would have cut off; of a rule that only alerts, the logins at its keys."""
    keys = own.select("key").unique()
    parts = []
    for piece in attempts(slices, condition):
        good = keyed(piece.filter("ok"), preset).join(keys, on="key", how="semi").sort("time")
        good = good.join_asof(
            own.sort("start"), left_on="time", right_on="start", by="key", strategy="backward", check_sortedness=False
        )
        inside = (pl.col("time") <= pl.col("end")).fill_null(value=False) if preset.ban_s else pl.lit(value=True)
        sums = good.with_columns(inside.alias("inside")).group_by(
            "key", pl.col("account").cast(pl.String).fill_null("(no name)")
        )
        parts.append(sums.agg(pl.col("inside").sum().alias("n")))
    hit = (
        pl.concat(parts)
        .group_by("key", "account")
        .agg(pl.col("n").sum())
        .sort("n", "account", descending=[True, False])
    )
    return hit.group_by("key", maintain_order=True).agg(
        pl.col("account").filter(pl.col("n") > 0).head(20).alias("users_hit"),
        pl.col("account").head(20).alias("users_there"),
        pl.col("n").sum().alias("n_logins_hit"),
    )


def _proved(slices: Slices, condition: pl.Expr, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Add the lines behind each row."""
    by_ip, by_account = [], []
    for i, row in enumerate(rows):
        addresses = row.pop("_addresses", None) or ([row["client_ip"]] if row.get("client_ip") else [])
        place = {"finding": i, "start": row["start"], "end": row["end"]}
        by_ip += [place | {"client_ip": a} for a in addresses]
        if not addresses and row.get("user"):
            by_account.append(place | {"account": row["user"]})
    lines = {}
    for key, wanted in (("client_ip", by_ip), ("account", by_account)):
        if wanted:
            lines |= proof(slices, pl.DataFrame(wanted), (key,), words=FAILED, where=condition)
    return [row | {"evidence": lines.get(i, [])} for i, row in enumerate(rows)]
