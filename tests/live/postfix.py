"""Postfix with Dovecot behind it: its configuration, and what only these two do."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

from live.asking import asked
from live.client import PASSWORD, WRONG, Talk, Truth, mailbox
from live.machine import Syslog, listening, run, start, stop
from live.scenarios import GOOD, LOCKED, OTHER, Server, common, pause, together
from live.smarthost import PORT, RELAYS, serve

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import BinaryIO

VARIANTS = {
    "quiet": {"verbose": "no", "debug": "no", "own_files": False},
    "verbose": {"verbose": "yes", "debug": "no", "own_files": True},
    "debug": {"verbose": "yes", "debug": "yes", "own_files": False},
    "asked": {"verbose": "yes", "debug": "no", "own_files": False},
}
"""Dovecot's wordiness; all by syslog into one file, or Postfix's `maillog_file` and Dovecot's `log_path`."""

PORTS = {"submission": 10587, "wrapper": 10465, "plain": 10500, "closed": 10025}
LIMITED, NOBACKEND = 10501, 10504
IMAP, IMAPS, POP3S, SUBMISSION = 10143, 10993, 10995, 10588

MAIN = """\
compatibility_level = 3.6
myhostname = mx1.example.net
mydestination = example.com
local_recipient_maps =
inet_interfaces = 127.0.0.1, [::1]
inet_protocols = all
mynetworks = 127.0.0.1/32
queue_directory = /var/spool/postfix
data_directory = /var/lib/postfix
mail_owner = postfix
setgid_group = postdrop
alias_maps =
local_transport = discard:
default_transport = discard:
transport_maps = inline:{{ {transports} }}
smtpd_sasl_type = dovecot
smtpd_sasl_path = private/auth
smtpd_sasl_security_options = noanonymous
smtpd_tls_cert_file = /etc/cert.pem
smtpd_tls_key_file = /etc/key.pem
smtpd_tls_security_level = may
smtpd_tls_loglevel = {tls_loglevel}
smtpd_tls_received_header = yes
smtpd_hard_error_limit = 4
smtpd_tls_protocols = >=TLSv1.2
smtpd_tls_mandatory_protocols = >=TLSv1.2
smtpd_timeout = 8s
smtpd_relay_restrictions = permit_sasl_authenticated, reject_unauth_destination
smtp_sasl_auth_enable = yes
smtp_sasl_password_maps = static:relay-user:relay-password
smtp_sasl_security_options = noanonymous
smtp_tls_security_level = none
minimal_backoff_time = 300s
smtp_sasl_auth_soft_bounce = yes
lmtp_host_lookup = native
smtp_host_lookup = native
disable_dns_lookups = yes
{maillog}
"""

MASTER = """\
10025      inet  n - n - - smtpd
10587      inet  n - n - - smtpd
  -o syslog_name=postfix/submission -o smtpd_sasl_auth_enable=yes -o smtpd_tls_security_level=encrypt
  -o smtpd_tls_auth_only=yes
10465      inet  n - n - - smtpd
  -o syslog_name=postfix/submissions -o smtpd_sasl_auth_enable=yes -o smtpd_tls_wrappermode=yes
10500      inet  n - n - - smtpd
  -o syslog_name=postfix/authplain -o smtpd_sasl_auth_enable=yes
10501      inet  n - n - - smtpd
  -o syslog_name=postfix/limited -o smtpd_sasl_auth_enable=yes -o smtpd_client_auth_rate_limit=3
  -o smtpd_client_event_limit_exceptions=
10504      inet  n - n - - smtpd
  -o syslog_name=postfix/nobackend -o smtpd_sasl_auth_enable=yes -o smtpd_sasl_path=private/nothing
pickup     unix  n - n 60 1 pickup
cleanup    unix  n - n - 0 cleanup
qmgr       unix  n - n 300 1 qmgr
tlsmgr     unix  - - n 1000? 1 tlsmgr
rewrite    unix  - - n - - trivial-rewrite
bounce     unix  - - n - 0 bounce
defer      unix  - - n - 0 bounce
trace      unix  - - n - 0 bounce
verify     unix  - - n - 1 verify
flush      unix  n - n 1000? 0 flush
proxymap   unix  - - n - - proxymap
proxywrite unix  - - n - 1 proxymap
smtp       unix  - - n - - smtp
relay      unix  - - n - - smtp
showq      unix  n - n - - showq
error      unix  - - n - - error
retry      unix  - - n - - error
discard    unix  - - n - - discard
local      unix  - n n - - local
anvil      unix  - - n - 1 anvil
scache     unix  - - n - 1 scache
postlog    unix-dgram n - n - 1 postlogd
"""

