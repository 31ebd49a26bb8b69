"""One SMTP session: commands make lines and counters, so that `disconnect` always agrees with what happened."""

from __future__ import annotations

from typing import TYPE_CHECKING

import _lines as lines

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Emit = Callable[[float, str], Any]

ORDER = ("helo", "ehlo", "starttls", "auth", "mail", "rcpt", "data", "rset", "noop", "quit", "unknown")


class SmtpSession:
    """A connection to smtpd. Every command counts itself; `at` is the server's clock and moves by `wait`.

    Parameters
    ----------
    emit
        Takes (seconds, `host program[pid]: text`).
    host, program, pid
        Who logs: `mx`, `postfix/submission/smtpd`, 1234.
    peer
        The client.
    at
        Time of the connection, seconds.
    noqueue
        Write the `NOQUEUE: ` of Postfix 3.10 before `lost connection after`.
    """

    __slots__ = ("at", "auth_ok", "emit", "failed", "last", "name", "noqueue", "owner", "peer", "prefix", "total")

    def __init__(
        self, emit: Emit, host: str, program: str, pid: int, peer: lines.Peer, at: float, *, noqueue: bool = False
    ) -> None:
        self.emit = emit
        self.prefix = f"{host} {program}[{pid}]: "
        self.peer = peer
        self.at = at
        self.noqueue = noqueue
        self.failed: dict[str, int] = {}
        self.total: dict[str, int] = {}
        self.last = "CONNECT"
        self.auth_ok = 0
        self.name = "(unavailable)"  # smtpd keeps the name of the last answer, and prints it when none comes
        self.owner: Any = None  # what the caller needs to free the process
        self.say(f"connect from {peer.text}")

    def say(self, text: str) -> Any:
        """Write one line of this process; returns what `emit` returns."""
        return self.emit(self.at, self.prefix + text)

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.at += seconds

    def command(self, name: str, ok: bool = True) -> None:
        """Count a command that leaves no line of its own."""
        self.total[name] = self.total.get(name, 0) + 1
        if not ok:
            self.failed[name] = self.failed.get(name, 0) + 1
        self.last = name.upper()

    def ehlo(self) -> None:
        """EHLO, accepted."""
        self.command("ehlo")

    def starttls(self, how: str | None = lines.TLS13) -> None:
        """STARTTLS and the EHLO after it; `how=None` where TLS is not logged."""
        self.command("starttls")
        if how is not None:
            self.say(lines.tls(self.peer.text, how))
        self.command("ehlo")

    def wrapper_tls(self, how: str = lines.TLS13) -> None:
        """Handshake before the greeting (smtps), then EHLO."""
        self.say(lines.tls(self.peer.text, how))
        self.command("ehlo")

    def auth_success(self) -> None:
        """AUTH accepted: Postfix writes nothing."""
        self.command("auth")
        self.auth_ok += 1

    def auth_failure(self, mechanism: str, reason: str, user: str | None) -> Any:
        """AUTH refused after the backend answered (or did not)."""
        self.command("auth", ok=False)
        return self.say(lines.sasl_failure(self.peer.text, mechanism, reason, user))

    def auth_silent(self) -> None:
        """AUTH refused by protocol state: only the counter shows it."""
        self.command("auth", ok=False)

    def auth_limited(self, number: int, service: str) -> None:
        """AUTH refused by smtpd_client_auth_rate_limit."""
        self.command("auth", ok=False)
        self.say(lines.limit("AUTH command rate", number, self.peer.text, service))

    def mail(self, queue_id: str, mechanism: str = "", user: str = "", recipients: int = 1) -> None:
        """MAIL, RCPT and DATA, accepted."""
        peer = self.peer.text
        self.say(lines.client_sasl(queue_id, peer, mechanism, user) if mechanism else lines.client(queue_id, peer))
        for name in ("mail", "rcpt", "data"):
            self.total[name] = self.total.get(name, 0) + (recipients if name == "rcpt" else 1)
        self.last = "END-OF-MESSAGE"

    def reject(self, code: str, text: str, sender: str, recipient: str, login: str = "") -> None:
        """MAIL accepted, RCPT refused."""
        self.command("mail")
        self.command("rcpt", ok=False)
        self.say(lines.reject(self.peer.text, code, text, sender, recipient, self.peer.helo, login))

    def tls_error(self, library: str) -> None:
        """Handshake failed; the client is gone."""
        self.say(f"SSL_accept error from {self.peer.text}: -1")
        self.say(lines.tls_library(library))
        self.lost()

    def lost(self, how: str = "lost connection") -> None:
        """`lost connection|timeout|too many errors after X`, then the end."""
        queue = "NOQUEUE: " if self.noqueue else ""
        self.say(f"{queue}{how} after {self.last} from {self.peer.text}")
        self.disconnect()

    def quit(self) -> None:
        """QUIT, then the end."""
        self.command("quit")
        self.disconnect()

    def disconnect(self) -> None:
        """End of the session with its counters."""
        parts = []
        refused = 0
        total = 0
        for name in ORDER:
            n = self.total.get(name, 0)
            if n:
                bad = self.failed.get(name, 0)
                parts.append(f"{name}={n - bad}/{n}" if bad else f"{name}={n}")
                refused += bad
                total += n
        parts.append(f"commands={total - refused}/{total}" if refused or not total else f"commands={total}")
        self.say(f"disconnect from {self.peer.text} {' '.join(parts)}")
