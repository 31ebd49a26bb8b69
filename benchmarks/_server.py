"""The server of the samples: log files, processes, and Dovecot with a lock policy and its penalty delay (hidden state)."""

from __future__ import annotations

import gzip
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import _lines as lines

if TYPE_CHECKING:
    import random
    from collections.abc import Callable
    from pathlib import Path

    from _session import SmtpSession

DAY = 86_400.0
HOUR = 3_600.0
MINUTE = 60.0


def seconds(clock: str) -> float:
    """`09:18:35` as seconds of the day."""
    hours, minutes, rest = clock.split(":")
    return int(hours) * HOUR + int(minutes) * MINUTE + int(rest)


@dataclass(slots=True)
class Entry:
    """A line on its way to a file; the place is known when the files are written."""

    at: float
    text: str
    file: str = "mail.log"
    line_no: int = 0

    @property
    def place(self) -> str:
        """`mail.log:123`."""
        return f"{self.file}:{self.line_no}"


class Log:
    """Lines in any order; sorted, stamped and numbered at the end. `at` is seconds after `start`, local time."""

    def __init__(self, start: datetime, style: str, offset: str = "") -> None:
        self.start = start
        self.style = style
        self.offset = offset
        self.entries: list[Entry] = []

    def emit(self, at: float, text: str, file: str = "mail.log") -> Entry:
        """Add a line."""
        entry = Entry(at, text, file)
        self.entries.append(entry)
        return entry

    def moment(self, at: float) -> datetime:
        """Local time of a second."""
        return self.start + timedelta(seconds=round(at, 6))

    def clock(self, at: float) -> str:
        """Local time for the truth, to the second."""
        return f"{self.moment(at):%Y-%m-%dT%H:%M:%S}{self.offset}"

    def stamp(self, at: float, style: str = "") -> str:
        """Time as written at the head of a line."""
        moment, style = self.moment(at), style or self.style
        if style == "iso":
            return f"{moment:%Y-%m-%dT%H:%M:%S.%f}{self.offset}"
        if style == "dovecot":
            return f"{moment:%b %d %H:%M:%S}"
        if style == "exim":
            return f"{moment:%Y-%m-%d %H:%M:%S}{self.offset}"
        return f"{moment:%b} {moment.day:2d} {moment:%H:%M:%S}"

    def texts(self) -> dict[str, list[str]]:
        """Stamp and number the lines, file by file."""
        self.entries.sort(key=lambda entry: entry.at)
        files: dict[str, list[str]] = {}
        for entry in self.entries:
            rows = files.setdefault(entry.file, [])
            style = "dovecot" if entry.file == "dovecot.log" else self.style
            rows.append(f"{self.stamp(entry.at, style)} {entry.text}")
            entry.line_no = len(rows)
        return files

    def rotate(self, cuts: dict[str, float]) -> None:
        """Move lines before a moment into older files: `{"mail.log.1": seconds}`."""
        for entry in self.entries:
            for name, until in cuts.items():
                if entry.at < until:
                    entry.file = name
                    break

    def write(self, folder: Path) -> dict[str, list[str]]:
        """Write all files; names in .gz are compressed, with no time inside so that bytes repeat."""
        folder.mkdir(parents=True, exist_ok=True)
        files = self.texts()
        for name, rows in files.items():
            data = ("\n".join(rows) + "\n").encode("ascii")
            (folder / name).write_bytes(gzip.compress(data, 9, mtime=0) if name.endswith(".gz") else data)
        return files


class Processes:
    """Pids of the daemons: one client at a time, gone after 100 idle seconds or 100 clients."""

    def __init__(self, rng: random.Random, first: int) -> None:
        self.rng = rng
        self.next = first
        self.idle: dict[str, list[list[float]]] = {}

    def waiting(self, program: str, at: float) -> int | None:
        """Pid of the idle process that `take` would give, if there is one."""
        idle = [p for p in self.idle.get(program, []) if p[1] <= at <= p[1] + 100 and p[2] < 100]
        return int(idle[0][0]) if idle else None

    def take(self, program: str, at: float) -> int:
        """Pid that serves `program` from `at` on; tell its end with `give`."""
        alive = [p for p in self.idle.get(program, []) if at - p[1] <= 100 or p[1] > at]
        self.idle[program] = alive
        for process in alive:
            if process[1] <= at and process[2] < 100:
                process[1], process[2] = float("inf"), process[2] + 1
                return int(process[0])
        self.next += self.rng.randrange(2, 60)
        if self.next > 65_000:
            self.next = 900
        alive.append([self.next, float("inf"), 1])
        return self.next

    def give(self, program: str, pid: int, at: float) -> None:
        """Note that the client is gone at `at`."""
        for process in self.idle[program]:
            if process[0] == pid:
                process[1] = at + 0.01

    def kill(self, program: str, pid: int) -> None:
        """Forget a process that died."""
        self.idle[program] = [process for process in self.idle[program] if process[0] != pid]


