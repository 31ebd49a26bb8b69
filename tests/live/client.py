"""A mail client that writes down each AUTH command it sent and the reply it got: the truth that a log is held against."""

from __future__ import annotations

import base64
import binascii
import contextlib
import hashlib
import hmac
import itertools
import re
import smtplib
import socket
import ssl
import subprocess
import threading
import time
import warnings
from dataclasses import asdict, dataclass, field
from typing import Any

PASSWORD = "Kx7-secret"
WRONG = "wrong-Pw-9"


def b64(text: str | bytes) -> str:
    """Return base64 text."""
    return base64.b64encode(text.encode() if isinstance(text, str) else text).decode()


@dataclass
class Command:
    """One AUTH command and what came of it."""

    scenario: str
    address: str
    port: int
    mechanism: str | None = None
    user: str | None = None
    reply: str | None = None
    tls: str | None = None
    protocol: str = "smtp"
    at: float = field(default_factory=time.time)
    outcome: str | None = None
    """What the log must be read as, where the set-up knows more than the reply tells."""
    cause: str | None = None


class Truth:
    """All that the clients of one server saw."""

    def __init__(self) -> None:
        self.commands: list[Command] = []
        self.scenarios: dict[str, dict[str, Any]] = {}
        self.relays: list[dict[str, str]] = []
        self.wrapped = False
        """The port that offers AUTH to everybody is wrapped in TLS."""
        self._lock = threading.Lock()
        self._next = itertools.count(11)

    def scenario(self, name: str, **facts: Any) -> str:
        """Open a scenario; return the loopback address that is its own."""
        with self._lock:
            number = next(self._next)
            address = facts.pop("address", f"127.0.{number // 200 + 1}.{number % 200 + 11}")
            self.scenarios[name] = {"address": address, **facts}
        return address

    def add(self, command: Command) -> Command:
        """Write a command down before its reply is known."""
        with self._lock:
            self.commands.append(command)
        return command

    def relayed(self, relay: str, mechanism: str, reply: str) -> None:
        """Write down what a smarthost answered to our server."""
        with self._lock:
            self.relays.append({"relay": relay, "mechanism": mechanism, "reply": reply})

    def as_json(self) -> dict[str, Any]:
        """Return what is known, for a file."""
        return {"scenarios": self.scenarios, "commands": [asdict(c) for c in self.commands], "relays": self.relays}


