"""Dovecot with databases of each kind, some of them down, a policy server that is down, proxies; Postfix in front for SMTP."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
from typing import TYPE_CHECKING

from live import postfix
from live.client import PASSWORD, WRONG, Talk, Truth, context, mailbox
from live.cyrus import crypted
from live.machine import Syslog, listening, run, start, stop
from live.scenarios import Server, pause, together

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

VARIANTS = {
    "quiet": {"verbose": "no", "debug": "no"},
    "told": {"verbose": "yes", "debug": "no"},
    "debug": {"verbose": "yes", "debug": "yes"},
}

SIEVE, LDAP, POLICY, BEHIND = 10419, 10389, 10694, 10143

COMMON_23 = """\
ssl = yes
ssl_cert = </etc/cert.pem
ssl_key = </etc/key.pem
disable_plaintext_auth = no
mail_location = maildir:/var/mail/%u
auth_policy_server_url = http://127.0.0.1:10694/
auth_policy_hash_nonce = abc
auth_username_chars =
mail_max_userip_connections = 1
passdb {
  driver = passwd-file
  args = scheme=PLAIN username_format=%u /etc/dovecot/users
}
passdb {
  driver = pam
  args = max_requests=20 dovecot
  username_filter = !*@*
}
passdb {
  driver = sql
  args = /etc/dovecot/sql
  username_filter = *@sql.example.com
}
passdb {
  driver = ldap
  args = /etc/dovecot/ldap
  username_filter = *@ldap.example.com
}
passdb {
  driver = static
  args = proxy=y host=127.0.0.1 port=10700 nopassword=y
  username_filter = *@gone.example.com
}
passdb {
  driver = static
  args = proxy=y host=127.0.0.1 port=10701 nopassword=y
  username_filter = *@refusing.example.com
}
userdb {
  driver = static
  args = uid=vmail gid=vmail home=/var/mail/%u
}
"""

COMMON_24 = """\
dovecot_config_version = 2.4.0
dovecot_storage_version = 2.4.0
ssl = yes
ssl_server_cert_file = /etc/cert.pem
ssl_server_key_file = /etc/key.pem
auth_allow_cleartext = yes
mail_driver = maildir
mail_path = /var/mail/%{user}
auth_policy_server_url = http://127.0.0.1:10694/
auth_policy_hash_nonce = abc
auth_username_chars =
mail_max_userip_connections = 1
sql_driver = sqlite
sqlite_path = /etc/dovecot/no.sqlite
ldap_uris = ldap://127.0.0.1:10389
ldap_base = dc=example,dc=com
passdb users {
  driver = passwd-file
  passwd_file_path = /etc/dovecot/users
  default_password_scheme = plain
}
passdb pam {
  service_name = dovecot
  username_filter = !*@*
}
passdb sql {
  query = SELECT password FROM users WHERE userid = '%{user}'
  username_filter = *@sql.example.com
}
passdb ldap {
  bind = yes
  filter = (uid=%{user})
  username_filter = *@ldap.example.com
}
passdb gone {
  driver = static
  username_filter = *@gone.example.com
  fields {
    proxy = yes
    host = 127.0.0.1
    port = 10700
    nopassword = yes
  }
}
passdb refusing {
  driver = static
  username_filter = *@refusing.example.com
  fields {
    proxy = yes
    host = 127.0.0.1
    port = 10701
    nopassword = yes
  }
}
userdb static {
  fields {
    uid = vmail
    gid = vmail
    home = /var/mail/%{user}
  }
}
"""

USERS = """\
alice@example.com:{PLAIN}Kx7-secret::::::
bob@example.com:{PLAIN}Kx7-secret::::::
closed@example.com:{PLAIN}Kx7-secret::::::nologin=y reason=Gone_away
moved@example.com:{PLAIN}Kx7-secret::::::nologin=y user_disabled=y
"""


def record(root: Path, out: Path, variant: str, versions: dict[str, str], swaks: str | None) -> tuple[Truth, Server]:
    """Start both, let clients come, stop them; logs are in `out`."""
    how = VARIANTS[variant]
    Syslog(root, out / "mail.log")
    etc = root / "etc/postfix"
    etc.mkdir(exist_ok=True)
    main = postfix.MAIN.format(transports="", tls_loglevel=1, maillog="").replace("transport_maps = inline:{  }\n", "")
    (etc / "main.cf").write_text(main)
    (etc / "master.cf").write_text(postfix.MASTER)
    new = versions["dovecot-core"].split(":")[-1].startswith("2.4")
    submissions = "inet_listener submissions {\n    port = 0\n  }" if new else ""
    rest = postfix.COMMON.format(**how, log="log_path = syslog", submissions=submissions)
    rest = rest.replace("protocols = imap pop3 submission", "protocols = imap pop3 submission sieve")
    rest = rest.replace(" cram-md5", "")
    rest += f"service managesieve-login {{\n  inet_listener sieve {{\n    port = {SIEVE}\n  }}\n}}\n"
    shadow = "".join(f"{n}:{crypted(root)}:19000:0:99999:7:::\n" for n in ("alice", "bob"))
    (root / "etc/shadow").write_text(shadow + f"carol:{crypted(root)}:19000:0:99999:7::19001:\n")
    (root / "etc/pam.d").mkdir(exist_ok=True)
    for service in ("dovecot", "other"):
        (root / "etc/pam.d" / service).write_text("auth required pam_unix.so\naccount required pam_unix.so\n")
    (root / "etc/dovecot").mkdir(exist_ok=True)
    for name, text in (
        ("dovecot.conf", (COMMON_24 if new else COMMON_23) + rest), ("users", USERS),
        ("sql", "driver = sqlite\nconnect = /etc/dovecot/no.sqlite\npassword_query = SELECT password FROM users WHERE userid = '%u'\n"),
        ("ldap", "uris = ldap://127.0.0.1:10389\nauth_bind = yes\nbase = dc=example,dc=com\npass_filter = (uid=%u)\n"),
    ):  # fmt: skip
        (root / "etc/dovecot" / name).write_text(text)
    (root / "var/mail").chmod(0o777)
    with (out / "stderr.txt").open("wb") as errors:
        (root / "run/dovecot").mkdir(exist_ok=True)
        os.chown(root / "var/lib/postfix", 110, 110)
        (out / "check.txt").write_text(run(root, "postfix", "start", check=False))
        dovecot = start(root, errors, "dovecot", "-F")
        listening(*postfix.PORTS.values(), postfix.IMAP, SIEVE)
        threading.Thread(target=_refusing, daemon=True).start()
        truth = Truth()
        server = Server("databases", **postfix.PORTS, versions=versions)
        together(acts(truth))
        pause(1)
        stop(dovecot)
        run(root, "postfix", "stop", check=False)
    return truth, server


def _refusing() -> None:
    """An IMAP server behind the proxy that refuses everybody."""
    listener = socket.create_server(("127.0.0.1", 10701))
    while True:
        sock, _ = listener.accept()
        threading.Thread(target=_refuse, args=(sock,), daemon=True).start()


def _refuse(sock: socket.socket) -> None:
    with contextlib.suppress(OSError):
        file = sock.makefile("rb")
        sock.sendall(b"* OK [CAPABILITY IMAP4rev1 LITERAL+ AUTH=PLAIN SASL-IR] ready\r\n")
        while line := file.readline():
            tag, _, word = line.decode(errors="replace").partition(" ")
            if word.upper().startswith("CAPA"):
                sock.sendall(f"* CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR\r\n{tag} OK done\r\n".encode())
            elif word.upper().startswith(("AUTH", "LOGIN")):
                sock.sendall(f"{tag} NO [AUTHENTICATIONFAILED] Wrong password here.\r\n".encode())
            else:
                sock.sendall(f"{tag} OK done\r\n".encode())


def acts(truth: Truth) -> list[Callable[[], object]]:
    """Return what clients do: names of each database, by SMTP, IMAP and sieve."""
    jobs: list[Callable[[], object]] = []
    cases = {
        "file_good": ("alice@example.com", PASSWORD, "success"),
        "file_bad": ("alice@example.com", WRONG, "bad_credentials"),
        "closed": ("closed@example.com", PASSWORD, ""),
        "moved": ("moved@example.com", PASSWORD, ""),
        "pam_good": ("bob", PASSWORD, "success"),
        "pam_bad": ("bob", WRONG, "bad_credentials"),
        "pam_nobody": ("nosuch", WRONG, "unknown_user"),
        "pam_expired": ("carol", PASSWORD, "account_disabled|password_expired"),
        "sql_down": ("ann@sql.example.com", PASSWORD, "backend_unavailable"),
        "ldap_down": ("ann@ldap.example.com", PASSWORD, "backend_unavailable|unknown_user"),
        "nobody": ("nobody@example.net", WRONG, "unknown_user"),
        "blank": ("john doe", WRONG, "unknown_user"),
    }
    for name, (user, password, cause) in cases.items():
        truth.scenario(f"smtp_{name}", what=f"SMTP: {name}")
        truth.scenario(f"imap_{name}", what=f"IMAP: {name}")
        truth.scenario(f"submission_{name}", what=f"Dovecot's submission: {name}")
        jobs.append(lambda n=name, u=user, p=password, c=cause: _smtp(truth, f"smtp_{n}", u, p, c))
        jobs.append(lambda n=name, u=user, p=password: mailbox(truth, f"imap_{n}", "imap", postfix.IMAPS, (u, p)))
        jobs.append(lambda n=name, u=user, p=password: _submission(truth, f"submission_{n}", u, p))
    for name, user in (("proxy_gone", "ann@gone.example.com"), ("proxy_refusing", "ann@refusing.example.com")):
        truth.scenario(f"imap_{name}", what=f"IMAP: {name}")
        jobs.append(lambda n=name, u=user: mailbox(truth, f"imap_{n}", "imap", postfix.IMAPS, (u, PASSWORD)))
    for name, password in (("good", PASSWORD), ("bad", WRONG)):
        truth.scenario(f"sieve_{name}", what=f"managesieve: {name}")
        jobs.append(lambda n=name, p=password: _sieve(truth, f"sieve_{n}", p))
    truth.scenario("pop3_pam_bad_then_good", what="POP3: wrong, then right, of PAM")
    jobs.append(
        lambda: mailbox(truth, "pop3_pam_bad_then_good", "pop3", postfix.POP3S, ("bob", WRONG), ("bob", PASSWORD))
    )
    truth.scenario("too_many", what="IMAP: more connections at a time than a user may have")
    jobs.append(lambda: _too_many(truth, "too_many"))
    truth.scenario("imap_idle", what="IMAP: connect, look, go")
    jobs.append(lambda: mailbox(truth, "imap_idle", "imap", postfix.IMAPS))
    truth.scenario("imap_three", what="IMAP: three names, the last good")
    tries = [("x@example.com", WRONG), ("alice@example.com", WRONG), ("bob@example.com", PASSWORD)]
    jobs.append(lambda: mailbox(truth, "imap_three", "imap", postfix.IMAPS, *tries))
    return jobs


def _smtp(t: Truth, s: str, user: str, password: str, cause: str) -> None:
    with Talk(t, s, postfix.PORTS["submission"]).starttls() as talk:
        said = talk.plain(user, password)
        if cause:
            outcome = {"success": "success", "backend_unavailable": "deferred|failure"}.get(
                cause.split("|")[0], "failure"
            )
            talk.means(cause, outcome)
        if said.startswith("235"):
            talk.send()


def _submission(t: Truth, s: str, user: str, password: str) -> None:
    with Talk(t, s, postfix.SUBMISSION).starttls() as talk:
        said = talk.plain(user, password)
        if user.startswith(("closed", "moved")):
            talk.means("", "failure|deferred")  # 2.3 says "internal failure" of names that may not log in
        if said.startswith("235"):
            talk.send()


def _sieve(t: Truth, s: str, password: str) -> None:
    from live.client import Command, b64

    sock = socket.create_connection(("127.0.0.1", SIEVE), 30, source_address=(t.scenarios[s]["address"], 0))
    file = sock.makefile("rb")

    def until_done() -> str:
        while not (said := file.readline().decode(errors="replace").rstrip()).startswith(("OK", "NO", "BYE")) and said:
            pass
        return said

    until_done()
    sock.sendall(b"STARTTLS\r\n")
    until_done()
    sock = context().wrap_socket(sock)
    file = sock.makefile("rb")
    until_done()
    blob = b64(f"\0alice@example.com\0{password}")
    known = t.add(
        Command(s, t.scenarios[s]["address"], SIEVE, "PLAIN", "alice@example.com", None, sock.version(), "sieve")
    )
    sock.sendall(f'AUTHENTICATE "PLAIN" "{blob}"\r\n'.encode())
    said = until_done()
    known.reply = {"OK": "a OK", "NO": "a NO"}.get(said[:2], said) + said[2:]
    sock.sendall(b"LOGOUT\r\n")
    until_done()
    sock.close()


def _too_many(t: Truth, s: str) -> None:
    """A connection that stays, and one more."""
    first = threading.Thread(
        target=lambda: mailbox(t, s, "imap", postfix.IMAPS, ("alice@example.com", PASSWORD), wait=3)
    )
    first.start()
    time.sleep(1.5)
    mailbox(t, s, "imap", postfix.IMAPS, ("alice@example.com", PASSWORD))
    first.join()