@dataclass(slots=True)
class Attempt:
    """One judged AUTH: what the log cannot say stands in `right` and `locked`."""

    at: float
    user: str
    ip: str
    right: bool
    accepted: bool
    locked: bool
    entry: Entry | None = None


@dataclass(slots=True)
class Lock:
    """An interval in which an account refuses everybody."""

    user: str
    start: float
    end: float
    failures: list[Attempt]


@dataclass
class Passdb:
    """Accounts and the lock policy: `limit` failures in `window` lock the account for `duration`.

    Every refused attempt counts, from any address and for any secret; a success clears the count; what comes
    during a lock is refused with the words for a wrong password and is not counted.
    """

    secrets: dict[str, str]
    limit: int = 0
    window: float = 900.0
    duration: float = 900.0
    locks: list[Lock] = field(default_factory=list)
    attempts: list[Attempt] = field(default_factory=list)
    recent: dict[str, list[Attempt]] = field(default_factory=dict)

    def judge(self, user: str, ip: str, secret: str, at: float) -> Attempt:
        """Decide one attempt and remember it."""
        right = self.secrets.get(user) == secret
        locked = any(lock.user == user and lock.start < at < lock.end for lock in self.locks)
        attempt = Attempt(at, user, ip, right, right and not locked, locked)
        self.attempts.append(attempt)
        if locked:
            return attempt
        if right:
            self.recent[user] = []
            return attempt
        counted = [a for a in self.recent.get(user, []) if at - a.at < self.window] + [attempt]
        if self.limit and user in self.secrets and len(counted) >= self.limit:
            self.locks.append(Lock(user, at, at + self.duration, counted))
            counted = []
        self.recent[user] = counted
        return attempt


class Dovecot:
    """Dovecot's auth behind smtpd: judges, delays (penalty), writes its line, and makes Postfix write its own.

    Parameters
    ----------
    passdb
        Accounts.
    say
        Writes one line of Dovecot: (seconds, database, user, address, mechanism, text).
    deny_first
        A deny-passdb stands first and says `unknown user` for everybody whom it does not deny.
    """

    def __init__(
        self, passdb: Passdb, say: Callable[[float, str, str, str, str, str], Entry], deny_first: bool = False
    ) -> None:
        self.passdb = passdb
        self.say = say
        self.deny_first = deny_first
        self.penalty: dict[str, tuple[int, float, set[tuple[str, str]]]] = {}
        self.tally: Counter[str] = Counter()

    def login(self, s: SmtpSession, user: str, secret: str, mechanism: str = "PLAIN") -> bool:
        """Run AUTH in a session; the clock of the session moves as long as the answer takes."""
        ip = s.peer.ip
        level, last, seen = self.penalty.get(ip, (0, -DAY, set()))
        if s.at - last > HOUR:  # anvil forgets
            level, seen = 0, set()
        delay = max(0.0, last + (0, 4, 8, 15)[level] - s.at)
        if delay > 8:  # + 2 s for a failure is more than the 10 s that Postfix waits
            attempt = Attempt(s.at, user, ip, self.passdb.secrets.get(user) == secret, False, False)
            self.passdb.attempts.append(attempt)
            s.wait(10)
            attempt.entry = s.auth_failure(mechanism, lines.CONNECTION_LOST, s.name)
            self.tally["connection_lost"] += 1
            return False
        s.wait(delay + 0.02)
        attempt = self.passdb.judge(user, ip, secret, s.at)
        s.name = user
        if self.deny_first:
            self.tally["deny_passdb_lines"] += 1
            self.say(s.at, "passwd-file", user, ip, mechanism, "unknown user")
        if attempt.accepted:
            s.wait(0.03)
            s.auth_success()
            self.penalty.pop(ip, None)
            self.tally["success"] += 1
            return True
        known = user in self.passdb.secrets
        self.say(s.at + 0.001, "passwd-file", user, ip, mechanism, "Password mismatch" if known else "unknown user")
        s.wait(2.0)
        attempt.entry = s.auth_failure(mechanism, lines.NO_REASON, user)
        self.tally["failure"] += 1
        if (user, secret) not in seen:
            level = min(3, level + 1)
        self.penalty[ip] = (max(level, 1), s.at, {*seen, (user, secret)})
        return False
