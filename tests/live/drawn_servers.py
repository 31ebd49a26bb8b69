"""Servers whose settings are drawn at random, for the sessions of `drawn`: what may be set, and what happens to them meanwhile."""

from __future__ import annotations

import json
import random
import shutil
import signal
import time
from typing import TYPE_CHECKING

from live import postfix
from live.client import PASSWORD, Truth
from live.drawn import KNOWN, Port, Site, disturbed, sessions, waits
from live.drawn_others import MAIN, drawn, other
from live.machine import Syslog, listening, run, start, stop
from live.scenarios import GOOD, LOCKED, OTHER, Server, pause, together

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

HAPROXY, XCLIENT, SCREEN, FEW, TALKY = 10620, 10621, 10622, 10623, 10624

MASTER = f"""\
{HAPROXY}      inet  n - n - - smtpd
  -o syslog_name=postfix/haproxy -o smtpd_sasl_auth_enable=yes -o smtpd_upstream_proxy_protocol=haproxy
{XCLIENT}      inet  n - n - - smtpd
  -o syslog_name=postfix/xclient -o smtpd_sasl_auth_enable=yes -o smtpd_authorized_xclient_hosts=127.0.0.0/8,[::1]
{FEW}      inet  n - n - 2 smtpd
  -o syslog_name=postfix/few -o smtpd_sasl_auth_enable=yes
{TALKY}      inet  n - n - - smtpd -v
  -o syslog_name=postfix/talky -o smtpd_sasl_auth_enable=yes
{SCREEN}      inet  n - n - 1 postscreen
  -o postscreen_greet_wait=1s -o postscreen_access_list= -o postscreen_greet_action=enforce
smtpd      pass  - - n - - smtpd
  -o smtpd_sasl_auth_enable=yes
tlsproxy   unix  - - n - 0 tlsproxy
dnsblog    unix  - - n - 0 dnsblog
"""

DOVECOT = {
    "auth_verbose": ("yes", "yes", "no"),
    "auth_debug": ("no", "no", "yes"),
    "auth_verbose_passwords": ("no", "plain", "sha1", "sha1:6", "plain:3"),
    "auth_failure_delay": ("2 secs", "0", "1 secs"),
    "auth_mechanisms": ("plain login cram-md5", "plain login cram-md5 scram-sha-1 scram-sha-256", "plain login"),
    "log": ("syslog", "syslog", "file", "two"),
    "log_timestamp": ("", '"%Y-%m-%d %H:%M:%S "'),
    "auth_username_chars": ("", "any"),
    "auth_cache": ("", "yes"),
    "auth_debug_passwords": ("no", "no", "no", "yes"),
}


def record(root: Path, out: Path, variant: str, versions: dict[str, str], swaks: str | None) -> tuple[Truth, Server]:
    """Start a server (`variant`: its name, `_`, a seed), let drawn sessions come; logs are in `out/logs`."""
    kind, _, seed = variant.partition("_")
    chance = random.Random(f"{kind} {seed}")
    settings: dict[str, str] = {"kind": kind, "seed": seed}
    if kind == "postfix":
        truth, server = _postfix(root, out, chance, versions, settings)
    else:
        truth, server = other(kind, root, out, chance, versions, settings)
    (out / "settings.json").write_text(json.dumps(settings, indent=1))
    logs = out / "logs"
    logs.mkdir(exist_ok=True)
    for file in [*out.glob("*.log*"), *(root / "var/log/exim4").glob("*log.*")]:
        if file.stat().st_size:
            shutil.move(
                str(file), logs / file.name.replace("mainlog.log", "mainlog").replace("rejectlog.log", "rejectlog")
            )
    return truth, server


class Rotating(Syslog):
    """A syslogd whose file is rotated: renamed, or copied and made empty."""

    def __init__(self, root: Path, path: Path) -> None:
        super().__init__(root, path)
        self.path, self.number = path, 0

    def renamed(self) -> None:
        """Give the file another name, and begin a new one."""
        self.number += 1
        old, self.file = self.file, _opened(self.path, self.path.with_name(f"{self.path.name}.{9 - self.number}"))
        pause(0.2)
        old.close()


def _opened(path: Path, aside: Path):
    path.rename(aside)
    return path.open("ab", buffering=0)


