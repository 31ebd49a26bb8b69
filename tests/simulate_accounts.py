"""A mail site in memory: people, applications and attackers log in, a hidden policy locks accounts, and it is known when.

The server keeps secrets, counters and locks; the events tell only what a log would: accepted or refused.
"""

from __future__ import annotations

import heapq
import random
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import polars as pl

from smtplogs.schema import EVENTS, as_table

BEGIN = datetime(2026, 2, 2, tzinfo=UTC)  # a Monday
MINUTE, HOUR, DAY = 60.0, 3600.0, 86_400.0


@dataclass(frozen=True)
class Policy:
    """Lock an account after so many failures in the window, for so long; times in seconds."""

    failures: int = 10
    window: float = 15 * MINUTE
    lock: float = 15 * MINUTE
    reset_by_login: bool = True


@dataclass
class Lock:
    """One lock as it really was."""

    user: str
    start: float
    end: float
    trigger: str
    refused: list[tuple[float, str, str]] = field(default_factory=list)
    """Right secrets refused: time, address, who."""

    def met_by_others(self) -> bool:
        """Tell whether a right secret was refused at another address than the trigger's."""
        return any(ip != self.trigger for _, ip, _ in self.refused)


@dataclass(order=True)
class _Attempt:
    at: float
    number: int
    user: str = field(compare=False)
    ip: str = field(compare=False)
    secret: str = field(compare=False)
    """`right`: whatever is valid now; else a word that is compared with the valid one."""
    who: str = field(compare=False, default="attacker")
    retries: int = field(compare=False, default=0)
    wait: float = field(compare=False, default=20.0)


