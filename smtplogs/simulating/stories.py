"""What goes wrong at a simulated site: faults, forgotten applications, attacks, takeovers; and the truth about it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from smtplogs.simulating.people import BEGIN, DAY, HOUR, MINUTE, Site


@dataclass(frozen=True)
class Truth:
    """One thing that really happened: what, from when to when (seconds), about whom."""

    kind: str
    start: float
    end: float
    subject: str | None = None
    leads: bool = True
    """Something else that happened is not its cause."""

    @property
    def span(self) -> tuple[datetime, datetime]:
        """Start and end as times."""
        return BEGIN + timedelta(seconds=self.start), BEGIN + timedelta(seconds=self.end)


@dataclass
class FaultySite(Site):
    """A site with a server that may break; everything that is wrong is also written down in `truth`."""

    seed: int = 1
    n_users: int = 60
    n_days: int = 6
    truth: list[Truth] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Set up the people."""
        Site.__init__(self, seed=self.seed, users=self.n_users, days=self.n_days)

    def at(self, low: float = 9, high: float = 16, *, day: int | None = None) -> float:
        """Return a moment in working hours of a late working day."""
        if day is None:
            day = self.random.choice([d for d in range(3, self.days) if d % 7 < 5])
        return day * DAY + self.random.uniform(low, high) * HOUR

    def stranger(self) -> str:
        """Return an address that belongs to nobody here, in a network of its own."""
        return f"2001:db8:{0xB000 + next(self._strangers):x}::1"

    # -- what goes wrong --------------------------------------------------------------------------------------------

    def down(self, how: str = "535", *, length: float = 30 * MINUTE, share: float = 1.0) -> None:
        """Break the backend: 454, or a plain 535, to a share of all attempts; or shut out LOGIN (`how`: mechanism)."""
        start = self.at()
        kind = "policy_change" if how == "LOGIN" else "outage" if share == 1 else "partial_fault"
        self.broken.append((start, start + length, how, share))
        self.truth.append(Truth(kind, start, start + length))

    def unplug(self, beginning: str = "2001:db8:a:", *, length: float = 90 * MINUTE) -> None:
        """Cut off a network: its attempts never reach the server."""
        start = self.at()
        self.lost.append((start, start + length, beginning))
        self.truth.append(Truth("network_loss", start, start + length, beginning))

    def stop_logging(self, length: float = 90 * MINUTE) -> None:
        """Lose all lines for a while."""
        start = self.at()
        self.silent.append((start, start + length))
        self.truth.append(Truth("log_hole", start, start + length))

    def forget(self, *, every: float = 8.0, length: float = 3 * HOUR) -> str:
        """Change the password of an application's account, and return it; the application hammers on with the old one."""
        user, ip, start = self.random.choice(self.users), "203.0.113.77", self.at(9, 14)
        for k in range(40):
            self.attempt(start - (40 - k) * HOUR, user, ip, "right", who="application")
        at = start
        while at < start + length:
            self.attempt(at, user, ip, "old", who="application")
            at += every * self.random.uniform(0.8, 1.2)
        self.truth.append(Truth("one_client_rise", start, at, ip))
        return user

    def application(self, *, every: float = 10 * MINUTE) -> None:
        """Change a password; people follow at once, an application on a clock keeps the old one until the log ends."""
        user, ip, changed = self.random.choice(self.users), "203.0.113.78", self.at(day=min(3, self.days - 2))
        self.changes.append((changed, user, f"second-{user}"))
        tick = max(changed // every - 2 * DAY // every, 1.0) * every
        while tick < self.days * DAY:
            self.attempt(tick + self.random.uniform(0, 1.5), user, ip, "first", who="application")
            tick += every
        self.truth.append(Truth("stale_credential", changed, tick - every, f"{user} at {ip}"))

    def spray_fast(self, *, rounds: int = 2) -> None:
        """Let one stranger try every account in turn, quickly."""
        ip, start = self.stranger(), self.at()
        at = start
        for _ in range(rounds):
            for user in self.users:
                self.attempt(at, user, ip, "guess")
                at += self.random.uniform(2, 9)
        self.truth.append(Truth("spray_rise", start, at, ip))

    def botnet(self, n: int = 60, *, names: int = 30, each: int = 12, length: float = 2 * HOUR) -> list[str]:
        """Let n strangers try the names of one list, a few each, within a while."""
        start = self.at(9, 14)
        words = [f"{w}{i}@example.com" for w in ("info", "shop", "web") for i in range(names // 5)]
        listed = self.random.sample(self.users, names - len(words)) + words
        bots = [self.stranger() for _ in range(n)]
        for ip in bots:
            for user in self.random.sample(listed, min(each, len(listed))):
                self.attempt(start + self.random.uniform(0, length), user, ip, "guess")
        self.truth.append(Truth("botnet_rise", start, start + length, "many strangers"))
        return bots

    def stuff(self, n: int = 90, *, others: int = 100, length: float = 50 * MINUTE) -> None:
        """Let n strangers try one or two accounts each, once, out of a stolen list of names and passwords."""
        start = self.at(9, 14)
        names = self.users + [f"buyer{i}@example.com" for i in range(others)]
        for name in self.random.sample(names, n):
            self.attempt(start + self.random.uniform(0, length), name, self.stranger(), "stolen")
        self.truth.append(Truth("stuffing", start, start + length))

    def guess(self, n: int = 3, *, tries: tuple[int, int] = (20, 120)) -> None:
        """Let n strangers guess at one account each."""
        before = len(self.queue)
        self.brute_force(n, tries=tries)
        for ip in sorted({a.ip for a in self.queue[before:]}):
            times = [a.at for a in self.queue[before:] if a.ip == ip]
            self.truth.append(Truth("brute_force", min(times), max(times), ip))

    def takeover(self, *, mails: int = 60, failures: int = 3) -> None:
        """Let a stranger in, with the right password, who then sends."""
        user, ip, at = self.random.choice(self.users), self.stranger(), self.at(day=self.days - 2)
        for k in range(failures):
            self.attempt(at - 60 * (failures - k), user, ip, "guess")
        start = at
        for _ in range(mails):
            self.attempt(at, user, ip, "right", who="thief")
            at += self.random.uniform(2, 40)
        self.truth.append(Truth("takeover", start, at, user))
