"""Postfix with a service for each of its odder settings, Dovecot with more mechanisms and databases in a row behind it."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import TYPE_CHECKING

from live import postfix
from live.behaviours import BEHAVIOURS
from live.busy import busy
from live.client import PASSWORD, WRONG, Talk, Truth, b64
from live.machine import Syslog, listening, run, stop
from live.scenarios import GOOD, OTHER, Server, pause, together

if TYPE_CHECKING:
    from pathlib import Path

VARIANTS = {
    "quiet": {"verbose": "no", "debug": "no"},
    "told": {"verbose": "yes", "debug": "no"},
    "debug": {"verbose": "yes", "debug": "yes"},
    "busy": {"verbose": "yes", "debug": "no"},
}

BASE = 10600
SETTINGS = {
    "haproxy": "-o smtpd_upstream_proxy_protocol=haproxy",
    "early": "-o smtpd_delay_reject=no -o smtpd_client_restrictions=permit_sasl_authenticated,reject",
    "owner": "-o smtpd_sender_restrictions=reject_sender_login_mismatch",
    "exempt": "-o smtpd_sasl_exceptions_networks=127.0.0.0/8",
    "noplain": "-o smtpd_sasl_security_options=noanonymous,noplaintext",
    "xclient": "-o smtpd_authorized_xclient_hosts=127.0.0.0/8",
    "closed": "-o smtpd_relay_restrictions=permit_sasl_authenticated,reject",
    "few": "-o smtpd_client_connection_rate_limit=2 -o smtpd_client_event_limit_exceptions=",
    "one": "-o smtpd_client_connection_count_limit=1 -o smtpd_client_event_limit_exceptions=",
    "mails": "-o smtpd_client_message_rate_limit=1 -o smtpd_client_event_limit_exceptions=",
    "tlsonce": "-o smtpd_client_new_tls_session_rate_limit=1 -o smtpd_client_event_limit_exceptions=",
    "nopipe": "-o smtpd_forbid_unauth_pipelining=yes",
    "talky": "-v",
    "ports": "-o smtpd_client_port_logging=yes -o smtpd_sasl_authenticated_header=yes -o smtpd_tls_loglevel=2",
    "filter": "-o smtpd_proxy_filter=127.0.0.1:10690",
    "certs": "-o smtpd_tls_ask_ccert=yes -o smtpd_tls_security_level=encrypt -o smtpd_tls_auth_only=yes",
    "policy": "-o smtpd_recipient_restrictions=check_sasl_access,inline:{{ad=x}},permit",
    "sasl": "-o smtpd_recipient_restrictions=check_sasl_access,inline:{bob@example.com=REJECT},permit_sasl_authenticated,reject",
    "only": "-o smtpd_tls_auth_only=yes -o smtpd_tls_loglevel=2",
    "mechs": "-o smtpd_sasl_mechanism_filter=plain,login",
    "quick": "-o smtpd_timeout=2s",
    "soft": "-o soft_bounce=yes -o smtpd_hard_error_limit=2 -o smtpd_soft_error_limit=1 -o smtpd_error_sleep_time=1s",
    "milter": "-o smtpd_milters=inet:127.0.0.1:10691 -o milter_default_action=tempfail",
    "silent": "-o smtpd_sasl_path=inet:127.0.0.1:10692",
    "dirty": "-o smtpd_sasl_auth_enable=yes -o smtpd_sender_login_maps=inline:{alice@example.com=alice@example.com} "
    "-o smtpd_sender_restrictions=reject_authenticated_sender_login_mismatch",
}
"""Name of a service -> what differs; its `syslog_name` is postfix/NAME."""

SETTINGS.pop("policy")
PORT = {name: BASE + n for n, name in enumerate(SETTINGS)}
SCREEN, FILTER = 10689, 10690

MASTER = """\
10689      inet  n - n - 1 postscreen
  -o postscreen_greet_action=enforce -o postscreen_pipelining_enable=yes -o postscreen_non_smtp_command_enable=yes
  -o postscreen_bare_newline_enable=yes -o postscreen_greet_wait=2s -o postscreen_access_list=
smtpd      pass  - - n - - smtpd
  -o smtpd_sasl_auth_enable=yes
