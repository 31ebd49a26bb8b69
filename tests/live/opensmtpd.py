"""OpenSMTPD: its configuration, and what only it does."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from live.behaviours import everywhere, unexpecting
from live.client import Talk, Truth
from live.machine import Syslog, listening, run, start, stop
from live.scenarios import GOOD, LOCKED, OTHER, Server, common, pause, together
from live.smarthost import PORT, RELAYS, serve

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

VARIANTS = ("default", "odd")

PORTS = {"submission": 10587, "wrapper": 10465, "plain": 10500, "closed": 10025}

CONFIG = """\
pki mx1.example.net cert "/etc/cert.pem"
pki mx1.example.net key "/etc/key.pem"
table creds file:/etc/creds
table relaycreds { rc = "relay-user:relay-password" }
listen on 127.0.0.1 port 10025 hostname mx1.example.net
listen on 127.0.0.1 port 10587 tls-require pki mx1.example.net auth <creds> hostname mx1.example.net
listen on 127.0.0.1 port 10465 smtps pki mx1.example.net auth <creds> hostname mx1.example.net
listen on lo port 10500 smtps pki mx1.example.net auth-optional <creds> hostname mx1.example.net
action "local" mda "/bin/true"
ACTIONS
match from any for domain "example.com" action "local"
"""


def record(root: Path, out: Path, variant: str, versions: dict[str, str], swaks: str | None) -> tuple[Truth, Server]:
    """Start OpenSMTPD, let clients come, stop it; logs are in `out`."""
    Syslog(root, out / "mail.log")
    actions = [
        f'action "{name}" relay host "smtps://rc@{address}:{PORT}" auth <relaycreds> tls no-verify\n'
        f'match auth from any for domain "{name}.example.org" action "{name}"'
        for name, address in RELAYS.items()
    ]
    (root / "etc/smtpd.conf").write_text(CONFIG.replace("ACTIONS", "\n".join(actions)))
    (root / "etc/key.pem").chmod(0o600)
    trusted = root / "etc/ssl/certs/ca-certificates.crt"
    trusted.parent.mkdir(parents=True, exist_ok=True)
    trusted.write_bytes((root / "etc/cert.pem").read_bytes())
    (root / "etc/mailname").write_text("mx1.example.net\n")
    os.chown(root / "usr/sbin/smtpctl", 0, 117)
    (root / "usr/sbin/smtpctl").chmod(0o2755)
    hashes: dict[str, str] = {}
    accounts(root, hashes, GOOD, OTHER, LOCKED)
    for name, number in (("alice", 1001), ("bob", 1002)):
        (root / "var/mail" / name).mkdir(parents=True)
        os.chown(root / "var/mail" / name, number, number)
    for folder in ("var/lib/opensmtpd/empty", "var/spool/smtpd"):
        (root / folder).mkdir(parents=True, exist_ok=True)
        (root / folder).chmod(0o711)
    with (out / "stderr.txt").open("wb") as errors:
        smtpd = start(root, errors, "smtpd", "-F", "-f", "/etc/smtpd.conf")
        listening(*PORTS.values())
        truth = Truth()
        serve(truth, root / "etc/cert.pem")
        server = Server("opensmtpd", **PORTS, plain_in_tls=True, versions=versions)
        truth.wrapped = True
        if variant == "odd":
            together(everywhere(truth))
            unexpecting(truth)
        else:
            together([*own(truth), *common(truth, server, swaks)])
        changing(truth, root, hashes)
        stop(smtpd)
    return truth, server


def accounts(root: Path, hashes: dict[str, str], *known: tuple[str, str]) -> None:
    """Write who may come."""
    for user, password in known:
        hashes.setdefault(user, run(root, "smtpctl", "encrypt", password).strip())
    (root / "etc/creds").write_text("".join(f"{user} {hashes[user]}\n" for user, _ in known))


def own(truth: Truth) -> list[Callable[[], object]]:
    """Return what only OpenSMTPD is asked: smarthosts."""
    truth.scenario("relay", what="mails through smarthosts that refuse", address="127.0.9.1")
    return [lambda: _relayed(truth, "relay")]


def changing(truth: Truth, root: Path, hashes: dict[str, str]) -> None:
    """An account that is gone, and back."""
    for name, known in (("locked_gone", (GOOD, OTHER)), ("unlocked", (GOOD, OTHER, LOCKED))):
        accounts(root, hashes, *known)
        run(root, "smtpctl", "update", "table", "creds")
        pause(0.5)
        truth.scenario(name, what=f"accounts: {name}")
        with Talk(truth, name, PORTS["submission"]).starttls() as talk:
            talk.plain(*LOCKED)


def _relayed(truth: Truth, scenario: str) -> None:
    with Talk(truth, scenario, PORTS["submission"]).starttls() as talk:
        talk.plain(*GOOD)
        for name in RELAYS:
            talk.send(rcpt=f"someone@{name}.example.org")
    pause(4)
