"""Courier: refused logins of its SMTP server. Source: courier/module.esmtp/courieresmtpd.c; samples of fail2ban's tests.

What follows `cmd:` is the last line of the client: of AUTH LOGIN that is the password, so nothing of it is kept but a
mechanism and a name in clear.
"""

from __future__ import annotations

from smtplogs.logformats._format import Lines, Pattern, Sample
from smtplogs.logformats._postfix_parts import always

_TAG = "courieresmtpd|esmtpd(?:-msa|-ssl)?"
_auth = always(stage="auth", side="server")
_wrong = _auth(
    reply_code=535, detail="Authentication failed.", outcome="failure", cause="bad_credentials", basis="assumed"
)

COURIER = Lines(
    "courier",
    "Courier's SMTP server",
    tag=_TAG,
    patterns=(
        Pattern(
            "auth_failed",
            program=_TAG,
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
            program=_TAG,
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
    ),
    cannot_show=(
        "logins that succeeded",
        "whether a password was wrong or a name unknown",
        "users of AUTH LOGIN",
        "TLS",
    ),
)
