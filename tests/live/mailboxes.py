"""Cyrus IMAP with the password file of Cyrus SASL: IMAP, POP3 and sieve logins beside a mail server."""

from __future__ import annotations

import base64
import contextlib
import hmac
import os
import socket
import time
from typing import TYPE_CHECKING

from live.client import PASSWORD, WRONG, Command, Truth, b64, context, mailbox
from live.machine import Syslog, listening, run, start, stop
from live.scenarios import Server, pause

if TYPE_CHECKING:
    from pathlib import Path

IMAP, IMAPS, POP3, POP3S, SIEVE = 10143, 10993, 10110, 10995, 10419
CYRUS = 120

IMAPD = """\
configdirectory: /var/lib/cyrus
proc_path: /run/cyrus/proc
mboxname_lockpath: /run/cyrus/lock
defaultpartition: default
partition-default: /var/spool/cyrus/mail
sievedir: /var/spool/sieve
hashimapspool: true
allowplaintext: no
sieve_allowplaintext: yes
autocreate_quota: 0
autocreate_post: no
servername: mx1.example.net
loginrealms: example.com
virtdomains: userid
defaultdomain: internal
sasl_pwcheck_method: auxprop
sasl_auxprop_plugin: sasldb
sasl_mech_list: PLAIN LOGIN CRAM-MD5 SCRAM-SHA-256 DIGEST-MD5
tls_server_cert: /etc/cert.pem
tls_server_key: /etc/key.pem
syslog_prefix: cyrus
maxlogins_per_user: 2
failedloginpause: 1
"""

CONF = f"""\
START {{
  recover cmd="/usr/lib/cyrus/bin/ctl_cyrusdb -r"
}}
SERVICES {{
  imap cmd="/usr/lib/cyrus/bin/imapd" listen="127.0.0.1:{IMAP}" prefork=0
  imaps cmd="/usr/lib/cyrus/bin/imapd -s" listen="127.0.0.1:{IMAPS}" prefork=0
  pop3 cmd="/usr/lib/cyrus/bin/pop3d" listen="127.0.0.1:{POP3}" prefork=0
  pop3s cmd="/usr/lib/cyrus/bin/pop3d -s" listen="127.0.0.1:{POP3S}" prefork=0
  sieve cmd="/usr/lib/cyrus/bin/timsieved" listen="127.0.0.1:{SIEVE}" prefork=0
}}
EVENTS {{
}}
"""

GOOD, OTHER = ("alice@example.com", PASSWORD), ("bob@example.com", PASSWORD)


def record(root: Path, out: Path, variant: str, versions: dict[str, str], swaks: str | None) -> tuple[Truth, Server]:
    """Start it, let clients come, stop it; the log is in `out`."""
    Syslog(root, out / "mail.log")
    with (root / "etc/passwd").open("a") as users, (root / "etc/group").open("a") as groups:
        users.write(f"cyrus:x:{CYRUS}:8::/var/spool/cyrus:/bin/sh\n")
        groups.write("sasl:x:45:cyrus\n")
    (root / "etc/imapd.conf").write_text(IMAPD)
    (root / "etc/cyrus.conf").write_text(CONF)
    for folder in (
        "var/lib/cyrus",
        "var/spool/cyrus/mail",
        "var/spool/sieve",
        "run/cyrus/proc",
        "run/cyrus/lock",
        "run/cyrus/socket",
        "var/lib/cyrus/socket",
    ):
        (root / folder).mkdir(parents=True, exist_ok=True)
    for top in ("var/lib/cyrus", "var/spool/cyrus", "var/spool/sieve", "run/cyrus"):
        for path in (root / top, *(root / top).rglob("*")):
            os.chown(path, CYRUS, 8)
    for user, password in (GOOD, OTHER):
        name, _, realm = user.partition("@")
        run(root, "saslpasswd2", "-p", "-c", "-u", realm, name, stdin=password)
    for file in (root / "etc").glob("sasldb2*"):
        os.chown(file, CYRUS, 8)
    truth = Truth()
    with (out / "stderr.txt").open("wb") as errors:
        master = start(root, errors, "/usr/sbin/cyrmaster", "-D", "-M", "/etc/cyrus.conf", "-C", "/etc/imapd.conf")
        listening(IMAP, IMAPS, POP3, POP3S, SIEVE)
        _logins(truth)
        pause(1)
        stop(master)
    return truth, Server("mailboxes", IMAPS, IMAPS, IMAP, IMAP, versions=versions)


