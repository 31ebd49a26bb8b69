"""Exim with other judges: Dovecot, Cyrus SASL's password file, saslauthd; other log settings; a relay's client that is refused."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

from live import behaviours, cyrus, exim
from live.client import PASSWORD, WRONG, Talk, Truth
from live.machine import Syslog, listening, start, stop
from live.scenarios import GOOD, LOCKED, OTHER, Server, common, pause, together
from live.smarthost import PORT, RELAYS, serve

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

VARIANTS = {
    "dovecot": (
        "+pid +millisec +incoming_interface +incoming_port +smtp_connection +smtp_confirmation +smtp_no_mail",
        "files",
        "log_timezone = true",
    ),
    "cyrus": (
        "+smtp_protocol_error +smtp_syntax_error +smtp_incomplete_transaction +lost_incoming_connection",
        "syslog",
        "syslog_timestamp = false\nsyslog_pid = false",
    ),
    "saslauthd": (
        "-rejected_header +smtp_mailauth +received_recipients +subject",
        "both",
        "syslog_duplication = false",
    ),
}
"""`log_selector`, where the logs go, and further settings."""

AUTHENTICATORS = {
    "dovecot": """
dovecot_plain:
  driver = dovecot
  public_name = PLAIN
  server_socket = /run/dovecot/auth-client
  server_set_id = $auth1
dovecot_login:
  driver = dovecot
  public_name = LOGIN
  server_socket = /run/dovecot/auth-client
  server_set_id = $auth1
dovecot_cram:
  driver = dovecot
  public_name = CRAM-MD5
  server_socket = /run/dovecot/auth-client
  server_set_id = $auth1
""",
    "cyrus": """
sasl_plain:
  driver = cyrus_sasl
  public_name = PLAIN
  server_set_id = $auth1
sasl_login:
  driver = cyrus_sasl
  public_name = LOGIN
  server_set_id = $auth1
sasl_cram:
  driver = cyrus_sasl
  public_name = CRAM-MD5
  server_realm = example.com
  server_set_id = $auth1
""",
    "saslauthd": """
plain_saslauthd:
  driver = plaintext
  public_name = PLAIN
  server_prompts = :
  server_condition = ${if saslauthd{{${local_part:$auth2}}{$auth3}{smtp}}}
  server_set_id = $auth2
  server_advertise_condition = ${if def:tls_in_cipher}
login_saslauthd:
  driver = plaintext
  public_name = LOGIN
  server_prompts = Username:: : Password::
  server_condition = ${if saslauthd{{${local_part:$auth1}}{$auth2}{smtp}}}
  server_set_id = $auth1
""",
}

CLIENT = """
plain_client:
  driver = plaintext
  public_name = PLAIN
  client_send = ^relay-user^relay-password
"""

PORTS = exim.PORTS
LIMITED, PLAINONLY, DELAYED, BLOCKED = exim.LIMITED, 10502, 10503, 10505

ACL = r"""
acl_auth:
  defer
    condition = ${if eq{$received_port}{10503}}
    message = come back later
  drop
    condition = ${if eq{$received_port}{10505}}
    message = you are blocked
    log_message = $sender_host_address is on our list
  deny
    condition = ${if eq{$received_port}{10502}}
    !encrypted = *
    message = TLS first
  deny
    condition = ${if eq{$received_port}{10501}}
    ratelimit = 3 / 5m / strict / per_cmd / auth_$sender_host_address
    log_message = RATE $sender_rate/$sender_rate_period (max $sender_rate_limit)
    message = too many logins, try later
  accept
