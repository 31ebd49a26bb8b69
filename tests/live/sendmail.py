"""Sendmail with the SASL database: its configuration, and what only it does."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from live.behaviours import everywhere, unexpecting
from live.client import PASSWORD, Talk, Truth
from live.machine import Syslog, listening, run, start, stop
from live.scenarios import GOOD, LOCKED, OTHER, Server, common, pause, together

if TYPE_CHECKING:
    from pathlib import Path

VARIANTS = {"level9": 9, "level14": 14, "odd": 10}
"""LogLevel: the default, and one at which successful logins are told with more."""

PROGRAM = "/usr/libexec/sendmail/sendmail"

PORTS = {"submission": 10587, "wrapper": 10465, "plain": 10500, "closed": 10025}

CONFIG = """\
divert(-1)
divert(0)
include(`/usr/share/sendmail/cf/m4/cf.m4')
VERSIONID(`live')
OSTYPE(`debian')
DOMAIN(`debian-mta')
undefine(`confHOST_STATUS_DIRECTORY')
define(`confDOMAIN_NAME', `mx1.example.net')
define(`confLOG_LEVEL', `LEVEL')
define(`confTO_COMMAND', `8s')
define(`confTO_IDENT', `0s')
define(`confREFUSE_LA', `1000')
define(`confQUEUE_LA', `1000')
define(`confAUTH_MECHANISMS', `PLAIN LOGIN CRAM-MD5')
TRUST_AUTH_MECH(`PLAIN LOGIN CRAM-MD5')
define(`confAUTH_OPTIONS', `A')
define(`confCACERT_PATH', `/etc/ssl/certs')
define(`confCACERT', `/etc/cert.pem')
define(`confSERVER_CERT', `/etc/cert.pem')
define(`confSERVER_KEY', `/etc/key.pem')
define(`confDONT_BLAME_SENDMAIL', `GroupReadableKeyFile,GroupReadableSASLDBFile')
FEATURE(`no_default_msa')
FEATURE(`nocanonify')
FEATURE(`accept_unresolvable_domains')
DAEMON_OPTIONS(`Name=MTA, Addr=127.0.0.1, Port=10025, M=A')
DAEMON_OPTIONS(`Name=MSP, Addr=127.0.0.1, Port=10587, M=Ea')
DAEMON_OPTIONS(`Name=TLS, Addr=127.0.0.1, Port=10465, M=Eas')
DAEMON_OPTIONS(`Name=ANY, Family=inet, Addr=127.0.0.1, Port=10500')
DAEMON_OPTIONS(`Name=ANY6, Family=inet6, Addr=::1, Port=10500')
MAILER(`local')
MAILER(`smtp')
LOCAL_CONFIG
Cwexample.com
"""


def record(root: Path, out: Path, variant: str, versions: dict[str, str], swaks: str | None) -> tuple[Truth, Server]:
    """Start Sendmail, let clients come, stop it; logs are in `out`."""
    Syslog(root, out / "mail.log")
    mail = root / "etc/mail"
    mail.mkdir(exist_ok=True)
    (mail / "live.mc").write_text(CONFIG.replace("LEVEL", str(VARIANTS[variant])))
    (mail / "sendmail.cf").write_text(run(root, "m4", "-D_CF_DIR_=/usr/share/sendmail/cf/", "/etc/mail/live.mc"))
    (mail / "aliases").write_text("alice: /dev/null\nbob: /dev/null\n")
    (mail / "local-host-names").write_text("example.com\n")
    (mail / "trusted-users").write_text("root\n")
    (root / "etc/key.pem").chmod(0o600)
    for folder, owner in (("var/spool/mqueue", 0), ("var/lib/sendmail", 118), ("run/sendmail/mta", 118)):
        (root / folder).mkdir(parents=True, exist_ok=True)
        os.chown(root / folder, owner, 118)
    sasl = root / "usr/lib/sasl2"
    sasl.mkdir(parents=True, exist_ok=True)
    (sasl / "Sendmail.conf").write_text(
        "pwcheck_method: auxprop\nauxprop_plugin: sasldb\nmech_list: PLAIN LOGIN CRAM-MD5\n"
    )
    for user, password in (GOOD, OTHER, LOCKED):
        account(root, user, password)
    (root / "etc/sasldb2").chmod(0o640)
    with (out / "stderr.txt").open("wb") as errors:
        errors.write(run(root, PROGRAM, "-bi", check=False).encode())
        sendmail = start(root, errors, PROGRAM, "-bD", "-q1h")
        listening(*PORTS.values())
        truth = Truth()
        server = Server("sendmail", **PORTS, cram=True, versions=versions)
        if variant == "odd":
            together(everywhere(truth))
            unexpecting(truth)
        else:
            together(common(truth, server, swaks))
        changing(truth, root)
        stop(sendmail)
    return truth, server


def account(root: Path, user: str, password: str | None) -> None:
    """Set a password in the SASL database, or remove the account."""
    name, realm = user.split("@")
    how = ["-d"] if password is None else ["-c", "-p"]
    run(root, "saslpasswd2", *how, "-f", "/etc/sasldb2", "-u", realm, name, stdin=password or "")


def changing(truth: Truth, root: Path) -> None:
    """An account that is gone, and back; then no accounts at all."""
    for name in ("locked_gone", "unlocked", "backend_stopped"):
        if name == "backend_stopped":
            (root / "etc/sasldb2").unlink()
        else:
            account(root, LOCKED[0], None if name == "locked_gone" else PASSWORD)
        pause(0.2)
        truth.scenario(name, what=f"accounts: {name}")
        with Talk(truth, name, PORTS["submission"]).starttls() as talk:
            talk.plain(*LOCKED)
