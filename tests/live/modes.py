"""Dovecot's ports under clients that speak TLS where none is spoken, none where it is, or something else altogether."""

from __future__ import annotations

import contextlib
import socket
import ssl
import time
from typing import TYPE_CHECKING

from live import postfix
from live.client import Truth, context
from live.machine import Syslog, listening, start, stop
from live.scenarios import GOOD, Server, pause, together

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

VARIANTS = {"plain": "no", "told": "yes"}
"""`verbose_ssl`, which 2.4 does not have."""

PORTS = {
    "imap": (10143, 10993), "pop3": (10110, 10995), "submission": (10588, 10589), "sieve": (10419, None),
}  # fmt: skip
"""Ports that begin in clear, and with TLS."""

WEB = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
"""What a browser says."""

SAID = {"imap": b"a LOGIN alice x\r\n", "pop3": b"USER alice\r\n", "submission": b"EHLO pc.example.org\r\n"}
"""What a client says first."""


def record(root: Path, out: Path, variant: str, versions: dict[str, str], swaks: str | None) -> tuple[Truth, Server]:
    """Start Dovecot, let clients come, stop it; its log is in `out`."""
    Syslog(root, out / "mail.log")
    new = versions["dovecot-core"].split(":")[-1].startswith("2.4")
    rest = postfix.COMMON.format(
        verbose="yes", debug="no", log="log_path = syslog", submissions=_ssl("submissions", 10589)
    )
    rest = rest.replace("protocols = imap pop3 submission", "protocols = imap pop3 submission sieve")
    rest = rest.replace("    port = 0\n", "    port = 10110\n").replace("/var/spool/postfix/private/auth", "unused")
    rest += "service managesieve-login {\n  inet_listener sieve {\n    port = 10419\n  }\n}\n"
    rest += "" if new else f"verbose_ssl = {VARIANTS[variant]}\n"
    (root / "etc/dovecot").mkdir(exist_ok=True)
    (root / "etc/dovecot/dovecot.conf").write_text((postfix.DOVECOT_24 if new else postfix.DOVECOT_23) + rest)
    postfix.users(root, GOOD)
    (root / "run/dovecot").mkdir(exist_ok=True)
    (root / "var/mail").chmod(0o777)
    truth = Truth()
    with (out / "stderr.txt").open("wb") as errors:
        dovecot = start(root, errors, "dovecot", "-F")
        listening(*(port for pair in PORTS.values() for port in pair if port))
        together(list(_jobs(truth, new=new)), 8)
        pause(3)
        stop(dovecot)
    return truth, Server("modes", 10588, 10589, 10588, 10588, versions=versions)


def _ssl(name: str, port: int) -> str:
    return f"inet_listener {name} {{\n    port = {port}\n    ssl = yes\n  }}"


def _jobs(t: Truth, *, new: bool) -> list[Callable[[], object]]:
    jobs: list[Callable[[], object]] = []

    def job(name: str, act: Callable[[str], object], causes: tuple[str, ...] = ()) -> None:
        address = t.scenario(name, what=(act.__doc__ or "").split("\n")[0], tls=causes)
        jobs.append(lambda: act(address))

    for name, (clear, wrapped) in PORTS.items():
        # submission of 2.3 loses what OpenSSL said
        lost = ("tls_handshake_failed",) if name == "submission" and not new else ()

        def told(*causes: str, ours: bool = name == "submission", more: tuple[str, ...] = lost) -> tuple[str, ...]:
            """Causes that are events: those of submission; of the others a failed handshake is context."""
            return (*causes, *more) if ours else ()

        needed = told("wrong_host_or_port")
        if wrapped:
            job(f"{name}_plain_on_wrapper", lambda a, n=name, p=wrapped: _say(a, p, SAID[n]), needed)
            job(f"{name}_web_on_wrapper", lambda a, p=wrapped: _say(a, p, WEB), needed)
            job(f"{name}_noise_on_wrapper", lambda a, p=wrapped: _say(a, p, b"\x00\x01\x02" * 30), needed)
            job(
                f"{name}_old_on_wrapper",
                lambda a, p=wrapped: _hello(a, p, ssl.TLSVersion.TLSv1),
                told("tls_too_old"),
            )
            job(
                f"{name}_untrusting",
                lambda a, p=wrapped: _hello(a, p, None, trusting=False),
                told("tls_handshake_failed"),
            )
            job(f"{name}_gone_in_hello", lambda a, p=wrapped: _say(a, p, b"\x16\x03\x01\x02\x00\x01\x00", wait=0))
            job(f"{name}_gone", lambda a, p=wrapped: _say(a, p, b"", wait=0))
        # "Too many invalid commands" of both: the log does not tell a TLS hello from a browser
        job(f"{name}_hello_on_clear", lambda a, p=clear: _hello(a, p, None))
        job(f"{name}_web_on_clear", lambda a, p=clear: _say(a, p, WEB))
        job(f"{name}_clear_after_starttls", lambda a, n=name, p=clear: _after_starttls(a, n, p), needed)
    return jobs


def _connect(address: str, port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), 10, source_address=(address, 0))


def _say(address: str, port: int, text: bytes, *, wait: float = 2) -> None:
    """Bytes that are no TLS, and no protocol of this port."""
    with _connect(address, port) as sock, contextlib.suppress(OSError):
        sock.sendall(text)
        sock.settimeout(wait or 0.1)
        while wait and sock.recv(4096):
            pass


def _hello(address: str, port: int, version: ssl.TLSVersion | None, *, trusting: bool = True) -> None:
    """A TLS hello."""
    how = context(version)
    if not trusting:
        how = ssl.create_default_context()
    sock = _connect(address, port)
    with contextlib.suppress(OSError, ValueError):
        sock.settimeout(4)
        how.wrap_socket(sock, server_hostname="mx1.example.net").close()
    sock.close()


def _after_starttls(address: str, name: str, port: int) -> None:
    """STARTTLS, and then words in clear."""
    begin = {
        "imap": b"a STARTTLS\r\n",
        "pop3": b"STLS\r\n",
        "submission": b"EHLO x\r\nSTARTTLS\r\n",
        "sieve": b"STARTTLS\r\n",
    }
    with _connect(address, port) as sock, contextlib.suppress(OSError):
        sock.settimeout(2)
        sock.recv(4096)
        sock.sendall(begin[name])
        time.sleep(0.3)
        sock.recv(4096)
        sock.sendall(b"a LOGIN alice x\r\n" * 3)
        sock.recv(4096)
