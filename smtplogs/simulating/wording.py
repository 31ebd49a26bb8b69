"""What Postfix and Exim write about clients with wrong settings, and about a smarthost that refuses a login."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from smtplogs.simulating.people import Mail

SILENT = "disconnect from {peer} ehlo=1 auth=0/1 quit=1 commands=2/3"
REFUSED = "disconnect from {peer} ehlo=2 starttls=1 auth=0/1 quit=1 commands=4/5"
NO_AUTH = "AUTH command used when not advertised"
ENVELOPE = "from=<device@example.com> to=<office@example.net> proto=ESMTP helo=<{helo}>"
OUR_ADDRESS = "192.0.2.251"


@dataclass(frozen=True)
class Wording:
    """A mistake: where it is made, and the lines of both servers; {peer}, {who} and {address} are the client.

    Postfix says ``connect from`` before its lines. `reject`: Exim writes its line to the reject log as well.
    """

    service: str
    port: int
    postfix: tuple[str, ...]
    exim: str
    reject: bool = True


def _tls(service: str, port: int, error: str, place: str) -> Wording:
    """Return how a broken TLS handshake is told, with OpenSSL 3's words."""
    step, counts = ("CONNECT", "commands=0/0") if port == 465 else ("STARTTLS", "ehlo=1 starttls=0/1 commands=1/2")
    return Wording(
        service,
        port,
        (
            "SSL_accept error from {peer}: -1",
            f"warning: TLS library problem: error:{error}:{place}:",
            f"lost connection after {step} from {{peer}}",
            f"disconnect from {{peer}} {counts}",
        ),
        f"TLS error on connection from {'{address}' if port == 465 else '{named}'} (SSL_accept): error:{error}",
        reject=False,
    )


WORDINGS: Mapping[str, Wording] = {
    "port_25": Wording("smtpd", 25, (SILENT,), f'SMTP protocol error in "AUTH LOGIN" {{who}} {NO_AUTH}'),
    "no_tls": Wording("submission/smtpd", 587, (SILENT,), f'SMTP protocol error in "AUTH PLAIN" {{who}} {NO_AUTH}'),
    "tls_mode": _tls("submissions/smtpd", 465, "0A00010B:SSL routines::wrong version number", "../ssl/record/ssl3_record.c:350"),
    "old_tls": _tls("submission/smtpd", 587, "0A000102:SSL routines::unsupported protocol", "../ssl/statem/statem_srvr.c:1686"),
    "cert_not_trusted": _tls(
        "submission/smtpd", 587, "0A000418:SSL routines::tlsv1 alert unknown ca", "../ssl/record/rec_layer_s3.c:1590:SSL alert number 48"
    ),
    "mechanism": Wording(
        "submission/smtpd", 587,
        ("warning: {peer}: SASL NTLM authentication failed: Invalid authentication mechanism: 'NTLM', sasl_username=(unavailable)", REFUSED),
        'SMTP protocol error in "AUTH NTLM" {who} NTLM authentication mechanism not supported',
    ),
    "bad_base64": Wording(
        "submission/smtpd", 587,
        ("warning: {peer}: SASL LOGIN authentication failed: Invalid base64 data in continued response, sasl_username=(unavailable)", REFUSED),
        "login_server authenticator failed for {who}: 501 Invalid base64 data",
    ),
    "no_login": Wording(
        "submission/smtpd", 587,
        (
            f"NOQUEUE: reject: RCPT from {{peer}}: 554 5.7.1 <office@example.net>: Relay access denied; {ENVELOPE}",
            "disconnect from {peer} ehlo=2 starttls=1 mail=1 rcpt=0/1 quit=1 commands=5/6",
        ),
        "{who} F=<device@example.com> rejected RCPT <office@example.net>: relay not permitted",
    ),
}  # fmt: skip
"""Kind of finding -> what is written. Sources: Postfix src/smtpd/smtpd.c, smtpd_check.c, src/tls/tls_server.c; Exim
src/smtp_in.c, tls.c; as measured by ``tests/live``."""

RELAY_ADDRESS = "203.0.113.200"
REFUSAL = "535 5.7.8 Error: authentication failed: authentication failure"


def sent_by_postfix(mail: Mail) -> list[tuple[float, str]]:
    """Return what Postfix's client says of each try to hand a mail to the smarthost: time, tag and text."""
    said = []
    for at, taken in mail.tries:
        delay = f"delay={at - mail.tries[0][0] + 1.2:.1f}, delays={at - mail.tries[0][0] + 0.1:.1f}/0/0.9/0.2"
        told = "dsn=2.0.0, status=sent (250 2.0.0 Ok: queued as 4DD5C1)"
        if not taken:
            server = f"server {mail.relay}[{RELAY_ADDRESS}] said: {REFUSAL}"
            told = f"dsn=4.7.8, status=deferred (SASL authentication failed; {server})"
        where = f"to=<client{mail.number % 900}@example.net>, relay={mail.relay}[{RELAY_ADDRESS}]:587"
        said.append(
            (at, f"postfix/smtp[{900 + mail.number % 40}]: {0xF0000 + mail.number:X}: {where}, {delay}, {told}")
        )
    return said


def sent_by_exim(mail: Mail, name: str) -> list[tuple[float, str]]:
    """Return what Exim says of each try, for a mail of that name."""
    to = f"client{mail.number % 900}@example.net"
    said = [(mail.tries[0][0], f"{name} <= shop@example.com U=shop P=local S={700 + mail.number % 5000}")]
    for at, taken in mail.tries:
        route = f"{to} R=smarthost T=remote_smtp_smarthost"
        if taken:
            host = f"H={mail.relay} [{RELAY_ADDRESS}] X=TLS1.3:TLS_AES_256_GCM_SHA384:256 CV=yes A=smarthost_login"
            said.append((at, f'{name} => {route} {host} C="250 2.0.0 Ok: queued as 4DD5C1"'))
            said.append((at, f"{name} Completed"))
            continue
        said.append((at, f"{name} smarthost_login authenticator failed H={mail.relay} [{RELAY_ADDRESS}] {REFUSAL}"))
        said.append(
            (at, f"{name} == {route} defer (-42): authentication required but authentication attempt(s) failed")
        )
    return said
