"""Hold findings about clients against the truth of a simulated site."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import polars as pl

from simulate_clients import BEGIN, Site
from smtplogs import reading
from smtplogs.detect import exposure, misconfigured_clients, relay_refusals, stale_credentials

if TYPE_CHECKING:
    from pathlib import Path

SESSIONS, SPAN = 3, 600.0
WORKED, FAILED = 3, 6


@dataclass
class Score:
    """Right and wrong findings, and what was observable, by kind; errors of figures."""

    right: Counter[str] = field(default_factory=Counter)
    wrong: Counter[str] = field(default_factory=Counter)
    there: Counter[str] = field(default_factory=Counter)
    told: Counter[str] = field(default_factory=Counter)
    period_errors: list[float] = field(default_factory=list)
    brackets: list[bool] = field(default_factory=list)
    mistakes: list[str] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)

    def add(self, other: Score) -> None:
        """Pool another score into this one."""
        for name in ("right", "wrong", "there", "told"):
            getattr(self, name).update(getattr(other, name))
        for name in ("period_errors", "brackets", "mistakes", "missed"):
            getattr(self, name).extend(getattr(other, name))

    def precision(self, kind: str | None = None) -> float:
        """Share of the findings that are so."""
        right, wrong = (c[kind] if kind else c.total() for c in (self.right, self.wrong))
        return right / (right + wrong) if right + wrong else 1.0

    def recall(self, kind: str | None = None) -> float:
        """Share of what was observable that is told."""
        there, told = (c[kind] if kind else c.total() for c in (self.there, self.told))
        return told / there if there else 1.0


def play(site: Site, folder: Path) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """Write the log of a site and read it: events, coverage, traffic."""
    return reading.read(site.write(folder / "mail.log"), full=True)


def judged(events: pl.DataFrame, traffic: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """Run the detectors of clients."""
    return {
        "stale_credentials": stale_credentials(events),
        "misconfigured_clients": misconfigured_clients(events),
        "relay_refusals": relay_refusals(events, traffic=traffic),
        "exposure": exposure(events),
    }


def seconds(time: datetime) -> float:
    """Return seconds since the beginning."""
    return (time - BEGIN) / timedelta(seconds=1)


def score_stale(site: Site, found: pl.DataFrame) -> Score:
    """Hold forgotten applications against what was so."""
    score = Score()
    truth = {(f.user, f.ip): f for f in site.truth.forgotten}
    told = {}
    for row in found.filter(pl.col("status") == "found").iter_rows(named=True):
        if row["kind"] == "rotation":
            real = [f for f in site.truth.forgotten if f.user == row["user"]]
            good = any(seconds(row["changed_after"]) <= f.changed <= seconds(row["changed_before"]) for f in real)
        else:
            real = truth.get((row["user"], row["client_ip"]))
            good = row["kind"] == "stale_credential" and real is not None
            if good and real is not None:
                told[row["user"], row["client_ip"]] = row
                inside = seconds(row["changed_after"]) <= real.changed <= seconds(row["changed_before"])
                score.brackets.append(inside)
                if row["period_s"] and real.period:
                    score.period_errors.append(abs(row["period_s"] / (real.period or 1) - 1))
        # who never got in from an address of strangers is told as info, with that doubt in words
        if row["kind"] == "never_worked" and row["severity"] == "info":
            continue
        (score.right if good else score.wrong)[row["kind"]] += 1
        if not good:
            score.mistakes.append(f"{row['kind']}: {row['title']}")
    for key, real in truth.items():
        if real.worked >= WORKED and real.failures >= FAILED:
            score.there["stale_credential"] += 1
            score.told["stale_credential"] += key in told
            if key not in told:
                score.missed.append(f"{real}")
    return score


def score_settings(site: Site, found: pl.DataFrame) -> Score:
    """Hold misconfigured clients against what was so."""
    score = Score()
    truth = {(w.kind, w.ip): w for w in site.truth.wrong}
    forgotten = {f.ip for f in site.truth.forgotten}
    told = set()
    for row in found.filter(pl.col("status") == "found", pl.col("kind") != "scanner").iter_rows(named=True):
        kind, ip = row["kind"], row["client_ip"]
        key = (kind, ip)
        if row["subject_kind"] == "server":
            key = ("certificate", "")
            good = site.truth.certificate is not None and abs(seconds(row["start"]) - site.truth.certificate) < 3600
        elif row["subject_kind"] == "service":
            key = ("domain", row["subject"])
            good = any(d == row["subject"] and abs(seconds(row["start"]) - at) < 86_400 for d, at in site.truth.domains)
        else:
            # a forgotten application that asks every minute is a storm as well
            good = key in truth or (kind == "retry_storm" and ip in forgotten)
        if good:
            told.add(key)
        (score.right if good else score.wrong)[kind] += 1
        if not good:
            score.mistakes.append(f"{kind}: {row['title']}")
    for key, real in truth.items():
        if len(real.times) >= SESSIONS and max(real.times) - min(real.times) >= SPAN:
            score.there[key[0]] += 1
            score.told[key[0]] += key in told
            if key not in told:
                score.missed.append(f"{key} {len(real.times)}")
    if site.truth.certificate is not None:
        score.there["certificate"] += 1
        score.told["certificate"] += ("certificate", "") in told
    for domain, _ in site.truth.domains:
        score.there["domain"] += 1
        score.told["domain"] += ("domain", domain) in told
    return score


def score_relays(site: Site, found: pl.DataFrame) -> Score:
    """Hold relay refusals against what was so: relay, state, and the hidden moment between two attempts."""
    score = Score()
    truth = {host: (broken, until) for host, broken, until in site.truth.relays}
    told = set()
    for row in found.filter(pl.col("status") == "found").iter_rows(named=True):
        broken, until = truth.get(row["relay_host"], (None, None))
        good = broken is not None and row["cause"] == "bad_credentials"
        good = good and (row["relay_state"] == "recovered") == (until is not None)
        if broken is not None:
            score.brackets.append(seconds(row["last_sent"]) <= broken <= seconds(row["start"]))
        (score.right if good else score.wrong)["relay_refusal"] += 1
        if good:
            told.add(row["relay_host"])
        else:
            score.mistakes.append(row["title"])
    for host in truth:
        score.there["relay_refusal"] += 1
        score.told["relay_refusal"] += host in told
    return score


def score_exposure(site: Site, found: pl.DataFrame) -> Score:
    """Hold weak logins against what was so."""
    score = Score()
    told = set()
    # a name that looks like a password is told as info: bots send them
    for row in found.filter(pl.col("kind") != "secret_in_log").iter_rows(named=True):
        key = (row["kind"], row["user"])
        good = key in site.truth.weak or (row["kind"] == "password_login" and bool(site.truth.domains))
        told.add(key)
        (score.right if good else score.wrong)[row["kind"]] += 1
        if not good:
            score.mistakes.append(row["title"])
    for kind, user in site.truth.weak:
        score.there[kind] += 1
        score.told[kind] += (kind, user) in told
    return score


SCORES = {
    "stale_credentials": score_stale,
    "misconfigured_clients": score_settings,
    "relay_refusals": score_relays,
    "exposure": score_exposure,
}
"""Detector -> how its findings are held against the truth."""
