"""A mail server with hidden state that writes real Postfix lines: clients set up wrongly, forgotten, refused; and the truth.

Secrets change, applications keep the old one, devices have one fault each, relays refuse us, bots and scanners make
noise, the backend fails for a while. `Site.write` gives the log, `Site.truth` what detectors should tell.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

BEGIN = datetime(2026, 3, 23, tzinfo=UTC)
"""A Monday; in the night to the seventh day clocks in Europe go one hour forward."""

SUMMER = (5 * 24 + 24 + 1) * 3600.0
MINUTE, HOUR, DAY = 60.0, 3600.0, 86_400.0

SUBMISSION, SUBMISSIONS, PORT_25 = "postfix/submission/smtpd", "postfix/submissions/smtpd", "postfix/smtpd"
ORDER = ("helo", "ehlo", "starttls", "auth", "mail", "rcpt", "data", "unknown", "quit")
NO_REASON = "(reason unavailable)"
LIBRARY = {
    "old_tls": ("0A000102:SSL routines::unsupported protocol:../ssl/statem/statem_srvr.c:1686:",
                "0A0000C1:SSL routines::no shared cipher:../ssl/statem/statem_srvr.c:2220:"),
    "tls_mode": ("0A00010B:SSL routines::wrong version number:../ssl/record/ssl3_record.c:350:",),
    "cert": ("0A000418:SSL routines::tlsv1 alert unknown ca:../ssl/record/rec_layer_s3.c:1590:SSL alert number 48:",),
    "expired": ("0A000415:SSL routines::sslv3 alert certificate expired:../ssl/record/rec_layer_s3.c:1605:SSL alert number 45:",),
    "http": ("0A00009C:SSL routines::http request:../ssl/record/ssl3_record.c:341:",),
}  # fmt: skip


@dataclass
class Forgotten:
    """A client that kept an old secret: hidden change, period; `until` is None if it was never repaired."""

    user: str
    ip: str
    changed: float
    period: float | None
    until: float | None = None
    failures: int = 0
    worked: int = 0


@dataclass
class Wrong:
    """A client with one mistake, and how often the log could show it."""

    kind: str
    ip: str
    user: str | None = None
    times: list[float] = field(default_factory=list)


@dataclass
class Truth:
    """What is so, whether or not the log shows it."""

    forgotten: list[Forgotten] = field(default_factory=list)
    wrong: list[Wrong] = field(default_factory=list)
    relays: list[tuple[str, float, float | None]] = field(default_factory=list)
    weak: set[tuple[str, str]] = field(default_factory=set)
    domains: list[tuple[str, float]] = field(default_factory=list)
    certificate: float | None = None


class _Session:
    """One connection to smtpd; its counters always agree with what happened."""

    def __init__(self, site: Site, at: float, ip: str, tag: str, helo: str = "pc") -> None:
        self.site, self.at, self.tag, self.helo = site, at, tag, helo
        self.peer = f"unknown[{ip}]"
        self.ip = ip
        self.pid = site.pid()
        self.done: dict[str, int] = {}
        self.bad: dict[str, int] = {}
        self.last = "CONNECT"
        self.say(f"connect from {self.peer}")

    def say(self, text: str) -> None:
        self.site.emit(self.at, f"{self.tag}[{self.pid}]: {text}")

    def command(self, name: str, *, ok: bool = True) -> None:
        self.done[name] = self.done.get(name, 0) + 1
        if not ok:
            self.bad[name] = self.bad.get(name, 0) + 1
        self.last = name.upper()
        self.at += 0.15

    def greet(self, tls: str | None = "TLSv1.3") -> _Session:
        if self.tag == SUBMISSIONS:
            self.say(f"Anonymous TLS connection established from {self.peer}: {tls} with cipher X (256/256 bits)")
            self.command("ehlo")
            return self
        self.command("ehlo")
        if tls:
            self.command("starttls")
            self.say(f"Anonymous TLS connection established from {self.peer}: {tls} with cipher X (256/256 bits)")
            self.command("ehlo")
        return self

    def refused(self, mechanism: str, user: str | None, reason: str = NO_REASON) -> None:
        self.command("auth", ok=False)
        name = f", sasl_username={user}" if user is not None else ""
        self.say(f"warning: {self.peer}: SASL {mechanism} authentication failed: {reason}{name}")

    def mail(self, user: str, mechanism: str) -> None:
        self.command("auth")
        self.say(f"{self.site.queue_id()}: client={self.peer}, sasl_method={mechanism}, sasl_username={user}")
        for name in ("mail", "rcpt", "data"):
            self.command(name)

    def rejected(self, code: str, text: str, step: str = "RCPT") -> None:
        self.command("mail")
        self.command("rcpt", ok=False)
        envelope = f"from=<a@example.com> to=<b@example.net> proto=ESMTP helo=<{self.helo}>"
        self.say(f"NOQUEUE: reject: {step} from {self.peer}: {code} {text}; {envelope}")

    def broken(self, words: str) -> None:
        self.say(f"SSL_accept error from {self.peer}: -1")
        self.say(f"warning: TLS library problem: error:{words}")
        self.lost()

    def lost(self, how: str = "lost connection") -> None:
        self.say(f"{how} after {self.last} from {self.peer}")
        self.end()

    def quit(self) -> None:
        self.command("quit")
        self.end()

    def end(self) -> None:
        parts = []
        for name in (n for n in ORDER if n in self.done):
            n, bad = self.done[name], self.bad.get(name, 0)
            parts.append(f"{name}={n - bad}/{n}" if bad else f"{name}={n}")
        total, bad = sum(self.done.values()), sum(self.bad.values())
        parts.append(f"commands={total - bad}/{total}" if bad or not total else f"commands={total}")
        self.say(f"disconnect from {self.peer} {' '.join(parts)}")


class Site:
    """Accounts of example.com, their devices, and everybody else who comes by."""

    def __init__(self, seed: int, *, users: int = 60, days: int = 14) -> None:
        self.rng = random.Random(seed)
        self.days = days
        self.users = [
            f"{a}{b}@example.com"
            for a in ("al", "be", "co", "di", "mar", "so", "ti", "zu")
            for b in ("ra", "len", "nik", "pold", "sy", "dor", "git", "wan")
        ]
        self.users = self.users[:users]
        self.home = {u: f"198.51.{100}.{i + 10}" for i, u in enumerate(self.users)}
        self.secrets: dict[str, list[tuple[float, str]]] = {u: [(0.0, "first")] for u in self.users}
        self.plans: list[tuple[float, Callable[[float], None]]] = []
        self.lines: list[tuple[float, int, str]] = []
        self.truth = Truth()
        self.outages: list[tuple[float, float, float]] = []
        self.lock_after, self.lock_length = 0, self.rng.choice((900.0, 1800.0, 3600.0))
        self.locked: dict[str, float] = {}
        self.recent: dict[str, list[float]] = {}
        self.used: set[str] = set()
        self.phones: dict[str, str] = {}
        self.late: dict[str, Forgotten] = {}
        self._pid, self._queue = 1000, 0

    # -- the log --------------------------------------------------------------------------------------------------

    def pid(self) -> int:
        """Return the number of a new process."""
        self._pid += 1
        return self._pid

    def queue_id(self) -> str:
        """Return a new queue id."""
        self._queue += 1
        return f"{0xA0000000 + self._queue:X}"

    def emit(self, at: float, text: str) -> None:
        """Take a line."""
        self.lines.append((at, len(self.lines), text))

    def plan(self, at: float, flow: Callable[[float], None]) -> None:
        """Do something at that time, if the log holds it."""
        if 0 <= at < self.days * DAY:
            self.plans.append((at, flow))

    def write(self, path: Path) -> Path:
        """Play it all and write the log."""
        for at, flow in sorted(self.plans, key=lambda plan: plan[0]):
            flow(at)
        text = [
            f"{BEGIN + timedelta(seconds=round(at, 6)):%Y-%m-%dT%H:%M:%S.%f}+00:00 mx {line}\n"
            for at, _, line in sorted(self.lines)
        ]
        path.write_text("".join(text))
        return path

    # -- the server -----------------------------------------------------------------------------------------------

    def valid(self, user: str, at: float) -> str:
        """Return the secret that is right at that time."""
        return [secret for since, secret in self.secrets.get(user, []) if since <= at][-1]

    def change(self, user: str, at: float) -> None:
        """Change the secret of a user."""
        self.secrets[user].append((at, f"changed at {at}"))

    def attempt(
        self, at: float, user: str, ip: str, secret: str | None = None, *, tag: str = SUBMISSION,
        mechanisms: tuple[str, ...] = ("PLAIN",), tls: str | None = "TLSv1.3",
    ) -> bool:  # fmt: skip
        """One session of a mail program: log in with its secret (None: the valid one) and send, or give up."""
        if secret is None and user in self.late and ip == self.late[user].ip:
            phone = self.late[user]
            if at < (phone.until or 0):
                secret = "first"
                phone.worked += at < phone.changed
                phone.failures += at >= phone.changed
        s = _Session(self, at, ip, tag).greet(tls)
        right = user in self.secrets and secret in (None, self.valid(user, at))
        down = any(a <= at < b and self.rng.random() < share for a, b, share in self.outages)
        closed = self.locked.get(user, 0.0) > at
        if not right and not closed and not down:
            self._failed(user, at)
        elif right and not closed and not down:
            self.recent.pop(user, None)
        right = right and not down and not closed
        for mechanism in mechanisms:
            if right:
                s.mail(user, mechanism)
                break
            s.refused(mechanism, user)
            s.at += 2
        s.quit()
        return right

    def _failed(self, user: str, at: float) -> None:
        """Count a failure; five in a quarter of an hour lock the account for as long, if there is such a policy."""
        recent = [t for t in self.recent.get(user, []) if at - t < 900] + [at]
        self.recent[user] = recent
        if self.lock_after and len(recent) >= self.lock_after:
            self.locked[user] = at + self.lock_length
            self.recent[user] = []

    # -- people and noise -----------------------------------------------------------------------------------------

    def free_user(self) -> str:
        """Draw a user that no other scenario has."""
        user = self.rng.choice([u for u in self.users if u not in self.used])
        self.used.add(user)
        return user

    def neighbour(self) -> str:
        """Draw an address beside those of the users."""
        while (ip := f"198.51.100.{self.rng.randrange(130, 250)}") in self.used:
            pass
        self.used.add(ip)
        return ip

    def stranger(self) -> str:
        """Draw an address that is near nobody's."""
        while (ip := f"2001:db8:{self.rng.randrange(0x4000, 0xFFFF):x}::1") in self.used:
            pass
        self.used.add(ip)
        return ip

    def people(self) -> None:
        """Mail from computers in office hours, now and then a typing mistake; phones on addresses that move."""
        r = self.rng
        for i, user in enumerate(self.users):
            for day in range(self.days):
                for _ in range(r.randint(0, 1) if day % 7 > 4 else r.randint(2, 6)):
                    at = day * DAY + r.uniform(7, 18) * HOUR
                    for _ in range(r.choice((0,) * 40 + (1, 2, 3))):
                        self.plan(at, lambda t, u=user: self._person(t, u, "typo"))
                        at += r.uniform(5, 40)
                    self.plan(at, lambda t, u=user: self._person(t, u, None))
                if i % 3 == 0:
                    ip = f"2001:db8:{0x100 + r.randrange(200):x}:{i + 1:x}::{r.randrange(1, 9)}"
                    for _ in range(r.randint(1, 5)):
                        self.plan(day * DAY + r.uniform(7, 22) * HOUR, lambda t, u=user, a=ip: self._phone(t, u, a))

    def _person(self, at: float, user: str, secret: str | None, left: int = 3) -> None:
        tries = 0
        while not self.attempt(at, user, self.home[user], secret) and secret is None and tries < left:
            tries += 1
            at += self.rng.uniform(30, 200)

    def _phone(self, at: float, user: str, ip: str) -> None:
        self.attempt(at, user, ip)

    def bots(self, n: int) -> None:
        """Guess names and passwords from everywhere, a few tries each."""
        r = self.rng
        names = ["admin", "info", "test@example.com", "sales@example.com", "office", "scan", *self.users[::5]]
        names += [u.split("@")[0] for u in self.users[::7]]
        for _ in range(n):
            ip, at = self.stranger(), r.uniform(0, 3) * DAY
            while at < self.days * DAY:
                self.plan(at, lambda t, a=ip: self.attempt(t, r.choice(names), a, "guess", mechanisms=("LOGIN",)))
                at += r.uniform(2, 60) * HOUR

    def scanners(self, n: int) -> None:
        """Look at the ports as scanners do: AUTH where it is off, no TLS, old TLS, web requests, relay probes."""
        r = self.rng
        for _ in range(n):
            ip, at, looks = self.stranger(), r.uniform(0, self.days - 2) * DAY, r.randrange(7)
            helo = r.choice(("ylmf-pc", "User", "localhost", "scan.example.org"))
            for _ in range(r.choice((1, 1, 2, 5, 30))):
                self.plan(at, lambda t, a=ip, k=looks, h=helo: self._look(t, a, k, h))
                at += r.choice((r.uniform(1, 20), r.uniform(600, 40_000)))

    def _look(self, at: float, ip: str, looks: int, helo: str) -> None:
        s = _Session(
            self, at, ip, (PORT_25, SUBMISSION, SUBMISSION, SUBMISSIONS, PORT_25, SUBMISSION, PORT_25)[looks], helo
        )
        if looks in (0, 1):
            s.command("ehlo")
            s.command("auth", ok=False)
            s.lost() if looks else s.quit()
        elif looks == 2:
            s.command("ehlo")
            s.command("starttls", ok=False)
            s.broken(LIBRARY["old_tls"][0])
        elif looks == 3:
            s.broken(LIBRARY["http"][0])
        elif looks == 4:
            s.command("ehlo")
            s.rejected("454 4.7.1", "<b@example.net>: Relay access denied")
            s.quit()
        elif looks == 5:
            s.greet().refused("LOGIN", "(unavailable)", "Invalid base64 data in continued response")
            s.lost()
        else:
            s.command("ehlo")
            s.quit()

    def outage(self, at: float, length: float, share: float = 1.0) -> None:
        """Answer this share as if the password were wrong, as a dead backend behind Dovecot does."""
        self.outages.append((at, at + length, share))

    def polling(self, n: int) -> None:
        """Let some people have a phone at home that sends all day, as regular as an application; in an office too."""
        r = self.rng
        for i in range(n):
            user = self.free_user()
            ip = f"192.0.2.{10 + i}" if i % 2 else "192.0.2.1"
            every = r.choice((600, 900, 1800))
            for day in range(self.days):
                at = day * DAY + 7 * HOUR
                while at < day * DAY + 20 * HOUR:
                    self.plan(at, lambda t, u=user, a=ip: self.attempt(t, u, a))
                    at += every * r.uniform(0.98, 1.02)
            self.phones[user] = ip

    def late_phones(self, n: int) -> None:
        """Change the secret of some of those; the phone learns of it hours later, the computer at once."""
        for user in self.rng.sample(sorted(self.phones), n):
            ip, changed = (
                self.phones.pop(user),
                self.rng.randint(2, self.days - 3) * DAY + self.rng.uniform(8, 11) * HOUR,
            )
            late = Forgotten(user, ip, changed, None, changed + self.rng.uniform(3, 30) * HOUR)
            self.truth.forgotten.append(late)
            self.change(user, changed)
            self.late[user] = late

    def locking_application(self) -> None:
        """Let an application keep an old secret of a user whose phone polls, and lock the account again and again."""
        r = self.rng
        user = sorted(self.phones)[0]
        self.phones.pop(user)
        changed = r.randint(3, 6) * DAY + r.uniform(9, 12) * HOUR
        app = Forgotten(user, self.neighbour(), changed, 120.0, changed + r.uniform(6, 30) * HOUR)
        self.truth.forgotten.append(app)
        self.change(user, changed)
        at = changed - 3 * HOUR
        while at < (app.until or 0) + HOUR:
            self.plan(at, lambda t, a=app: self._app(t, a, 0))
            at += 120 + r.uniform(0, 2)

    def uneven_application(self) -> None:
        """Let an application that sends when somebody fills in a form keep an old secret."""
        r = self.rng
        user, changed = self.free_user(), r.uniform(3, 6) * DAY
        app = Forgotten(user, self.stranger(), changed, None)
        self.truth.forgotten.append(app)
        self.change(user, changed)
        at = 0.0
        while at < self.days * DAY:
            self.plan(at, lambda t, a=app: self._app(t, a, 0))
            at += r.expovariate(1 / (3 * HOUR)) + 30

    # -- forgotten applications ------------------------------------------------------------------------------------

    def forgotten(self, n: int) -> None:
        """Change a secret; an application keeps the old one, for ever or for days; the computer follows at once."""
        r = self.rng
        for _ in range(n):
            user, changed = self.free_user(), r.uniform(3, 6) * DAY
            ip = r.choice((self.neighbour, self.stranger))()
            period = r.choice((60, 120, 300, 600, 900, 1800, 3600, 7200, 86_400))
            clock, missed, retries = r.random() < 0.5, r.choice((0, 0, 0.1, 0.3)), r.choice((0, 0, 1, 2))
            app = Forgotten(user, ip, changed, float(period))
            self.truth.forgotten.append(app)
            self.change(user, changed)
            if r.random() < 0.3 and period < DAY:
                app.until = changed + r.uniform(1.2, 4) * DAY
            # an application of every minute does not run for two weeks in a test
            first = changed - min(period * 12, 3 * DAY)
            last = min(self.days * DAY, changed + max(period * 150, 2 * DAY))
            if app.until:
                last = min(self.days * DAY, app.until + 10 * period)
            at = first - first % period + r.uniform(0, 20) if clock else first
            tick = at
            while tick < last:
                shift = -HOUR if clock and period == DAY and tick >= SUMMER else 0.0
                if r.random() >= missed:
                    self.plan(tick + shift + r.uniform(0, 2), lambda t, a=app, k=retries: self._app(t, a, k))
                tick += period if clock else period + r.uniform(0, min(4.0, period * 0.02))

    def _app(self, at: float, app: Forgotten, retries: int) -> None:
        old = "first" if at < (app.until or self.days * DAY) else None
        for k in range(retries + 1):
            ok = self.attempt(at + 6 * k, app.user, app.ip, old, mechanisms=("PLAIN",))
            down = any(a <= at < b for a, b, _ in self.outages)
            if ok:
                app.worked += at < app.changed
                return
            app.failures += not down and at >= app.changed

    def rotations(self, n: int) -> None:
        """Change secrets that every client learns at once or within minutes."""
        for _ in range(n):
            user, at = self.free_user(), self.rng.uniform(2, self.days - 1) * DAY
            self.change(user, at)

    def guesser(self) -> None:
        """Let a patient stranger try one existing account every half an hour, a sleep loop."""
        ip, user, at = self.stranger(), self.free_user(), 2 * DAY
        while at < 5 * DAY:
            self.plan(at, lambda t: self.attempt(t, user, ip, "guess"))
            at += 1800 + self.rng.uniform(0, 3)

    # -- wrong settings --------------------------------------------------------------------------------------------

    def misconfigured(self, kinds: tuple[str, ...] = ()) -> None:
        """Add one client of each kind, on a rhythm or not, where something ties it to the site."""
        for kind in kinds or FAULTS:
            self._wrong(kind)

    def _wrong(self, kind: str) -> None:
        r = self.rng
        user = self.free_user()
        ip = r.choice((self.home[user], self.neighbour(), f"10.1.{r.randrange(250)}.{r.randrange(1, 250)}"))
        if kind in ("local_part_only", "domain_user"):
            ip = self.home[user]
        wrong = Wrong(
            {"domain_user": "local_part_only", "port_25_relay": "port_25", "tls_hello": "tls_mode"}.get(kind, kind),
            ip,
            user,
        )
        self.truth.wrong.append(wrong)
        at, n = r.uniform(1, self.days - 4) * DAY, r.randint(4, 25)
        period = r.choice((900.0, 1800.0, 3600.0, 0.0))
        for _ in range(n):
            self.plan(at, lambda t, w=wrong, k=kind: self._mistake(t, w, k))
            at += period + r.uniform(0, 3) if period else r.expovariate(1 / 4000) + 60

    def _mistake(self, at: float, wrong: Wrong, kind: str) -> None:
        wrong.times.append(at)
        user = wrong.user or ""
        tag = {"port_25": PORT_25, "port_25_relay": PORT_25, "tls_mode": SUBMISSIONS}.get(kind, SUBMISSION)
        s = _Session(self, at, wrong.ip, tag, "device.example.com")
        name = {
            "local_part_only": user.split("@")[0], "domain_user": "office\\" + user.split("@")[0],
            "blank_or_break": user + self.rng.choice((" ", "?", "'")), "wrong_kind": "apikey",
        }.get(kind)  # fmt: skip
        if kind in ("port_25", "no_tls"):
            s.command("ehlo")
            s.command("auth", ok=False)
        elif kind == "port_25_relay":
            s.command("ehlo")
            s.rejected("454 4.7.1", "<b@example.net>: Relay access denied")
        elif kind == "no_login":
            s.greet().rejected("554 5.7.1", "<b@example.net>: Relay access denied")
        elif kind in ("tls_mode", "old_tls", "cert_not_trusted"):
            if tag == SUBMISSION:
                s.command("ehlo")
                s.command("starttls", ok=False)
            s.broken(self.rng.choice(LIBRARY["cert" if kind == "cert_not_trusted" else kind]))
            return
        elif kind == "tls_hello":
            s.command("unknown", ok=False)
            s.lost()
            return
        elif kind == "mechanism":
            s.greet().refused("NTLM", "(unavailable)", "Invalid authentication mechanism: 'NTLM'")
        elif kind == "bad_base64":
            s.greet().refused("LOGIN", "(unavailable)", "Invalid base64 data in continued response")
        elif name is not None:
            s.greet().refused("LOGIN", name)
        s.quit()

    def storm(self) -> None:
        """Let an application of a user repeat a wrong password every few seconds for an hour or two, once."""
        r = self.rng
        user = self.free_user()
        wrong = Wrong("retry_storm", self.home[user], user)
        self.truth.wrong.append(wrong)
        at = r.randint(3, self.days - 2) * DAY + r.uniform(1, 5) * HOUR
        for _ in range(r.randint(60, 150)):
            self.plan(at, lambda t, w=wrong: (w.times.append(t), self.attempt(t, w.user or "", w.ip, "bad"))[0])
            at += r.uniform(15, 60)

    def per_message(self) -> None:
        """Let an application log in for every mail, until a limit cuts it off."""
        r = self.rng
        user, ip = self.free_user(), self.neighbour()
        wrong = Wrong("login_per_message", ip, user)
        self.truth.wrong.append(wrong)
        at = r.randint(2, self.days - 2) * DAY + 10 * HOUR
        for k in range(80):
            self.plan(at + 25 * k, lambda t, w=wrong: (w.times.append(t), self.attempt(t, w.user or "", w.ip))[0])
        for k in range(5):
            self.plan(at + 1500 + 7 * k, lambda t, a=ip: self._limited(t, a))

    def _limited(self, at: float, ip: str) -> None:
        s = _Session(self, at, ip, SUBMISSION).greet()
        s.command("auth", ok=False)
        s.say(f"warning: AUTH command rate limit exceeded: 31 from unknown[{ip}] for service submission")
        s.lost()

    def certificate(self) -> None:
        """Let the certificate run out: the known clients complain from then on, for some hours."""
        at = self.rng.randint(6, self.days - 3) * DAY + 9 * HOUR
        self.truth.certificate = at
        for user in self.users[:15]:
            for _ in range(4):
                self.plan(at + self.rng.uniform(0, 5) * HOUR, lambda t, u=user: self._expired(t, u))

    def _expired(self, at: float, user: str) -> None:
        s = _Session(self, at, self.home[user], SUBMISSION)
        s.command("ehlo")
        s.command("starttls", ok=False)
        s.broken(LIBRARY["expired"][0])

    def passwords_off(self) -> None:
        """Switch passwords off for a second domain, where tokens go on."""
        at, r = self.rng.uniform(5, 8) * DAY, self.rng
        self.truth.domains.append(("example.org", at))
        for i in range(12):
            user, ip = f"member{i}@example.org", f"203.0.113.{i + 20}"
            self.secrets[user] = [(0.0, "first")]
            token = i % 3 == 0
            for day in range(self.days):
                for _ in range(2):
                    when = day * DAY + r.uniform(8, 17) * HOUR
                    secret = "first" if token or when < at else "password"
                    how = ("XOAUTH2",) if token else ("PLAIN",)
                    self.plan(when, lambda t, u=user, a=ip, s=secret, m=how: self.attempt(t, u, a, s, mechanisms=m))

    # -- relays and weak logins ------------------------------------------------------------------------------------

    def relay(self, host: str, *, repaired: bool) -> None:
        """Forget the secret of an upstream relay: mail waits from a hidden moment on, and goes again after a repair."""
        r = self.rng
        broken = r.uniform(4, 6) * DAY
        until = broken + r.uniform(0.5, 3) * DAY if repaired else None
        self.truth.relays.append((host, broken, until))
        for _ in range(150):
            self.plan(r.uniform(0, self.days) * DAY, lambda t: self._deliver(t, host, broken, until))

    def _deliver(self, at: float, host: str, broken: float, until: float | None) -> None:
        queue, pause, tries = self.queue_id(), 300.0, 0
        while at < self.days * DAY and tries < 8:
            relay = f"to=<eve@example.net>, relay={host}[192.0.2.200]:587, delay=1.2, delays=0.1/0/0.9/0.2"
            if broken <= at < (until or self.days * DAY):
                said = (
                    f"server {host}[192.0.2.200] said: 535 5.7.8 Error: authentication failed: authentication failure"
                )
                self.emit(
                    at,
                    f"postfix/smtp[77]: {queue}: {relay}, dsn=4.7.8, status=deferred (SASL authentication failed; {said})",
                )
            else:
                self.emit(at, f"postfix/smtp[77]: {queue}: {relay}, dsn=2.0.0, status=sent (250 2.0.0 Ok: queued as X)")
                return
            at, pause, tries = at + pause, min(pause * 2, 4000.0), tries + 1

    def weak(self) -> None:
        """Let some users log in weakly."""
        ways = (
            ("weak_mechanism", SUBMISSION, "CRAM-MD5", "TLSv1.3"), ("old_tls_login", SUBMISSION, "PLAIN", "TLSv1.1"),
            ("plain_text_login", SUBMISSION, "PLAIN", None), ("port_25_login", PORT_25, "PLAIN", "TLSv1.3"),
        )  # fmt: skip
        for kind, tag, mechanism, tls in ways:
            user = self.free_user()
            self.truth.weak.add((kind, user))
            for day in range(self.days):
                self.plan(
                    day * DAY + self.rng.uniform(9, 10) * HOUR,
                    lambda t, u=user, g=tag, m=mechanism, v=tls: self.attempt(
                        t, u, self.home[u], tag=g, mechanisms=(m,), tls=v
                    ),
                )