COMMON = """\
listen = 127.0.0.1, ::1
protocols = imap pop3 submission
auth_verbose = {verbose}
auth_debug = {debug}
auth_mechanisms = plain login cram-md5
{log}
service imap-login {{
  inet_listener imap {{
    port = 10143
  }}
  inet_listener imaps {{
    port = 10993
    ssl = yes
  }}
}}
service pop3-login {{
  inet_listener pop3 {{
    port = 0
  }}
  inet_listener pop3s {{
    port = 10995
    ssl = yes
  }}
}}
service submission-login {{
  inet_listener submission {{
    port = 10588
  }}
  {submissions}
}}
service auth {{
  unix_listener /var/spool/postfix/private/auth {{
    mode = 0666
  }}
}}
submission_relay_host = 127.0.0.1
submission_relay_port = 10025
"""

DOVECOT_23 = """\
ssl = yes
ssl_cert = </etc/cert.pem
ssl_key = </etc/key.pem
disable_plaintext_auth = yes
mail_location = maildir:/var/mail/%u
passdb {
  driver = passwd-file
  args = scheme=PLAIN username_format=%u /etc/dovecot/users
}
userdb {
  driver = static
  args = uid=vmail gid=vmail home=/var/mail/%u
}
"""

DOVECOT_24 = """\
dovecot_config_version = 2.4.0
dovecot_storage_version = 2.4.0
ssl = yes
ssl_server_cert_file = /etc/cert.pem
ssl_server_key_file = /etc/key.pem
auth_allow_cleartext = no
mail_driver = maildir
mail_path = /var/mail/%{user}
passdb passwd-file {
  passwd_file_path = /etc/dovecot/users
  default_password_scheme = plain
}
userdb static {
  fields {
    uid = vmail
    gid = vmail
    home = /var/mail/%{user}
  }
}
"""


def record(root: Path, out: Path, variant: str, versions: dict[str, str], swaks: str | None) -> tuple[Truth, Server]:
    """Start both, let clients come, stop them; logs are in `out`."""
    how = VARIANTS[variant]
    Syslog(root, out / "mail.log")
    transports = ", ".join(f"{{ {name}.example.org = smtp:[{address}]:{PORT} }}" for name, address in RELAYS.items())
    maillog = "maillog_file = /var/log/mail.log" if how["own_files"] else ""
    etc = root / "etc/postfix"
    etc.mkdir(exist_ok=True)
    (etc / "main.cf").write_text(
        MAIN.format(transports=transports, tls_loglevel=0 if variant == "quiet" else 1, maillog=maillog)
    )
    (etc / "master.cf").write_text(MASTER)
    new = versions["dovecot-core"].split(":")[-1].startswith("2.4")
    log = "log_path = /var/log/dovecot.log" if how["own_files"] else "log_path = syslog"
    submissions = "inet_listener submissions {\n    port = 0\n  }" if new else ""
    rest = COMMON.format(verbose=how["verbose"], debug=how["debug"], log=log, submissions=submissions)
    (root / "etc/dovecot").mkdir(exist_ok=True)
    (root / "etc/dovecot/dovecot.conf").write_text(DOVECOT_24 + rest if new else DOVECOT_23 + rest)
    users(root, GOOD, OTHER, LOCKED)
    (root / "var/mail").chmod(0o777)
    with (out / "stderr.txt").open("wb") as errors:
        dovecot = begin(root, out, errors)
        listening(*PORTS.values(), LIMITED, IMAP, IMAPS, POP3S, SUBMISSION)
        truth = Truth()
        serve(truth)
        server = Server("postfix", **PORTS, cram=True, versions=versions)
        if variant == "asked":
            asked(out, server)
            stop(dovecot)
        else:
            together([*own(truth), *common(truth, server, swaks)])
            locking(truth, root)
            stop(dovecot)
            without_backend(truth)
        run(root, "postfix", "stop", check=False)
    for name in ("mail.log", "dovecot.log"):
        written = root / "var/log" / name
        if how["own_files"] and written.exists():
            (out / name).write_bytes(written.read_bytes())
    return truth, server


def begin(root: Path, out: Path, errors: BinaryIO) -> subprocess.Popen[bytes]:
    """Start Postfix and Dovecot; return Dovecot, which stays in the foreground."""
    (root / "run/dovecot").mkdir(exist_ok=True)
    os.chown(root / "var/lib/postfix", 110, 110)
    run(root, "postfix", "check", check=False)
    (out / "check.txt").write_text(run(root, "postfix", "start", check=False))
    return start(root, errors, "dovecot", "-F")


