"""The server of a simulated site: secrets, locks, faults, limits and bans that the log does not show; what it answers."""

from __future__ import annotations

import heapq
from collections import defaultdict, deque
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from smtplogs.simulating.people import Attempt, Lock

if TYPE_CHECKING:
    from collections.abc import Iterator

    from smtplogs.simulating.people import Site


@dataclass(frozen=True)
class Session:
    """One connection, and how its login ended."""

    at: float
    number: int
    user: str
    ip: str
    mechanism: str
    verdict: str
    """``ok``; ``535`` wrong, or so it seems; ``454`` the backend is down; ``limited``: no AUTH is judged; ``mistake``."""
    known: bool
    """The account exists; only Dovecot's own lines tell."""
    fault: str | None
    """``backend`` or ``rule``: why it was refused whatever the secret, and whatever the answer said; or the mistake."""
    reached: int = 0
    """AUTH commands of the address in this window, if there is a limit."""


def play(site: Site) -> Iterator[Session]:
    """Play it all, in order of time; locks, bans and refusals are written down in the site."""
    return _Server(site).sessions()


class _Server:
    def __init__(self, site: Site) -> None:
        self.site = site
        self.changes = sorted(site.changes, reverse=True)
        self.failed: dict[str, list[tuple[float, str]]] = defaultdict(list)
        self.locked: dict[str, Lock] = {}
        self.strikes: dict[str, deque[float]] = defaultdict(deque)
        self.window: dict[str, tuple[float, int]] = {}
        self.until: dict[str, float] = {}

    def sessions(self) -> Iterator[Session]:
        site, number = self.site, len(self.site.queue)
        heapq.heapify(site.queue)
        index = -1
        while site.queue:
            index += 1
            a = heapq.heappop(site.queue)
            while self.changes and self.changes[-1][0] <= a.at:
                _, user, secret = self.changes.pop()
                site.secret[user] = secret
            if any(start <= a.at < end for start, end in site.silent):
                continue
            session = None if self._cut_off(a) else self._judged(a, index)
            if session:
                yield session
            if a.retries and not (session and session.verdict == "ok"):
                number += 1
                # a person is no clock
                wait = a.wait * site.random.uniform(0.5, 1.8) if a.who == "person" else a.wait
                again = replace(a, at=round(a.at + wait, 3), number=number, retries=a.retries - 1)
                heapq.heappush(site.queue, again)

    def _cut_off(self, a: Attempt) -> bool:
        """Tell whether the attempt never reaches the server: its network is lost, or its address banned."""
        lost = any(s <= a.at < e and a.ip.startswith(beginning) for s, e, beginning in self.site.lost)
        return lost or self.until.get(a.ip, 0) > a.at

    def _judged(self, a: Attempt, index: int) -> Session:
        """Judge an attempt as the server would, and count it for locks and bans."""
        site = self.site
        mechanism = site.mechanism(a.who, a.user)
        if a.mistake:
            return Session(a.at, index, a.user, a.ip, mechanism, "mistake", a.user in site.secret, a.mistake)
        right = a.secret in ("right", site.secret.get(a.user))
        down = any(s <= a.at < e and site.random.random() < share for s, e, share in site.outages)
        lock = self._lock(a)
        if lock and right and not down:
            lock.refused.append((a.at, a.ip, a.who))
        verdict = "ok" if right and not down and not lock else "535"
        fault = "backend" if down else None
        for start, end, how, share in site.broken:
            named = how not in {"454", "535"}
            if start <= a.at < end and (mechanism in how.split() or (not named and site.random.random() < share)):
                verdict, fault = ("535", "rule") if named else (how, "backend")
        verdict, reached = self._limited(a, verdict)
        if verdict == "ok" and site.policy and site.policy.reset_by_login:
            self.failed[a.user].clear()
        if not right and not down:
            if verdict == "535":
                self._strike(a)
            if not lock:
                self._count(a)
        return Session(a.at, index, a.user, a.ip, mechanism, verdict, a.user in site.secret, fault, reached)

    def _lock(self, a: Attempt) -> Lock | None:
        """Return the lock that an attempt meets; one that is over is taken away."""
        lock = self.locked.get(a.user)
        if lock and a.at >= lock.end:
            del self.locked[a.user]
            self.failed[a.user].clear()
            return None
        return lock

    def _limited(self, a: Attempt, verdict: str) -> tuple[str, int]:
        """Count the AUTH commands of an address in a fixed window, as anvil does."""
        if not self.site.limit:
            return verdict, 0
        n, seconds = self.site.limit
        begun, count = self.window.get(a.ip, (a.at, 0))
        begun, count = (a.at, 0) if a.at - begun >= seconds else (begun, count)
        self.window[a.ip] = (begun, count + 1)
        if count + 1 <= n:
            return verdict, count + 1
        self.site.refusals[a.ip].append(a.at)
        return "limited", count + 1

    def _strike(self, a: Attempt) -> None:
        """Ban an address after so many failures, as fail2ban does: it is not heard of for a while."""
        if not self.site.ban:
            return
        n, seconds, length = self.site.ban
        mine = self.strikes[a.ip]
        mine.append(a.at)
        while mine and a.at - mine[0] > seconds:
            mine.popleft()
        if len(mine) >= n:
            self.until[a.ip] = a.at + length
            self.site.bans.append((a.ip, a.at, a.at + length))
            mine.clear()

    def _count(self, a: Attempt) -> None:
        """Count a failure of an account that exists, and lock it after so many."""
        policy = self.site.policy
        if policy is None or a.user not in self.site.secret:
            return
        recent = [f for f in self.failed[a.user] if a.at - f[0] <= policy.window] + [(a.at, a.ip)]
        self.failed[a.user] = recent
        if len(recent) >= policy.failures:
            sources = [ip for _, ip in recent]
            trigger = max(sorted(set(sources)), key=sources.count)
            self.locked[a.user] = Lock(a.user, a.at, a.at + policy.lock, trigger)
            self.site.locks.append(self.locked[a.user])
