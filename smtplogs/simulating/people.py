"""Who tries to log in at a simulated site: people, phones, applications, guessers; and what a hidden policy may lock."""

from __future__ import annotations

import random
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime

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
class Attempt:
    """Somebody tries: when, as whom, from where, with which secret."""

    at: float
    number: int
    user: str = field(compare=False)
    ip: str = field(compare=False)
    secret: str = field(compare=False)
    """`right`: whatever is valid now; else a word that is compared with the valid one."""
    who: str = field(compare=False, default="attacker")
    retries: int = field(compare=False, default=0)
    wait: float = field(compare=False, default=20.0)
    mistake: str | None = field(compare=False, default=None)
    """A wrong setting, in the words of findings: the secret is never asked for."""


@dataclass(frozen=True)
class Mail:
    """One mail on its way through a smarthost: each try, and whether it was taken."""

    number: int
    relay: str
    tries: list[tuple[float, bool]]


class Site:
    """Accounts behind one server, and everybody who tries to get in."""

    def __init__(self, *, seed: int, users: int = 150, days: int = 14, policy: Policy | None = None) -> None:
        self.random = random.Random(seed)  # noqa: S311 - the same people for the same seed, no secrets
        self.days, self.policy = days, policy
        self.users = [f"user{i:03d}@example.com" for i in range(users)]
        self.home = {u: f"198.51.100.{1 + i % 250}" for i, u in enumerate(self.users)}
        self.phone = {u: f"2001:db8:a:{i:x}::7" for i, u in enumerate(self.users)}
        self.office = {u: f"192.0.2.{1 + i // 20}" for i, u in enumerate(self.users)}
        self.secret = dict.fromkeys(self.users, "first")
        self.changes: list[tuple[float, str, str]] = []
        self.outages: list[tuple[float, float, float]] = []
        self.broken: list[tuple[float, float, str, float]] = []
        """Start, end, how (``454``, ``535`` or mechanisms), share."""
        self.tokens: set[str] = set()
        """Accounts whose clients log in with a token (XOAUTH2), not with a password."""
        self.lost: list[tuple[float, float, str]] = []
        """Start, end, beginning of the addresses."""
        self.silent: list[tuple[float, float]] = []
        self.limit: tuple[int, float] | None = None
        """AUTH commands in so many seconds, per address."""
        self.ban: tuple[int, float, float] | None = None
        """Failures of an address in so many seconds, and how long it is banned then."""
        self.bans: list[tuple[str, float, float]] = []
        self.refusals: dict[str, list[float]] = defaultdict(list)
        self.queue: list[Attempt] = []
        self.locks: list[Lock] = []
        self.mails: list[Mail] = []
        self._strangers = iter(range(1, 60_000))

    # -- who tries ------------------------------------------------------------------------------------------------

    def attempt(self, at: float, user: str, ip: str, secret: str, **more: object) -> None:
        """Take an attempt, if the log holds that time; `secret` is ``right`` or a word that is compared."""
        if 0 <= at < self.days * DAY:
            attempt = Attempt(round(at, 3), len(self.queue), user, ip, secret, **more)  # type: ignore[arg-type]
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
                    self.attempt(at, user, self.phone[user], "right", who="phone")
                    at += every * r.uniform(0.8, 1.6)
                weekend = day % 7 > 4
                for _ in range(r.randint(0, 2) if weekend else r.randint(3, 9)):
                    ip = self.home[user] if weekend or r.random() < 0.2 else self.office[user]
                    at = day * DAY + r.uniform(8, 18) * HOUR
                    for _ in range(r.choice((0,) * 60 + (1, 1, 2))):
                        self.attempt(at, user, ip, "typo", who="typist")
                        at += r.uniform(4, 25)
                    self.attempt(at, user, ip, "right", who="person", retries=4, wait=r.uniform(30, 240))

    def typists(self, n: int) -> None:
        """Let n people forget their password for a while, at a computer of their own."""
        for user in self.random.sample(self.users, n):
            at = self.random.randrange(1, self.days) * DAY + self.random.uniform(8, 17) * HOUR
            for _ in range(self.random.randint(5, 14)):
                self.attempt(at, user, self.home[user], "typo", who="typist")
                at += self.random.uniform(5, 30)
            self.attempt(at, user, self.home[user], "right", who="person", retries=20, wait=100)

    def rotations(self, n: int, *, forgotten: int = 0) -> None:
        """Change n passwords: the computer follows at once, the phone hours later, an application never."""
        for i, user in enumerate(self.random.sample(self.users, n)):
            at = self.random.randrange(2, self.days - 1) * DAY + self.random.uniform(8, 17) * HOUR
            self.changes.append((at, user, f"second-{user}"))
            late = at + self.random.uniform(0.2, 20) * HOUR
            for attempt in self.queue:
                if attempt.user == user and attempt.who == "phone" and at <= attempt.at < late:
                    attempt.secret = "first"  # noqa: S105
            self.attempt(at + self.random.uniform(20, 200), user, self.home[user], "right", who="person", retries=3)
            if i < forgotten:
                ip, every = f"203.0.113.{i + 1}", self.random.choice((1, 2, 5, 20)) * MINUTE
                tick = DAY / 3
                while tick < self.days * DAY:
                    for retry in range(2):
                        self.attempt(tick + 10 * retry, user, ip, "first", who="application")
                    tick += every + self.random.uniform(-2, 2)

    def brute_force(self, n: int, *, tries: tuple[int, int] = (15, 150), names: int = 1) -> None:
        """Let n strangers guess quickly at some accounts."""
        for _ in range(n):
            ip, pace = self.stranger(), self.random.uniform(2, 30)
            at = self.random.uniform(2, self.days - 0.5) * DAY
            for user in self.random.sample(self.users, names):
                for _ in range(self.random.randint(*tries)):
                    self.attempt(at, user, ip, "guess")
                    at += pace * self.random.uniform(0.7, 1.3)
                at += self.random.uniform(60, 3000)

    def spray(self, n: int) -> None:
        """Let n strangers try every account once, with a few minutes between."""
        for _ in range(n):
            ip, at = self.stranger(), self.random.uniform(2, self.days - 1) * DAY
            for user in self.users:
                self.attempt(at, user, ip, "guess")
                at += self.random.uniform(5, 200)

    def bots(self, n: int) -> None:
        """Let n strangers try a name from a list now and then; a third of the names exist."""
        names = self.random.sample(self.users, len(self.users) // 5)
        names += [f"{w}@example.com" for w in ("admin", "info", "sales", "test", "office", "scan")] * 10
        for _ in range(n):
            ip, at = self.stranger(), self.random.uniform(0, 1) * DAY
            while at < self.days * DAY:
                self.attempt(at, self.random.choice(names), ip, "guess")
                at += self.random.uniform(1, 8) * HOUR

    def outage(self, at: float, length: float, share: float = 1.0) -> None:
        """Refuse this share of all attempts for a while, as a dead backend behind Dovecot does (a bare 535)."""
        self.outages.append((at, at + length, share))

    def mechanism(self, who: str, user: str) -> str:
        """Return what a client uses: mail programs on desks LOGIN, and the phones of a third of the users; or tokens."""
        if user in self.tokens:
            return "XOAUTH2"
        desk = who in {"person", "typist"} or (who == "phone" and self.users.index(user) % 3 == 0)
        return "LOGIN" if desk else "PLAIN"