class Site:
    """Accounts behind one server, and everybody who tries to get in."""

    def __init__(self, *, seed: int, users: int = 150, days: int = 14, policy: Policy | None = None) -> None:
        self.random = random.Random(seed)
        self.days, self.policy = days, policy
        self.users = [f"user{i:03d}@example.com" for i in range(users)]
        self.home = {u: f"198.51.100.{1 + i % 250}" for i, u in enumerate(self.users)}
        self.phone = {u: f"2001:db8:a:{i:x}::7" for i, u in enumerate(self.users)}
        self.office = {u: f"192.0.2.{1 + i // 20}" for i, u in enumerate(self.users)}
        self.secret = dict.fromkeys(self.users, "first")
        self.changes: list[tuple[float, str, str]] = []
        self.outages: list[tuple[float, float, float]] = []
        self.queue: list[_Attempt] = []
        self.locks: list[Lock] = []
        self._strangers = iter(range(1, 60_000))

    # -- who tries ------------------------------------------------------------------------------------------------

    def _try(self, at: float, user: str, ip: str, secret: str, **more: object) -> None:
        if 0 <= at < self.days * DAY:
            attempt = _Attempt(round(at, 3), len(self.queue), user, ip, secret, **more)  # type: ignore[arg-type]
            self.queue.append(attempt)

    def stranger(self) -> str:
        """Return an address that belongs to nobody here."""
        return f"2001:db8:bad:{next(self._strangers):x}::1"

    def people(self) -> None:
        """Let everybody work: a phone that sends and polls all day, a computer at the office or at home."""
        r = self.random
        for user in self.users:
            every = r.choice((5, 10, 15, 30, 60)) * MINUTE
            for day in range(self.days):
                at = day * DAY + r.uniform(6, 8) * HOUR
                while at < day * DAY + 22 * HOUR:
                    self._try(at, user, self.phone[user], "right", who="phone")
                    at += every * r.uniform(0.8, 1.6)
                weekend = day % 7 > 4
                for _ in range(r.randint(0, 2) if weekend else r.randint(3, 9)):
                    ip = self.home[user] if weekend or r.random() < 0.2 else self.office[user]
                    at = day * DAY + r.uniform(8, 18) * HOUR
                    for _ in range(r.choice((0,) * 60 + (1, 1, 2))):
                        self._try(at, user, ip, "typo", who="typist")
                        at += r.uniform(4, 25)
                    self._try(at, user, ip, "right", who="person", retries=4, wait=r.uniform(30, 240))

    def typists(self, n: int) -> None:
        """Let n people forget their password for a while, at a computer of their own."""
        for user in self.random.sample(self.users, n):
            at = self.random.randrange(1, self.days) * DAY + self.random.uniform(8, 17) * HOUR
            for _ in range(self.random.randint(5, 14)):
                self._try(at, user, self.home[user], "typo", who="typist")
                at += self.random.uniform(5, 30)
            self._try(at, user, self.home[user], "right", who="person", retries=20, wait=100)

    def rotations(self, n: int, *, forgotten: int = 0) -> None:
        """Change n passwords: the computer follows at once, the phone hours later, an application never."""
        for i, user in enumerate(self.random.sample(self.users, n)):
            at = self.random.randrange(2, self.days - 1) * DAY + self.random.uniform(8, 17) * HOUR
            self.changes.append((at, user, f"second-{user}"))
            late = at + self.random.uniform(0.2, 20) * HOUR
            for attempt in self.queue:
                if attempt.user == user and attempt.who == "phone" and at <= attempt.at < late:
                    attempt.secret = "first"
            self._try(at + self.random.uniform(20, 200), user, self.home[user], "right", who="person", retries=3)
            if i < forgotten:
                ip, every = f"203.0.113.{i + 1}", self.random.choice((1, 2, 5, 20)) * MINUTE
                tick = DAY / 3
                while tick < self.days * DAY:
                    for retry in range(2):
                        self._try(tick + 10 * retry, user, ip, "first", who="application")
                    tick += every + self.random.uniform(-2, 2)

    def brute_force(self, n: int, *, tries: tuple[int, int] = (15, 150), names: int = 1) -> None:
        """Let n strangers guess quickly at some accounts."""
        for _ in range(n):
            ip, pace = self.stranger(), self.random.uniform(2, 30)
            at = self.random.uniform(2, self.days - 0.5) * DAY
            for user in self.random.sample(self.users, names):
                for _ in range(self.random.randint(*tries)):
                    self._try(at, user, ip, "guess")
                    at += pace * self.random.uniform(0.7, 1.3)
                at += self.random.uniform(60, 3000)

    def spray(self, n: int) -> None:
        """Let n strangers try every account once, with a few minutes between."""
        for _ in range(n):
            ip, at = self.stranger(), self.random.uniform(2, self.days - 1) * DAY
            for user in self.users:
                self._try(at, user, ip, "guess")
                at += self.random.uniform(5, 200)

    def bots(self, n: int) -> None:
        """Let n strangers try a name from a list now and then; a third of the names exist."""
        names = self.random.sample(self.users, len(self.users) // 5)
        names += [f"{w}@example.com" for w in ("admin", "info", "sales", "test", "office", "scan")] * 10
        for _ in range(n):
            ip, at = self.stranger(), self.random.uniform(0, 1) * DAY
            while at < self.days * DAY:
                self._try(at, self.random.choice(names), ip, "guess")
                at += self.random.uniform(1, 8) * HOUR

    def outage(self, at: float, length: float, share: float = 1.0) -> None:
        """Refuse this share of all attempts for a while, as a dead backend behind Dovecot does (a bare 535)."""
        self.outages.append((at, at + length, share))

    # -- the server -----------------------------------------------------------------------------------------------

    def run(self) -> pl.DataFrame:
        """Play it all, and return the events in the order of the log."""
        heapq.heapify(self.queue)
        changes = sorted(self.changes, reverse=True)
        failed: dict[str, list[tuple[float, str]]] = defaultdict(list)
        locked: dict[str, Lock] = {}
        rows = []
        number = len(self.queue)
        while self.queue:
            a = heapq.heappop(self.queue)
            while changes and changes[-1][0] <= a.at:
                _, user, secret = changes.pop()
                self.secret[user] = secret
            right = a.secret in ("right", self.secret.get(a.user))
            down = any(s <= a.at < e and self.random.random() < share for s, e, share in self.outages)
            lock = locked.get(a.user)
            if lock and a.at >= lock.end:
                lock = locked.pop(a.user) and None
                failed[a.user].clear()
            ok = right and not down and not lock
            if lock and right and not down:
                lock.refused.append((a.at, a.ip, a.who))
            rows.append((a.at, a.user, a.ip, "success" if ok else "failure"))
            if ok and self.policy and self.policy.reset_by_login:
                failed[a.user].clear()
            if not right and not lock and self.policy and a.user in self.secret and not down:
                recent = [f for f in failed[a.user] if a.at - f[0] <= self.policy.window] + [(a.at, a.ip)]
                failed[a.user] = recent
                if len(recent) >= self.policy.failures:
                    sources = [ip for _, ip in recent]
                    trigger = max(sorted(set(sources)), key=sources.count)
                    locked[a.user] = Lock(a.user, a.at, a.at + self.policy.lock, trigger)
                    self.locks.append(locked[a.user])
            if not ok and a.retries:
                number += 1
                again = _Attempt(a.at + a.wait, number, a.user, a.ip, a.secret, a.who, a.retries - 1, a.wait)
                heapq.heappush(self.queue, again)
        return _events(rows)


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
