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
    seen = Seen(target, dt.datetime.now(dt.UTC), mechanism=mechanism)
    bracketed = f"[{target.host}]" if ":" in target.host else target.host
    script.add("===", f"Trying {bracketed}:{target.port}...")
    wire: Wire | None = None
    step = "connect"
    clock = time.perf_counter()

    def done(name: str) -> None:
        nonlocal clock
        now = time.perf_counter()
        seen.timings[name] = round(now - clock, 4)
        clock = now

    def secured(wire: Wire) -> None:
        nonlocal step
        step = "tls"
        wire.sock = wrapped(wire.sock, context, target.host, target.timeout)
        wire.secure, wire.rest = True, b""  # RFC 3207: what came in the clear before is forgotten
        seen.tls, cipher = wire.sock.version(), wire.sock.cipher()
        seen.cipher = cipher[0] if cipher else None
        seen.cert = certificate(wire.sock, seen.start)
        script.add("===", f"TLS started with cipher {seen.tls}:{seen.cipher}:{cipher[2] if cipher else 0}")
        done("tls")

    def greeted(wire: Wire) -> list[str] | None:
        nonlocal step
        step = "helo"
        own = wire.sock.getsockname()[0]
        said = wire.ask(f"EHLO [{'IPv6:' if ':' in own else ''}{own}]")
        done("ehlo_tls" if wire.secure else "ehlo")
        if said.code != 250:
            seen.refused = (step, said)
            return None
        seen.ehlo = said
        return [line for line in said.lines[1:] if line]

    try:
        sock = connected(target.family, target.address, target.port, target.timeout)
        done("connect")
        script.add("===", f"Connected to {target.host}.")
        wire = Wire(sock, script, target.timeout)
        if target.mode == "wrapper":
            secured(wire)
            if stop_at_tls:
                return seen
        step = "connect"
        seen.banner = wire.reply()
        done("banner")
        if seen.banner.code != 220:
            seen.refused = (step, seen.banner)
            return seen
        capabilities = greeted(wire)
        if wire.secure:
            seen.after = capabilities
        else:
            seen.before = capabilities
            if offers_starttls(capabilities):
                step = "tls"
                said = wire.ask("STARTTLS")
                done("starttls")
                if said.code == 220:
                    secured(wire)
                    if stop_at_tls:
                        return seen
                    seen.after = greeted(wire)
                else:
                    seen.refused = (step, said)
        if login is not None and mechanism is not None and seen.refused is None:
            step = "auth"
            if need_tls and not wire.secure:
                raise Broken("plain", "STARTTLS is gone, so the secret was not sent")
            seen.answer = attempt(wire, login, mechanism)
            done("auth")
        step = "session"
        # a client that is offered AUTH and quits without it reads as one that found no mechanism it knows
        only_looks = login is None and bool(mechanisms(seen.after or seen.before))
        wire.ask("QUIT", "=== QUIT was sent: this session only asked, no login was meant" if only_looks else None)
        done("quit")
    except Broken as fault:
        if step != "session":  # a server that does not say goodbye has told all that was asked
            seen.broken = (step, fault.kind, script.clean(str(fault)))
        if step == "tls":
            script.add("***", f"TLS startup failed ({fault})")
        elif step == "connect" and wire is None:
            script.add("***", f"Error connecting to {bracketed}:{target.port}: {fault}")
    finally:
        if wire is not None:
            wire.close()
    return seen


def other_mode(target: Target) -> Target:
    """Return the same port asked the other way."""
    return replace(target, mode="starttls" if target.mode == "wrapper" else "wrapper")
