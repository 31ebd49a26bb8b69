"""Postfix and Dovecot behind what stands before them: nginx's mail proxy, haproxy, stunnel, perdition."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import socket
import threading
import urllib.parse
from typing import TYPE_CHECKING

from live import postfix
from live.client import PASSWORD, WRONG, Talk, Truth, mailbox
from live.machine import Syslog, listening, start, stop
from live.scenarios import GOOD, OTHER, Server, common, pause, together

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable
    from pathlib import Path
    from typing import BinaryIO

    Job = Callable[[], object]

VARIANTS = ("nginx", "nginx_syslog", "haproxy", "stunnel", "perdition")

INNER = {"xclient": 10610, "smtpauth": 10611, "hasub": 10612, "hawrap": 10613, "haplain": 10614, "haclosed": 10615}
FRONT = {"submission": 11587, "wrapper": 11465, "plain": 11500, "closed": 11025}
MORE = {
    "smtpauth": 11501,
    "nobody": 11502,
    "gone": 11503,
    "imaps": 11993,
    "pop3s": 11995,
    "hidden": 11504,
    "ended": 11505,
}
JUDGE, SASL, POP3, IMAP_BEHIND = 10700, 10701, 10110, 10994

NGINX_LOG = "var/log/nginx/mail.log"

PROXY = "-o smtpd_upstream_proxy_protocol=haproxy"
AUTH = "-o smtpd_sasl_auth_enable=yes"

MASTER = f"""\
{INNER["xclient"]} inet n - n - - smtpd
  -o syslog_name=postfix/inner -o smtpd_authorized_xclient_hosts=127.0.0.0/8 {AUTH}
  -o smtpd_relay_restrictions=permit_sasl_authenticated,reject
{INNER["smtpauth"]} inet n - n - - smtpd
  -o syslog_name=postfix/smtpauth {AUTH} -o smtpd_tls_security_level=none
{INNER["hasub"]} inet n - n - - smtpd
  -o syslog_name=postfix/submission {AUTH} {PROXY} -o smtpd_tls_security_level=encrypt -o smtpd_tls_auth_only=yes
{INNER["hawrap"]} inet n - n - - smtpd
  -o syslog_name=postfix/submissions {AUTH} {PROXY} -o smtpd_tls_wrappermode=yes
{INNER["haplain"]} inet n - n - - smtpd
  -o syslog_name=postfix/authplain {AUTH} {PROXY}
{INNER["haclosed"]} inet n - n - - smtpd
  {PROXY}
