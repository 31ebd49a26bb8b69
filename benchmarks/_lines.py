"""The text of single log lines as Postfix and Dovecot write them, without time, host and program."""

from __future__ import annotations

from dataclasses import dataclass

TLS13 = "TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits) key-exchange X25519 server-signature RSA-PSS (2048 bits) server-digest SHA256"
TLS13_DEBIAN13 = TLS13.replace("X25519", "x25519")
TLS12 = "TLSv1.2 with cipher ECDHE-RSA-AES256-GCM-SHA384 (256/256 bits) key-exchange ECDHE (P-256) server-signature RSA-PSS (2048 bits) server-digest SHA256"

NO_REASON = "(reason unavailable)"
CONNECTION_LOST = "Connection lost to authentication server"
CANNOT_CONNECT = "Can't connect to authentication server"
CYRUS_REASON = "authentication failure"


@dataclass(frozen=True, slots=True)
class Peer:
    """A client as smtpd prints it: `text` is `name[address]`, made once."""

    ip: str
    name: str = "unknown"
    helo: str = "localhost"
    text: str = ""

    @classmethod
    def of(cls, ip: str, name: str = "unknown", helo: str = "localhost") -> Peer:
        """Build a peer with its printed form.

        Parameters
        ----------
        ip
            Address, canonical text.
        name
            Verified reverse name, or `unknown`.
        helo
            What it says in EHLO.

        Returns
        -------
        Peer
            The peer.
        """
        return cls(ip, name, helo, f"{name}[{ip}]")


# ------------------------------------------------------------------------------------------------ smtpd


def tls(peer: str, how: str = TLS13) -> str:
    """TLS summary line (smtpd_tls_loglevel=1)."""
    return f"Anonymous TLS connection established from {peer}: {how}"


def sasl_failure(peer: str, mechanism: str, reason: str, user: str | None) -> str:
    """AUTH that failed; `user=None` is the form before 3.5.22/3.6.12/3.7.8/3.8.3/3.9."""
    if user is None:
        return f"warning: {peer}: SASL {mechanism} authentication failed: {reason}"
    return f"warning: {peer}: SASL {mechanism} authentication failed: {reason}, sasl_username={user}"


def client(queue_id: str, peer: str) -> str:
    """Mail accepted without a login."""
    return f"{queue_id}: client={peer}"


def client_sasl(queue_id: str, peer: str, mechanism: str, user: str) -> str:
    """Mail accepted from a client that logged in."""
    return f"{queue_id}: client={peer}, sasl_method={mechanism}, sasl_username={user}"


def reject(peer: str, code: str, text: str, sender: str, recipient: str, helo: str, login: str = "") -> str:
    """Refused RCPT; `login` is the 3.10 tail ` sasl_method=... sasl_username=...`."""
    return (
        f"NOQUEUE: reject: RCPT from {peer}: {code} {text}; from=<{sender}> to=<{recipient}> proto=ESMTP helo=<{helo}>"
        f"{login}"
    )


def limit(what: str, number: int, peer: str, service: str) -> str:
    """Anvil-driven limit, such as `AUTH command rate`."""
    return f"warning: {what} limit exceeded: {number} from {peer} for service {service}"


def tls_library(text: str) -> str:
    """Error queue of OpenSSL 3, as `smtpd` prints it after `SSL_accept error`."""
    return f"warning: TLS library problem: error:{text}"


HTTP_REQUEST = "0A00009C:SSL routines::http request:../ssl/record/ssl3_record.c:341:"
WRONG_VERSION = "0A00010B:SSL routines::wrong version number:../ssl/record/ssl3_record.c:350:"
UNSUPPORTED_PROTOCOL = "0A000102:SSL routines::unsupported protocol:../ssl/statem/statem_srvr.c:1686:"


# ------------------------------------------------------------------------------------------------ queue


def message_id(queue_id: str, text: str) -> str:
    """Line of cleanup."""
    return f"{queue_id}: message-id=<{text}>"


def queued(queue_id: str, sender: str, size: int, n_recipients: int = 1) -> str:
    """Line of qmgr when the mail becomes active."""
    return f"{queue_id}: from=<{sender}>, size={size}, nrcpt={n_recipients} (queue active)"


def removed(queue_id: str) -> str:
    """Line of qmgr when the mail is gone."""
    return f"{queue_id}: removed"


def delivery(queue_id: str, recipient: str, relay: str, delay: float, dsn: str, status: str, reply: str) -> str:
    """Line of smtp, lmtp or local about one recipient."""
    return (
        f"{queue_id}: to=<{recipient}>, relay={relay}, delay={delay:.2g}, "
        f"delays={delay * 0.3:.2g}/0.01/{delay * 0.3:.2g}/{delay * 0.4:.2g}, dsn={dsn}, status={status} ({reply})"
    )


def anvil_rate(kind: str, number: int, service: str, ip: str, at: str) -> str:
    """Line of anvil: peak `connection|message|recipient|newtls|auth` rate; `at` is `Sep 10 09:05:01`."""
    return f"statistics: max {kind} rate {number}/60s for ({service}:{ip}) at {at}"


def anvil_count(number: int, service: str, ip: str, at: str) -> str:
    """Line of anvil: peak of simultaneous connections."""
    return f"statistics: max connection count {number} for ({service}:{ip}) at {at}"


def anvil_cache(number: int, at: str) -> str:
    """Line of anvil: peak of its table."""
    return f"statistics: max cache size {number} at {at}"


# ---------------------------------------------------------------------------------------------- Dovecot


def dovecot23_auth(db: str, user: str, ip: str, text: str, session: str | None = None) -> str:
    """Info line of auth in 2.1 to 2.3; a session id only if Dovecot's own login process asked."""
    return f"auth: {db}({user},{ip}{f',<{session}>' if session else ''}): {text}"


def dovecot23_login(service: str, text: str, user: str, ip: str, server_ip: str, session: str, mpid: int = 0) -> str:
    """Line of imap-login and its kin in 2.3."""
    child = f"mpid={mpid}, " if mpid else ""
    return f"{service}-login: {text}: user=<{user}>, method=PLAIN, rip={ip}, lip={server_ip}, {child}TLS, session=<{session}>"


def dovecot24_file(name: str, text: str, level: str = "Info") -> str:
    """Line of Dovecot 2.4 in its own `log_path` file, after the time."""
    return f"{name}: {level}: {text}"
