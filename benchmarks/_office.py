"""An office with its mail server: people, their devices, the mail they send and get, and the noise from outside."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import _anvil as anvil
import _lines as lines
from _server import DAY, HOUR, Dovecot, Log, Passdb, Processes
from _session import SmtpSession

if TYPE_CHECKING:
    from collections.abc import Callable

    from _server import Entry

SUBMISSION = "postfix/submission/smtpd"
SUBMISSIONS = "postfix/submissions/smtpd"
PORT_25 = "postfix/smtpd"
SERVICE_NAMES = {SUBMISSION: "submission", SUBMISSIONS: "submissions", PORT_25: "smtp"}
SERVER_IP = "192.0.2.25"
NAMES = (
    "ann bob carol dave erin frank grace heidi ivan judy karl lena mike nina otto paula quinn rosa sven tina ulla vera "
    "willi xenia yara zoe anton berta cesar dora erik fritz gina hugo ida jonas kurt laura max nora oskar pia rolf sara "
    "theo uwe viola walt alma bruno clara diego elsa felix greta hanna inga jakob kira leon"
)
FIRST_NAMES = NAMES.split()
OUTSIDE = ("example.org", "example.net", "shop.example", "news.example", "bank.example", "supplier.example")
GUESSED = "admin info test sales office contact support scan backup root postmaster service mail billing user hr"
GUESSES = GUESSED.split()
NO_LOCK = 0


@dataclass(slots=True)
class Person:
    """Somebody with a mailbox, a computer and a habit."""

    user: str
    laptop: lines.Peer
    program: str
    mechanism: str


class Office:
    """The site of one sample. Flows are planned as (seconds, function) and run in order of time.

    Parameters
    ----------
    seed
        Same seed, same log.
    log
        Where lines go.
    passdb_limit
        Failures in 15 minutes that lock an account; 0 = no lock policy.
    host
        Name of the server in the log.
    noqueue
        Postfix 3.10 and later: `NOQUEUE: lost connection after`.
    """

    tls = lines.TLS13

    def __init__(
        self, seed: int, log: Log, passdb_limit: int = NO_LOCK, host: str = "mx", noqueue: bool = False
    ) -> None:
        self.rng = random.Random(seed)
        self.log = log
        self.host = host
        self.noqueue = noqueue
        self.processes = Processes(self.rng, 1200)
        self.people = [self.make_person(k, name) for k, name in enumerate(FIRST_NAMES)]
        self.by_name = {person.user.split("@")[0]: person for person in self.people}
        self.passdb = Passdb({person.user: "right" for person in self.people}, passdb_limit)
        self.dovecot = Dovecot(self.passdb, self.dovecot_line)
        self.plans: list[tuple[float, Callable[[float], object]]] = []
        self.connections: list[tuple[float, float, str, str]] = []
        self.counts: Counter[str] = Counter()
        self.queue_ids: set[str] = set()

    def make_person(self, k: int, name: str) -> Person:
        """Give the k-th person an address: `ann` has 203.0.113.41; every sixth lives behind IPv6."""
        if k % 6 == 4:
            peer = lines.Peer.of(f"2001:db8:17:{k + 1:x}::{k % 4 + 5:x}", helo=f"{name}-pc.example.com")
        else:
            known = f"dsl-{k + 41}.isp.example" if k % 3 == 0 else "unknown"
            peer = lines.Peer.of(f"203.0.113.{k + 41}", known, f"{name}-pc.example.com")
        return Person(
            f"{name}@example.com", peer, SUBMISSIONS if k % 5 == 3 else SUBMISSION, "LOGIN" if k % 7 == 5 else "PLAIN"
        )

    def dovecot_line(self, at: float, db: str, user: str, ip: str, mechanism: str, text: str) -> Entry:
        """Line of Dovecot 2.3 in the mail log."""
        return self.log.emit(at, f"{self.host} dovecot: {lines.dovecot23_auth(db, user, ip, text)}")

    # ------------------------------------------------------------------------------------------------ planning

    def plan(self, at: float, flow: Callable[[float], object]) -> None:
        """Do something within the second that begins at `at`."""
        self.plans.append((at + self.rng.random(), flow))

    def run(self) -> None:
        """Do all that is planned, in order of time; then anvil's statistics."""
        self.plans.sort(key=lambda plan: plan[0])
        for at, flow in self.plans:
            flow(at)
        anvil.write(self.log, self.host, self.processes, self.connections)

    def office_hour(self, day: int) -> float:
        """Draw a time of working day `day` when people write mail."""
        rng = self.rng
        while True:
            hour = rng.gauss(9.8, 1.2) if rng.random() < 0.5 else rng.gauss(14.4, 1.6)
            if 6.8 < hour < 18.9:
                return day * DAY + hour * HOUR

    def any_hour(self, day: int) -> float:
        """Draw a time of day for machines."""
        return day * DAY + self.rng.random() * (DAY - 60)

    # --------------------------------------------------------------------------------------------------- flows

    def connect(self, program: str, peer: lines.Peer, at: float) -> SmtpSession:
        """Open a session on a free process."""
        pid = self.processes.take(program, at)
        self.counts["sessions"] += 1
        s = SmtpSession(self.log.emit, self.host, program, pid, peer, at, noqueue=self.noqueue)
        s.owner = (program, pid, at)
        return s

    def close(self, s: SmtpSession, how: str = "quit") -> None:
        """Close it and free the process; `how` is `quit` or the words of `lost`; empty: it is closed already."""
        if how == "quit":
            s.quit()
        elif how:
            s.lost(how)
        program, pid, start = s.owner
        self.processes.give(program, pid, s.at)
        self.connections.append((start, s.at, SERVICE_NAMES[program], s.peer.ip))

    def greet(self, s: SmtpSession) -> None:
        """EHLO and TLS as the service wants them."""
        s.wait(0.08 + self.rng.random() * 0.2)
        if SUBMISSIONS in s.prefix:
            s.wrapper_tls(self.tls)
        else:
            s.ehlo()
            s.wait(0.05 + self.rng.random() * 0.1)
            s.starttls(self.tls)
        s.wait(0.05 + self.rng.random() * 0.15)

    def attempt(self, at: float, person: Person, secret: str, peer: lines.Peer | None = None) -> bool:
        """One try of a mail program: log in and send, or give up."""
        s = self.connect(person.program, peer or person.laptop, at)
        self.greet(s)
        accepted = self.dovecot.login(s, person.user, secret, person.mechanism)
        if accepted:
            self.mail_out(s, person)
        s.wait(0.05)
        self.close(s)
        return accepted

    def send(self, at: float, person: Person, peer: lines.Peer | None = None) -> None:
        """Send a mail with the right password."""
        self.attempt(at, person, self.passdb.secrets[person.user], peer)

    def queue_id(self) -> str:
        """Short queue id: microseconds and inode in hexadecimal."""
        while True:
            queue_id = f"{self.rng.randrange(1 << 20):05X}{0x325B00 + self.rng.randrange(0x600):X}"
            if queue_id not in self.queue_ids:
                self.queue_ids.add(queue_id)
                return queue_id

    def daemon(self, name: str, at: float, text: str) -> None:
        """Line of a queue daemon."""
        pid = 903 if name == "qmgr" else self.processes.take(name, at)
        if name != "qmgr":
            self.processes.give(name, pid, at)
        self.log.emit(at, f"{self.host} postfix/{name}[{pid}]: {text}")

    def mail_out(self, s: SmtpSession, person: Person) -> None:
        """One accepted mail of somebody who logged in, and its delivery."""
        rng, queue_id = self.rng, self.queue_id()
        s.wait(0.05)
        s.mail(queue_id, person.mechanism, person.user)
        self.counts["mail_success"] += 1
        t = s.at + 0.03
        self.daemon(
            "cleanup", t, lines.message_id(queue_id, f"{queue_id.lower()}@{person.user.split('@')[0]}-pc.example.com")
        )
        s.wait(0.2)
        size = rng.randrange(900, 60_000)
        self.daemon("qmgr", t + 0.1, lines.queued(queue_id, person.user, size))
        if rng.random() < 0.4:
            self.to_mailbox(t + 0.3, queue_id, rng.choice(self.people).user)
        else:
            domain = rng.choice(OUTSIDE)
            relay = f"mx.{domain}[198.51.100.{10 + OUTSIDE.index(domain)}]:25"
            to, delay = f"{rng.choice(FIRST_NAMES)}@{domain}", 0.4 + rng.random()
            text = f"250 2.0.0 Ok: queued as {rng.randrange(1 << 40):010X}"
            self.daemon("smtp", t + delay, lines.delivery(queue_id, to, relay, delay, "2.0.0", "sent", text))
            self.daemon("qmgr", t + delay + 0.001, lines.removed(queue_id))

    def to_mailbox(self, t: float, queue_id: str, user: str) -> None:
        """Local delivery through Dovecot's LMTP."""
        relay = f"{self.host}.example.com[private/dovecot-lmtp]"
        token = f"{self.rng.randrange(1 << 60):015X}"
        text = lines.delivery(queue_id, user, relay, 0.3, "2.0.0", "sent", f"250 2.0.0 <{user}> {token} Saved")
        self.daemon("lmtp", t, text)
        self.daemon("qmgr", t + 0.001, lines.removed(queue_id))

    def receive(self, at: float) -> None:
        """Mail from outside."""
        rng, queue_id = self.rng, self.queue_id()
        domain = rng.choice(OUTSIDE)
        name = f"mx{rng.randrange(1, 4)}.{domain}"
        peer = lines.Peer.of(f"198.51.100.{100 + OUTSIDE.index(domain) * 4 + int(name[2])}", name, name)
        s = self.connect(PORT_25, peer, at)
        s.wait(0.2)
        s.ehlo()
        if domain != "supplier.example":
            s.wait(0.2)
            s.starttls(lines.TLS12 if domain == "bank.example" else self.tls)
        s.wait(0.3)
        s.mail(queue_id)
        t = s.at + 0.05
        self.daemon("cleanup", t, lines.message_id(queue_id, f"{rng.randrange(1 << 48):012x}@{name}"))
        sender = f"{rng.choice(('orders', 'news', 'no-reply', *FIRST_NAMES[:20]))}@{domain}"
        self.daemon("qmgr", t + 0.15, lines.queued(queue_id, sender, rng.randrange(1_500, 90_000)))
        self.to_mailbox(t + 0.3, queue_id, rng.choice(self.people).user)
        s.wait(0.4)
        self.close(s)

    def imap(self, at: float, person: Person) -> None:
        """IMAP login and, some time later, logout."""
        token = f"{self.rng.randrange(1 << 62):x}"[:12].rjust(12, "q") + "AAAB"
        mpid, server = self.processes.take("imap", at), SERVER_IP
        end = at + self.rng.random() * 2400
        self.processes.give("imap", mpid, end)
        text = lines.dovecot23_login("imap", "Login", person.user, person.laptop.ip, server, token, mpid)
        self.log.emit(at, f"{self.host} dovecot: {text}")
        counts = (
            f"in={self.rng.randrange(200, 4000)} out={self.rng.randrange(2000, 90_000)} deleted=0 expunged=0 trashed=0"
        )
        tail = f"{counts} hdr_count=0 hdr_bytes=0 body_count=0 body_bytes=0"
        self.log.emit(
            end, f"{self.host} dovecot: imap({person.user})<{mpid}><{token}>: Disconnected: Logged out {tail}"
        )
        self.counts["imap_success"] += 1

    def typo(self, at: float, person: Person, times: int = 1, pause: float = 25.0) -> None:
        """Wrong password some times, a session each, then the right one."""
        for k in range(times):
            self.attempt(at + k * pause, person, f"typo{k}")
        self.attempt(at + times * pause, person, self.passdb.secrets[person.user])

    def bot_peer(self) -> lines.Peer:
        """Draw an address that never belongs to a person; one in eight has IPv6."""
        n = self.rng.randrange(120)
        if n % 8 == 0:
            return lines.Peer.of(f"2001:db8:bad:{n:x}::{n % 7 + 1:x}")
        return lines.Peer.of(f"192.0.2.{100 + n}" if n % 2 else f"198.51.100.{130 + n}", helo="User")

    def bot(self, at: float, spared: tuple[str, ...] = ()) -> None:
        """Guess from outside: one name, one password."""
        names = [f"{word}@example.com" for word in GUESSES] * 2 + GUESSES
        names += [person.user for person in self.people[::7] if person.user not in spared]
        s = self.connect(self.rng.choice((SUBMISSION, SUBMISSION, SUBMISSIONS)), self.bot_peer(), at)
        self.greet(s)
        self.dovecot.login(s, self.rng.choice(names), f"guess{self.rng.random()}", "LOGIN")
        self.close(s, "lost connection" if self.rng.random() < 0.6 else "quit")

    def scanner(self, at: float) -> None:
        """Look at a port and go; on port 25 perhaps ask for relaying."""
        s = self.connect(self.rng.choice((PORT_25, PORT_25, SUBMISSION)), self.bot_peer(), at)
        s.wait(0.4)
        if self.rng.random() < 0.5:
            s.ehlo()
            s.wait(0.3)
            if PORT_25 in s.prefix and self.rng.random() < 0.5:
                s.reject(
                    "454 4.7.1", "<probe@example.net>: Relay access denied", "spameri@example.org", "probe@example.net"
                )
                self.counts["relay_denied"] += 1
        self.close(s, self.rng.choice(("quit", "lost connection")))

    def working_day(self, day: int, mails: int, spared: tuple[str, ...] = (), received: int | None = None) -> None:
        """Plan the usual traffic of a day: as many mails in (and IMAP sessions) as out; `spared` people stay out of it."""
        senders = [person for person in self.people if person.user not in spared]
        for _ in range(mails):
            person = self.rng.choice(senders)
            self.plan(self.office_hour(day), lambda at, person=person: self.send(at, person))
        for _ in range(mails if received is None else received):
            self.plan(self.office_hour(day) if self.rng.random() < 0.7 else self.any_hour(day), self.receive)
            person = self.rng.choice(senders)
            person = self.rng.choice(senders)
            self.plan(self.office_hour(day), lambda at, person=person: self.imap(at, person))
        for _ in range(self.rng.randrange(2)):
            person = self.rng.choice(senders)
            self.plan(self.office_hour(day), lambda at, person=person: self.typo(at, person))

    def noise(self, day: int, bots: int, scanners: int, spared: tuple[str, ...] = ()) -> None:
        """Plan what comes from outside all day and night."""
        for _ in range(bots):
            self.plan(self.any_hour(day), lambda at: self.bot(at, spared))
        for _ in range(scanners):
            self.plan(self.any_hour(day), self.scanner)
