"""Exim: its configuration, and what only it does."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

from live.asking import asked
from live.client import Talk, Truth
from live.machine import Syslog, listening, start, stop
from live.scenarios import GOOD, LOCKED, OTHER, Server, common, pause, together
from live.smarthost import PORT, RELAYS, serve

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

VARIANTS = {
    "bare": ("", "/var/log/exim4/%slog"),
    "all": ("+all", "/var/log/exim4/%slog"),
    "asked": ("", "/var/log/exim4/%slog"),
    "syslog": ("+smtp_protocol_error +smtp_syntax_error +tls_certificate_verified +tls_peerdn", "syslog"),
}
"""`log_selector` and `log_file_path`: Exim's own default; all there is; Debian's choice, by syslog."""

PORTS = {"submission": 10587, "wrapper": 10465, "plain": 10500, "closed": 10025}
LIMITED = 10501

CONFIG = r"""
primary_hostname = mx1.example.net
daemon_smtp_ports = 10025 : 10587 : 10465 : 10500 : 10501
tls_on_connect_ports = 10465
local_interfaces = <; 127.0.0.1 ; ::1
tls_advertise_hosts = *
tls_certificate = /etc/cert.pem
tls_privatekey = /etc/key.pem
auth_advertise_hosts = ${if or{{match{$received_port}{^(10500|10501)\$}}{and{{match{$received_port}{^(10587|10465)\$}}{def:tls_in_cipher}}}}{*}{}}
log_selector = SELECTOR
log_file_path = LOGS
smtp_receive_timeout = 8s
smtp_accept_max = 100
smtp_accept_queue_per_connection = 0
host_lookup =
rfc1413_hosts =
timezone = UTC
acl_smtp_auth = acl_auth
acl_smtp_rcpt = acl_rcpt
keep_environment =

begin acl
acl_auth:
  deny
    condition = ${if eq{$received_port}{10501}}
    ratelimit = 3 / 5m / strict / per_cmd / auth_$sender_host_address
    message = too many logins, try later
  accept

acl_rcpt:
  accept authenticated = *
  accept domains = example.com
  deny message = relay not permitted

begin routers
smarthost:
  driver = manualroute
  domains = *.example.org
  transport = remote_smtp
  route_list = ROUTES
  self = send
local:
  driver = accept
  domains = example.com
  transport = nowhere

begin transports
remote_smtp:
  driver = smtp
  hosts_try_auth = *
  hosts_avoid_tls = *
  allow_localhost
nowhere:
  driver = appendfile
  file = /dev/null
  user = Debian-exim

begin retry
* * F,2h,15m

begin authenticators
plain_server:
  driver = plaintext
  public_name = PLAIN
  server_prompts = :
  server_condition = ${lookup{$auth2}lsearch{/etc/exim4/locked}{account suspended}{${if eq{${lookup{$auth2}lsearch{/etc/exim4/passwords}{$value}{\n}}}{$auth3}}}}
  server_set_id = $auth2
login_server:
  driver = plaintext
  public_name = LOGIN
  server_prompts = Username:: : Password::
  server_condition = ${lookup{$auth1}lsearch{/etc/exim4/locked}{account suspended}{${if eq{${lookup{$auth1}lsearch{/etc/exim4/passwords}{$value}{\n}}}{$auth2}}}}
  server_set_id = $auth1
cram_md5_server:
  driver = cram_md5
  public_name = CRAM-MD5
  server_secret = ${lookup{$auth1}lsearch{/etc/exim4/passwords}{$value}fail}
  server_set_id = $auth1
plain_client:
  driver = plaintext
  public_name = PLAIN
  client_send = ^relay-user^relay-password
"""


def record(root: Path, out: Path, variant: str, versions: dict[str, str], swaks: str | None) -> tuple[Truth, Server]:
    """Start Exim, let clients come, stop it; logs are in `out`."""
    selector, logs = VARIANTS[variant]
    if logs == "syslog":
        Syslog(root, out / "syslog.log")
    routes = " ; ".join(f"{name}.example.org {address}::{PORT}" for name, address in RELAYS.items())
    text = CONFIG.replace("SELECTOR", selector).replace("LOGS", logs).replace("ROUTES", routes)
    etc = root / "etc/exim4"
    etc.mkdir(exist_ok=True)
    (etc / "exim4.conf").write_text(text)
    accounts(root, GOOD, OTHER, LOCKED)
    (etc / "locked").write_text("")
    for folder in ("var/spool/exim4", "var/log/exim4", "run/exim4"):
        (root / folder).mkdir(parents=True, exist_ok=True)
        os.chown(root / folder, 115, 115)
    with (out / "stderr.txt").open("wb") as errors:
        exim = start(root, errors, "exim4", "-bdf")
        listening(*PORTS.values(), LIMITED)
        truth = Truth()
        serve(truth)
        server = Server("exim", **PORTS, cram=True, versions=versions)
        if variant == "asked":
            asked(out, server)
        else:
            together([*own(truth), *common(truth, server, swaks)])
            changing(truth, root)
            pause(2)
        stop(exim)
    for name in ("mainlog", "rejectlog"):
        if (root / "var/log/exim4" / name).exists():
            shutil.copy(root / "var/log/exim4" / name, out / f"{name}.log")
    return truth, server


def accounts(root: Path, *known: tuple[str, str]) -> None:
    """Write who may come."""
    (root / "etc/exim4/passwords").write_text("".join(f'"{user}": {password}\n' for user, password in known))


def own(truth: Truth) -> list[Callable[[], object]]:
    """Return what only Exim is asked: a rate limit by ACL, smarthosts."""
    truth.scenario("rate_limit", what="more AUTH commands than the ACL allows")
    truth.scenario("relay", what="mails through smarthosts that refuse", address="127.0.9.1")
    return [lambda: _rate_limit(truth, "rate_limit"), lambda: _relayed(truth, "relay")]


def changing(truth: Truth, root: Path) -> None:
    """An account that is locked, gone, back; then no accounts at all."""
    etc = root / "etc/exim4"
    for name, locked, known in (
        ("locked", f'"{LOCKED[0]}": yes\n', (GOOD, OTHER, LOCKED)),
        ("locked_gone", "", (GOOD, OTHER)),
        ("unlocked", "", (GOOD, OTHER, LOCKED)),
        ("backend_stopped", "", None),
    ):
        (etc / "locked").write_text(locked)
        if known is None:
            (etc / "passwords").unlink()
        else:
            accounts(root, *known)
        pause(0.2)
        truth.scenario(name, what=f"accounts: {name}")
        with Talk(truth, name, PORTS["submission"]).starttls() as talk:
            talk.plain(*LOCKED)
            if name == "unlocked":
                talk.send()


def _rate_limit(truth: Truth, scenario: str) -> None:
    for _ in range(5):
        with Talk(truth, scenario, LIMITED) as talk:
            talk.ehlo()
            talk.plain(*GOOD)


def _relayed(truth: Truth, scenario: str) -> None:
    with Talk(truth, scenario, PORTS["submission"]).starttls() as talk:
        talk.plain(*GOOD)
        for name in RELAYS:
            talk.send(rcpt=f"someone@{name}.example.org")
    pause(3)