def _postfix(
    root: Path, out: Path, chance: random.Random, versions: dict[str, str], told: dict[str, str]
) -> tuple[Truth, Server]:
    """Postfix with Dovecot behind it."""
    log = Rotating(root, out / "mail.log")
    main, dove = drawn(chance, MAIN), drawn(chance, DOVECOT, 0.5)
    if main["smtpd_client_restrictions"]:
        main["smtpd_client_restrictions"] = (
            "" if main["smtpd_delay_reject"] == "no" else main["smtpd_client_restrictions"]
        )
    if not versions["postfix"].startswith(("3.5", "3.7")):
        main["smtpd_forbid_unauth_pipelining"] = chance.choice(("yes", "no"))
    own = chance.random() < 0.25
    told |= main | dove | {"maillog_file": str(own)}
    etc = root / "etc/postfix"
    etc.mkdir(exist_ok=True)
    text = postfix.MAIN.format(transports="", tls_loglevel=1, maillog="maillog_file = /var/log/mail.log" if own else "")
    lines = [
        line for line in text.splitlines() if line.split(" =")[0] not in (*main, "transport_maps", "smtpd_timeout")
    ]
    (etc / "main.cf").write_text(
        "\n".join([*lines, "smtpd_timeout = 5s", *(f"{k} = {v}" for k, v in main.items())]) + "\n"
    )
    (etc / "master.cf").write_text(postfix.MASTER + MASTER)
    new = versions["dovecot-core"].split(":")[-1].startswith("2.4")
    (root / "etc/dovecot").mkdir(exist_ok=True)
    (root / "etc/dovecot/dovecot.conf").write_text(_dovecot(dove, new=new))
    postfix.users(root, GOOD, OTHER, LOCKED, ("john doe", PASSWORD), ("ann+x@example.com", PASSWORD))
    (root / "var/mail").chmod(0o777)
    ports = postfix.PORTS
    site = Site(
        ports=(
            *(Port(ports["submission"], "starttls"),) * 3, *(Port(ports["wrapper"], "wrapper"),) * 2, *(Port(ports["plain"], "may"),) * 2,
            Port(ports["closed"]), Port(HAPROXY, "may", "haproxy"), Port(XCLIENT, "may", "xclient"), Port(FEW), Port(FEW, "may"),
            Port(TALKY, "may"), Port(SCREEN), Port(postfix.LIMITED), Port(postfix.NOBACKEND), Port(postfix.SUBMISSION, "starttls"),
        ),
        mechanisms=(*(m.upper() for m in dove["auth_mechanisms"].split()) , "PLAIN", "LOGIN", "PLAIN", "LOGIN"),
        accounts=(*KNOWN, "john doe", "ann+x@example.com"),
        mailboxes=(("imap", postfix.IMAPS), ("pop3", postfix.POP3S)),
        slow=6.5,
    )  # fmt: skip
    with (out / "stderr.txt").open("wb") as errors:
        running = [postfix.begin(root, out, errors)]
        listening(*ports.values(), HAPROXY, postfix.IMAPS, postfix.SUBMISSION)
        truth = Truth()

        def down() -> None:
            truth.outages.append([time.time(), 0])
            stop(running[0])

        def up() -> None:
            running[0] = start(root, errors, "dovecot", "-F")
            waits(postfix.IMAP)
            truth.outages[-1][1] = time.time() + 1

        def again() -> None:
            truth.outages.append([time.time() - 1, 0])
            run(root, "postfix", "stop", check=False)
            run(root, "postfix", "start", check=False)
            waits(ports["plain"])
            truth.outages[-1][1] = time.time() + 1

        def reload() -> None:
            run(root, "postfix", "reload", check=False)

        def hup() -> None:
            truth.outages.append([time.time() - 1, time.time() + 3])
            running[0].send_signal(signal.SIGHUP)

        truth.outages = []  # type: ignore[attr-defined]
        happenings: list[Callable[[], object]] = [log.renamed, reload, hup, disturbed(down, up), again, log.renamed]
        site.events = chance.sample(happenings, chance.choice((1, 2, 3)))
        told["events"] = ", ".join(getattr(e, "__name__", "?") for e in site.events)
        together(sessions(truth, site, int(told["seed"])), site.at_once)
        pause(6)
        stop(running[0])
        run(root, "postfix", "stop", check=False)
    told["outages"] = json.dumps(truth.outages)  # type: ignore[attr-defined]
    for path in (root / "var/log").glob("*.log*"):
        (out / path.name.replace("mail.log", "maillog.log")).write_bytes(path.read_bytes())
    return truth, Server("postfix", **ports, cram=True, versions=versions)


def _dovecot(dove: dict[str, str], *, new: bool) -> str:
    where = {
        "syslog": "syslog",
        "file": "/var/log/dovecot.log",
        "two": "syslog\ninfo_log_path = /var/log/dovecot-info.log",
    }[dove["log"]]
    log = [f"log_path = {where}"]
    names = (
        "auth_verbose_passwords",
        "auth_failure_delay",
        "auth_debug_passwords",
        *(("log_timestamp",) if dove["log_timestamp"] else ()),
    )
    log += [f"{name} = {dove[name]}" for name in names if not (new and name == "auth_debug_passwords")]
    if dove["auth_username_chars"]:
        log.append("auth_username_chars =")
    if dove["auth_cache"]:
        log += ["auth_cache_size = 10M", "auth_cache_ttl = 1 hour", "auth_cache_negative_ttl = 1 hour"]
    submissions = "inet_listener submissions {\n    port = 0\n  }" if new else ""
    rest = postfix.COMMON.format(
        verbose=dove["auth_verbose"], debug=dove["auth_debug"], log="\n".join(log), submissions=submissions
    )
    rest = rest.replace("auth_mechanisms = plain login cram-md5\n", f"auth_mechanisms = {dove['auth_mechanisms']}\n")
    return (postfix.DOVECOT_24 if new else postfix.DOVECOT_23) + rest
