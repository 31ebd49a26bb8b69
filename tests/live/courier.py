"""Courier: its SMTP server, IMAP and POP3, with authdaemond and a userdb."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from live.client import PASSWORD, WRONG, Talk, Truth, mailbox
from live.machine import Syslog, listening, run, start, stop
from live.scenarios import GOOD, OTHER, Server, common, pause, together

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

VARIANTS = {"quiet": 0, "told": 1}
"""`DEBUG_LOGIN` of authdaemond."""

PORTS = {"submission": 10587, "wrapper": 10465, "plain": 10500, "closed": 10025}
IMAPS, POP3S, IMAP = 10993, 10995, 10143
COURIER = 121

SMTP = """\
set -a
prefix=/usr exec_prefix=/usr sysconfdir=/etc/courier sbindir=/usr/sbin
. /etc/courier/esmtpd
{settings}
TLS_CERTFILE=/etc/both.pem TLS_DHPARAMS= TLS_TRUSTCERTS= TLS_PROTOCOL=TLSv1.2+ BOFHCHECKDNS=0 TARPIT=0
exec /usr/sbin/couriertcpd -stderrlogger=/usr/sbin/courierlogger {name} -nodnslookup -user=courier -group=courier \\
  -address=0 -maxprocs=60 -maxperc=60 -maxperip=9 -pid=/run/courier/{port}.pid {port} {program}
"""
"""What `esmtpd`, `esmtpd-msa` and `esmtpd-ssl` do, in the foreground and without the pause after a refusal."""

MAILBOX = """\
set -a
prefix=/usr exec_prefix=/usr sbindir=/usr/sbin bindir=/usr/bin libexecdir=/usr/lib/courier
. /etc/courier/{name}
. /etc/courier/{name}-ssl
TLS_CERTFILE=/etc/both.pem TLS_DHPARAMS= TLS_TRUSTCERTS= TLS_CACHEFILE= {settings}
exec /usr/sbin/couriertcpd -stderrlogger=/usr/sbin/courierlogger -stderrloggername={shown} -address=0 -maxprocs=40 -maxperip=20 \\
  -nodnslookup -pid=/run/courier/{port}.pid {port} {program}