"""

NGINX = f"""\
user nobody;
worker_processes 1;
daemon off;
pid /run/nginx.pid;
load_module /usr/lib/nginx/modules/ngx_mail_module.so;
error_log LOG info;
events {{ }}
mail {{
  server_name mx1.example.net;
  auth_http 127.0.0.1:{JUDGE}/auth;
  ssl_certificate /etc/cert.pem;
  ssl_certificate_key /etc/key.pem;
  ssl_protocols TLSv1.2 TLSv1.3;
  proxy_pass_error_message on;
  smtp_auth login plain cram-md5;
  server {{ listen 127.0.0.1:{FRONT["submission"]}; protocol smtp; starttls only; }}
  server {{ listen 127.0.0.1:{FRONT["wrapper"]} ssl; protocol smtp; }}
  server {{ listen 127.0.0.1:{FRONT["plain"]}; listen [::1]:{FRONT["plain"]}; protocol smtp; starttls on; }}
  server {{ listen 127.0.0.1:{FRONT["closed"]}; protocol smtp; smtp_auth none; }}
  server {{ listen 127.0.0.1:{MORE["smtpauth"]}; protocol smtp; proxy_smtp_auth on; xclient off;
    auth_http_header X-Where smtpauth; }}
  server {{ listen 127.0.0.1:{MORE["nobody"]}; protocol smtp; auth_http 127.0.0.1:1/auth; }}
  server {{ listen 127.0.0.1:{MORE["imaps"]} ssl; protocol imap; imap_auth plain login; }}
  server {{ listen 127.0.0.1:{MORE["pop3s"]} ssl; protocol pop3; pop3_auth plain; }}
}}
"""


def _haproxy_settings() -> str:
    def front(name: str, port: int, inner: int, how: str = "send-proxy", bind: str = "") -> str:
        return (
            f"listen {name}\n  bind 127.0.0.1:{port}{bind}\n  bind ::1:{port}{bind}\n"
            f"  server postfix 127.0.0.1:{inner} {how}\n"
        )

    return (
        "global\n  log /dev/log local0\n  maxconn 500\ndefaults\n  log global\n  mode tcp\n  option tcplog\n"
        "  timeout connect 2s\n  timeout client 20s\n  timeout server 20s\n"
        + front("submission", FRONT["submission"], INNER["hasub"])
        + front("submissions", FRONT["wrapper"], INNER["hawrap"], "send-proxy-v2")
        + front("authplain", FRONT["plain"], INNER["haplain"])
        + front("smtp", FRONT["closed"], INNER["haclosed"])
        + front("ended", MORE["ended"], INNER["haplain"], "send-proxy-v2", " ssl crt /etc/both.pem")
        + front("hidden", MORE["hidden"], postfix.PORTS["plain"], "")
        + front("gone", MORE["gone"], 1)
        + front("imaps", MORE["imaps"], IMAP_BEHIND)
    )


STUNNEL = f"""\
foreground = yes
syslog = yes
debug = 5
cert = /etc/cert.pem
key = /etc/key.pem
[smtps]
accept = 127.0.0.1:{FRONT["wrapper"]}
connect = 127.0.0.1:{postfix.PORTS["plain"]}
[proxied]
accept = 127.0.0.1:{MORE["ended"]}
connect = 127.0.0.1:{INNER["haplain"]}
protocol = proxy
[gone]
accept = 127.0.0.1:{MORE["gone"]}
connect = 127.0.0.1:1
"""


def record(root: Path, out: Path, variant: str, versions: dict[str, str], swaks: str | None) -> tuple[Truth, Server]:
    """Start all of them, let clients come, stop them; logs are in `out`."""
    Syslog(root, out / "mail.log")
    etc = root / "etc/postfix"
    etc.mkdir(exist_ok=True)
    main = postfix.MAIN.format(transports="", tls_loglevel=1, maillog="").replace("transport_maps = inline:{  }\n", "")
    if variant == "haproxy":
        main = main.replace("smtpd_sasl_path = private/auth", f"smtpd_sasl_path = inet:127.0.0.1:{SASL}")
    (etc / "main.cf").write_text(main)
    (etc / "master.cf").write_text(postfix.MASTER + MASTER)
    new = versions["dovecot-core"].split(":")[-1].startswith("2.4")
    submissions = "inet_listener submissions {\n    port = 0\n  }" if new else ""
    rest = postfix.COMMON.format(verbose="yes", debug="no", log="log_path = syslog", submissions=submissions)
    rest = rest.replace("service auth {\n", f"service auth {{\n  inet_listener sasl {{\n    port = {SASL}\n  }}\n")
    rest = rest.replace(
        "service imap-login {\n",
        f"service imap-login {{\n  inet_listener imaph {{\n    port = {IMAP_BEHIND}\n    haproxy = yes\n    ssl = yes\n  }}\n",
    )
    rest = rest.replace("    port = 0\n", f"    port = {POP3}\n", 1)
    rest += "haproxy_trusted_networks = 127.0.0.0/8\n"
    dovecot_conf = (postfix.DOVECOT_24 if new else postfix.DOVECOT_23) + rest
    (root / "etc/dovecot").mkdir(exist_ok=True)
    (root / "etc/dovecot/dovecot.conf").write_text(dovecot_conf)
    postfix.users(root, GOOD, OTHER)
    (root / "var/mail").chmod(0o777)
    truth = Truth()
    server = Server("fronts", **FRONT, cram=True, versions=versions)
    begin, act = KINDS[variant.partition("_")[0]]
    with (out / "stderr.txt").open("wb") as errors:
        dovecot = postfix.begin(root, out, errors)
        listening(*(port for port in INNER.values() if port != INNER["hawrap"]), postfix.IMAP)
        fronts = begin(root, errors, variant)
        together(act(truth, server))
        pause(2)
        for process in (*fronts, dovecot):
            stop(process)
        postfix.stopped(root)
    if (own := root / NGINX_LOG).exists():
        (out / "nginx.log").write_bytes(own.read_bytes())
    return truth, server


def _nginx(root: Path, errors: BinaryIO, variant: str) -> list[subprocess.Popen[bytes]]:
    threading.Thread(target=_judge, daemon=True).start()
    for folder in ("var/log/nginx", "var/lib/nginx"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    log = "syslog:server=unix:/dev/log,nohostname" if variant.endswith("syslog") else f"/{NGINX_LOG}"
    (root / "etc/nginx/nginx.conf").write_text(NGINX.replace("LOG", log))
    process = start(root, errors, "nginx", "-c", "/etc/nginx/nginx.conf")
    listening(*FRONT.values())
    return [process]


def _haproxy(root: Path, errors: BinaryIO, variant: str) -> list[subprocess.Popen[bytes]]:
    (root / "etc/both.pem").write_text((root / "etc/cert.pem").read_text() + (root / "etc/key.pem").read_text())
    (root / "etc/haproxy/haproxy.cfg").write_text(_haproxy_settings())
    process = start(root, errors, "haproxy", "-db", "-f", "/etc/haproxy/haproxy.cfg")
    listening(FRONT["plain"], MORE["gone"])
    return [process]


def _stunnel(root: Path, errors: BinaryIO, variant: str) -> list[subprocess.Popen[bytes]]:
    (root / "etc/stunnel").mkdir(exist_ok=True)
    (root / "etc/stunnel/stunnel.conf").write_text(STUNNEL)
    process = start(root, errors, "stunnel4", "/etc/stunnel/stunnel.conf")
    listening(FRONT["wrapper"], MORE["ended"])
    return [process]


def _perdition(root: Path, errors: BinaryIO, variant: str) -> list[subprocess.Popen[bytes]]:
    common_ = ("--no_daemon", "--log_facility", "mail", "--outgoing_server", "127.0.0.1", "--username", "nobody", "--group", "nogroup",
               "--ssl_key_file", "/etc/key.pem", "--ssl_cert_file", "/etc/cert.pem", "--bind_address", "127.0.0.1", "--connection_logging")  # fmt: skip
    with (root / "etc/group").open("a") as groups:
        groups.write("nogroup:x:65534:\n")
    processes = []
    for program, port, outer in (
        ("perdition.imap4s", MORE["imaps"], postfix.IMAP), ("perdition.pop3s", MORE["pop3s"], POP3),
    ):  # fmt: skip
        processes.append(
            start(
                root,
                errors,
                program,
                *common_,
                "--ssl_mode",
                "ssl_listen",
                "--listen_port",
                str(port),
                "--outgoing_port",
                str(outer),
                "--pid_file",
                f"/run/{program}.pid",
            )
        )
    listening(MORE["imaps"], MORE["pop3s"])
    return processes


def _at_nginx(t: Truth, server: Server) -> list[Job]:
    plain = FRONT["plain"]
    return [
        *common(t, server),
        _job(t, "busy", lambda s: _one(t, s, plain, "busy@example.com", PASSWORD), "the judge says: later"),
        _job(
            t,
            "lost",
            lambda s: _one(t, s, plain, "lost@example.com", PASSWORD),
            "the judge names a server that is down",
        ),
        _job(t, "odd_answer", lambda s: _one(t, s, plain, "odd@example.com", PASSWORD), "the judge names no server"),
        _job(t, "no_judge", lambda s: _one(t, s, MORE["nobody"], *GOOD), "the judge is down"),
        _job(
            t, "backend_no", lambda s: _one(t, s, MORE["smtpauth"], *OTHER), "the judge lets in, the backend does not"
        ),
        _job(t, "backend_yes", lambda s: _one(t, s, MORE["smtpauth"], *GOOD, mail=True), "both let in"),
        *_mailboxes(t, "imap", "pop3"),
    ]


def _at_haproxy(t: Truth, server: Server) -> list[Job]:
    return [
        *common(t, server),
        _job(
            t, "tls_ended", lambda s: _both(t, s, MORE["ended"], wrapper=True), "haproxy ends TLS and says whose it is"
        ),
        _job(
            t,
            "hidden",
            lambda s: _both(t, s, MORE["hidden"]),
            "haproxy says nothing: the address is its own",
            address="127.0.0.1",
        ),
        _job(t, "gone", lambda s: _one(t, s, MORE["gone"], *GOOD), "nobody is behind haproxy"),
        _job(t, "silent", lambda s: _silent(t, s), "a client that says nothing"),
        *_mailboxes(t, "imap"),
    ]


def _at_stunnel(t: Truth, server: Server) -> list[Job]:
    return [
        _job(
            t,
            "hidden",
            lambda s: _both(t, s, FRONT["wrapper"], wrapper=True),
            "the address is stunnel's",
            address="127.0.0.1",
        ),
        *(
            _job(t, f"proxied_{n}", lambda s: _both(t, s, MORE["ended"], wrapper=True), "stunnel says whose it is")
            for n in range(3)
        ),
        _job(t, "gone", lambda s: _one(t, s, MORE["gone"], *GOOD, wrapper=True), "nobody is behind stunnel"),
        _job(t, "clear", lambda s: _silent(t, s, b"EHLO pc\r\n", FRONT["wrapper"]), "no TLS where it is due"),
    ]


def _at_perdition(t: Truth, server: Server) -> list[Job]:
    return _mailboxes(t, "imap", "pop3")


def _job(t: Truth, name: str, act: Callable[[str], object], what: str, **facts: str) -> Job:
    t.scenario(name, what=what, **facts)
    return lambda: act(name)


def _mailboxes(t: Truth, *protocols: str) -> list[Job]:
    tries = {
        "good": [GOOD],
        "bad": [(GOOD[0], WRONG)],
        "unknown": [("nobody@example.com", WRONG)],
        "bad_good": [(OTHER[0], WRONG), OTHER],
    }
    return [
        _job(t, f"{p}_{name}", lambda s, p=p, said=said: mailbox(t, s, p, MORE[f"{p}s"], *said), f"{p}: {name}")
        for p in protocols
        for name, said in tries.items()
    ]


def _both(t: Truth, s: str, port: int, *, wrapper: bool = False) -> None:
    _one(t, s, port, GOOD[0], WRONG, wrapper=wrapper)
    _one(t, s, port, "nobody@example.com", WRONG, wrapper=wrapper)
    _one(t, s, port, *GOOD, mail=True, wrapper=wrapper)


def _silent(t: Truth, s: str, said: bytes = b"", port: int = FRONT["plain"]) -> None:
    with socket.create_connection(("127.0.0.1", port), 10, source_address=(t.scenarios[s]["address"], 0)) as sock:
        sock.sendall(said)
        sock.settimeout(3)
        with contextlib.suppress(OSError):
            sock.recv(100)


def _one(t: Truth, s: str, port: int, user: str, password: str, *, mail: bool = False, wrapper: bool = False) -> None:
    with Talk(t, s, port, wrapper=wrapper) as talk:
        talk.ehlo()
        talk.plain(user, password)
        if mail:
            talk.send()


def _judge() -> None:
    """The service that nginx asks (auth_http): alice and bob with their password."""
    listener = socket.create_server(("127.0.0.1", JUDGE))
    while True:
        sock, _ = listener.accept()
        threading.Thread(target=_answer, args=(sock,), daemon=True).start()


def _answer(sock: socket.socket) -> None:
    with sock, contextlib.suppress(OSError):
        asked = b""
        while b"\r\n\r\n" not in asked and (more := sock.recv(65536)):
            asked += more
        fields = dict(line.split(": ", 1) for line in asked.decode(errors="replace").split("\r\n")[1:] if ": " in line)
        fields = {name.lower(): value for name, value in fields.items()}
        sock.sendall(("HTTP/1.0 200 OK\r\n" + "".join(f"{line}\r\n" for line in _verdict(fields)) + "\r\n").encode())


def _verdict(asked: dict[str, str]) -> list[str]:
    user, word = (urllib.parse.unquote(asked.get(name, "")) for name in ("auth-user", "auth-pass"))
    protocol, method = asked.get("auth-protocol"), asked.get("auth-method")
    yes = ["Auth-Status: OK", "Auth-Server: 127.0.0.1"]
    good = word == PASSWORD
    if method == "cram-md5":
        salt = urllib.parse.unquote(asked.get("auth-salt", ""))
        good = word == hmac.new(PASSWORD.encode(), salt.encode(), hashlib.md5).hexdigest()
    if method == "none":
        return [*yes, f"Auth-Port: {postfix.PORTS['closed']}"]
    if user.startswith("busy"):
        return ["Auth-Status: Temporary server problem, try again later", "Auth-Error-Code: 451 4.3.0"]
    if user.startswith("odd"):
        return ["Auth-Status: OK"]
    if user.startswith("lost"):
        return [*yes, "Auth-Port: 1"]
    if not good or user not in (GOOD[0], OTHER[0]):
        return ["Auth-Status: Invalid login or password", "Auth-Wait: 1"]
    if asked.get("x-where"):  # nginx logs in there itself
        return [*yes, f"Auth-Port: {INNER['smtpauth']}", f"Auth-Pass: {PASSWORD if user == GOOD[0] else WRONG}"]
    port = {"imap": postfix.IMAP, "pop3": POP3}.get(protocol or "", INNER["xclient"])
    return [*yes, f"Auth-Port: {port}", f"Auth-Pass: {PASSWORD}"]


KINDS = {
    "nginx": (_nginx, _at_nginx), "haproxy": (_haproxy, _at_haproxy), "stunnel": (_stunnel, _at_stunnel),
    "perdition": (_perdition, _at_perdition),
}  # fmt: skip
"""How each front is started, and what clients do there."""