tlsproxy   unix  - - n - 0 tlsproxy
dnsblog    unix  - - n - 0 dnsblog
10690      inet  n - n - - smtpd
  -o syslog_name=postfix/reinject -o smtpd_sasl_auth_enable=no -o smtpd_authorized_xforward_hosts=127.0.0.0/8
  -o smtpd_authorized_xclient_hosts=127.0.0.0/8 -o smtpd_relay_restrictions=permit_mynetworks,reject
  -o mynetworks=127.0.0.0/8
"""

DOVECOT_23 = """\
ssl = yes
ssl_cert = </etc/cert.pem
ssl_key = </etc/key.pem
disable_plaintext_auth = yes
mail_location = maildir:/var/mail/%u
auth_mechanisms = plain login cram-md5 digest-md5 scram-sha-1 scram-sha-256 oauthbearer xoauth2 external anonymous
auth_verbose_passwords = sha1:6
auth_master_user_separator = *
auth_failure_delay = 2 secs
passdb {
  driver = passwd-file
  args = scheme=PLAIN username_format=%u /etc/dovecot/deny
  deny = yes
}
passdb {
  driver = passwd-file
  args = scheme=PLAIN username_format=%u /etc/dovecot/masters
  master = yes
  pass = yes
}
passdb {
  driver = passwd-file
  args = scheme=PLAIN username_format=%u /etc/dovecot/users
}
passdb {
  driver = oauth2
  mechanisms = xoauth2 oauthbearer
  args = /etc/dovecot/oauth2
}
passdb {
  driver = passwd-file
  args = scheme=PLAIN username_format=%u /etc/dovecot/more
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
auth_mechanisms = plain login cram-md5 digest-md5 scram-sha-1 scram-sha-256 oauthbearer xoauth2 external anonymous
auth_verbose_passwords = sha1:6
auth_master_user_separator = *
oauth2 {
  introspection_mode = post
  introspection_url = http://127.0.0.1:10693/introspect
  username_attribute = username
}
passdb deny {
  driver = passwd-file
  passwd_file_path = /etc/dovecot/deny
  default_password_scheme = plain
  deny = yes
}
passdb masters {
  driver = passwd-file
  passwd_file_path = /etc/dovecot/masters
  default_password_scheme = plain
  master = yes
  result_success = continue
}
passdb users {
  driver = passwd-file
  passwd_file_path = /etc/dovecot/users
  default_password_scheme = plain
}
passdb oauth2 {
  mechanisms_filter = xoauth2 oauthbearer
}
passdb more {
  driver = passwd-file
  passwd_file_path = /etc/dovecot/more
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

OAUTH = """\
introspection_mode = post
introspection_url = http://127.0.0.1:10693/introspect
username_attribute = username
"""

USERS = """\
alice@example.com:{PLAIN}Kx7-secret::::::
bob@example.com:{PLAIN}Kx7-secret::::::
nologin@example.com:{PLAIN}Kx7-secret::::::nologin=y
reason@example.com:{PLAIN}Kx7-secret::::::nologin=y reason=Account_suspended
nets@example.com:{PLAIN}Kx7-secret::::::allow_nets=192.0.2.0/24
bcrypt@example.com:{BLF-CRYPT}broken::::::
nopw@example.com:::::::
john doe:{PLAIN}Kx7-secret::::::
"""


def record(root: Path, out: Path, variant: str, versions: dict[str, str], swaks: str | None) -> tuple[Truth, Server]:
    """Start both, let clients come, stop them; logs are in `out`."""
    how = VARIANTS[variant]
    Syslog(root, out / "mail.log")
    etc = root / "etc/postfix"
    etc.mkdir(exist_ok=True)
    main = postfix.MAIN.format(transports="", tls_loglevel=0 if variant == "quiet" else 1, maillog="")
    main = main.replace("transport_maps = inline:{  }\n", "")
    main = main.replace("smtpd_hard_error_limit = 4", "smtpd_hard_error_limit = 20")
    main += "smtpd_sender_login_maps = inline:{alice@example.com=alice@example.com,bob@example.com=bob@example.com}\n"
    (etc / "main.cf").write_text(main)
    services = "".join(
        f"{port}      inet  n - n - - smtpd{' -v' if SETTINGS[name] == '-v' else ''}\n"
        f"  -o syslog_name=postfix/{name} -o smtpd_sasl_auth_enable=yes"
        f" {'' if SETTINGS[name] == '-v' else SETTINGS[name]}\n"
        for name, port in PORT.items()
    )
    (etc / "master.cf").write_text(postfix.MASTER + services + MASTER)
    new = versions["dovecot-core"].split(":")[-1].startswith("2.4")
    submissions = "inet_listener submissions {\n    port = 0\n  }" if new else ""
    rest = postfix.COMMON.format(**how, log="log_path = syslog", submissions=submissions)
    rest = rest.replace("auth_mechanisms = plain login cram-md5\n", "")
    (root / "etc/dovecot").mkdir(exist_ok=True)
    for name, text in (
        ("dovecot.conf", (DOVECOT_24 if new else DOVECOT_23) + rest), ("users", USERS), ("oauth2", OAUTH),
        ("deny", "denied@example.com:{PLAIN}x::::::\n"), ("masters", "master@example.com:{PLAIN}Kx7-secret::::::\n"),
        ("more", "carol@example.com:{PLAIN}Kx7-secret::::::\n"),
    ):  # fmt: skip
        (root / "etc/dovecot" / name).write_text(text)
    (root / "var/mail").chmod(0o777)
    with (out / "stderr.txt").open("wb") as errors:
        dovecot = postfix.begin(root, out, errors)
        listening(*postfix.PORTS.values(), *PORT.values(), postfix.IMAP)
        threading.Thread(target=_silent_server, args=(10692,), daemon=True).start()
        threading.Thread(target=_tokens, args=(10693,), daemon=True).start()
        truth = Truth()
        server = Server("services", **postfix.PORTS, cram=True, versions=versions)
        jobs = busy(truth) if variant == "busy" else []
        for act in (*ACTS, *BEHAVIOURS) if variant != "busy" else ():
            name = act.__name__.removeprefix("_")
            truth.scenario(name, what=act.__doc__)
            jobs.append(lambda act=act, name=name: act(truth, name))
        together(jobs)
        pause(1)
        stop(dovecot)
        run(root, "postfix", "stop", check=False)
    return truth, server


def _silent_server(port: int) -> None:
    """A SASL server that takes connections and says nothing."""
    listener = socket.create_server(("127.0.0.1", port))
    kept = []
    while True:
        kept.append(listener.accept())


def _tokens(port: int) -> None:
    """An OAuth server: `good-token` is alice's, every other is not active."""
    listener = socket.create_server(("127.0.0.1", port))
    while True:
        sock, _ = listener.accept()
        with contextlib.suppress(OSError):
            asked = sock.recv(65536)
            good = b"good-token" in asked
            body = b'{"active":true,"username":"alice@example.com"}' if good else b'{"active":false}'
            sock.sendall(
                b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s"
                % (len(body), body)
            )
        sock.close()


def _talk(t: Truth, s: str, service: str, **how: object) -> Talk:
    talk = Talk(t, s, PORT[service], **how)  # type: ignore[arg-type]
    talk.ehlo()
    return talk


def _haproxy(t: Truth, s: str) -> None:
    """Behind haproxy: the address is the client's own."""
    address = "198.51.100.71"
    t.scenarios[s]["address"] = address
    for password in (WRONG, PASSWORD):
        talk = Talk.__new__(Talk)
        talk.truth, talk.scenario, talk.port, talk.address, talk.tls, talk.said = (
            t,
            s,
            PORT["haproxy"],
            address,
            None,
            [],
        )
        talk.sock = socket.create_connection(("127.0.0.1", PORT["haproxy"]), 30)
        talk.sock.sendall(f"PROXY TCP4 {address} 192.0.2.25 50001 587\r\n".encode())
        talk.file = talk.sock.makefile("rb")
        talk.reply()
        talk.ehlo()
        talk.plain(GOOD[0], password)
        if password == PASSWORD:
            talk.send()
        talk.close()


def _no_proxy_header(t: Truth, s: str) -> None:
    """Haproxy's port without its header."""
    with contextlib.suppress(OSError):
        talk = Talk(t, s, PORT["haproxy"], greet=False)
        talk.ehlo()
        talk.close(quit_=False)


def _early_reject(t: Truth, s: str) -> None:
    """smtpd_delay_reject=no: refused before it may log in."""
    with _talk(t, s, "early") as talk:
        talk.plain(*GOOD)
        talk.means("unknown|auth_not_offered|access_policy_denied", "refused")
        talk.send()


def _owner(t: Truth, s: str) -> None:
    """A sender that is another's, and one's own."""
    with _talk(t, s, "owner") as talk:
        talk.plain(*GOOD)
        talk.send(sender="bob@example.com")
        talk.say("RSET")
        talk.send(sender="alice@example.com")


def _owner_not_logged_in(t: Truth, s: str) -> None:
    """Somebody's sender without a login."""
    with _talk(t, s, "owner") as talk:
        talk.send(sender="bob@example.com")


def _exempt(t: Truth, s: str) -> None:
    """AUTH is not offered to these networks."""
    with _talk(t, s, "exempt") as talk:
        talk.plain(*GOOD)


def _noplain(t: Truth, s: str) -> None:
    """No plaintext mechanisms: PLAIN is not there, CRAM-MD5 is."""
    with _talk(t, s, "noplain") as talk:
        talk.plain(*GOOD)
        talk.cram(GOOD[0], WRONG)
        talk.means("bad_credentials")
        talk.cram(*GOOD)


def _xclient(t: Truth, s: str) -> None:
    """A front server names its client, who logs in here."""
    t.scenarios[s]["address"] = "198.51.100.72"
    t.scenarios["front"] = {"address": "127.0.7.7", "what": "the front server itself"}
    with Talk(t, "front", PORT["xclient"]) as talk:
        talk.ehlo()
        talk.say("XCLIENT ADDR=198.51.100.72 NAME=pc.example.org")
        talk.scenario, talk.address = s, "198.51.100.72"
        talk.ehlo()
        talk.plain(GOOD[0], WRONG)
        talk.means("bad_credentials")
        talk.plain(*GOOD)
        talk.send()


def _xclient_login(t: Truth, s: str) -> None:
    """A front server that has judged the login itself (LOGIN=)."""
    t.scenarios[s]["address"] = "198.51.100.73"
    t.scenarios["front2"] = {"address": "127.0.7.8", "what": "the front server itself"}
    with Talk(t, "front2", PORT["xclient"]) as talk:
        talk.ehlo()
        talk.say("XCLIENT ADDR=198.51.100.73 NAME=[UNAVAILABLE] LOGIN=alice@example.com")
        known = t.add(talk_command(talk, s, "198.51.100.73"))
        known.reply = "235 by the front"
        talk.ehlo()
        talk.send()


def talk_command(talk: Talk, scenario: str, address: str):
    from live.client import Command

    return Command(scenario, address, talk.port, "XCLIENT", GOOD[0])


def _closed_in(t: Truth, s: str) -> None:
    """Only who logged in: a mail before, then the login, then a mail."""
    with _talk(t, s, "closed") as talk:
        talk.send()
        talk.say("RSET")
        talk.plain(*GOOD)
        talk.send()


def _few(t: Truth, s: str) -> None:
    """More connections a minute than allowed."""
    for _ in range(4):
        with contextlib.suppress(OSError), _talk(t, s, "few") as talk:
            if talk.banner.startswith("220"):
                talk.plain(*GOOD)


def _one(t: Truth, s: str) -> None:
    """More connections at a time than allowed."""
    with _talk(t, s, "one") as talk:
        with contextlib.suppress(OSError):
            second = _talk(t, s, "one")
            second.close()
        talk.plain(*GOOD)


def _mails(t: Truth, s: str) -> None:
    """More mails a minute than allowed."""
    with _talk(t, s, "mails") as talk:
        talk.plain(*GOOD)
        for _ in range(3):
            talk.send()
            talk.say("RSET")


def _tlsonce(t: Truth, s: str) -> None:
    """More TLS sessions a minute than allowed."""
    for _ in range(3):
        with contextlib.suppress(OSError, ValueError), Talk(t, s, PORT["tlsonce"]) as talk:
            talk.ehlo()
            if not talk.say("STARTTLS").startswith("220"):
                continue
            talk._secure()
            talk.file = talk.sock.makefile("rb")
            if talk.ehlo().startswith("250"):
                talk.plain(GOOD[0], WRONG)


def _nopipe(t: Truth, s: str) -> None:
    """Pipelined commands where that is forbidden."""
    with _talk(t, s, "nopipe") as talk:
        blob = b64(f"\0{GOOD[0]}\0{PASSWORD}")
        talk.sock.sendall(f"AUTH PLAIN {blob}\r\nNOOP\r\nNOOP\r\n".encode())
        known = talk.command("PLAIN", GOOD[0])
        known.reply = talk.reply() or None
        talk.reply()
        talk.reply()


def _talky_in(t: Truth, s: str) -> None:
    """Smtpd -v: a wrong and a good login, a mail."""
    with _talk(t, s, "talky") as talk:
        talk.plain(GOOD[0], WRONG)
        talk.means("bad_credentials")
        talk.login(*GOOD)
        talk.send()


def _ports(t: Truth, s: str) -> None:
    """Ports in the log, TLS at level 2: wrong, good, a mail."""
    with Talk(t, s, PORT["ports"]).starttls() as talk:
        talk.login(GOOD[0], WRONG)
        talk.means("bad_credentials")
        talk.login(*GOOD)
        talk.send()


def _filter(t: Truth, s: str) -> None:
    """A filter before the queue: the mail is told by its way back in."""
    with _talk(t, s, "filter") as talk:
        talk.plain(*GOOD)
        talk.send()
        talk.send()


def _certs(t: Truth, s: str) -> None:
    """Client certificates asked for; EXTERNAL without one."""
    with Talk(t, s, PORT["certs"]).starttls() as talk:
        talk.auth(f"AUTH EXTERNAL {b64('alice@example.com')}")
        talk.plain(*GOOD)


def _sasl_access(t: Truth, s: str) -> None:
    """Logged in, but this login may not send."""
    with _talk(t, s, "sasl") as talk:
        talk.plain(*OTHER)
        talk.send(sender="bob@example.com")


def _only(t: Truth, s: str) -> None:
    """TLS first: AUTH before, then in TLS."""
    with Talk(t, s, PORT["only"]) as talk:
        talk.ehlo()
        talk.plain(*GOOD)
        talk.means("unknown|tls_required", "refused")
        talk.starttls()
        talk.plain(*GOOD)
        talk.send()


def _mechs(t: Truth, s: str) -> None:
    """A mechanism that is filtered out."""
    with _talk(t, s, "mechs") as talk:
        talk.auth("AUTH CRAM-MD5", "*")
        talk.means("aborted", "aborted")
        talk.plain(*GOOD)


def _quick_idle(t: Truth, s: str) -> None:
    """Logged in, then silent until the server hangs up."""
    talk = _talk(t, s, "quick")
    talk.plain(*GOOD)
    talk.reply()
    talk.close(quit_=False)


def _quick_in_auth(t: Truth, s: str) -> None:
    """Silent in the middle of LOGIN until the server hangs up."""
    talk = _talk(t, s, "quick")
    talk.unanswered("AUTH LOGIN", b64(GOOD[0]))
    talk.means("aborted|timeout", "aborted")
    talk.reply()
    talk.close(quit_=False)


def _soft(t: Truth, s: str) -> None:
    """Few errors allowed: two wrong."""
    with _talk(t, s, "soft") as talk:
        talk.plain(GOOD[0], WRONG)
        talk.means("bad_credentials")
        talk.plain(GOOD[0], WRONG)
        talk.means("bad_credentials")
        talk.plain(*GOOD)


def _milter_down(t: Truth, s: str) -> None:
    """The milter is not there: 451 to everybody."""
    with _talk(t, s, "milter") as talk:
        talk.plain(*GOOD)
        talk.means("unknown", "refused")
        talk.send()


def _silent_sasl(t: Truth, s: str) -> None:
    """The SASL server takes the connection and says nothing: the session dies at EHLO."""
    with contextlib.suppress(OSError), Talk(t, s, PORT["silent"]) as talk:
        talk.sock.settimeout(25)
        talk.ehlo()


def _dirty(t: Truth, s: str) -> None:
    """Logged in as one who may not use this sender."""
    with _talk(t, s, "dirty") as talk:
        talk.plain(*OTHER)
        talk.send(sender="alice@example.com")


def _screened(t: Truth, s: str) -> None:
    """Postscreen with deep tests: AUTH at its engine."""
    with contextlib.suppress(OSError), Talk(t, s, SCREEN) as talk:
        talk.ehlo()
        talk.plain(*GOOD)
        talk.means("", "silent")


def _screened_talks_first(t: Truth, s: str) -> None:
    """A client that does not wait for the greeting."""
    with contextlib.suppress(OSError):
        Talk(t, s, SCREEN, first="EHLO bot.example.org\r\nAUTH LOGIN\r\n").close()


ACTS = tuple(
    value for name, value in list(globals().items()) if name.startswith("_") and getattr(value, "__doc__", None)
    and getattr(value, "__module__", None) == __name__ and name not in ("_silent_server", "_tokens")
)  # fmt: skip
"""What is done at the odd services."""
