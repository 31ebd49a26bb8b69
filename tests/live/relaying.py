"""Postfix or Exim as the client of smarthosts that refuse in many ways: at the greeting, in TLS, at AUTH, after it."""

from __future__ import annotations

import os
import shutil
import socket
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from live import exim, postfix
from live.client import Talk, Truth
from live.machine import Syslog, listening, run, start, stop
from live.scenarios import Server, pause
from live.smarthost import PORT, by_host, judged

if TYPE_CHECKING:
    from pathlib import Path

VARIANTS = ("postfix", "postfix_hard", "exim")


@dataclass(frozen=True)
class Host:
    """A smarthost: what it offers and how it answers."""

    address: str
    auth: str = "535 5.7.8 Error: authentication failed"
    offers: tuple[str, ...] = ("AUTH PLAIN LOGIN",)
    greeting: str = "220 relay.example.org ESMTP"
    mail: str = "250 2.1.0 ok"
    rcpt: str = "250 2.1.5 ok"
    outcome: str = "failure"
    """What an attempt there must be read as; the empty word: there is none."""
    cause: str = ""
    passes: bool = False


HOSTS = {
    "plainbad": Host("127.0.20.1", cause="bad_credentials"),
    "gmail": Host(
        "127.0.20.2",
        "535-5.7.8 Username and Password not accepted. For more information, go to\n"
        "535 5.7.8  https://support.example.com/mail/?p=BadCredentials d9443c01a7336-1f2 - gsmtp",
        cause="bad_credentials",
    ),
    "m365": Host(
        "127.0.20.3", "535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Tenant. "
        "[AM0PR01CA0001.eurprd01.prod.example.com]", ("AUTH LOGIN XOAUTH2",), cause="auth_disabled_by_policy",
    ),
    "gone421": Host("127.0.20.4", "421 4.7.0 Try again later, closing connection", outcome="deferred|throttled"),
    "temp454": Host("127.0.20.5", "454 4.7.0 Temporary authentication failure: Connection lost to authentication server", outcome="deferred"),
    "hard550": Host("127.0.20.6", "550 5.7.1 Too many bad logins from your address", outcome="failure|throttled"),
    "nomech": Host("127.0.20.7", offers=("AUTH GSSAPI NTLM",)),
    "closing": Host("127.0.20.8", "", outcome="aborted|deferred"),
    "wantstls": Host("127.0.20.9", offers=("SIZE 1000000",), mail="530 5.7.0 Must issue a STARTTLS command first", outcome="refused|"),
    "wantsauth": Host("127.0.20.10", offers=("SIZE 1000000",), mail="530 5.7.1 Authentication required", outcome="refused|"),
    "brokentls": Host("127.0.20.11", offers=("STARTTLS", "AUTH PLAIN LOGIN"), outcome=""),
    "busy": Host("127.0.20.12", greeting="421 4.3.2 Service not available, too many connections", outcome=""),
    "notowned": Host("127.0.20.13", "235 2.7.0 ok", mail="553 5.7.1 <alice@example.com>: Sender address rejected: not owned by user relay-user", passes=True, outcome="success"),
    "norelay": Host("127.0.20.14", "235 2.7.0 ok", rcpt="554 5.7.1 Relay access denied", passes=True, outcome="success"),
    "good": Host("127.0.20.15", "235 2.7.0 ok", passes=True, outcome="success"),
    "expired": Host("127.0.20.16", "535 5.7.8 Error: authentication failed: password expired", cause="password_expired"),
    "locked": Host("127.0.20.17", "525 5.7.13 Account disabled", cause="account_disabled"),
    "weak": Host("127.0.20.18", "534 5.7.9 Application-specific password required", cause="app_password_required"),
    "down": Host("127.0.20.19", outcome=""),
}  # fmt: skip


def record(root: Path, out: Path, variant: str, versions: dict[str, str], swaks: str | None) -> tuple[Truth, Server]:
    """Start the server, give it a mail for each smarthost, stop it; logs are in `out`."""
    Syslog(root, out / "mail.log")
    truth = Truth()
    for name, host in HOSTS.items():
        if name != "down":
            listener = socket.create_server((host.address, PORT))
            threading.Thread(target=_accept, args=(listener, name, host, truth), daemon=True).start()
    with (out / "stderr.txt").open("wb") as errors:
        (_postfix if variant.startswith("postfix") else _exim)(root, out, variant, errors, truth)
    return truth, Server("relaying", **postfix.PORTS, versions=versions)