FAULTS = (
    "port_25", "port_25_relay", "no_tls", "tls_mode", "tls_hello", "old_tls", "cert_not_trusted", "mechanism",
    "local_part_only", "domain_user", "blank_or_break", "bad_base64", "wrong_kind", "no_login",
)  # fmt: skip


def busy_site(seed: int) -> Site:
    """Return a site with everything in it."""
    site = Site(seed)
    site.lock_after = 5
    site.people()
    site.polling(8)
    site.late_phones(2)
    site.locking_application()
    site.uneven_application()
    site.bots(40)
    site.scanners(40)
    site.outage(8 * DAY + 14 * HOUR, 40 * MINUTE)
    site.outage(9 * DAY + 14 * HOUR, 2 * HOUR, 0.3)
    site.forgotten(5)
    site.rotations(3)
    site.guesser()
    site.misconfigured()
    site.storm()
    site.per_message()
    site.certificate()
    site.passwords_off()
    site.relay("relay.example.net", repaired=seed % 2 == 0)
    site.weak()
    return site


def quiet_site(seed: int) -> Site:
    """Return two ordinary weeks: people, typing mistakes, changed passwords, bots and scanners; nothing to repair."""
    site = Site(seed)
    site.lock_after = 5
    site.people()
    site.polling(8)
    site.bots(40)
    site.scanners(40)
    site.rotations(3)
    return site
