"""Postfix and a Dovecot whose processes die under its clients, with caches, fallback relays and submission through a proxy."""

from __future__ import annotations

import os
import signal
import threading
import time
from typing import TYPE_CHECKING

from live import postfix
from live.client import PASSWORD, WRONG, Talk, Truth, b64, mailbox
from live.machine import Syslog, listening, run, start, stop
from live.scenarios import GOOD, OTHER, Server, pause
from live.smarthost import PORT as RELAY
from live.smarthost import serve

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable
    from pathlib import Path

PLAIN, INNER = postfix.PORTS["plain"], 10505

MASTER = f"""\
10505      inet  n - n - - smtpd
  -o syslog_name=postfix/inner -o smtpd_authorized_xclient_hosts=127.0.0.0/8 -o smtpd_sasl_auth_enable=yes
  -o smtpd_relay_restrictions=permit_sasl_authenticated,reject -o smtpd_sasl_authenticated_header=yes
10506      inet  n - n - - smtpd
  -o syslog_name=postfix/limited -o smtpd_sasl_auth_enable=yes -o smtpd_client_auth_rate_limit=2
  -o smtpd_client_event_limit_exceptions= -o smtpd_sasl_authenticated_header=yes
fall       unix  - - n - - smtp
  -o syslog_name=postfix/fall -o smtp_fallback_relay=[127.0.8.4]:{RELAY}
cached     unix  - - n - - smtp
  -o syslog_name=postfix/cached
"""

TRANSPORTS = (
    f"{{ fall.example.org = fall:[127.0.8.1]:{RELAY} }}, {{ list.example.org = smtp:[127.0.8.2]:{RELAY},[127.0.8.4]:{RELAY} }}, "
    f"{{ cached.example.org = cached:[127.0.8.1]:{RELAY} }}, {{ again.example.org = cached:[127.0.8.1]:{RELAY} }}"
)

CACHE = """\
auth_cache_size = 10M
auth_cache_ttl = 1 hour
auth_cache_negative_ttl = 1 hour
auth_failure_delay = 1 secs
"""

MORE_23 = f"""\
submission_relay_trusted = yes
{CACHE}
imap_hibernate_timeout = 1s
service imap {{
  unix_listener imap-master {{
    user = dovecot
  }}
  extra_groups = dovecot
}}
service imap-hibernate {{
  unix_listener imap-hibernate {{
    mode = 0666
  }}
}}
passdb {{
  driver = pam
  args = max_requests=20 dovecot
  username_filter = !*@*
}}
"""

MORE_24 = MORE_23.replace(
    "passdb {\n  driver = pam\n  args = max_requests=20 dovecot\n  username_filter = !*@*\n}\n",
    "passdb pam {\n  pam_max_requests = 20\n  service_name = dovecot\n  username_filter = !*@*\n}\n",
)


def record(root: Path, out: Path, variant: str, versions: dict[str, str], swaks: str | None) -> tuple[Truth, Server]:
    """Start both, let clients come while processes are killed, stop them; logs are in `out`."""
    how = {"told": {"verbose": "yes", "debug": "no"}, "quiet": {"verbose": "no", "debug": "no"}}[variant]
    Syslog(root, out / "mail.log")
    etc = root / "etc/postfix"
    etc.mkdir(exist_ok=True)
    main = postfix.MAIN.format(transports=TRANSPORTS, tls_loglevel=1, maillog="")
    main += "smtp_sasl_auth_cache_name = proxy:btree:/var/lib/postfix/sasl_cache\n"
    (etc / "main.cf").write_text(main.replace("smtpd_hard_error_limit = 4", "smtpd_hard_error_limit = 20"))
    (etc / "master.cf").write_text(postfix.MASTER + MASTER)
    new = versions["dovecot-core"].split(":")[-1].startswith("2.4")
    submissions = "inet_listener submissions {\n    port = 0\n  }" if new else ""
    rest = postfix.COMMON.format(**how, log="log_path = syslog", submissions=submissions)
    rest = rest.replace("submission_relay_port = 10025", f"submission_relay_port = {INNER}")
    conf = (postfix.DOVECOT_24 + MORE_24 if new else postfix.DOVECOT_23 + MORE_23) + rest
    (root / "etc/dovecot").mkdir(exist_ok=True)
    (root / "etc/dovecot/dovecot.conf").write_text(conf)
    postfix.users(root, GOOD, OTHER)
    (root / "etc/pam.d").mkdir(exist_ok=True)
    slow = (
        "auth required pam_exec.so quiet /usr/bin/sleep 2\nauth required pam_deny.so\naccount required pam_permit.so\n"
    )
    for name in ("dovecot", "other"):
        (root / "etc/pam.d" / name).write_text(slow)
    (root / "var/mail").chmod(0o777)
    truth = Truth()
    with (out / "stderr.txt").open("wb") as errors:
        dovecot = postfix.begin(root, out, errors)
        listening(*postfix.PORTS.values(), INNER, 10506, postfix.IMAP, postfix.SUBMISSION)
        serve(truth)
        server = Server("outages", **postfix.PORTS, cram=True, versions=versions)
        for act in (cache, limit, hibernate, through_submission, fallbacks):
            truth.scenario(act.__name__, what=act.__doc__)
            act(truth, act.__name__)
        for act in (auth_killed, auth_killed_before, worker_killed, pam_broken):
            truth.scenario(act.__name__, what=act.__doc__)
            act(truth, act.__name__, root)
        again = stopped_under(truth, dovecot, lambda: start(root, errors, "dovecot", "-F"))
        pause(1)
        stop(again)
        run(root, "postfix", "stop", check=False)
    return truth, server