def context(version: ssl.TLSVersion | None = None) -> ssl.SSLContext:
    """Return a client's TLS context that trusts everybody; `version`: this one alone."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.check_hostname, made.verify_mode = False, ssl.CERT_NONE
    if version:
        made.set_ciphers("ALL:@SECLEVEL=0")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            made.minimum_version = made.maximum_version = version
    return made


class Talk:
    """One connection, line by line."""

    def __init__(
        self,
        truth: Truth,
        scenario: str,
        port: int,
        *,
        wrapper: bool = False,
        greet: bool = True,
        old: Any = None,
        first: str = "",
    ) -> None:
        self.truth, self.scenario, self.port = truth, scenario, port
        self.address = truth.scenarios[scenario]["address"]
        self.tls: str | None = None
        self.said: list[str] = []
        self.sock: socket.socket = socket.create_connection(
            ("::1" if ":" in self.address else "127.0.0.1", port), 30, source_address=(self.address, 0)
        )
        if first:
            self.sock.sendall(first.encode())
        if wrapper:
            self._secure(old)
        self.file = self.sock.makefile("rb")
        self.banner = self.reply() if greet else ""
        if greet and not self.banner:
            raise ConnectionError("no greeting")

    def __enter__(self) -> Talk:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _secure(self, old: Any = None) -> None:
        self.sock = context(old).wrap_socket(self.sock)
        self.tls = self.sock.version()

    def reply(self) -> str:
        """Read one reply; empty where the server left."""
        lines = []
        try:
            while line := self.file.readline():
                lines.append(line.decode(errors="replace").rstrip("\r\n"))
                if lines[-1][3:4] != "-":
                    break
        except OSError:
            return ""
        self.said.append(lines[-1] if lines else "")
        return "\n".join(lines)

    def say(self, text: str) -> str:
        """Send a line, return the reply."""
        try:
            self.sock.sendall(f"{text}\r\n".encode())
        except OSError:
            return ""
        return self.reply()

    def ehlo(self, name: str = "client.example.org") -> str:
        """Greet."""
        return self.say(f"EHLO {name}")

    def starttls(self, old: Any = None) -> Talk:
        """Greet, turn encryption on, greet again."""
        self.ehlo()
        self.say("STARTTLS")
        self._secure(old)
        self.file = self.sock.makefile("rb")
        self.ehlo()
        return self

    def command(self, mechanism: str | None, user: str | None = None) -> Command:
        """Write an AUTH command down."""
        self.last = self.truth.add(Command(self.scenario, self.address, self.port, mechanism, user, None, self.tls))
        return self.last

    def means(self, cause: str, outcome: str = "failure") -> None:
        """Write down what the log must be read as for the last command; `|` between words that will do, `silent`: nothing."""
        self.last.cause, self.last.outcome = cause, outcome

    def plain(self, user: str, password: str, *, split: bool = False) -> str:
        """AUTH PLAIN, in one line or two."""
        known = self.command("PLAIN", user)
        blob = b64(f"\0{user}\0{password}")
        said = self.say("AUTH PLAIN") if split else self.say(f"AUTH PLAIN {blob}")
        if split and said.startswith("334"):
            said = self.say(blob)
        known.reply = said or None
        return said

    def login(self, user: str, password: str, *, initial: bool = False) -> str:
        """AUTH LOGIN, the name with the command or asked for."""
        known = self.command("LOGIN", user)
        said = self.say(f"AUTH LOGIN {b64(user)}" if initial else "AUTH LOGIN")
        if said.startswith("334") and not initial:
            said = self.say(b64(user))
        if said.startswith("334"):
            said = self.say(b64(password))
        known.reply = said or None
        return said

    def cram(self, user: str, password: str) -> str:
        """AUTH CRAM-MD5."""
        known = self.command("CRAM-MD5", user)
        said = self.say("AUTH CRAM-MD5")
        if said.startswith("334"):
            digest = hmac.new(password.encode(), base64.b64decode(said[4:]), "md5").hexdigest()
            said = self.say(b64(f"{user} {digest}"))
        known.reply = said or None
        return said

    def scram(self, user: str, password: str, mechanism: str = "SCRAM-SHA-256") -> str:
        """AUTH SCRAM-*, RFC 5802, without channel binding."""
        known = self.command(mechanism, user)
        digest = mechanism.removeprefix("SCRAM-").replace("-", "").lower()
        first = f"n={user},r=fyko+d2lbbFgONRv9qkxdawL"
        said = self.say(f"AUTH {mechanism} {b64('n,,' + first)}")
        if said.startswith("334"):
            server = base64.b64decode(said[4:]).decode()
            told = dict(part.split("=", 1) for part in server.split(","))
            final = f"c=biws,r={told['r']}"
            salted = hashlib.pbkdf2_hmac(digest, password.encode(), base64.b64decode(told["s"]), int(told["i"]))
            key = hmac.new(salted, b"Client Key", digest).digest()
            signed = hmac.new(hashlib.new(digest, key).digest(), f"{first},{server},{final}".encode(), digest).digest()
            said = self.say(b64(f"{final},p={b64(bytes(a ^ b for a, b in zip(key, signed, strict=True)))}"))
        if said.startswith("334"):
            said = self.say("")
        known.reply = said or None
        return said

    def digest(self, user: str, password: str, realm: str = "") -> str:
        """AUTH DIGEST-MD5, RFC 2831."""

        def md5(text: str) -> str:
            return hashlib.md5(text.encode()).hexdigest()

        known = self.command("DIGEST-MD5", user)
        said = self.say("AUTH DIGEST-MD5")
        if said.startswith("334"):
            nonce = re.findall(r'nonce="([^"]*)"', base64.b64decode(said[4:]).decode())[0]
            secret = hashlib.md5(f"{user}:{realm}:{password}".encode()).digest() + f":{nonce}:cn".encode()
            ha1 = hashlib.md5(secret).hexdigest()
            ha2 = md5("AUTHENTICATE:smtp/mx1.example.net")
            proof = md5(f"{ha1}:{nonce}:00000001:cn:auth:{ha2}")
            said = self.say(
                b64(
                    f'username="{user}",realm="{realm}",nonce="{nonce}",cnonce="cn",nc=00000001,qop=auth,'
                    f'digest-uri="smtp/mx1.example.net",response={proof},charset=utf-8'
                )
            )
        if said.startswith("334"):
            said = self.say("")
        known.reply = said or None
        return said

    def auth(self, line: str, *answers: str, user: str | None = None) -> str:
        """Any AUTH command and what follows it."""
        words = line.split()
        known = self.command(words[1].upper() if len(words) > 1 else None, user)
        said = self.say(line)
        for answer in answers:
            if not said.startswith("334"):
                break
            said = self.say(answer)
        known.reply = said or None
        return said

    def unanswered(self, line: str, *answers: str) -> None:
        """An AUTH command whose end the client does not wait for."""
        words = line.split()
        self.command(words[1].upper())
        said = self.say(line)
        for answer in answers:
            if said.startswith("334"):
                said = self.say(answer)

    def send(self, sender: str = "alice@example.com", rcpt: str = "bob@example.com") -> str:
        """Send a small mail; return the last reply."""
        said = self.say(f"MAIL FROM:<{sender}>")
        if said.startswith("250"):
            said = self.say(f"RCPT TO:<{rcpt}>")
        if said.startswith("250"):
            said = self.say("DATA")
        if said.startswith("354"):
            said = self.say(f"From: {sender}\r\nTo: {rcpt}\r\nSubject: a test\r\n\r\nHello\r\n.")
        return said

    def close(self, *, quit_: bool = True) -> None:
        """Leave, politely or not."""
        if quit_:
            self.say("QUIT")
        self.file.close()
        self.sock.close()


class Smtplib(smtplib.SMTP):
    """The standard library's client, each of its attempts written down."""

    truth: Truth
    scenario: str

    def auth(self, mechanism: str, authobject: Any, *, initial_response_ok: bool = True) -> tuple[int, bytes]:
        """Try one mechanism; `login` calls this for each it knows."""
        address, port = self.sock.getsockname()[0], self.sock.getpeername()[1]
        known = self.truth.add(Command(self.scenario, address, port, mechanism, self.user))
        try:
            code, text = super().auth(mechanism, authobject, initial_response_ok=initial_response_ok)
        except smtplib.SMTPAuthenticationError as error:
            known.reply = f"{error.smtp_code} {bytes(error.smtp_error).decode(errors='replace')}"
            raise
        known.reply = f"{code} {text.decode(errors='replace')}"
        return code, text


