"""One connection: lines sent and received within limits of time and size, written down without the secrets."""

from __future__ import annotations

import re
import socket
import threading
import time
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from smtplogs._visible import visible

LONGEST_LINE = 4096
"""Octets of a line that are looked at; RFC 5321 allows 512 in a reply."""

MOST_LINES = 100
"""Lines of one reply; a server that sends more is talking rubbish."""


class Broken(Exception):
    """A step that did not end well: `kind` is timeout, closed, garbage, certificate, plain (no TLS there) or error."""

    def __init__(self, kind: str, words: str) -> None:
        super().__init__(words)
        self.kind = kind


class Said(NamedTuple):
    """A reply: its code, and its lines without codes."""

    code: int
    lines: tuple[str, ...]

    @property
    def text(self) -> str:
        """The reply as one line, code first."""
        return f"{self.code} {' '.join(self.lines)}".strip()


@dataclass
class Script:
    """The transcript in the form of swaks; `hidden` is cut out of every text before it is kept."""

    hidden: tuple[str, ...] = field(default=(), repr=False)
    lines: list[str] = field(default_factory=list)

    def clean(self, text: str) -> str:
        """Return the text as it may be kept: no secret, nothing that hides or moves other text."""
        for secret in sorted(self.hidden, key=len, reverse=True):
            edge = "" if len(secret) > 3 else r"\b"
            text = re.sub(f"{edge}{re.escape(secret)}{edge}", "[redacted]", text, flags=re.IGNORECASE)
        return visible(text, limit=1_000)

    def add(self, mark: str, text: str) -> None:
        """Write a line down."""
        self.lines.append(f"{mark} {self.clean(text)}".rstrip())


def resolved(host: str, port: int, timeout: float) -> list[tuple[int, str]]:
    """Return (family, address) of a host, within the time limit.

    Raises
    ------
    Broken
        If there is no such name, or no answer in time.
    """
    answer: list[Any] = []

    def ask() -> None:
        try:
            answer.append(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except (OSError, UnicodeError) as error:
            answer.append(error)

    # the resolver of the system knows no time limit of ours
    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(timeout)
    if not answer:
        raise Broken("timeout", f"no answer about the name within {timeout:g} s")
    if isinstance(answer[0], Exception):
        raise Broken("error", getattr(answer[0], "strerror", None) or "no such name")
    return list(dict.fromkeys((info[0], str(info[4][0])) for info in answer[0]))


def connected(family: int, address: str, port: int, timeout: float) -> socket.socket:
    """Open a connection within the time limit.

    Raises
    ------
    Broken
        If that fails.
    """
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.settimeout(timeout)
    try:
        sock.connect((address, port))
    except TimeoutError:
        sock.close()
        raise Broken("timeout", f"no connection within {timeout:g} s") from None
    except OSError as error:
        sock.close()
        raise Broken("error", error.strerror or "no connection") from None
    return sock


@dataclass
class Wire:
    """A connection and its transcript; every step has `timeout` seconds in all, however the bytes trickle in."""

    sock: Any
    script: Script
    timeout: float
    secure: bool = False
    rest: bytes = field(default=b"", repr=False)

    def send(self, command: str, shown: str | None = None) -> None:
        """Send a line; the transcript has `shown` in its place (a note, if it begins with ===)."""
        if shown is not None and shown.startswith("==="):
            self.script.lines.append(shown)
        else:
            self.script.add(" ~>" if self.secure else " ->", command if shown is None else shown)
        self.sock.settimeout(self.timeout)
        try:
            self.sock.sendall(command.encode("utf-8") + b"\r\n")
        except TimeoutError:
            raise self._timed_out() from None
        except OSError as error:
            raise Broken("closed", error.strerror or "connection lost") from None

    def ask(self, command: str, shown: str | None = None) -> Said:
        """Send a line and return the reply."""
        self.send(command, shown)
        return self.reply()

    def reply(self) -> Said:
        """Read one reply.

        Raises
        ------
        Broken
            If there is none in time, none at all, or something that is no SMTP.
        """
        end = time.monotonic() + self.timeout
        lines: list[str] = []
        while True:
            text = self._line(end)
            found = re.match(r"([2-5][0-9]{2})(?:([ -])(.*))?$", text, re.DOTALL)
            refused = text[:1] in ("4", "5")
            arrow = "<~" if self.secure else "<-"
            self.script.add(f"{arrow}*" if refused and found else f"{arrow} " if found else "<**", text)
            if found is None or len(lines) >= MOST_LINES:
                raise Broken("garbage", "what came is no SMTP reply")
            lines.append(self.script.clean(found[3] or ""))
            if found[2] != "-":
                return Said(int(found[1]), tuple(lines))

    def close(self) -> None:
        """Take leave, whatever the server makes of it."""
        self.script.add("===", "Connection closed with remote host.")
        self.sock.close()

    def _line(self, end: float) -> str:
        """Return the next line, at most `LONGEST_LINE` bytes of it; raise Broken at the end of time or connection."""
        while b"\n" not in self.rest:
            left = end - time.monotonic()
            if left <= 0:
                raise self._timed_out()
            if len(self.rest) > LONGEST_LINE:
                break
            self.sock.settimeout(left)
            try:
                got = self.sock.recv(4096)
            except TimeoutError:
                raise self._timed_out() from None
            except OSError as error:
                raise Broken("closed", error.strerror or "connection lost") from None
            if not got:
                if not self.rest:
                    self.script.add("***", "Remote host closed connection unexpectedly.")
                    raise Broken("closed", "the server closed the connection without a word")
                break
            self.rest += got
        line, _, self.rest = self.rest.partition(b"\n")
        return line[:LONGEST_LINE].decode("utf-8", "replace").rstrip("\r")

    def _timed_out(self) -> Broken:
        self.script.add("<**", f"Timeout ({self.timeout:g} secs) waiting for server response")
        return Broken("timeout", f"the server said nothing complete within {self.timeout:g} s")
