"""Bans of addresses: as a log of bans tells them, or inferred from silences of the same length after failures."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import polars as pl

from smtplogs.detect._attempts import dense
from smtplogs.detect._findings import MOST_LINES, lines
from smtplogs.detect._ledger import attempts
from smtplogs.detect._sentences import counted, length, listed, name, stretch, times
from smtplogs.detect._slices import texts
from smtplogs.schema import TIME

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from smtplogs.detect._busy import Busy
    from smtplogs.detect._ledger import Ledger

FIND_TIME = timedelta(minutes=10)
PACE = 120.0
GAP_FACTOR = 5
LEAST_GAP = 60.0
"""A silence: a source that failed 5 times in 10 min (fail2ban), at a pace below two minutes, is gone for more than five
times its pace and a minute. Own choices but the first. It failed as often since the silence before, too: a job that tries twice
every five minutes is silent in between, and no ban fires at it."""

AGREE = 0.05
LEAST_SILENCES = 3
"""Only silences that agree in length are called bans: three within 5 %. A client that was switched off, or an attack
that ended, agrees with nothing. In the lab 864 silences of a 600 s ban lay between 601 and 605 s."""

LEAST_SHARE = 0.4
"""And they are a good part of all silences: a tool that pauses as it likes agrees with itself now and then."""

DOUBLE = 0.1
GROWS = 1.5
"""Bans that the log states grow if none is shorter than the one before and the last half as long again as the first,
or more: fail2ban's ``bantime.increment`` doubles them by default, and lists of multipliers grow faster."""

MOST_STRANGERS = 10

WORKS = "Nothing needs to be done: the ban works."
COMES_BACK = 10
"""An address that is banned so often is not impressed: with the five failures that fail2ban allows, the fifty guesses a day at
which ``attacks`` tells it. Own choice."""


def bans_of(ledger: Ledger, told: pl.DataFrame, busy: Busy, failures: int) -> list[dict[str, Any]]:
    """Return findings of the kind ``ip_ban``.

    Parameters
    ----------
    ledger
        The attempts of the log.
    told
        Bans that the log states: ``time, client_ip, duration_s, source, line_no``. With them nothing is inferred.
    busy
        All attempts of addresses that failed that often.
    failures
        Failures that make a ban likely.
    """
    silences = _told(told) if told.height else _silences(ledger, busy, failures)
    if silences.is_empty():
        return []
    length_s = None if told.height else _agreed(silences)
    if not told.height and length_s is None:
        return []
    if length_s is not None:
        growing = _growing(silences, length_s)
        near = (pl.col("s") >= length_s * (1 - AGREE)) & (pl.col("s") <= length_s * (1 + AGREE))
        silences = silences.join(growing, on="client_ip", how="left").filter(
            near | pl.col("growing").fill_null(value=False)
        )
    else:
        silences = silences.join(_grown(silences), on=["client_ip", "jail"], how="left", nulls_equal=True)
    sources = (
        silences.group_by("client_ip")
        .agg(
            pl.col("start").min(),
            pl.col("end").max(),
            pl.len().alias("n_bans"),
            pl.col("s").median().alias("ban_s"),
            pl.col("n_before").median().alias("n_before"),
            pl.col("growing").any(),
            pl.col("s").filter("growing").min().alias("shortest_s"),
            pl.col("s").filter("growing").max().alias("longest_s"),
        )
        .join(_users(ledger, silences), on="client_ip", how="left")
        .sort("start", "client_ip")
    )
    inferred = not told.height
    if inferred:
        sources = _borne_out(sources)
        if sources.is_empty():
            return []
    ours = sources.filter(pl.col("users").is_not_null())
    strangers = sources.filter(pl.col("users").is_null())
    shown = pl.concat([ours, strangers.head(MOST_LINES)]).select("client_ip")
    evidence = _evidence(ledger, told, silences.join(shown, on="client_ip", how="semi"))
    rows = [
        _row(s, inferred=inferred, n=sources.height) | {"evidence": evidence.get(s["client_ip"], [])}
        for s in ours.iter_rows(named=True)
    ]
    if strangers.height > MOST_STRANGERS:
        some = [line for ip in strangers["client_ip"].head(MOST_LINES) for line in evidence.get(ip, [])[:1]]
        rows.append(_crowd(strangers, inferred=inferred) | {"evidence": some})
    else:
        rows += [
            _row(s, inferred=inferred, n=sources.height) | {"evidence": evidence.get(s["client_ip"], [])}
            for s in strangers.iter_rows(named=True)
        ]
    return rows


def _borne_out(sources: pl.DataFrame) -> pl.DataFrame:
    """Leave out addresses of ours that were silent once or twice, if no stranger's silences bear that out.

    Who is refused five times, as in an outage, gives up and comes back with the next mail: two people agree by chance.
    """
    strange = pl.col("n_bans").filter(pl.col("users").is_null()).sum()
    return sources.filter(
        pl.col("users").is_null() | (pl.col("n_bans") >= LEAST_SILENCES) | (strange >= LEAST_SILENCES)
    )