def _postfix(root: Path, out: Path, variant: str, errors, truth: Truth) -> None:
    etc = root / "etc/postfix"
    etc.mkdir(exist_ok=True)
    transports = ", ".join(f"{{ {name}.example.org = smtp:[{h.address}]:{PORT} }}" for name, h in HOSTS.items())
    main = postfix.MAIN.format(transports=transports, tls_loglevel=1, maillog="").replace("127.0.0.1/32", "127.0.0.0/8")
    main = main.replace("smtpd_sasl_type = dovecot\nsmtpd_sasl_path = private/auth\n", "")
    main = main.replace("smtp_tls_security_level = none", "smtp_tls_security_level = may\nsmtp_tls_loglevel = 1")
    main = main.replace("permit_sasl_authenticated, reject_unauth", "permit_mynetworks, reject_unauth")
    if variant == "postfix_hard":
        main = main.replace("smtp_sasl_auth_soft_bounce = yes", "smtp_sasl_auth_soft_bounce = no")
    (etc / "main.cf").write_text(main)
    (etc / "master.cf").write_text("10025 inet n - n - - smtpd\n" + postfix.MASTER[postfix.MASTER.index("pickup") :])
    os.chown(root / "var/lib/postfix", 110, 110)
    (out / "check.txt").write_text(run(root, "postfix", "start", check=False))
    listening(10025)
    _mails(truth)
    pause(8)
    run(root, "postfix", "stop", check=False)


def _exim(root: Path, out: Path, variant: str, errors, truth: Truth) -> None:
    routes = " ; ".join(f"{name}.example.org {h.address}::{PORT}" for name, h in HOSTS.items())
    text = exim.CONFIG.replace("SELECTOR", "").replace("LOGS", "/var/log/exim4/%slog").replace("ROUTES", routes)
    text = text.replace("accept authenticated = *", "accept").replace("  hosts_avoid_tls = *\n", "")
    etc = root / "etc/exim4"
    etc.mkdir(exist_ok=True)
    (etc / "exim4.conf").write_text(text)
    for folder in ("var/spool/exim4", "var/log/exim4", "run/exim4"):
        (root / folder).mkdir(parents=True, exist_ok=True)
        os.chown(root / folder, 115, 115)
    daemon = start(root, errors, "exim4", "-bdf")
    listening(10025)
    _mails(truth)
    pause(6)
    stop(daemon)
    shutil.copy(root / "var/log/exim4/mainlog", out / "mainlog.log")


def _mails(truth: Truth) -> None:
    truth.scenario("mails", what="a mail for each smarthost")
    for name in HOSTS:
        with Talk(truth, "mails", 10025) as talk:
            talk.ehlo()
            talk.send(rcpt=f"someone@{name}.example.org")


def _accept(listener: socket.socket, name: str, host: Host, truth: Truth) -> None:
    while True:
        sock, _ = listener.accept()
        threading.Thread(target=_talk, args=(sock, name, host, truth), daemon=True).start()


def _talk(sock: socket.socket, name: str, host: Host, truth: Truth) -> None:
    file = sock.makefile("rb")

    def say(*lines: str) -> None:
        sock.sendall("".join(f"{line}\r\n" for line in lines).encode())

    say(host.greeting)
    while line := file.readline().decode(errors="replace").strip():
        word = line.split(" ")[0].upper()
        if word == "EHLO":
            say(f"250-{name}.example.org", *(f"250-{offer}" for offer in host.offers), "250 8BITMIME")
        elif word == "STARTTLS":
            say("220 go ahead")
            file.readline()
            break
        elif word == "AUTH":
            words = line.split(" ")
            mechanism = words[1].upper()
            answers = 0 if len(words) > 2 else 2 if mechanism == "LOGIN" else 1
            if mechanism == "LOGIN" and len(words) > 2:
                answers = 1
            for n in range(answers):
                say(
                    ("334 VXNlcm5hbWU6" if n == 0 and answers == 2 else "334 UGFzc3dvcmQ6")
                    if mechanism == "LOGIN"
                    else "334 "
                )
                file.readline()
            truth.relayed(name, mechanism, host.auth)
            if not judged(host, say):
                break
        elif not by_host(word, host, file, say):
            break
    sock.close()
