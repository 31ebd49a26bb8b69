"""Traffic of an Exim server as its main log tells it: one method writes one session and counts in `truth` what happened."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import _lines as lines
from _cluster import Population

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
TLS = "X=TLS1.3:TLS_AES_256_GCM_SHA384:256 CV=no"
WRONG = "535 Incorrect authentication data"
NONMAIL = 10
"""smtp_accept_max_nonmail: the next command that is none of a mail ends the session."""


class EximTraffic(Population):
    """Exim 4.98 as a hosting panel sets it up: ports in the log, Dovecot's authenticators, a reject log.

    Parameters
    ----------
    rng
        The only source of chance.
    emit
        Takes (seconds, line without its stamp) for the main log.
    reject
        The same for what goes to main and reject log; None: to the main log alone.
    epoch
        Seconds since 1970 at the start, for message ids.
    """

    def __init__(
        self,
        rng: random.Random,
        emit: Callable[[float, str], None],
        reject: Callable[[float, str], None] | None = None,
        epoch: int = 0,
    ) -> None:
        self.random = rng.random
        self.emit = emit
        self.reject = reject or emit
        self.epoch = epoch
        self.truth: Counter[str] = Counter()
        self.pid = 2000
        self.populate()

    def make_peer(self, k: int, domain: str | None) -> lines.Peer:
        """Make the k-th client, in the benchmark network of RFC 2544."""
        ip = f"198.{18 + (k >> 16 & 1)}.{k >> 8 & 255}.{k & 255}"
        name = f"h{k}.{domain}" if domain and self.random() < 0.8 else ""
        helo = name or f"[{ip}]"
        return lines.Peer.of(ip, name, helo)

    def who(self, peer: lines.Peer) -> str:
        """`name (helo) [address]:port` of a new connection."""
        self.truth["sessions"] += 1
        told = f"{peer.name} " if peer.name else ""
        helo = "" if peer.helo == peer.name else f"({peer.helo}) "
        return f"{told}{helo}[{peer.ip}]:{1024 + int(self.random() * 64000)}"

    def message_id(self, at: float) -> str:
        """Id of 4.97 and later: time, pid, fraction."""
        self.pid += 1
        return f"1{base62(self.epoch + int(at), 6)[1:]}-{base62(self.pid, 11)}-{base62(int(self.random() * 1e6), 4)}"

    # ---------------------------------------------------------------------------------------- without AUTH

    def inbound(self, at: float) -> None:
        """Mail from outside, delivered here."""
        who, queue_id, user = self.who(self.pick(self.servers)), self.message_id(at), self.pick(self.users)
        size = 1500 + int(self.random() * 90_000)
        sender = f"news{int(self.random() * 900)}@example.org"
        self.emit(
            at,
            f"{queue_id} <= {sender} H={who} P=esmtps {TLS} S={size} id={self.pid}.{size}@mail.example.org",
        )
        self.emit(
            at + 0.4, f'{queue_id} => {user} R=virtual_user T=dovecot_virtual_delivery C="250 2.0.0 <{user}> Saved"'
        )
        self.emit(at + 0.4, f"{queue_id} Completed")

    def unknown_recipient(self, at: float) -> None:
        """Mail to nobody: no matter of logins."""
        who, name = self.who(self.pick(self.bots)), int(self.random() * 5000)
        self.reject(at, f"H={who} F=<a{name}@example.org> rejected RCPT <x{name}@example.com>: No Such User Here")

    def relay_denied(self, at: float) -> None:
        """Try to use the server as an open relay."""
        who, name = self.who(self.pick(self.bots)), int(self.random() * 5000)
        self.reject(at, f"H={who} F=<a{name}@example.org> rejected RCPT <x{name}@example.net>: relay not permitted")
        self.truth["relay denied"] += 1

    def scanner(self, at: float) -> None:
        """AUTH where it is not offered, or broken TLS."""
        who = self.who(self.pick(self.bots))
        if self.random() < 0.5:
            self.emit(at, f'SMTP protocol error in "AUTH LOGIN" H={who} AUTH command used when not advertised')
            self.truth["auth refused mechanism"] += 1
            self.truth["auth event lines"] += 1
        else:
            self.emit(
                at,
                f"TLS error on connection from {who} (SSL_accept): error:0A000102:SSL routines::unsupported protocol",
            )
            self.truth["tls failed"] += 1

    def limited(self, at: float) -> None:
        """Too many connections of an address."""
        peer = self.pick(self.bots)
        self.emit(
            at,
            f"Connection from [{peer.ip}]:{1024 + int(self.random() * 64000)} refused: too many connections from that IP address",
        )
        self.truth["connection limit"] += 1

    # ---------------------------------------------------------------------------------------- with AUTH

    def submit(self, at: float, user: str = "", peer: lines.Peer | None = None, mails: int = 0) -> None:
        """Log in and send one to three mails, which go out to other servers."""
        user, who = user or self.pick(self.users), self.who(peer or self.pick(self.homes))
        how = "dovecot_plain" if self.random() < 0.6 else "dovecot_login"
        self.truth["auth success"] += 1
        for k in range(mails or 1 + int(self.random() * 2.2)):
            t, queue_id, size = at + 0.7 * k, self.message_id(at), 900 + int(self.random() * 50_000)
            text = f"{queue_id} <= {user} H={who} P=esmtpsa {TLS} A={how}:{user} S={size} id={self.pid}@{user.partition('@')[2]}"
            self.emit(t, text)
            self.truth["mail success"] += 1
            self.truth["auth event lines"] += 1
            server, to = self.pick(self.servers), f"client{int(self.random() * 9000)}@example.org"
            host = server.name or "mx.example.org"
            self.emit(
                t + 1.2,
                f'{queue_id} => {to} R=dnslookup T=remote_smtp H={host} [{server.ip}] {TLS} C="250 2.0.0 Ok: queued"',
            )
            self.emit(t + 1.2, f"{queue_id} Completed")

    def failure(self, at: float, user: str = "", peer: lines.Peer | None = None, times: int = 1) -> None:
        """Give wrong passwords in one session; the eleventh AUTH ends it."""
        bot = peer or self.pick(self.bots)
        who, name = self.who(bot), user
        for k in range(min(times, NONMAIL + 1)):
            name = user or self.pick(self.guesses)
            self.reject(at + 2.0 * k, f"dovecot_login authenticator failed for {who}: {WRONG} (set_id={name})")
            self.truth["auth failure"] += 1
            self.truth["auth event lines"] += 1
        if times > NONMAIL:
            self.reject(
                at + 2.0 * NONMAIL, f'SMTP call from {who} dropped: too many nonmail commands (last was "AUTH")'
            )
            self.truth["too many errors"] += 1

    def burst(self, at: float) -> None:
        """Guess until the server hangs up."""
        self.failure(at, times=NONMAIL + 1)


def base62(number: int, width: int) -> str:
    """Write a number as Exim does in message ids."""
    text = ""
    while number:
        number, digit = divmod(number, 62)
        text = DIGITS[digit] + text
    return text.rjust(width, "0")[-width:]