def smtplib_login(truth: Truth, scenario: str, port: int, user: str, password: str, *, tls: bool) -> None:
    """Log in as Python programs do: one `login()` may be three attempts."""
    address = truth.scenarios[scenario]["address"]
    client = Smtplib(timeout=30, source_address=(address, 0), local_hostname="client.example.org")
    client.truth, client.scenario = truth, scenario
    client.connect("127.0.0.1", port)
    client._host = "localhost"
    try:
        if tls:
            client.starttls(context=context())
        client.login(user, password)
    except smtplib.SMTPException:
        pass
    finally:
        try:
            client.quit()
        except smtplib.SMTPException:
            client.close()


def swaks(program: str, truth: Truth, scenario: str, port: int, *arguments: str, user: str, password: str) -> str:
    """Log in with swaks; the replies are read from its transcript."""
    address = truth.scenarios[scenario]["address"]
    began = time.time()
    done = subprocess.run(
        [program, "--server", "127.0.0.1", "--port", str(port), "--local-interface", address, "--helo", "client.example.org",
         "--from", "alice@example.com", "--to", "bob@example.com", "--auth-user", user, "--auth-password", password,
         "--timeout", "20", *arguments], capture_output=True, text=True, timeout=90, check=False,
    )  # fmt: skip
    known: Command | None = None
    for line in done.stdout.splitlines():
        sent = re.match(r" ?[~-]> AUTH (\S+)", line)
        said = re.match(r"<[~-]\S* +(\d{3}.*)", line)
        if sent:
            known = truth.add(Command(scenario, address, port, sent[1], user, at=began))
        elif said and known and not said[1].startswith("334"):
            known.reply, known = said[1], None
    return done.stdout


def mailbox(
    truth: Truth,
    scenario: str,
    protocol: str,
    port: int,
    *tries: tuple[str, str],
    wrapper: bool = True,
    leave: bool = True,
    wait: float = 0,
) -> None:
    """Log in at an IMAP or POP3 server, one connection for all tries."""
    address = truth.scenarios[scenario]["address"]
    sock: socket.socket = socket.create_connection(("127.0.0.1", port), 30, source_address=(address, 0))
    if wrapper:
        sock = context().wrap_socket(sock)
    file = sock.makefile("rb")
    file.readline()

    def ask(line: str) -> str:
        sock.sendall(f"{line}\r\n".encode())
        while (said := file.readline().decode(errors="replace").rstrip()).startswith("* "):
            pass
        return said

    for user, password in tries:
        version = sock.version() if isinstance(sock, ssl.SSLSocket) else None
        known = truth.add(Command(scenario, address, port, "PLAIN", user, None, version, protocol))
        if protocol == "imap":
            said = ask(f'a LOGIN "{user}" "{password}"')
        else:
            said = ask(f"USER {user}")
            said = ask(f"PASS {password}") if said.startswith("+") else said
        known.reply = said or None
        if not said or said.startswith(("a OK", "+OK")):
            break
    time.sleep(wait)
    if leave:
        with contextlib.suppress(OSError):
            ask("a LOGOUT" if protocol == "imap" else "QUIT")
    file.close()
    sock.close()


def decoded(text: str) -> str | None:
    """Return base64 text decoded, null where it is none."""
    try:
        return base64.b64decode(text, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None
