"""Mailing programs that log in at relays of many kinds: what each prints of it, and what the relay answered."""

from __future__ import annotations

import os
import socket
import ssl
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from live.client import Command, Truth
from live.machine import HOST, Syslog
from live.programs import PROGRAMS, USER, Call, Program
from live.relaying import Host
from live.scenarios import Server
from live.smarthost import by_host, judged

if TYPE_CHECKING:
    from pathlib import Path

PORT, NOBODY = 10587, 10588
NETWORK = 40
"""Programs' relays are 127.0.40.x and on: a network a program, an address a relay."""


@dataclass(frozen=True)
class Relay:
    """A relay and how a program is to use it."""

    host: Host
    login: bool = True
    starttls: bool = False
    verify: bool = False
    mechanism: str = ""
    challenge: str = ""


_BAD = "535 5.7.8 Error: authentication failed: (reason unavailable)"
_TLS = ("STARTTLS", "AUTH PLAIN LOGIN")

RELAYS = {
    "good": Relay(Host("", "235 2.7.0 Authentication successful", _TLS, passes=True), starttls=True),
    "bad": Relay(Host("", _BAD, _TLS), starttls=True),
    "clear": Relay(Host("", _BAD)),
    "gmail": Relay(Host("", "535-5.7.8 Username and Password not accepted. For more information, go to\n535 5.7.8  https://support.example.com/mail/?p=BadCredentials d9443c01a7336-1f2 - gsmtp", ("STARTTLS", "AUTH LOGIN PLAIN XOAUTH2 PLAIN-CLIENTTOKEN OAUTHBEARER XOAUTH")), starttls=True),
    "m365": Relay(Host("", "535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Tenant. [AM0PR01CA0001.eurprd01.prod.example.com]", ("STARTTLS", "AUTH LOGIN XOAUTH2")), starttls=True),
    "cram": Relay(Host("", _BAD, ("AUTH PLAIN LOGIN CRAM-MD5",)), mechanism="CRAM-MD5"),
    "login": Relay(Host("", _BAD, ("AUTH PLAIN LOGIN",)), mechanism="LOGIN"),
    "xoauth2": Relay(Host("", "535 5.7.8 Username and Password not accepted", ("STARTTLS", "AUTH XOAUTH2 PLAIN")), starttls=True, mechanism="XOAUTH2", challenge="eyJzdGF0dXMiOiI0MDEiLCJzY2hlbWVzIjoiQmVhcmVyIn0="),
    "gone421": Relay(Host("", "421 4.7.0 Try again later, closing connection")),
    "temp454": Relay(Host("", "454 4.7.0 Temporary authentication failure: Connection lost to authentication server")),
    "closing": Relay(Host("", "")),
    "weak": Relay(Host("", "534 5.7.9 Application-specific password required", _TLS), starttls=True),
    "needtls": Relay(Host("", "530 5.7.0 Must issue a STARTTLS command first", ("STARTTLS", "AUTH PLAIN LOGIN"))),
    "nomech": Relay(Host("", offers=("AUTH GSSAPI NTLM",))),
    "noauth": Relay(Host("", "503 5.5.1 Error: authentication not enabled", ("SIZE 1000000",))),
    "wantsauth": Relay(Host("", offers=("SIZE 1000000",), mail="530 5.7.1 Authentication required"), login=False),
    "norelay": Relay(Host("", "235 2.7.0 ok", rcpt="554 5.7.1 <bob@example.org>: Relay access denied", passes=True)),
    "notowned": Relay(Host("", "235 2.7.0 ok", mail=f"553 5.7.1 <{USER}>: Sender address rejected: not owned by user {USER}", passes=True)),
    "nostarttls": Relay(Host("", _BAD), starttls=True),
    "badcert": Relay(Host("", "235 2.7.0 ok", _TLS, passes=True), starttls=True, verify=True),
    "brokentls": Relay(Host("", _BAD, ("STARTTLS", "AUTH PLAIN LOGIN")), starttls=True),
    "busy": Relay(Host("", greeting="421 4.3.2 Service not available, too many connections")),
    "down": Relay(Host("")),
}  # fmt: skip

AT_ONCE = 4


def record(root: Path, out: Path, variant: str, versions: dict[str, str], swaks: str | None) -> tuple[Truth, Server]:
    """Let every program send a mail to every relay; a file each in `out`."""
    truth = Truth()
    programs = list(PROGRAMS)
    php = next((root / "usr/bin").glob("php[0-9]*"), None)
    if php and not (root / "usr/bin/php").exists():
        (root / "usr/bin/php").symlink_to(php.name)
    for path in (root / "etc").glob("*.pem"):
        path.chmod(0o644)
    spool = root / "var/spool/nullmailer"
    for folder in ("queue", "tmp", "failed"):
        (spool / folder).mkdir(parents=True, exist_ok=True)
    os.mkfifo(spool / "trigger")
    (root / "etc/mailname").write_text("app.example.net\n")
    with (root / "etc/hosts").open("a") as hosts:
        for p, program in enumerate(programs):
            for r, relay in enumerate(RELAYS):
                hosts.write(f"127.0.{NETWORK + p}.{r + 1} {relay}.{program}.example.org\n")
    listener = socket.create_server(("0.0.0.0", PORT), backlog=128)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(root / "etc/cert.pem", root / "etc/key.pem")
    threading.Thread(target=_accept, args=(listener, programs, truth, tls), daemon=True).start()
    Syslog(root, out / "syslog.txt")
    for program in programs:
        truth.scenario(program, what=f"mails by {program}", address="")
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(lambda name: _sent(root, out, name, PROGRAMS[name]), programs))
    return truth, Server("clients", PORT, PORT, PORT, PORT, versions=versions)