"""

DOVECOT = """\
{head}
protocols =
log_path = syslog
auth_verbose = yes
auth_mechanisms = plain login cram-md5
service auth {{
  unix_listener auth-client {{
    mode = 0666
  }}
}}
"""

OLD = "passdb {\n  driver = passwd-file\n  args = scheme=PLAIN username_format=%u /etc/dovecot/users\n}\nuserdb {\n  driver = static\n  args = uid=vmail gid=vmail home=/tmp\n}\nssl = no"
NEW = (
    "dovecot_config_version = 2.4.0\ndovecot_storage_version = 2.4.0\nssl = no\npassdb passwd-file {\n  passwd_file_path = /etc/dovecot/users\n"
    "  default_password_scheme = plain\n}"
)


def record(root: Path, out: Path, variant: str, versions: dict[str, str], swaks: str | None) -> tuple[Truth, Server]:
    """Start Exim and its judge, let clients come, stop them; logs are in `out`."""
    selector, where, further = VARIANTS[variant]
    Syslog(root, out / "mail.log")
    logs = {"files": "/var/log/exim4/%slog", "syslog": "syslog", "both": "/var/log/exim4/%slog : syslog"}[where]
    routes = " ; ".join(f"{name}.example.org {address}::{PORT}" for name, address in RELAYS.items())
    text = exim.CONFIG.replace("SELECTOR", selector).replace("LOGS", logs).replace("ROUTES", routes)
    text = text.replace("10500 : 10501", "10500 : 10501 : 10502 : 10503 : 10505").replace(
        "(10500|10501)", "(10500|1050[1-5])"
    )
    text = text.replace(
        "timezone = UTC", f"timezone = UTC\n{further}\nsmtp_accept_max_per_host = 12\nsmtp_max_unknown_commands = 3"
    )
    before, _, rest = text.partition("\nacl_auth:\n")
    text = before + ACL + "\nacl_rcpt:" + rest.partition("\nacl_rcpt:")[2]
    text = text.partition("begin authenticators")[0] + "begin authenticators\n" + AUTHENTICATORS[variant] + CLIENT
    etc = root / "etc/exim4"
    etc.mkdir(exist_ok=True)
    (etc / "exim4.conf").write_text(text)
    for folder in ("var/spool/exim4", "var/log/exim4", "run/exim4", "run/saslauthd", "var/run/saslauthd"):
        (root / folder).mkdir(parents=True, exist_ok=True)
        os.chown(root / folder, 115, 115)
    with (out / "stderr.txt").open("wb") as errors:
        judge = judges(root, variant, versions, errors)
        daemon = start(root, errors, "exim4", "-bdf")
        listening(*PORTS.values(), LIMITED)
        truth = Truth()
        serve(truth)
        server = Server("eximauth", **PORTS, cram=variant != "saslauthd", versions=versions)
        together(
            [*own(truth, system=variant == "saslauthd"), *behaviours.everywhere(truth), *common(truth, server, swaks)]
        )
        behaviours.unexpecting(truth)
        if judge is not None:
            stop(judge)
        else:
            (root / "etc/sasldb2").unlink()
        truth.scenario("backend_stopped", what="the judge is stopped")
        with Talk(truth, "backend_stopped", PORTS["submission"]).starttls() as talk:
            talk.plain(*GOOD)
        pause(2)
        stop(daemon)
    for name in ("mainlog", "rejectlog"):
        if (root / "var/log/exim4" / name).exists():
            shutil.copy(root / "var/log/exim4" / name, out / f"{name}.log")
    return truth, server


def judges(root: Path, variant: str, versions: dict[str, str], errors):
    """Start who judges logins."""
    if variant == "dovecot":
        new = versions["dovecot-core"].split(":")[-1].startswith("2.4")
        (root / "etc/dovecot").mkdir(exist_ok=True)
        (root / "run/dovecot").mkdir(exist_ok=True)
        (root / "etc/dovecot/dovecot.conf").write_text(DOVECOT.format(head=NEW if new else OLD))
        (root / "etc/dovecot/users").write_text("".join(f"{u}:{{PLAIN}}{p}::::::\n" for u, p in (GOOD, OTHER, LOCKED)))
        started = start(root, errors, "dovecot", "-F")
        pause(1)
        return started
    (root / "usr/lib/sasl2").mkdir(exist_ok=True)
    if variant == "cyrus":
        (root / "etc/sasl2").mkdir(exist_ok=True)
        for place in ("usr/lib/sasl2", "etc/sasl2", "etc/sasl"):
            (root / place).mkdir(exist_ok=True)
            (root / place / "exim.conf").write_text(
                "pwcheck_method: auxprop\nauxprop_plugin: sasldb\nmech_list: PLAIN LOGIN CRAM-MD5\n"
            )
        for user, password in (GOOD, OTHER, LOCKED):
            cyrus.account(root, user, password)
        (root / "etc/sasldb2").chmod(0o644)
        return None
    shadow = "".join(f"{n}:{cyrus.crypted(root)}:19000:0:99999:7:::\n" for n in ("alice", "bob"))
    (root / "etc/shadow").write_text(shadow)
    (root / "etc/pam.d").mkdir(exist_ok=True)
    for service in ("smtp", "other"):
        (root / "etc/pam.d" / service).write_text("auth required pam_unix.so\naccount required pam_unix.so\n")
    (root / "run/saslauthd").chmod(0o755)
    (root / "var/run/saslauthd").rmdir()
    (root / "var/run/saslauthd").symlink_to("/run/saslauthd")
    return start(root, errors, "saslauthd", "-a", "pam", "-m", "/run/saslauthd", "-n", "3", "-d")


def own(truth: Truth, *, system: bool) -> list[Callable[[], object]]:
    """Return what only these are asked."""
    jobs: list[Callable[[], object]] = []

    def at(
        name: str, port: int, *tries: tuple[str, str], tls: bool = False, mail: bool = False, times: int = 1
    ) -> None:
        truth.scenario(name, what=name.replace("_", " "))

        def play() -> None:
            for _ in range(times):
                with Talk(truth, name, port) as talk:
                    if tls:
                        talk.starttls()
                    else:
                        talk.ehlo()
                    for user, password in tries:
                        talk.login(user, password)
                    if mail:
                        talk.send()

        jobs.append(play)

    at("rate_limit", LIMITED, GOOD, times=5)
    at("acl_defers", DELAYED, GOOD)
    at("acl_drops", BLOCKED, GOOD)
    at("acl_wants_tls", PLAINONLY, GOOD)
    at("acl_has_tls", PLAINONLY, GOOD, tls=True, mail=True)
    at("two_mails", PORTS["submission"], GOOD, tls=True, mail=True, times=2)
    if system:
        at("system_good", PORTS["submission"], ("bob", PASSWORD), tls=True, mail=True)
        at(
            "system_mixed",
            PORTS["submission"],
            ("bob", WRONG),
            ("nosuch", WRONG),
            ("bob", PASSWORD),
            tls=True,
            mail=True,
        )
    truth.scenario("relay", what="mails through smarthosts that refuse", address="127.0.9.1")
    jobs.append(lambda: exim._relayed(truth, "relay"))
    return jobs