def _users(ledger: Ledger, silences: pl.DataFrame) -> pl.DataFrame:
    """Return who logs in from the addresses: ``client_ip, users`` as logged."""
    here = silences.select("client_ip").unique()
    parts = [pl.DataFrame(schema={"client_ip": pl.String, "user": pl.String})]
    for piece in attempts(ledger, "user", outcomes=["success"]):
        logins = piece.select("client_ip", "user").unique()
        parts.append(texts(logins).join(here, on="client_ip", how="semi"))
    return pl.concat(parts).group_by("client_ip").agg(pl.col("user").drop_nulls().unique().sort().alias("users"))


def _silences(ledger: Ledger, busy: Busy, failures: int) -> pl.DataFrame:
    """Return the gaps that follow a burst of failures: ``client_ip, start, end, s, n_before``."""
    found = [_silent(rows, failures) for rows in busy.parts()]
    if not found:
        return pl.DataFrame()
    names = ledger.refused.select("ip_id", pl.col("client_ip").cast(pl.String)).unique("ip_id")
    return pl.concat(found).join(names, on="ip_id").select("client_ip", "start", "end", "s", "n_before")


def _silent(rows: pl.DataFrame, failures: int) -> pl.DataFrame:
    """Return the silences of some addresses, from all of their attempts in order of address and time."""
    gap = (pl.col("time").shift(-1) - pl.col("time")).over("ip_id").dt.total_microseconds() / 1e6
    rows = rows.with_columns(gap.alias("s"), pl.col("time").shift(-1).over("ip_id").alias("end"))
    # login or failure, what counts is the source; its pace is that of its failures
    rows = rows.with_columns(pl.col("ip_id").alias("chain"))
    rows = rows.with_columns(dense(rows, failures, FIND_TIME, pl.col("bad")).alias("dense"))
    pace = pl.col("s").filter(pl.col("s") <= FIND_TIME.total_seconds() / failures * 2).median().over("ip_id")
    rows = rows.with_columns(pace.alias("pace"))
    long = (pl.col("s") > GAP_FACTOR * pl.col("pace")) & (pl.col("s") >= LEAST_GAP) & (pl.col("pace") <= PACE)
    run = long.fill_null(value=False).cast(pl.UInt32).cum_sum().shift(1, fill_value=0).over("ip_id")
    rows = rows.with_columns(run.alias("run"), long.fill_null(value=False).alias("long"))
    before = pl.when("bad").then("n").otherwise(0).sum().over("ip_id", "run")
    return (
        rows.with_columns(before.alias("n_before"))
        .filter("long", "dense", pl.col("n_before") >= failures)
        .select("ip_id", pl.col("time").alias("start"), "end", "s", "n_before")
    )


def _agreed(silences: pl.DataFrame) -> float | None:
    """Return the length that silences share: of all of them, or of the first of each source, for bans may grow."""
    firsts = silences.sort("start", "client_ip").unique("client_ip", keep="first", maintain_order=True)
    for some in (silences, firsts):
        s = some["s"].sort()
        counts = s.search_sorted(s * (1 + AGREE), side="right").cast(pl.Int64) - pl.Series(range(len(s)))
        first, n = counts.arg_max() or 0, counts.max() or 0
        if n >= max(LEAST_SILENCES, LEAST_SHARE * len(s)):  # pyright: ignore
            return float(s[first : first + int(n)].median())  # pyright: ignore
    return None


def _growing(silences: pl.DataFrame, first: float) -> pl.DataFrame:
    """Return the sources whose silences double from the common length on."""
    ordered = silences.sort("client_ip", "start")
    ratio = pl.col("s") / pl.col("s").shift(1).over("client_ip")
    double = (ratio - 2).abs() <= 2 * DOUBLE
    begins = (pl.col("s").first() <= first * (1 + AGREE)) & (pl.col("s").first() >= first * (1 - AGREE))
    return (
        ordered.with_columns(double.alias("d"))
        .group_by("client_ip")
        .agg((begins & (pl.col("d").sum() >= 1) & pl.col("d").fill_null(value=True).all()).alias("growing"))
    )


def _grown(bans: pl.DataFrame) -> pl.DataFrame:
    """Tell, for each address and jail, whether its bans grow; the last may be cut short by the longest allowed."""
    lengths = bans.sort("start").group_by("client_ip", "jail").agg(pl.col("s"))
    s = pl.col("s").list
    steady = s.eval(pl.element() >= (1 - AGREE) * pl.element().shift(1)).list.drop_nulls().list.all()
    return lengths.select("client_ip", "jail", (steady & (s.last() >= GROWS * s.first())).alias("growing"))


def _told(told: pl.DataFrame) -> pl.DataFrame:
    """Return the bans that the log states as stretches: from when until when, by which jail."""
    return told.filter(pl.col("client_ip").is_not_null()).select(
        "client_ip",
        pl.col("time").alias("start"),
        (pl.col("time") + pl.duration(microseconds=(pl.col("duration_s") * 1e6).cast(pl.Int64))).alias("end"),
        pl.col("duration_s").alias("s"),
        pl.lit(None, pl.Int64).alias("n_before"),
        (pl.col("detail").str.extract(r"^\[([^\]]*)\]") if "detail" in told.columns else pl.lit(None, pl.String)).alias(
            "jail"
        ),
    )