def _sent(root: Path, out: Path, name: str, program: Program) -> None:
    """Let a program send its mails, one after another; what it writes of each is a file of its own."""
    for number, (relay, how) in enumerate(RELAYS.items(), 1):
        call = Call(
            f"{relay}.{name}.example.org", f"127.0.{NETWORK + list(PROGRAMS).index(name)}.{number}",
            NOBODY if relay == "down" else PORT, how.login, how.starttls, how.verify, how.mechanism,
        )  # fmt: skip
        if not program.can(call):
            continue
        for path, text in program.files(call).items():
            place = root / path[1:]
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text)
            place.chmod(0o600 if path.endswith("rc") else 0o644)
        written = root / program.log[1:]
        if program.log:
            written.unlink(missing_ok=True)
        known = (out / "syslog.txt").stat().st_size
        said = _ran(root, program, call)
        if program.tag:
            time.sleep(0.2)  # the syslogd is a thread of ours
            new = (out / "syslog.txt").read_bytes()[known:].splitlines(keepends=True)
            (out / f"{name}-{relay}.log").write_bytes(b"".join(x for x in new if program.tag.encode() in x))
            name_of = "ssmtp_v" if name == "ssmtp" else ""
        elif program.stamped:
            stamp = time.strftime(f"%b %d %H:%M:%S {HOST} {program.stamped}[42]: ", time.gmtime()).encode()
            (out / f"{name}-{relay}.log").write_bytes(b"".join(stamp + x for x in said.splitlines(keepends=True)))
            name_of = ""
        elif program.log:
            (out / f"{name}-{relay}.log").write_bytes(written.read_bytes() if written.exists() else b"")
            name_of = ""
        else:
            name_of = name
        (out / f"{name_of}-{relay}.log" if name_of else out / f"{name}-{relay}.txt").write_bytes(said)


def _ran(root: Path, program: Program, call: Call) -> bytes:
    """Run a program; return what it printed, as far as it came."""
    try:
        return subprocess.run(
            ["chroot", str(root), *program.command(call)], input=program.stdin.encode(), stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, timeout=program.limit, check=False,
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "TZ": "UTC", "LC_ALL": "C", "HOME": "/root", "TERM": "dumb", **program.extra},
        ).stdout  # fmt: skip
    except subprocess.TimeoutExpired as late:
        return late.stdout or b""


def _accept(listener: socket.socket, programs: list[str], truth: Truth, tls: ssl.SSLContext) -> None:
    while True:
        sock, _ = listener.accept()
        network, number = (int(part) for part in sock.getsockname()[0].split(".")[2:])
        relay = list(RELAYS)[number - 1]
        threading.Thread(target=_talk, args=(sock, programs[network - NETWORK], relay, truth, tls), daemon=True).start()


def _talk(sock: socket.socket, program: str, relay: str, truth: Truth, tls: ssl.SSLContext) -> None:
    host, how = RELAYS[relay].host, RELAYS[relay]
    try:
        _answer(sock, program, relay, host, how, truth, tls)
    except OSError:
        pass
    finally:
        sock.close()


def _answer(sock, program: str, relay: str, host: Host, how: Relay, truth: Truth, tls: ssl.SSLContext) -> None:
    file = sock.makefile("rb")
    secured: str | None = None

    def say(*lines: str) -> None:
        sock.sendall("".join(f"{line}\r\n" for line in lines).encode())

    say(host.greeting)
    while line := file.readline().decode(errors="replace").strip():
        word = line.split(" ")[0].upper()
        if word == "EHLO":
            offers = [o for o in host.offers if not (secured and o == "STARTTLS")]
            say(f"250-{relay}.{program}.example.org", *(f"250-{offer}" for offer in offers), "250 8BITMIME")
        elif word == "STARTTLS" and "STARTTLS" not in host.offers:
            say("502 5.5.1 Error: command not implemented")
        elif word == "STARTTLS":
            say("220 2.0.0 Ready to start TLS")
            if relay == "brokentls":
                file.readline()
                return
            sock = tls.wrap_socket(sock, server_side=True)
            secured = sock.version()
            file = sock.makefile("rb")
        elif word == "AUTH":
            words = line.split(" ")
            mechanism = words[1].upper() if len(words) > 1 else ""
            known = truth.add(Command(program, relay, PORT, mechanism, USER, None, secured))
            prompts = {"LOGIN": ["VXNlcm5hbWU6", "UGFzc3dvcmQ6"], "CRAM-MD5": ["PDE3OTMuMTc5MUBteDE+"]}.get(
                mechanism, [""]
            )
            if len(words) > 2 and mechanism != "CRAM-MD5":
                prompts = prompts[1:]
            if how.challenge:
                prompts = [*prompts, how.challenge]
            if host.auth.startswith(("530", "503")):
                prompts = []
            for prompt in prompts:
                say(f"334 {prompt}")
                if not file.readline():
                    return
            known.reply = host.auth or known.reply
            if not judged(host, say):
                return
        elif not by_host(word, host, file, say):
            return
