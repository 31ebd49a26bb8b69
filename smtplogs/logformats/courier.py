"""Courier: refused logins of its SMTP server, and logins of its IMAP and POP3 servers.

Sources: courier/module.esmtp/courieresmtpd.c, courier-imap's imap/imapd.c and imap/pop3login.c; samples of fail2ban's tests.

What follows `cmd:` is the last line of the client: of AUTH LOGIN that is the password, so nothing of it is kept but a
mechanism and a name in clear.
"""

from __future__ import annotations

from smtplogs.logformats._format import Lines, Pattern, Sample
from smtplogs.logformats._postfix_parts import always

_SMTP = "courieresmtpd|esmtpd(?:-msa|-ssl)?"
_IMAP, _POP3 = r"imap(?:d|login)(?:-ssl)?", r"pop3(?:d|login)(?:-ssl)?|courierpop3(?:d|login)"
_TAG = f"{_SMTP}|{_IMAP}|{_POP3}"
_auth = always(stage="auth", side="server")
_wrong = _auth(
    reply_code=535, detail="Authentication failed.", outcome="failure", cause="bad_credentials", basis="assumed"
)

_PEER = r"ip=\[(?P<client_ip>[0-9A-Fa-f:.]*)\](?:, port=\[(?P<client_port>[0-9]+)\])?"


def _mailbox(protocol: str, tag: str) -> tuple[Pattern, ...]:
    """Return the patterns of the IMAP or the POP3 server, which word their lines alike."""
    login = always(stage="auth", side="server", protocol=protocol)
    program = "imapd-ssl" if protocol == "imap" else "pop3d"
    good = login(outcome="success", cause="success", basis="line")
    bad = login(detail="LOGIN FAILED", outcome="failure", cause="bad_credentials", basis="assumed")
    peer = {"client_ip": "192.0.2.3"}
    return (
        Pattern(
            f"{protocol}_failed",
            program=tag,
            literal="LOGIN FAILED, ",
            regex=rf"^(?P<detail>LOGIN FAILED), (?:user=(?P<user>.*)|method=(?P<mechanism>[0-9A-Z-]+)), {_PEER}$",
            sets=bad,
            written_by="courier-imap imap/imapd.c, imap/pop3login.c; method= and port= since 4.8",
            samples=(
                Sample("LOGIN FAILED, user=ann, ip=[::ffff:192.0.2.3]", bad | peer | {"user": "ann"}, program=program),
                Sample(
                    "LOGIN FAILED, user=ann, ip=[192.0.2.9]@example.com, ip=[::ffff:192.0.2.3]",
                    bad | peer | {"user": "ann, ip=[192.0.2.9]@example.com"},
                    program=program,
                ),
                Sample(
                    "LOGIN FAILED, method=PLAIN, ip=[::ffff:192.0.2.3], port=[50123]",
                    bad | peer | {"mechanism": "PLAIN", "client_port": 50123},
                    program=program,
                ),
            ),
            not_these=("LOGIN FAILED, user=ann, ip=[192.0.2.3] and more",),
        ),
        Pattern(
            f"{protocol}_login",
            program=tag,
            literal="LOGIN, user=",
            regex=rf"^LOGIN, user=(?P<user>.*), {_PEER}(?:, protocol=[A-Z0-9]+)?(?:, stls=1)?$",
            sets=good,
            written_by="courier-imap imap/imapd.c, imap/pop3dserver.c",
            samples=(
                Sample(
                    "LOGIN, user=ann@example.com, ip=[::ffff:192.0.2.3], port=[50124], protocol=IMAP",
                    good | peer | {"user": "ann@example.com", "client_port": 50124},
                    program=program,
                ),
            ),
        ),
        Pattern(
            f"{protocol}_session",
            program=tag,
            regex=r"^(?:Connection|Disconnected|DISCONNECTED|LOGOUT|TIMEOUT|Unexpected|couriertls)\b.*$",
            role="dismiss",
            written_by="courier-imap: the course of sessions",
            samples=(
                Sample("Connection, ip=[::ffff:192.0.2.3]", program=program),
                Sample(
                    "LOGOUT, user=ann, ip=[::ffff:192.0.2.3], headers=0, body=0, rcvd=30, sent=360, time=1",
                    program=program,
                ),
            ),
        ),
    )


COURIER = Lines(
    "courier",
    "Courier's SMTP, IMAP and POP3 servers",
    tag=f"(?P<daemon>{_TAG})",
    patterns=(
        Pattern(
            "auth_failed",
            program=_SMTP,
            literal="535 Authentication failed",
            regex=r"^error,relay=(?P<client_ip>[0-9A-Fa-f:.]+)(?:,port=(?P<client_port>[0-9]+))?,"
            r'msg="(?P<reply_code>535) (?P<detail>Authentication failed\.?)",cmd:'
            r"(?: AUTH (?P<mechanism>[0-9A-Z-]+)(?: (?P<user>[^ @]+@[^ @]+\.[^ @]+))?)?.*$",
            sets=_auth(),
            written_by="courier/module.esmtp/courieresmtpd.c; port= since 1.0",
            samples=(
                Sample(
                    'error,relay=::ffff:192.0.2.3,port=43632,msg="535 Authentication failed.",cmd: AUTH LOGIN '
                    "ann@example.com",
                    _wrong
                    | {"client_ip": "192.0.2.3", "client_port": 43632, "mechanism": "LOGIN"}
                    | {"user": "ann@example.com"},
                    program="courieresmtpd",
                ),
                Sample(
                    'error,relay=::ffff:192.0.2.3,msg="535 Authentication failed.",cmd: YWRvYmVhZG9iZQ==',
                    _wrong | {"client_ip": "192.0.2.3"},
                    program="courieresmtpd",
                ),
            ),
            not_these=("error,relay=::ffff:192.0.2.3,from=<a@example.com>,to=<b@example.com>: 550 User unknown.",),
        ),
        Pattern(
            "other",
            program=_SMTP,
            regex=r"^(?:error|started|completed|connected|disconnected|id)[,=:].*$",
            role="dismiss",
            written_by="courieresmtpd: refused recipients and the course of sessions",
            samples=(
                Sample(
                    "error,relay=::ffff:192.0.2.3,from=<a@example.com>,to=<b@example.com>: 550 User unknown.",
                    program="courieresmtpd",
                ),
            ),
        ),
        *(pattern for protocol, tag in (("imap", _IMAP), ("pop3", _POP3)) for pattern in _mailbox(protocol, tag)),
    ),
    cannot_show=(
        "logins at the SMTP server that succeeded",
        "whether a password was wrong or a name unknown",
        "users of AUTH LOGIN",
        "TLS",
    ),
)
