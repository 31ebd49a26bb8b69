"""One port asked: banner, EHLO, TLS, EHLO again, at most one AUTH, QUIT; what was seen at each step."""

from __future__ import annotations

import datetime as dt
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from smtplogs.probing.certificates import VERSIONS, certificate, looking, trusting, wrapped
from smtplogs.probing.logins import attempt
from smtplogs.probing.wire import Broken, Said, Script, Wire, connected

if TYPE_CHECKING:
    import ssl
    from os import PathLike

    from smtplogs.probing.logins import Login


@dataclass(frozen=True)
class Target:
    """Where to ask, and how."""

    host: str
    port: int
    family: int
    address: str
    mode: str
    """`wrapper`: TLS from the first byte; `starttls`: in the clear at first."""
    timeout: float = 10.0
    cafile: str | PathLike[str] | None = None


@dataclass
class Seen:
    """What one session showed; None where it did not get so far."""

    target: Target
    start: dt.datetime
    banner: Said | None = None
    ehlo: Said | None = None
    before: list[str] | None = None
    after: list[str] | None = None
    tls: str | None = None
    cipher: str | None = None
    trusted: bool | None = None
    distrust: str | None = None
    cert: dict[str, Any] = field(default_factory=dict)
    versions: dict[str, bool | None] = field(default_factory=dict)
    timings: dict[str, float] = field(default_factory=dict)
    broken: tuple[str, str, str] | None = None
    """Step, kind and words of what went wrong."""
    refused: tuple[str, Said] | None = None
    """Step and reply that ended it."""
    mechanism: str | None = None
    answer: Said | None = None
    """The reply to AUTH."""

    @property
    def connected(self) -> bool:
        """Whether there was a connection at all."""
        return "connect" in self.timings


def mechanisms(capabilities: list[str] | None) -> list[str] | None:
    """Return the mechanisms in an EHLO (`AUTH PLAIN`, and the older `AUTH=PLAIN`); None if there was none."""
    if capabilities is None:
        return None
    words = [c.upper().replace("AUTH=", "AUTH ", 1).split() for c in capabilities]
    return list(dict.fromkeys(m for w in words if w[:1] == ["AUTH"] for m in w[1:]))


def offers_starttls(capabilities: list[str] | None) -> bool:
    """Whether STARTTLS is in an EHLO."""
    return any(c.upper().split()[:1] == ["STARTTLS"] for c in capabilities or ())


def look(target: Target, script: Script, *, versions: bool = True) -> Seen:
    """Ask a port without a login: with trust first, and without it where the certificate fails."""
    seen = talk(target, script, trusting(target.cafile))
    if seen.broken and seen.broken[1] == "certificate":
        words = seen.broken[2]
        seen = talk(target, script, looking())
        seen.trusted, seen.distrust = False, words
    elif seen.tls:
        seen.trusted = True
    reached = seen.tls or (seen.broken and seen.broken[0] == "tls" and seen.broken[1] in ("error", "closed"))
    if versions and reached:
        for version in VERSIONS:
            seen.versions[version] = _accepts(target, version)
    return seen


def _accepts(target: Target, version: str) -> bool | None:
    """Whether a handshake with this version alone succeeds; None if it did not get so far."""
    alone = talk(target, Script(), looking(version), stop_at_tls=True)
    if alone.tls:
        return True
    return False if alone.broken and alone.broken[0] == "tls" and alone.broken[1] in ("error", "closed") else None


def talk(
    target: Target,
    script: Script,
    context: ssl.SSLContext,
    *,
    login: Login | None = None,
    mechanism: str | None = None,
    stop_at_tls: bool = False,
    need_tls: bool = True,
) -> Seen:
    """Hold one session; faults are kept in what it returns, never raised. A login waits for TLS unless told otherwise."""
    session = _Session(target, script, context, Seen(target, dt.datetime.now(dt.UTC), mechanism=mechanism))
    seen = session.seen
    wire: Wire | None = None
    try:
        wire = session.connect()
        if target.mode == "wrapper":
            session.secure(wire)
            if stop_at_tls:
                return seen
        if not session.read_banner(wire):
            return seen
        session.say_ehlo(wire)
        if not wire.secure and offers_starttls(seen.before) and session.start_tls(wire):
            if stop_at_tls:
                return seen
            session.say_ehlo(wire)
        if login is not None and mechanism is not None and seen.refused is None:
            session.log_in(wire, login, mechanism, need_tls=need_tls)
        session.quit(wire, only_looked=login is None)
    except Broken as fault:
        session.note_failure(fault)
    finally:
        if wire is not None:
            wire.close()
    return seen


