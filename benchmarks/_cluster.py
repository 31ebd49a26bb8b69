"""A busy mail site of four hosts: its people, its processes, its queue ids."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter, deque
from typing import TYPE_CHECKING, TypeVar

import _lines as lines
from _session import SmtpSession

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Sequence

T = TypeVar("T")
HOSTS = ("mx1", "mx2", "mx3", "mx4")
VERBOSE_DOVECOT = ("mx1", "mx2")
CYRUS = "mx4"
PORT_25 = "postfix/smtpd"
SUBMISSION = "postfix/submission/smtpd"
SMTPS = "postfix/smtps/smtpd"
NAMES = "ann bob carol dave erin frank grace heidi ivan judy karl lena mike nina otto paula quinn rosa sven tina"
FIRST = NAMES.split()
GUESSED = "admin info test sales office contact support scan backup root postmaster service mail user billing"
DICTIONARY = GUESSED.split()
WORDS = "0123456789BCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz"
MECHANISMS = ("PLAIN", "LOGIN", "PLAIN", "CRAM-MD5")


class Pids:
    """The smtpd processes of one host: a process serves 100 clients, one at a time; pids wrap and come back."""

    def __init__(self, first: int) -> None:
        self.next = first
        self.busy: set[int] = set()
        self.idle: dict[str, deque[list[int]]] = {}

    def take(self, program: str) -> list[int]:
        """Give an idle process of that program as [pid, clients served], or start one."""
        idle = self.idle.get(program)
        if idle:
            return idle.popleft()
        while True:
            self.next = self.next + 1 if self.next < 32_000 else 400
            if self.next not in self.busy:
                self.busy.add(self.next)
                return [self.next, 0]

    def give(self, program: str, process: list[int]) -> None:
        """Take a process back; after 100 clients it ends."""
        process[1] += 1
        if process[1] < 100:
            self.idle.setdefault(program, deque()).append(process)
        else:
            self.busy.discard(process[0])


class Population(ABC):
    """Who is there: accounts, the peers they come from, guessers and what they guess, other servers."""

    users: list[str]
    homes: list[lines.Peer]
    bots: list[lines.Peer]
    servers: list[lines.Peer]
    guesses: list[str]
    random: Callable[[], float]

    @abstractmethod
    def make_peer(self, k: int, domain: str | None) -> lines.Peer:
        """Make the k-th client."""

    def populate(self) -> None:
        """Make them all."""
        self.users = [f"{FIRST[k % len(FIRST)]}{k // len(FIRST):03d}@example.com" for k in range(4000)]
        self.homes = [self.make_peer(k, "pool.example.net") for k in range(6000)]
        self.bots = [self.make_peer(k + 50_000, None) for k in range(5000)]
        self.servers = [self.make_peer(k + 90_000, "mail.example.org") for k in range(800)]
        names = [f"{word}@example.com" for word in DICTIONARY] + DICTIONARY + [f"user{k}" for k in range(400)]
        self.guesses = names + self.users[:300]

    def pick(self, items: Sequence[T]) -> T:
        """Choose one; several times faster than `random.choice`."""
        return items[int(self.random() * len(items))]


class Site(Population):
    """Four hosts; `truth` counts what happens on them.

    Parameters
    ----------
    rng
        The only source of chance.
    emit
        Takes (seconds, line without its time).
    later
        Takes (seconds, function): called when the clock is there (a process becomes idle again).
    anvil_stamp
        Seconds to the `Sep 10 09:05:01` that anvil prints inside its lines.
    with_user
        Share of failure lines that carry `sasl_username=` (older Postfix writes none).
    """

    def __init__(
        self,
        rng: random.Random,
        emit: Callable[[float, str], None],
        later: Callable[[float, Callable[[], None]], None],
        anvil_stamp: Callable[[float], str],
        with_user: float,
    ) -> None:
        self.random = rng.random
        self.emit = emit
        self.later = later
        self.anvil_stamp = anvil_stamp
        self.with_user = with_user
        self.truth: Counter[str] = Counter()
        self.pids = {host: Pids(1000 + 7000 * k) for k, host in enumerate(HOSTS)}
        self.queue = 0x3A1
        self.populate()
        self.accounts = set(self.users)

    def make_peer(self, k: int, domain: str | None) -> lines.Peer:
        """Make the k-th client; 7 % have IPv6, the rest live in the benchmark network of RFC 2544."""
        ip = f"2001:db8:{k >> 8 & 0xFFFF:x}:{k & 0xFF:x}::{1 + k % 9}" if self.random() < 0.07 else ""
        ip = ip or f"198.{18 + (k >> 16 & 1)}.{k >> 8 & 255}.{k & 255}"
        name = f"h{k}.{domain}" if domain and self.random() < 0.8 else "unknown"
        literal = f"[IPv6:{ip}]" if ":" in ip else f"[{ip}]"
        return lines.Peer.of(ip, name, name if name != "unknown" else literal)

    def queue_id(self) -> str:
        """Queue id of the short kind."""
        self.queue = (self.queue * 0x5DEECE66D + 11) & 0xFFFFFFFFFFF
        return f"{self.queue:011X}"

    def token(self, n: int = 16) -> str:
        """Random id of Dovecot, amavis or a remote queue."""
        return "".join([WORDS[int(self.random() * 52)] for _ in range(n)])

    def open(self, program: str, peer: lines.Peer, at: float, host: str = "") -> SmtpSession:
        """Start a session on an idle process."""
        host = host or self.pick(HOSTS)
        pids = self.pids[host]
        process = pids.take(program)
        session = SmtpSession(self.emit, host, program, process[0], peer, at)
        self.truth["sessions"] += 1
        self.truth[f"sessions {program}"] += 1
        session.owner = (pids, program, process)
        return session

    def close(self, session: SmtpSession, how: str = "quit") -> None:
        """End a session; its process is free one tick later."""
        if how == "quit":
            session.quit()
        elif how:
            session.lost(how)
        self.truth["auth success"] += session.auth_ok
        pids, program, process = session.owner
        self.later(session.at + 0.5, lambda: pids.give(program, process))