def _evidence(ledger: Ledger, told: pl.DataFrame, silences: pl.DataFrame) -> dict[Any, list[str]]:
    """Return the attempts before and after each silence, or the lines that state the bans."""
    if told.height:
        return lines(told.select("client_ip", "time", "source", "line_no"), "client_ip")
    edges = pl.concat([silences.select("client_ip", pl.col(c).alias("time")) for c in ("start", "end")]).unique()
    then = pl.col("time").is_in(edges["time"].unique().implode())
    parts = [pl.DataFrame(schema={"client_ip": pl.String, "time": TIME, "source": pl.String, "line_no": pl.UInt64})]
    for piece in attempts(ledger, "source", "line_no", where=then):
        rows = texts(piece.select("client_ip", "time", "source", "line_no"))
        parts.append(rows.join(edges, on=["client_ip", "time"], how="semi"))
    return lines(pl.concat(parts), "client_ip")


def _common(start: datetime, end: datetime, n: int, *, inferred: bool) -> dict[str, Any]:
    """Return what all findings of bans have."""
    return {
        "kind": "ip_ban",
        "start": start,
        "end": end,
        "n_events": n,
        "cause": "too_many_errors",
        "refuted_by": "A tool or client that pauses so long by itself." if inferred else "An unban by hand in between.",
    }


def _row(s: Mapping[str, Any], *, inferred: bool, n: int) -> dict[str, Any]:
    """Return the finding about one address that was banned."""
    ip, users = name(s["client_ip"]), s["users"] or []
    span = length(timedelta(seconds=s["ban_s"]))
    reasons = (
        [f"{counted(s['n_bans'], 'silence')} of about {span}, each after {s['n_before']:,.0f} failures."]
        if inferred
        else ["The log of bans says so."]
    )
    if inferred:
        reasons.append(f"{counted(n, 'address', 'addresses')} in this log fell silent for the same time.")
    if s["growing"]:
        most = length(timedelta(seconds=s["longest_s"]))
        span = f"{length(timedelta(seconds=s['shortest_s']))} at first and {most} in the end"
        what = "The silences double: a ban that grows" if inferred else "The bans grow"
        reasons.append(f"{what} with each repetition.")
    if users:
        reasons.append(f"It is an address of our own: {listed(users)} logged in from there.")
    return _common(s["start"], s["end"], s["n_bans"], inferred=inferred) | {
        "severity": "warning" if users else "info",
        "subject_kind": "address",
        "subject": s["client_ip"],
        "user": users[0] if len(users) == 1 else None,
        "client_ip": s["client_ip"],
        "title": f"{ip} was cut off {times(s['n_bans'])} after failures, for {span if s['growing'] else f'about {span}'}, "
        f"{stretch(s['start'], s['end'])}{': a ban of the address' if inferred else ''}.",
        "advice": _advice(s, ip, users),
        "confidence": "high" if not inferred or (n > 1 and s["n_bans"] >= LEAST_SILENCES) else "medium",
        "because": reasons,
        "n_bans": s["n_bans"],
        "ban_s": s["ban_s"],
        "n_failures_before": int(s["n_before"]) if s["n_before"] is not None else None,
        "n_sources": 1,
    }


def _advice(s: Mapping[str, Any], ip: str, users: list[str]) -> str:
    if users:
        return f"Repair the client of {listed(users)} there, then lift the ban; the account itself is not locked."
    if s["n_bans"] >= COMES_BACK and not s["growing"]:
        return f"The ban works, but {ip} comes back: let bans grow with each repetition, or block it."
    return WORKS


def _crowd(strangers: pl.DataFrame, *, inferred: bool) -> dict[str, Any]:
    """Return the finding about all banned addresses that never logged in."""
    ban_s = float(strangers["ban_s"].median())  # pyright: ignore
    n_bans = int(strangers["n_bans"].sum())
    n_growing = int(strangers["growing"].sum())
    span = length(timedelta(seconds=ban_s))
    start, end = strangers["start"].min(), strangers["end"].max()
    return _common(start, end, n_bans, inferred=inferred) | {  # pyright: ignore
        "severity": "info",
        "subject_kind": "campaign",
        "subject": "addresses that were banned",
        "client_ip": None,
        "title": f"{strangers.height:,} addresses that never logged in were cut off {times(n_bans)} after failures, for "
        f"about {span} each, {stretch(start, end)}.",  # pyright: ignore
        "advice": WORKS,
        "confidence": "high",
        "because": [
            f"{counted(n_bans, 'silence')} agree in length." if inferred else "The log of bans says so.",
            *(
                [f"Bans of {counted(n_growing, 'address', 'addresses')} grow with each repetition."]
                if n_growing
                else []
            ),
        ],
        "n_bans": n_bans,
        "ban_s": ban_s,
        "n_sources": strangers.height,
        "sources": strangers["client_ip"].head(10).to_list(),
    }