def users(root: Path, *accounts: tuple[str, str], extra: str = "") -> None:
    """Write Dovecot's accounts."""
    lines = [f"{user}:{{PLAIN}}{password}::::::{extra if user == LOCKED[0] else ''}\n" for user, password in accounts]
    (root / "etc/dovecot/users").write_text("".join(lines))


def own(truth: Truth) -> list[Callable[[], object]]:
    """Return what only these two do: mailboxes, submission at Dovecot, rate limits, smarthosts."""
    jobs: list[Callable[[], object]] = []
    for protocol, port in (("imap", IMAPS), ("pop3", POP3S)):
        for name, tries in (
            ("good", [GOOD]), ("bad", [(GOOD[0], WRONG), ("nobody@example.com", WRONG)]), ("bad_good", [(OTHER[0], WRONG), OTHER]),
        ):  # fmt: skip
            truth.scenario(f"{protocol}_{name}", what=f"{protocol}: {name}")
            jobs.append(lambda p=protocol, port=port, n=name, tries=tries: mailbox(truth, f"{p}_{n}", p, port, *tries))
    truth.scenario("imap_no_tls", what="imap: LOGIN without TLS")
    jobs.append(lambda: mailbox(truth, "imap_no_tls", "imap", IMAP, GOOD, wrapper=False))
    for name in ("dovecot_submission_good", "dovecot_submission_bad", "dovecot_submission_no_tls"):
        truth.scenario(name, what=name.replace("_", " "))
    jobs += [
        lambda: _submission(truth, "dovecot_submission_good", PASSWORD),
        lambda: _submission(truth, "dovecot_submission_bad", WRONG),
    ]
    jobs.append(lambda: _without_tls(truth, "dovecot_submission_no_tls"))
    truth.scenario("rate_limit", what="more AUTH commands a minute than allowed")
    jobs.append(lambda: _rate_limit(truth, "rate_limit"))
    truth.scenario("no_socket", what="the backend's socket is not there")
    jobs.append(lambda: _one(truth, "no_socket", NOBACKEND, *GOOD))
    truth.scenario("relay", what="mails through smarthosts that refuse", address="127.0.9.1")
    jobs.append(lambda: _relayed(truth, "relay"))
    return jobs


def locking(truth: Truth, root: Path) -> None:
    """An account that may not come from here, is gone, and is back."""
    for name, extra, accounts in (
        ("locked_nets", "allow_nets=192.0.2.0/24", (GOOD, OTHER, LOCKED)),
        ("locked_gone", "", (GOOD, OTHER)),
        ("unlocked", "", (GOOD, OTHER, LOCKED)),
    ):
        users(root, *accounts, extra=extra)
        pause(1.1)
        truth.scenario(name, what=f"an account: {name}")
        _one(truth, name, PORTS["plain"], *LOCKED)


def without_backend(truth: Truth) -> None:
    """Dovecot is down."""
    truth.scenario("backend_stopped", what="the backend is stopped")
    truth.scenario("backend_stopped_tls", what="the same on submission")
    together([
        lambda: _one(truth, "backend_stopped", PORTS["plain"], *GOOD),
        lambda: _tls(truth, "backend_stopped_tls", PORTS["submission"], *GOOD),
    ])  # fmt: skip


def _one(truth: Truth, scenario: str, port: int, user: str, password: str) -> None:
    with Talk(truth, scenario, port) as talk:
        talk.ehlo()
        talk.plain(user, password)


def _tls(truth: Truth, scenario: str, port: int, user: str, password: str) -> None:
    with Talk(truth, scenario, port).starttls() as talk:
        talk.plain(user, password)


def _submission(truth: Truth, scenario: str, password: str) -> None:
    with Talk(truth, scenario, SUBMISSION).starttls() as talk:
        talk.plain(GOOD[0], password)


def _without_tls(truth: Truth, scenario: str) -> None:
    with Talk(truth, scenario, SUBMISSION) as talk:
        talk.ehlo()
        talk.plain(*GOOD)


def _rate_limit(truth: Truth, scenario: str) -> None:
    for _ in range(5):
        _one(truth, scenario, LIMITED, *GOOD)


def _relayed(truth: Truth, scenario: str) -> None:
    with Talk(truth, scenario, PORTS["submission"]).starttls() as talk:
        talk.plain(*GOOD)
        for name in RELAYS:
            talk.send(rcpt=f"someone@{name}.example.org")
    pause(4)


def stopped(root: Path) -> None:
    """End what Postfix still runs."""
    subprocess.run(["chroot", str(root), "postfix", "abort"], capture_output=True, check=False)
