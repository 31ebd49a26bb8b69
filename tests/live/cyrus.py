"""Postfix with Cyrus SASL: the password file of its own, or saslauthd asking PAM."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

from live import postfix
from live.client import PASSWORD, WRONG, Talk, Truth
from live.machine import Syslog, listening, run
from live.scenarios import GOOD, LOCKED, OTHER, Server, common, pause, together

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

VARIANTS = {
    "sasldb": "pwcheck_method: auxprop\nauxprop_plugin: sasldb\n"
    "mech_list: PLAIN LOGIN CRAM-MD5 DIGEST-MD5 SCRAM-SHA-256\n",
    "saslauthd": "pwcheck_method: saslauthd\nsaslauthd_path: /run/saslauthd/mux\nmech_list: PLAIN LOGIN\nlog_level: 7\n",
}


def record(root: Path, out: Path, variant: str, versions: dict[str, str], swaks: str | None) -> tuple[Truth, Server]:
    """Start Postfix and what it asks, let clients come, stop them; logs are in `out`."""
    Syslog(root, out / "mail.log")
    etc = root / "etc/postfix"
    (etc / "sasl").mkdir(parents=True, exist_ok=True)
    main = postfix.MAIN.format(transports="", tls_loglevel=1, maillog="").replace("transport_maps = inline:{  }\n", "")
    main = main.replace(
        "smtpd_sasl_type = dovecot\nsmtpd_sasl_path = private/auth", "smtpd_sasl_type = cyrus\nsmtpd_sasl_path = smtpd"
    )
    main += "cyrus_sasl_config_path = /etc/postfix/sasl\n"
    if variant == "sasldb":
        main += "smtpd_sasl_local_domain = example.com\n"
    (etc / "main.cf").write_text(main)
    master = postfix.MASTER.replace("-o smtpd_sasl_path=private/nothing", "-o smtpd_sasl_path=nothing")
    (etc / "master.cf").write_text(master)
    (etc / "sasl/smtpd.conf").write_text(VARIANTS[variant])
    (root / "var/mail").chmod(0o777)
    with (out / "stderr.txt").open("wb") as errors:
        if variant == "sasldb":
            for user, password in (GOOD, OTHER, LOCKED):
                account(root, user, password)
            (root / "etc/sasldb2").chmod(0o644)
        else:
            shadow = "".join(f"{n}:{crypted(root)}:19000:0:99999:7:::\n" for n in ("alice", "bob"))
            (root / "etc/shadow").write_text(shadow + f"carol:{crypted(root)}:19000:0:99999:7::19001:\n")
            (root / "etc/pam.d").mkdir(exist_ok=True)
            for service in ("smtp", "other"):
                (root / "etc/pam.d" / service).write_text("auth required pam_unix.so\naccount required pam_unix.so\n")
            (root / "run/saslauthd").mkdir(parents=True, exist_ok=True)
            (root / "run/saslauthd").chmod(0o755)
            errors.write(run(root, "saslauthd", "-a", "pam", "-m", "/run/saslauthd", "-n", "3", check=False).encode())
        os.chown(root / "var/lib/postfix", 110, 110)
        (out / "check.txt").write_text(run(root, "postfix", "start", check=False))
        listening(*postfix.PORTS.values())
        truth = Truth()
        server = Server("cyrus", **postfix.PORTS, cram=variant == "sasldb", versions=versions)
        together([*(own(truth) if variant == "saslauthd" else ()), *common(truth, server, swaks)])
        if variant == "saslauthd":
            os.kill(int((root / "run/saslauthd/saslauthd.pid").read_text()), signal.SIGTERM)
        truth.scenario("backend_stopped", what="saslauthd is stopped")
        with Talk(truth, "backend_stopped", postfix.PORTS["plain"]) as talk:
            talk.ehlo()
            if variant == "sasldb":
                (root / "etc/sasldb2").unlink()
            talk.plain(*GOOD)
        pause(0.5)
        run(root, "postfix", "stop", check=False)
    return truth, server


def own(truth: Truth) -> list[Callable[[], object]]:
    """Return what is asked of accounts of the system: right, wrong, unknown, expired; then mails."""

    def tried(scenario: str, *tries: tuple[str, str, str], mail: bool = False) -> None:
        with Talk(truth, scenario, postfix.PORTS["submission"]).starttls() as talk:
            for n, (user, password, cause) in enumerate(tries):
                (talk.login if n % 2 else talk.plain)(user, password)
                if cause:
                    talk.means(cause, "success" if cause == "success" else "failure")
            if mail:
                talk.send()

    jobs: list[Callable[[], object]] = []
    for name, tries, mail in (
        ("system_good", [("bob", PASSWORD, "success")], True),
        ("system_login", [("bob", PASSWORD, "success")], False),
        ("system_bad", [("bob", WRONG, "bad_credentials")], False),
        ("system_nobody", [("nosuch", WRONG, "unknown_user")], False),
        ("system_expired", [("carol", PASSWORD, "account_disabled")], False),
        (
            "system_mixed",
            [("alice", WRONG, "bad_credentials"), ("bob", WRONG, "bad_credentials"), ("bob", PASSWORD, "success")],
            True,
        ),
    ):
        truth.scenario(name, what=name)
        jobs.append(lambda name=name, tries=tries, mail=mail: tried(name, *tries, mail=mail))
    return jobs


def crypted(root: Path) -> str:
    """A password as /etc/shadow has it."""
    return run(root, "openssl", "passwd", "-6", "-salt", "abcdefgh", PASSWORD).strip()


def account(root: Path, user: str, password: str) -> None:
    """Set a password in the SASL database."""
    name, realm = user.split("@")
    run(root, "saslpasswd2", "-c", "-p", "-f", "/etc/sasldb2", "-u", realm, name, stdin=password)
