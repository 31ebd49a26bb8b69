"""A mail site whose server fails, limits, bans and is attacked, written as the lines Postfix would log; the truth beside.

The people are those of ``simulate_accounts``; the server here answers, and the log tells what a real one tells.
"""

from __future__ import annotations

from collections import defaultdict, deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from simulate_accounts import BEGIN, DAY, HOUR, MINUTE, Site
from smtplogs import reading

if TYPE_CHECKING:
    from pathlib import Path

    import polars as pl


@dataclass(frozen=True)
class Truth:
    """One thing that really happened: what, from when to when (seconds), about whom."""

    kind: str
    start: float
    end: float
    subject: str | None = None

    @property
    def span(self) -> tuple[datetime, datetime]:
        """Start and end as times."""
        return BEGIN + timedelta(seconds=self.start), BEGIN + timedelta(seconds=self.end)


@dataclass
class Town(Site):
    """A site with a server that may break; everything that is wrong is also written down in `truth`."""

    seed: int = 1
    n_users: int = 60
    n_days: int = 6
    truth: list[Truth] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Set up the people."""
        Site.__init__(self, seed=self.seed, users=self.n_users, days=self.n_days)
        self.broken: list[tuple[float, float, str, float]] = []  # start, end, how, share
        self.lost: list[tuple[float, float, str]] = []  # start, end, beginning of the addresses
        self.silent: list[tuple[float, float]] = []
        self.limit: tuple[int, float] | None = None
        self.ban: tuple[int, float, float] | None = None
        self.bans: list[tuple[str, float, float]] = []
        self.refusals: dict[str, list[float]] = defaultdict(list)
        self.mails: dict[tuple[str, str], int] = {}

    def at(self, low: float = 9, high: float = 16, *, day: int | None = None) -> float:
        """Return a moment in working hours of a late working day."""
        if day is None:
            day = self.random.choice([d for d in range(3, self.days) if d % 7 < 5])
        return day * DAY + self.random.uniform(low, high) * HOUR

    def stranger(self) -> str:
        """Return an address that belongs to nobody here, in a network of its own."""
        return f"2001:db8:{0xB000 + next(self._strangers):x}::1"

    def mechanism(self, who: str, user: str) -> str:
        """Return what a client uses: mail programs on desks LOGIN, and the phones of a third of the users."""
        desk = who in {"person", "typist"} or (who == "phone" and self.users.index(user) % 3 == 0)
        return "LOGIN" if desk else "PLAIN"

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

    def forget(self, *, every: float = 8.0, length: float = 3 * HOUR) -> None:
        """Change the password of an application's account; the application hammers on with the old one."""
        user, ip, start = self.random.choice(self.users), "203.0.113.77", self.at(9, 14)
        for k in range(40):
            self._try(start - (40 - k) * HOUR, user, ip, "right", who="application")
        at = start
        while at < start + length:
            self._try(at, user, ip, "old", who="application")
            at += every * self.random.uniform(0.8, 1.2)
        self.truth.append(Truth("one_client_rise", start, at, ip))

    def spray_fast(self, *, rounds: int = 2) -> None:
        """Let one stranger try every account in turn, quickly."""
        ip, start = self.stranger(), self.at()
        at = start
        for _ in range(rounds):
            for user in self.users:
                self._try(at, user, ip, "guess")
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
                self._try(start + self.random.uniform(0, length), user, ip, "guess")
        self.truth.append(Truth("botnet_rise", start, start + length, "many strangers"))
        return bots

    def slow_botnet(self, n: int, names: list[str], *, gap: float = 6 * HOUR) -> list[str]:
        """Let n strangers try names of a list, hours apart, all the time."""
        bots = [self.stranger() for _ in range(n)]
        for ip in bots:
            at = self.random.uniform(0, 1) * DAY
            mine = self.random.sample(names, max(3, int(len(names) * 0.7)))
            for user in mine * 9:
                self._try(at, user, ip, "guess")
                at += gap * self.random.uniform(0.3, 1.5)
        return bots

    def stuff(self, n: int = 90, *, length: float = 50 * MINUTE) -> None:
        """Let n strangers try one or two accounts each, once, out of a stolen list of names and passwords."""
        start = self.at(9, 14)
        names = self.users + [f"buyer{i}@example.com" for i in range(100)]
        for name in self.random.sample(names, n):
            self._try(start + self.random.uniform(0, length), name, self.stranger(), "stolen")
        self.truth.append(Truth("stuffing", start, start + length))

    def guess(self, n: int = 3) -> None:
        """Let n strangers guess at one account each."""
        before = len(self.queue)
        self.brute_force(n, tries=(20, 120))
        for ip in sorted({a.ip for a in self.queue[before:]}):
            times = [a.at for a in self.queue[before:] if a.ip == ip]
            self.truth.append(Truth("brute_force", min(times), max(times), ip))

    def two_lists(self) -> None:
        """Let two botnets work slowly through lists that overlap a little."""
        for letter, n in (("a", 30), ("b", 20)):
            names = self.users[: 6 if letter == "a" else 4] + [f"{letter}{i}@example.com" for i in range(15)]
            bots = self.slow_botnet(n, names)
            self.truth.append(Truth("distributed", 0, self.days * DAY, ",".join(bots)))

    def takeover(self, *, mails: int = 60, failures: int = 3) -> None:
        """Let a stranger in, with the right password, who then sends."""
        user, ip, at = self.random.choice(self.users), self.stranger(), self.at(day=self.days - 2)
        for k in range(failures):
            self._try(at - 60 * (failures - k), user, ip, "guess")
        start = at
        for _ in range(mails):
            self._try(at, user, ip, "right", who="thief")
            at += self.random.uniform(2, 40)
        self.truth.append(Truth("takeover", start, at, user))

    def newcomers(self, n: int) -> None:
        """Let n people get a new phone, or travel: a new address that sends as much as they always do."""
        for user in self.random.sample(self.users, n):
            ip, at = f"2001:db8:7e1:{self.random.randrange(9999):x}::9", self.at()
            for _ in range(self.random.randint(3, 12)):
                self._try(at, user, ip, "right", who="traveller")
                at += self.random.uniform(300, 5000)

    # -- the server -------------------------------------------------------------------------------------------------

    def log(self) -> list[str]:
        """Play it all, and return the lines."""
        lines: list[str] = []
        failed: dict[str, deque[float]] = defaultdict(deque)
        window: dict[str, tuple[float, int]] = {}
        until: dict[str, float] = {}
        for number, a in enumerate(sorted(self.queue)):
            if any(s <= a.at < e and a.ip.startswith(b) for s, e, b in self.lost) or until.get(a.ip, 0) > a.at:
                continue
            if any(s <= a.at < e for s, e in self.silent):
                continue
            mechanism = self.mechanism(a.who, a.user)
            peer, pid = f"unknown[{a.ip}]", 1000 + number % 7000
            verdict = "ok" if a.secret in ("right", self.secret.get(a.user)) else "535"
            for start, end, how, share in self.broken:
                if start <= a.at < end and (how == mechanism or (how != "LOGIN" and self.random.random() < share)):
                    verdict = "535" if how == "LOGIN" else how
            says = [f"connect from {peer}"]
            if self.limit:
                n, seconds = self.limit
                begun, count = window.get(a.ip, (a.at, 0))
                begun, count = (a.at, 0) if a.at - begun >= seconds else (begun, count)
                window[a.ip] = (begun, count + 1)
                if count + 1 > n:
                    verdict = (
                        f"warning: AUTH command rate limit exceeded: {count + 1} from {peer} for service submission"
                    )
                    self.refusals[a.ip].append(a.at)
            if verdict == "ok":
                says.append(f"{number:08X}: client={peer}, sasl_method={mechanism}, sasl_username={a.user}")
                said = "ehlo=2 starttls=1 auth=1 mail=1 rcpt=1 data=1 quit=1 commands=8"
            else:
                reasons = {"535": "(reason unavailable)", "454": "Connection lost to authentication server"}
                failure = f"warning: {peer}: SASL {mechanism} authentication failed: "
                says.append(
                    verdict if verdict not in reasons else f"{failure}{reasons[verdict]}, sasl_username={a.user}"
                )
                said = "ehlo=2 starttls=1 auth=0/1 quit=1 commands=4/5"
                if verdict == "535" and self.ban and a.secret not in ("right", self.secret.get(a.user)):
                    n, seconds, length = self.ban
                    mine = failed[a.ip]
                    mine.append(a.at)
                    while mine and a.at - mine[0] > seconds:
                        mine.popleft()
                    if len(mine) >= n:
                        until[a.ip] = a.at + length
                        self.bans.append((a.ip, a.at, a.at + length))
                        mine.clear()
            says.append(f"disconnect from {peer} {said}")
            clock = BEGIN + timedelta(seconds=a.at)
            stamp = clock.strftime("%Y-%m-%dT%H:%M:%S.%f") + "+00:00"
            lines += [f"{stamp} mx1 postfix/submission/smtpd[{pid}]: {text}" for text in says]
        return lines

    def read(self, folder: Path) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Write the log, and return events and traffic as they are read from it."""
        path = folder / "mail.log"
        path.write_text("\n".join(self.log()) + "\n", encoding="utf-8")
        events, _, traffic = reading.read(path, full=True)
        return events, traffic


def town(seed: int, *stories: str, users: int = 60, days: int = 6) -> Town:
    """Return a town of people who mistype and guessers who pass by, in which these stories happen."""
    place = Town(seed=seed, n_users=users, n_days=days)
    place.people()
    place.typists(max(users // 15, 1))
    place.bots(10)
    for story in stories:
        name, _, how = story.partition(":")
        if name == "down":
            place.down(how)
        elif name == "partial":
            place.down("535" if how == "535" else "454", share=0.35)
        elif name == "policy":
            place.down("LOGIN", length=60 * MINUTE)
        else:
            getattr(place, name)()
    return place


INCIDENTS = (
    "down:454", "down:535", "partial", "policy", "unplug", "stop_logging", "forget", "spray_fast", "botnet",
)  # fmt: skip
"""The stories that are incidents."""


def agreeing(truth: Truth, start: datetime, end: datetime, slack: timedelta = timedelta(minutes=5)) -> bool:
    """Tell whether a found interval overlaps the true one."""
    first, last = truth.span
    return start <= last + slack and end >= first - slack


__all__ = ["INCIDENTS", "Town", "Truth", "agreeing", "town"]