"""

ESMTPD = "/usr/sbin/courieresmtpd"
TLS = "/usr/bin/couriertls -server -tcpd"


def record(root: Path, out: Path, variant: str, versions: dict[str, str], swaks: str | None) -> tuple[Truth, Server]:
    """Start its servers, let clients come, stop them; the log is in `out`."""
    Syslog(root, out / "mail.log")
    etc = root / "etc/courier"
    with (root / "etc/passwd").open("a") as users, (root / "etc/group").open("a") as groups:
        users.write(f"courier:x:{COURIER}:{COURIER}::/var/lib/courier:/bin/sh\n")
        groups.write(f"courier:x:{COURIER}:\n")
    (root / "etc/both.pem").write_text((root / "etc/cert.pem").read_text() + (root / "etc/key.pem").read_text())
    settings = (etc / "authdaemonrc").read_text()
    settings = settings.replace('authmodulelist="authpam"', 'authmodulelist="authuserdb"')
    (etc / "authdaemonrc").write_text(settings.replace("DEBUG_LOGIN=0", f"DEBUG_LOGIN={VARIANTS[variant]}"))
    for name, text in {"me": "mx1.example.net", "defaultdomain": "example.com", "locals": "localhost", "hosteddomains/own": "example.com",
                       "esmtpacceptmailfor.dir/own": "example.com"}.items():  # fmt: skip
        (etc / name).parent.mkdir(exist_ok=True)
        (etc / name).write_text(text + "\n")
    _accounts(root)
    (root / "etc/environment").write_text("")
    for folder in ("run/courier/authdaemon", "run/lock", "var/lib/courier"):
        (root / folder).mkdir(parents=True, exist_ok=True)
        for path in (root / folder, *(root / folder).rglob("*")):
            os.chown(path, COURIER, COURIER)
    os.chown(etc, COURIER, COURIER)
    truth = Truth()
    server = Server("courier", **PORTS, cram=True, versions=versions)
    with (out / "stderr.txt").open("wb") as errors:
        (out / "check.txt").write_text(run(root, "authdaemond", "start", check=False))
        offers = 'ESMTPAUTH="PLAIN LOGIN CRAM-MD5"'
        later = 'ESMTPAUTH="" ESMTPAUTH_TLS="PLAIN LOGIN CRAM-MD5" ESMTP_TLS_REQUIRED=1'
        scripts = [
            SMTP.format(settings=later, name="-stderrloggername=esmtpd-msa", port=PORTS["submission"], program=ESMTPD),
            SMTP.format(settings=f"{offers} ESMTP_TLS=1", name="-stderrloggername=esmtpd-ssl", port=PORTS["wrapper"], program=f"{TLS} {ESMTPD}"),
            SMTP.format(settings=offers, name="", port=PORTS["plain"], program=ESMTPD),
            SMTP.format(settings='ESMTPAUTH="" ESMTPAUTH_TLS=""', name="", port=PORTS["closed"], program=ESMTPD),
            *_mailbox_servers(),
        ]  # fmt: skip
        servers = [
            start(
                root, errors, "/bin/sh", "-c", "set -a; . /etc/courier/courierd; exec /usr/lib/courier/courier/courierd"
            )
        ]
        servers += [start(root, errors, "/bin/sh", "-c", script) for script in scripts]
        listening(*PORTS.values(), IMAPS, POP3S, IMAP)
        together([*common(truth, server, swaks), *_own(truth)])
        run(root, "authdaemond", "stop", check=False)
        for name in ("backend_stopped", "backend_stopped_tls"):
            truth.scenario(name, what="authdaemond is stopped")
        with Talk(truth, "backend_stopped", PORTS["plain"]) as talk:
            talk.ehlo()
            talk.plain(*GOOD)
            talk.means("backend_unavailable", "deferred")  # though it answers 535
        with Talk(truth, "backend_stopped_tls", PORTS["submission"]).starttls() as talk:
            talk.plain(*GOOD)
            talk.means("backend_unavailable", "deferred")
        pause(1)
        for process in servers:
            stop(process)
    return truth, server


def _accounts(root: Path) -> None:
    for user, password in (GOOD, OTHER):
        home = f"/var/mail/{user}"
        (root / home[1:]).mkdir(parents=True, exist_ok=True)
        os.chown(root / home[1:], 1005, 1005)
        run(root, "chroot", "--userspec=1005:1005", "/", "maildirmake", f"{home}/Maildir", check=False)
        if not (root / home[1:] / "Maildir").exists():
            for name in ("cur", "new", "tmp"):
                (root / home[1:] / "Maildir" / name).mkdir(parents=True)
            for path in ((root / home[1:] / "Maildir"), *(root / home[1:] / "Maildir").iterdir()):
                os.chown(path, 1005, 1005)
        run(root, "userdb", user, "set", "uid=1005", "gid=1005", f"home={home}", f"mail={home}/Maildir")
        for kind, how in (("systempw", ()), ("hmac-md5pw", ("-hmac-md5",))):
            shadow = run(root, "userdbpw", *how, stdin=f"{password}\n{password}\n")
            run(root, "userdb", user, "set", f"{kind}={shadow.split()[-1]}")
    (root / "etc/courier/userdb").chmod(0o600)
    run(root, "makeuserdb")


def _mailbox_servers() -> list[str]:
    pop3, courier = "/usr/lib/courier/courier/courierpop3login", "/usr/lib/courier/courier/imaplogin"
    mailbox_, imapd = "/usr/lib/courier/courier/courierpop3d Maildir", "/usr/bin/imapd Maildir"
    return [
        MAILBOX.format(
            name="imapd", shown="imapd", settings="IMAP_STARTTLS=NO", port=IMAP, program=f"{courier} {imapd}"
        ),
        MAILBOX.format(
            name="imapd", shown="imapd-ssl", settings="IMAP_TLS=1", port=IMAPS, program=f"{TLS} {courier} {imapd}"
        ),
        MAILBOX.format(
            name="pop3d", shown="pop3d-ssl", settings="POP3_TLS=1", port=POP3S, program=f"{TLS} {pop3} {mailbox_}"
        ),
    ]


def _own(t: Truth) -> list[Callable[[], object]]:
    jobs: list[Callable[[], object]] = []
    for protocol, port in (("imap", IMAPS), ("pop3", POP3S)):
        for name, tries in (
            ("good", [GOOD]), ("bad", [(GOOD[0], WRONG)]), ("unknown", [("nobody@example.com", WRONG)]),
            ("bad_good", [(OTHER[0], WRONG), OTHER]), ("odd", [("x, ip=[192.0.2.1", WRONG)]),
        ):  # fmt: skip
            t.scenario(f"{protocol}_{name}", what=f"{protocol}: {name}")
            jobs.append(lambda p=protocol, port=port, n=name, tries=tries: mailbox(t, f"{p}_{n}", p, port, *tries))
    for word in ("good", "bad"):
        t.scenario(f"imap_clear_{word}", what="imap: LOGIN without TLS")
        password = PASSWORD if word == "good" else WRONG
        jobs.append(lambda n=f"imap_clear_{word}", w=password: mailbox(t, n, "imap", IMAP, (GOOD[0], w), wrapper=False))
    return jobs