class _Session:
    """The steps of one session: each does its part and notes in `seen` what it saw and how long it took."""

    def __init__(self, target: Target, script: Script, context: ssl.SSLContext, seen: Seen) -> None:
        self.target, self.script, self.context, self.seen = target, script, context, seen
        self.place = f"{f'[{target.host}]' if ':' in target.host else target.host}:{target.port}"
        self.step = "connect"
        self.clock = time.perf_counter()

    def step_done(self, name: str) -> None:
        """Note the time since the last step was done."""
        now = time.perf_counter()
        self.seen.timings[name] = round(now - self.clock, 4)
        self.clock = now

    def connect(self) -> Wire:
        """Open the connection."""
        target = self.target
        self.script.add("===", f"Trying {self.place}...")
        sock = connected(target.family, target.address, target.port, target.timeout)
        self.step_done("connect")
        self.script.add("===", f"Connected to {target.host}.")
        return Wire(sock, self.script, target.timeout)

    def read_banner(self, wire: Wire) -> bool:
        """Wait for the greeting; true if it is one."""
        self.step = "connect"
        self.seen.banner = wire.reply()
        self.step_done("banner")
        return self._expect(self.seen.banner, 220)

    def say_ehlo(self, wire: Wire) -> None:
        """Say EHLO; what is offered is noted, apart for before and after TLS."""
        self.step = "helo"
        own = wire.sock.getsockname()[0]
        said = wire.ask(f"EHLO [{'IPv6:' if ':' in own else ''}{own}]")
        self.step_done("ehlo_tls" if wire.secure else "ehlo")
        if not self._expect(said, 250):
            return
        self.seen.ehlo = said
        offered = [line for line in said.lines[1:] if line]
        if wire.secure:
            self.seen.after = offered
        else:
            self.seen.before = offered

    def start_tls(self, wire: Wire) -> bool:
        """Ask for TLS; true once it is on."""
        self.step = "tls"
        said = wire.ask("STARTTLS")
        self.step_done("starttls")
        if not self._expect(said, 220):
            return False
        self.secure(wire)
        return True

    def secure(self, wire: Wire) -> None:
        """Do the TLS handshake."""
        self.step = "tls"
        seen = self.seen
        wire.sock = wrapped(wire.sock, self.context, self.target.host, self.target.timeout)
        wire.secure, wire.rest = True, b""  # RFC 3207: what came in the clear before is forgotten
        seen.tls, cipher = wire.sock.version(), wire.sock.cipher()
        seen.cipher = cipher[0] if cipher else None
        seen.cert = certificate(wire.sock, seen.start)
        self.script.add("===", f"TLS started with cipher {seen.tls}:{seen.cipher}:{cipher[2] if cipher else 0}")
        self.step_done("tls")

    def log_in(self, wire: Wire, login: Login, mechanism: str, *, need_tls: bool) -> None:
        """Try one AUTH; without TLS only where that is allowed."""
        self.step = "auth"
        if need_tls and not wire.secure:
            raise Broken("plain", "STARTTLS is gone, so the secret was not sent")
        self.seen.answer = attempt(wire, login, mechanism)
        self.step_done("auth")

    def quit(self, wire: Wire, *, only_looked: bool) -> None:
        """Say QUIT."""
        self.step = "session"
        # a client that is offered AUTH and quits without it reads as one that found no mechanism it knows
        unused = only_looked and bool(mechanisms(self.seen.after or self.seen.before))
        wire.ask("QUIT", "=== QUIT was sent: this session only asked, no login was meant" if unused else None)
        self.step_done("quit")

    def note_failure(self, fault: Broken) -> None:
        """Note at which step the connection broke, and how."""
        if self.step != "session":  # a server that does not say goodbye has told all that was asked
            self.seen.broken = (self.step, fault.kind, self.script.clean(str(fault)))
        if self.step == "tls":
            self.script.add("***", f"TLS startup failed ({fault})")
        elif not self.seen.connected:
            self.script.add("***", f"Error connecting to {self.place}: {fault}")

    def _expect(self, said: Said, code: int) -> bool:
        """Tell whether a reply has the code; note another one as a refusal."""
        if said.code != code:
            self.seen.refused = (self.step, said)
        return said.code == code


def other_mode(target: Target) -> Target:
    """Return the same port asked the other way."""
    return replace(target, mode="starttls" if target.mode == "wrapper" else "wrapper")
