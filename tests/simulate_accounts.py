"""A simulated mail site as events, and lockouts held against the locks that it really had."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

import polars as pl

from smtplogs.schema import EVENTS, as_table
from smtplogs.simulating.people import BEGIN, DAY, HOUR, MINUTE, Lock, Policy
from smtplogs.simulating.people import Site as _Site
from smtplogs.simulating.server import play


class Site(_Site):
    """A site that tells its events without a log."""

    def run(self) -> pl.DataFrame:
        """Play it all, and return the events in the order of the log."""
        return _events([(s.at, s.user, s.ip, "success" if s.verdict == "ok" else "failure") for s in play(self)])


def _events(rows: list[tuple[float, str, str, str]]) -> pl.DataFrame:
    frame = pl.DataFrame(rows, schema=["at", "user", "client_ip", "outcome"], orient="row").with_row_index("line_no", 1)
    return as_table(
        frame.with_columns(
            # a log of whole seconds, as syslog writes it
            (pl.lit(BEGIN) + pl.duration(seconds=pl.col("at").floor().cast(pl.Int64))).alias("time"),
            pl.lit("auth").alias("stage"),
            pl.lit("server").alias("side"),
            pl.lit("smtp").alias("protocol"),
            pl.lit(1).alias("count"),
            pl.when(pl.col("outcome") == "success").then(pl.lit("success")).otherwise(pl.lit("bad_credentials"))
            .alias("cause"),
            pl.lit("mail.log").alias("source"),
            pl.format("line {}", "line_no").alias("raw"),
        ),
        EVENTS,
    )  # fmt: skip


@dataclass
class Score:
    """How well findings tell the locks that were met."""

    found: int = 0
    right: int = 0
    met: int = 0
    met_by_others: int = 0
    met_told: int = 0
    met_by_others_told: int = 0
    trigger_right: int = 0
    bracket_right: int = 0
    locks: int = 0
    wrong: list[str] = field(default_factory=list)
    missed: list[Lock] = field(default_factory=list)

    @property
    def precision(self) -> float:
        """Share of the findings that are a lock in which a right secret was refused."""
        return self.right / self.found if self.found else 1.0

    @property
    def recall(self) -> float:
        """Share of the locks met by a right secret elsewhere than at the trigger that are told."""
        return self.met_by_others_told / self.met_by_others if self.met_by_others else 1.0

    @property
    def recall_of_all(self) -> float:
        """Share of all locks met by a right secret that are told."""
        return self.met_told / self.met if self.met else 1.0


def score(site: Site, findings: pl.DataFrame) -> Score:
    """Hold the lockouts among the findings against what was true."""
    told = findings.filter(pl.col("kind") == "lockout", pl.col("status") == "found").to_dicts()
    result = Score(found=len(told), locks=len(site.locks))
    for row in told:
        first, last = (((row[c] - BEGIN) / timedelta(seconds=1)) for c in ("onset_before", "end_after"))
        inside = [
            lock
            for lock in site.locks
            if lock.user == row["user"] and any(first - 1 <= at <= last + 1 for at, _, _ in lock.refused)
        ]
        row["locks"] = inside
        if not inside:
            result.wrong.append(row["title"])
            continue
        result.right += 1
        result.trigger_right += row["trigger"] in {lock.trigger for lock in inside}
        began = BEGIN + timedelta(seconds=inside[0].start)
        result.bracket_right += row["onset_after"] <= began <= row["onset_before"] + timedelta(seconds=1)
    for lock in site.locks:
        if not lock.refused:
            continue
        hit = any(lock in row["locks"] for row in told)
        others = lock.met_by_others()
        result.met += 1
        result.met_told += hit
        result.met_by_others += others
        result.met_by_others_told += others and hit
        if others and not hit:
            result.missed.append(lock)
    return result


def busy_site(*, seed: int, policy: Policy | None, users: int = 150, days: int = 14) -> Site:
    """Return a site with everything in it: typists, rotations, forgotten applications, attackers, two outages."""
    site = Site(seed=seed, users=users, days=days, policy=policy)
    site.people()
    site.typists(users // 10)
    site.rotations(users // 8, forgotten=min(6, users // 20))
    site.brute_force(users // 8)
    site.brute_force(4, tries=(12, 14), names=min(12, users // 4))
    site.spray(2)
    site.bots(60)
    site.outage(4 * DAY + 10 * HOUR, 40 * MINUTE)
    site.outage(8 * DAY + 14 * HOUR, 30 * MINUTE, 0.4)
    return site


def quiet_site(*, seed: int, users: int = 150, days: int = 14) -> Site:
    """Return a site without attackers and without a policy: people who mistype and change passwords, one outage."""
    site = Site(seed=seed, users=users, days=days, policy=None)
    site.people()
    site.typists(users // 10)
    site.rotations(users // 8)
    site.outage(4 * DAY + 10 * HOUR, 40 * MINUTE)
    return site
