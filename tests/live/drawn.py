"""Client sessions drawn at random, for any server: who says what when, and what the log may make of it; a seed gives them again."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import random
import socket
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from live.client import PASSWORD, WRONG, Talk, Truth, b64

if TYPE_CHECKING:
    from collections.abc import Callable

SESSIONS = 110
"""Sessions of a set-up; with two AUTH commands each in the mean."""

KNOWN = ("alice@example.com", "bob@example.com", "carol@example.com")

NAMES = (
    "nobody@example.com", "someone@example.net", "info", "root", "", " ", "john doe", "smith, john", 'o"brien', "it's", "x]: y", "a]: b",
    "joe, sasl_username=root", "user=<bob>", "a: b", "rip=192.0.2.9", "jürgen@example.com", "Ünï@bücher.example", "ann+lists@example.com",
    "100%", "a%40example.com", "bob%example.com", "a" * 64 + "@example.com", "b" * 200, "ALICE@EXAMPLE.COM", "Bob@Example.com", "alice",
    "alice@", "@example.com", "alice@example.com.", "alice@example.net", "alice@mail.example.com", "alice@example.com ", " bob@example.com",
    "DOM\\alice", "alice/bob", "-", "--", "~", "null", "(null)", "<>", "<alice@example.com>", "[192.0.2.1]", "a,b", "a;b", "a=b", "#", "'", "1",
    "alice@example.com@example.com", "alice@@example.com", "from=<a@example.com>", "auth failed", "method=PLAIN", "S3cret-Pa55word!", "{SSHA}x",
    "\t", "tab\there@example.com", "smtp", "test@example.com", "unknown", "authentication failure", "disconnect from unknown[192.0.2.1]",
)  # fmt: skip
"""Names that most often nobody has."""

UNKNOWN = (
    "XOAUTH2",
    "OAUTHBEARER",
    "NTLM",
    "GSSAPI",
    "FOO",
    "X" * 30,
    "PLAIN-CLIENTTOKEN",
    "ANONYMOUS",
    "EXTERNAL",
    "LOGIN2",
)
BETWEEN = (
    "RSET",
    "NOOP",
    "EHLO again.example.org",
    "VRFY bob",
    "HELP",
    "FOO",
    "MAIL FROM:<alice@example.com>",
    "RCPT TO:<bob@example.com>",
)


@dataclass(frozen=True)
class Port:
    """A port and how it is talked to."""

    number: int
    tls: str = ""
    """`wrapper`, `starttls` (it is asked for), `may` (it is there) or none."""
    way: str = ""
    """`haproxy` or `xclient`: who comes is another."""


@dataclass
class Site:
    """A server that takes random sessions."""

    ports: tuple[Port, ...]
    mechanisms: tuple[str, ...] = ("PLAIN", "LOGIN", "CRAM-MD5")
    accounts: tuple[str, ...] = KNOWN
    names: tuple[str, ...] = NAMES
    sessions: int = SESSIONS
    at_once: int = 8
    mailboxes: tuple[tuple[str, int], ...] = ()
    """IMAP and POP3 ports in TLS."""
    slow: float = 0
    """Seconds after which the server hangs up on a silent client; null: never tried."""
    ipv6: bool = True
    events: list[Callable[[], object]] = field(default_factory=list)
    """What happens to the server meanwhile, one after another."""


LEFT = "success|failure|aborted|refused|silent|deferred|throttled"
"""What may come of a command whose client left while it was judged."""


class Cut(Exception):
    """The client has hung up."""


class Drawn:
    """One session: its chance, its connection."""

    def __init__(self, truth: Truth, site: Site, scenario: str, seed: str) -> None:
        self.chance = random.Random(seed)
        self.truth, self.site, self.scenario = truth, site, scenario

    def play(self) -> None:
        """Play it; whatever the server does is part of it."""
        chance = self.chance
        if self.site.mailboxes and chance.random() < 0.12:
            with contextlib.suppress(OSError):
                self._mailbox(*chance.choice(self.site.mailboxes))
            return
        with contextlib.suppress(OSError, Cut, ValueError):
            self.talk = self._opened(chance.choice(self.site.ports))
            try:
                self._session()
            finally:
                self.talk.close(quit_=chance.random() < 0.75)

    def _opened(self, port: Port) -> Talk:
        self.port = port
        facts = self.truth.scenarios[self.scenario]
        outside = facts.pop("outside", None)
        first = ""
        if port.way == "haproxy":
            own, kind = ("2001:db8::25", "TCP6") if ":" in outside else ("192.0.2.25", "TCP4")
            first = f"PROXY {kind} {outside} {own} {self.chance.randint(1024, 65000)} 587\r\n"
        talk = Talk(self.truth, self.scenario, port.number, wrapper=port.tls == "wrapper", first=first)
        if port.way == "xclient":
            talk.ehlo()
            shown = f"IPV6:{outside}" if ":" in outside else outside
            talk.say(
                f"XCLIENT NAME={self.chance.choice(('[UNAVAILABLE]', 'pc.example.org'))} ADDR={shown} PORT={self.chance.randint(1024, 65000)}"
            )
        if port.way:
            talk.address = facts["address"] = outside
        return talk

    def _session(self) -> None:
        chance, talk = self.chance, self.talk
        if chance.random() < 0.04:
            self._attempt()
        talk.say(
            chance.choice(("EHLO pc.example.org", "EHLO [192.0.2.77]", "EHLO x", "HELO pc.example.org"))
            if chance.random() < 0.3
            else "EHLO client.example.org"
        )
        if self.port.tls in ("starttls", "may"):
            if chance.random() < 0.08:
                self._attempt()
            if chance.random() < (0.93 if self.port.tls == "starttls" else 0.3):
                talk.starttls()
        for _ in range(chance.choice((1, 1, 1, 1, 2, 2, 3, 5))):
            if chance.random() < 0.12:
                talk.say(chance.choice(BETWEEN))
            if self.site.slow and chance.random() < 0.015:
                time.sleep(self.site.slow)
            elif chance.random() < 0.1:
                time.sleep(chance.random() * 1.5)
            said = self._attempt()
            if said.startswith("235"):
                self._mails()
                if chance.random() < 0.8:
                    return
            if not said:
                return

    def _mails(self) -> None:
        chance, talk = self.chance, self.talk
        for _ in range(chance.choice((0, 0, 1, 1, 1, 2))):
            way = chance.random()
            talk.say(
                f"MAIL FROM:<{chance.choice(self.site.accounts) if '@' in self.site.accounts[0] else 'alice@example.com'}>"
            )
            for rcpt in ("bob@example.com", "carol@example.com")[: chance.choice((1, 1, 2))]:
                talk.say(f"RCPT TO:<{rcpt}>")
            if way < 0.1:
                talk.say("RSET")
                continue
            said = talk.say("DATA")
            if way < 0.15:
                raise Cut
            if said.startswith("354"):
                said = talk.say("From: alice@example.com\r\nSubject: a test\r\n\r\nHello\r\n.")
                if said.startswith("250"):
                    self.truth.scenarios[self.scenario]["mailed"] = True

    def _attempt(self) -> str:
        """One AUTH command."""
        chance = self.chance
        mechanism = chance.choice(self.site.mechanisms) if chance.random() < 0.93 else chance.choice(UNKNOWN)
        good = chance.random() < 0.4
        user = chance.choice(self.site.accounts) if good or chance.random() < 0.5 else chance.choice(self.site.names)
        password = (
            PASSWORD
            if good
            else chance.choice((WRONG, WRONG, WRONG, "", "x y", PASSWORD.upper(), "p\xe4ss", "w" * 300))
        )
        line, answers = exchange(chance, mechanism, user, password)
        if chance.random() < 0.06:
            line = line.replace("AUTH", chance.choice(("auth", "Auth")), 1).replace(
                mechanism, mechanism.capitalize(), 1
            )
        way = chance.random()
        broken = "" if way < 0.8 else chance.choice(("cancel", "garbage", "cut", "left", "pipelined", "extra"))
        return self._said(mechanism, user, good and user in self.site.accounts, line, answers, broken)

    def _said(
        self, mechanism: str, user: str, good: bool, line: str, answers: list[Callable[[str], str]], broken: str
    ) -> str:
        """Say an AUTH command and its answers, or break off, or break it."""
        talk, chance = self.talk, self.chance
        sent = mechanism not in UNKNOWN and line.count(" ") > 1  # the name is in the command
        known = talk.command(mechanism, user if sent else None)
        at = chance.randrange(len(answers)) if answers else -1
        known.cause = "broken" if broken in ("cancel", "garbage", "extra", "pipelined") else None
        if broken == "extra":
            line += " and more"
        elif broken == "garbage" and at < 0:
            line = f"AUTH {mechanism} {chance.choice(('!!!', 'abc', '=', 'YQ', '%%%='))}"
            known.user = None
        elif broken == "left" and not answers:
            known.outcome = LEFT
            talk.sock.sendall(f"{line}\r\n".encode())
            raise Cut
        elif broken == "pipelined":
            return self._pipelined(known, line, answers, user)
        said = talk.say(line)
        for number, answer in enumerate(answers):
            if not said.startswith("334"):
                break
            if number == at and broken == "cut":
                known.outcome = "aborted|refused|failure"
                talk.close(quit_=False)
                raise Cut
            if number == at and broken in ("cancel", "garbage"):
                said = talk.say("*" if broken == "cancel" else chance.choice(("!!!", "not base64", "abc", "%")))
                continue
            if number == 0:
                known.user = user
            text = answer(said[4:])
            if number == len(answers) - 1 and broken == "left":
                known.outcome = LEFT
                talk.sock.sendall(f"{text}\r\n".encode())
                talk.close(quit_=False)
                raise Cut
            said = talk.say(text)
        if said.startswith("334"):  # one more than we know of
            said = talk.say("*")
        known.reply = said or None
        if not said:  # the server had hung up before
            known.outcome = "aborted|refused|failure|silent|success"
        if good and not broken:
            known.cause = "good"
        return said

    def _pipelined(self, known, line: str, answers: list[Callable[[str], str]], user: str) -> str:
        """All in one go, with a mail after it; only where no answer needs a challenge."""
        talk = self.talk
        if known.mechanism in ("PLAIN", "LOGIN"):
            known.user = user
            texts = [answer("") for answer in answers]
        else:
            texts = []
            known.outcome = LEFT  # the next line is taken for the answer
            known.user = user if line.count(" ") > 1 else None
        texts = [line, *texts, "MAIL FROM:<alice@example.com>", "RCPT TO:<bob@example.com>"]
        talk.sock.sendall("".join(f"{text}\r\n" for text in texts).encode())
        said = talk.reply()
        while said.startswith("334"):
            said = talk.reply()
        known.reply = said or None
        if not said:
            known.outcome = "aborted|refused|failure|silent|success"
        for _ in range(2):
            talk.sock.settimeout(2)
            talk.reply()
        raise Cut  # who knows which reply is whose from here on

    def _mailbox(self, protocol: str, port: int) -> None:
        from live.client import mailbox

        tries = []
        for _ in range(self.chance.choice((1, 1, 2, 3))):
            good = self.chance.random() < 0.4
            plain = [n for n in self.site.names if n.isascii() and not set(n) & set('"\\\t') and n.strip()]
            user = self.chance.choice(self.site.accounts) if good else self.chance.choice((*self.site.accounts, *plain))
            tries.append((user, PASSWORD if good else WRONG))
        mailbox(self.truth, self.scenario, protocol, port, *tries, leave=self.chance.random() < 0.7)


def exchange(chance: random.Random, mechanism: str, user: str, password: str) -> tuple[str, list[Callable[[str], str]]]:
    """Return an AUTH line and what answers each challenge."""
    early = chance.random() < 0.6
    if mechanism == "PLAIN":
        blob = b64(f"{chance.choice(('', '', '', user))}\0{user}\0{password}")
        return (f"AUTH PLAIN {blob}", []) if early else ("AUTH PLAIN", [lambda _: blob])
    if mechanism == "LOGIN":
        last: Callable[[str], str] = lambda _: b64(password)  # noqa: E731
        return (f"AUTH LOGIN {b64(user)}", [last]) if early and user else ("AUTH LOGIN", [lambda _: b64(user), last])
    if mechanism == "CRAM-MD5":
        return "AUTH CRAM-MD5", [lambda c: b64(f"{user} {hmac.new(password.encode(), _plain(c), 'md5').hexdigest()}")]
    if mechanism.startswith("SCRAM-"):
        return _scram(mechanism, user, password)
    if mechanism == "XOAUTH2":
        return f"AUTH XOAUTH2 {b64(f'user={user}{chr(1)}auth=Bearer {password}{chr(1)}{chr(1)}')}", [lambda _: ""]
    if mechanism == "OAUTHBEARER":
        return f"AUTH OAUTHBEARER {b64(f'n,a={user},{chr(1)}auth=Bearer {password}{chr(1)}{chr(1)}')}", [
            lambda _: "AQ=="
        ]
    return (f"AUTH {mechanism} {b64(user) or '='}" if early else f"AUTH {mechanism}"), [lambda _: b64("x")]


def _plain(challenge: str) -> bytes:
    with contextlib.suppress(ValueError):
        return base64.b64decode(challenge)
    return b""


def _scram(mechanism: str, user: str, password: str) -> tuple[str, list[Callable[[str], str]]]:
    digest = mechanism.removeprefix("SCRAM-").replace("-", "").lower()
    first = f"n={user.replace('=', '=3D').replace(',', '=2C')},r=fyko+d2lbbFgONRv9qkxdawL"

    def final(challenge: str) -> str:
        server = _plain(challenge).decode(errors="replace")
        told = dict(part.split("=", 1) for part in server.split(",") if "=" in part)
        if not {"r", "s", "i"} <= set(told):
            return "*"
        last = f"c=biws,r={told['r']}"
        salted = hashlib.pbkdf2_hmac(digest, password.encode(), base64.b64decode(told["s"]), int(told["i"]))
        key = hmac.new(salted, b"Client Key", digest).digest()
        signed = hmac.new(hashlib.new(digest, key).digest(), f"{first},{server},{last}".encode(), digest).digest()
        return b64(f"{last},p={b64(bytes(a ^ b for a, b in zip(key, signed, strict=True)))}")

    return f"AUTH {mechanism} {b64('n,,' + first)}", [final, lambda _: ""]


def sessions(truth: Truth, site: Site, seed: int) -> list[Callable[[], object]]:
    """Draw the sessions of a set-up: addresses, most of them of one session alone."""
    chance = random.Random(f"{seed}")
    jobs: list[Callable[[], object]] = []
    shared = [f"127.77.0.{n}" for n in range(1, 5)] + (["::1"] if site.ipv6 else [])
    for n in range(site.sessions):
        address = (
            chance.choice(shared)
            if chance.random() < 0.15
            else f"127.{chance.randint(50, 70)}.{n // 200}.{n % 200 + 1}"
        )
        outside = chance.choice((f"198.51.100.{n % 250 + 1}", f"203.0.113.{n % 250 + 1}", f"2001:db8:{n + 1:x}::7"))
        truth.scenario(f"s{n:03}", what=f"session {n}", address=address, outside=outside)
        one = Drawn(truth, site, f"s{n:03}", f"{seed}/{n}")
        jobs.append(one.play)
    every = max(1, len(jobs) // (len(site.events) + 1))
    for number, event in enumerate(site.events, 1):
        jobs.insert(every * number, event)
    return jobs


def disturbed(*acts: Callable[[], object]) -> Callable[[], object]:
    """Several things done to a server, one after another, a second between."""

    def act() -> None:
        for one in acts:
            one()
            time.sleep(1)

    return act


def waits(number: int) -> None:
    """Wait until a port answers."""
    for _ in range(100):
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", number), 1).close()
            return
        time.sleep(0.1)