def _logins(t: Truth) -> None:
    for protocol, port in (("imap", IMAPS), ("pop3", POP3S)):
        for name, tries in (
            ("good", [GOOD]), ("bad", [(GOOD[0], WRONG)]), ("unknown", [("nobody@example.com", WRONG)]),
            ("bad_good", [(OTHER[0], WRONG), OTHER]), ("odd", [("x [192.0.2.1] plaintext (y", WRONG)]),
        ):  # fmt: skip
            t.scenario(f"{protocol}_{name}", what=f"{protocol}: {name}")
            with contextlib.suppress(OSError):
                mailbox(t, f"{protocol}_{name}", protocol, port, *tries)
    t.scenario("imap_no_tls", what="imap: LOGIN without TLS")
    mailbox(t, "imap_no_tls", "imap", IMAP, GOOD, wrapper=False)
    t.scenario("pop3_no_tls", what="pop3: USER without TLS")
    mailbox(t, "pop3_no_tls", "pop3", POP3, GOOD, wrapper=False)
    for command in t.commands:
        command.mechanism = "PLAINTEXT"  # what Cyrus calls a login that is no SASL
        if command.scenario.endswith("no_tls"):
            command.outcome = "silent"
    for mechanism in ("PLAIN", "LOGIN", "CRAM-MD5"):
        for password in (PASSWORD, WRONG):
            name = f"imap_{mechanism.lower()}_{'good' if password == PASSWORD else 'bad'}"
            t.scenario(name, what=f"imap: AUTHENTICATE {mechanism}")
            _authenticate(t, name, mechanism, password)
    for password in (PASSWORD, WRONG):
        name = f"sieve_{'good' if password == PASSWORD else 'bad'}"
        t.scenario(name, what="managesieve: AUTHENTICATE PLAIN")
        _sieve(t, name, password)
    t.scenario("imap_aborted", what="imap: AUTHENTICATE and `*`")
    _authenticate(t, "imap_aborted", "PLAIN", None)


def _authenticate(t: Truth, s: str, mechanism: str, password: str | None) -> None:
    """AUTHENTICATE of IMAP; without a password it is given up."""
    address = t.scenarios[s]["address"]
    sock = context().wrap_socket(socket.create_connection(("127.0.0.1", IMAPS), 30, source_address=(address, 0)))
    file = sock.makefile("rb")
    file.readline()
    known = t.add(Command(s, address, IMAPS, mechanism, GOOD[0] if password else None, None, sock.version(), "imap"))
    sock.sendall(f"a AUTHENTICATE {mechanism}\r\n".encode())
    said = file.readline().decode().rstrip()
    answers = {
        "PLAIN": [b64(f"\0{GOOD[0]}\0{password}")],
        "LOGIN": [b64(GOOD[0]), b64(password or "")],
        "CRAM-MD5": [],
    }[mechanism]
    if mechanism == "CRAM-MD5" and said.startswith("+"):
        answers = [_digest(said[2:], password or "")]
    for answer in ["*"] if password is None else answers:
        if not said.startswith("+"):
            break
        sock.sendall(f"{answer}\r\n".encode())
        said = file.readline().decode().rstrip()
    known.reply = said or None
    if password is None:
        known.outcome = "silent"
    time.sleep(0.1)
    sock.close()


def _digest(challenge: str, password: str) -> str:
    return b64(f"{GOOD[0]} {hmac.new(password.encode(), base64.b64decode(challenge), 'md5').hexdigest()}")


def _sieve(t: Truth, s: str, password: str) -> None:
    address = t.scenarios[s]["address"]
    sock = socket.create_connection(("127.0.0.1", SIEVE), 30, source_address=(address, 0))
    file = sock.makefile("rb")

    def until() -> str:
        while line := file.readline().decode().rstrip():
            if line.startswith(("OK", "NO", "BYE")):
                return line
        return ""

    until()
    known = t.add(Command(s, address, SIEVE, "PLAIN", GOOD[0], None, None, "sieve"))
    sock.sendall(f'AUTHENTICATE "PLAIN" "{b64(f"{chr(0)}{GOOD[0]}{chr(0)}{password}")}"\r\n'.encode())
    said = until()
    known.reply = {"OK": "a OK", "NO": "a NO"}.get(said[:2], said) or None
    if password == WRONG:
        known.user = None
    sock.close()