def killed(root: Path, *titles: str) -> int:
    """Kill Dovecot's processes by their titles (signal 9), as the root's own /proc shows them; return how many."""
    found = [p for p in (root / "proc").glob("[0-9]*") if _title(p) in titles]
    for process in found:
        os.kill(int(process.name), signal.SIGKILL)
    return len(found)


def _title(process: Path) -> str:
    try:
        return (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    except OSError:
        return ""


AUTH, WORKER = ("dovecot/auth",), ("dovecot/auth-worker", "dovecot/auth -w")


def _talk(t: Truth, s: str, port: int = PLAIN) -> Talk:
    talk = Talk(t, s, port)
    talk.ehlo()
    return talk


def cache(t: Truth, s: str) -> None:
    """A login twice, wrong once, wrong again, right again, all out of Dovecot's cache."""
    for password in (PASSWORD, PASSWORD, WRONG, WRONG, PASSWORD):
        with _talk(t, s) as talk:
            talk.plain(GOOD[0], password)
    with _talk(t, s) as talk:
        talk.plain("nobody@example.com", WRONG)
    with _talk(t, s) as talk:
        talk.plain("nobody@example.com", WRONG)


def limit(t: Truth, s: str) -> None:
    """More AUTH commands a minute than two, right and wrong."""
    for password in (PASSWORD, WRONG, PASSWORD, WRONG):
        with _talk(t, s, 10506) as talk:
            talk.plain(OTHER[0], password)


def hibernate(t: Truth, s: str) -> None:
    """A mailbox whose process goes to sleep."""
    mailbox(t, s, "imap", postfix.IMAPS, GOOD, wait=3)


def through_submission(t: Truth, s: str) -> None:
    """Dovecot's submission hands the login on by XCLIENT: two good ones with mails, a bad one."""
    for user, password in (GOOD, (GOOD[0], WRONG), OTHER):
        with Talk(t, s, postfix.SUBMISSION).starttls() as talk:
            if talk.plain(user, password).startswith("235"):
                talk.send(sender=user)


def fallbacks(t: Truth, s: str) -> None:
    """Mails whose relay refuses the login, with another one behind it, or a cache of refusals."""
    with _talk(t, s) as talk:
        talk.plain(*GOOD)
        for domain in ("fall", "list", "cached"):
            talk.send(rcpt=f"someone@{domain}.example.org")
        time.sleep(2)
        talk.send(rcpt="someone@again.example.org")
    pause(2)


def auth_killed(t: Truth, s: str, root: Path) -> None:
    """Dovecot's auth process is killed in the middle of AUTH, and the client tries once more."""
    with _talk(t, s) as talk:
        known = talk.command("PLAIN", GOOD[0])
        said = talk.say("AUTH PLAIN")
        killed(root, *AUTH)
        time.sleep(0.3)
        known.reply = (talk.say(b64(f"\0{GOOD[0]}\0{PASSWORD}")) if said.startswith("334") else said) or None
        time.sleep(1)
        talk.plain(*GOOD)


def auth_killed_before(t: Truth, s: str, root: Path) -> None:
    """It is killed between EHLO and AUTH."""
    with _talk(t, s) as talk:
        killed(root, *AUTH)
        time.sleep(0.3)
        talk.plain(*GOOD)
        talk.plain(GOOD[0], WRONG)


def worker_killed(t: Truth, s: str, root: Path) -> None:
    """The process that asks PAM is killed while it does; the second name has better luck."""
    with _talk(t, s) as talk:
        killing = threading.Timer(1, killed, (root, *WORKER))
        killing.start()
        talk.plain("alice", WRONG)
        killing.join()
        talk.plain("bob", WRONG)


def pam_broken(t: Truth, s: str, root: Path) -> None:
    """The configuration of PAM is gone: Postfix says 535, Dovecot's log that it could not ask."""
    for name in ("dovecot", "other"):
        (root / "etc/pam.d" / name).unlink()
    with _talk(t, s) as talk:
        talk.plain("carol", WRONG)
        talk.means("server_config_error|backend_unavailable", "deferred")


def stopped_under(
    t: Truth, dovecot: subprocess.Popen[bytes], again: Callable[[], subprocess.Popen[bytes]]
) -> subprocess.Popen[bytes]:
    """Stop Dovecot under three clients (before EHLO, before AUTH, in AUTH), start it again, and let them try once more."""
    for name in ("down_before_ehlo", "down_before_auth", "down_in_auth"):
        t.scenario(name, what=f"Dovecot stops under a client: {name}")
    early, later, inside = Talk(t, "down_before_ehlo", PLAIN), _talk(t, "down_before_auth"), _talk(t, "down_in_auth")
    known = inside.command("PLAIN", GOOD[0])
    inside.say("AUTH PLAIN")
    stop(dovecot)
    known.reply = inside.say(b64(f"\0{GOOD[0]}\0{PASSWORD}")) or None
    later.plain(*GOOD)
    early.ehlo()
    early.plain(*GOOD)
    running = again()
    listening(postfix.IMAP)
    pause(1)
    for talk in (early, later, inside):
        talk.plain(*GOOD)
        talk.close()
    return running
