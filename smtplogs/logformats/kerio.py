"""Kerio Connect: its security log (refused logins, relay attempts) and mail log (accepted mails with their login).

Sources: samples of fail2ban's tests (security log); the vendor's description of the logs (lines marked so were seen in no
sample). The debug log, which may hold whole sessions, is not read.
"""

from __future__ import annotations

from smtplogs.logformats._format import Excerpt, Field, Pattern, Sample, Table
from smtplogs.logformats._postfix_parts import always

_IP = r"(?P<client_ip>[0-9A-Fa-f:.]*[0-9A-Fa-f:])"
_SERVICE = r"(?P<protocol>[A-Za-z0-9/ ]+)"

_auth = always(stage="auth", side="server")
_assumed = _auth(outcome="failure", cause="bad_credentials", basis="assumed")

_PATTERNS = (
    Pattern(
        "failed_login",
        literal=" login from ",
        regex=rf"^Failed {_SERVICE} login from {_IP}(?: with SASL method (?P<mechanism>[A-Za-z0-9-]+))?\.?$",
        sets=_assumed,
        written_by="Kerio Connect, security log",
        samples=(
            Sample(
                "Failed SMTP login from 203.0.113.112 with SASL method CRAM-MD5.",
                _assumed | {"mechanism": "CRAM-MD5", "client_ip": "203.0.113.112"},
            ),
            Sample("Failed IMAP login from 2001:db8::7", _assumed | {"protocol": "imap", "client_ip": "2001:db8::7"}),
        ),
        not_these=("Administration login into Web Administration from 203.0.113.9 failed: IP address not allowed",),
    ),
    Pattern(
        "unknown_user",
        literal=" doesn't exist. Attempt from IP address ",
        regex=rf"^{_SERVICE}: User (?P<user>.+) (?P<detail>doesn't exist)\. Attempt from IP address {_IP}\.?$",
        sets=_auth(outcome="failure", cause="unknown_user"),
        written_by="Kerio Connect, security log",
        samples=(
            Sample(
                "SMTP: User printer@example.com doesn't exist. Attempt from IP address 203.0.113.56.",
                _auth(
                    outcome="failure", cause="unknown_user", basis="line", user="printer@example.com",
                    detail="doesn't exist", client_ip="203.0.113.56",
                ),
            ),
            Sample(
                "SMTP: User x doesn't exist. Attempt from IP address 198.51.100.1. doesn't exist. Attempt from IP address 203.0.113.56.",
                _auth(
                    outcome="failure", cause="unknown_user", basis="line", detail="doesn't exist", client_ip="203.0.113.56",
                    user="x doesn't exist. Attempt from IP address 198.51.100.1.",
                ),
            ),
        ),
    ),
    Pattern(
        "wrong_password",
        literal="nvalid password for user ",
        regex=rf"^{_SERVICE}: (?P<detail>Invalid password) for user (?P<user>.+)\. Attempt from IP address {_IP}\.?$",
        sets=_auth(),
        written_by="Kerio Connect, security log; after the vendor's description",
        samples=(
            Sample(
                "SMTP: Invalid password for user ann@example.com. Attempt from IP address 203.0.113.56.",
                _auth(
                    outcome="failure", cause="bad_credentials", basis="line", user="ann@example.com",
                    detail="Invalid password", client_ip="203.0.113.56",
                ),
            ),
        ),
    ),
    Pattern(
        "relay_attempt",
        literal="Relay attempt from IP address ",
        regex=rf"^(?P<detail>Relay attempt) from IP address {_IP}, mail from <(?P<sender>[^>]*)> to <.*> rejected\.?$",
        sets=always(stage="rcpt", side="server", cause="relay_denied")(),
        written_by="Kerio Connect, security log",
        samples=(
            Sample(
                "Relay attempt from IP address 203.0.113.75, mail from <a@example.net> to <b@example.org> rejected",
                always(stage="rcpt", side="server")(
                    outcome="refused", cause="relay_denied", basis="line", client_ip="203.0.113.75",
                    sender="a@example.net", detail="Relay attempt",
                ),
            ),
        ),
    ),
    Pattern(
        "received",
        literal="Recv: Queue-ID: ",
        regex=r"^Recv: Queue-ID: (?P<queue_id>[0-9A-Za-z-]+), Service: (?P<protocol>[A-Za-z0-9]+), From: <(?P<sender>[^>]*)>, "
        rf"To: .*?, Size: [0-9]+, (?:Sender-Host: {_IP}, )?User: (?P<user>[^ ,]+@?[^ ,]*), (?:SSL: (?P<tls>yes|no), )?.*$",
        sets=always(stage="mail", side="server", outcome="success")(),
        written_by="Kerio Connect, mail log; after the vendor's description",
        samples=(
            Sample(
                "Recv: Queue-ID: 5f4b1d21-00000e9f, Service: SMTP, From: <ann@example.com>, To: <bob@example.net>, Size: 1228, "
                "Sender-Host: 203.0.113.20, User: ann@example.com, SSL: yes, Subject: hi, Msg-Id: <1@example.com>",
                always(stage="mail", side="server")(
                    outcome="success", cause="success", basis="line", queue_id="5f4b1d21-00000e9f", sender="ann@example.com",
                    client_ip="203.0.113.20", user="ann@example.com", tls="yes",
                ),
            ),
        ),
        not_these=(
            "Recv: Queue-ID: 5f4b1d21-00000e9f, Service: SMTP, From: <x@example.org>, To: <ann@example.com>, Size: 1, Sender-Host: 203.0.113.20, Msg-Id: <2@example.org>",
        ),
    ),
    Pattern(
        "ordinary",
        regex=r"^(?:Recv: Queue-ID: |Sent: Queue-ID: |SMTP Spam attack detected |IP address [^ ]+ found in DNS blacklist "
        r"|Attempt to deliver to unknown recipient |Client with IP address |Administration login |Message from IP address "
        r"|Directory harvest attack |Connection attempt |Spam: |Virus |SPF |Caller ID ).*$",
        role="dismiss",
        written_by="Kerio Connect: mails of others, spam, administration",
        samples=(
            Sample("Attempt to deliver to unknown recipient <x@example.com>, from <y@example.org>, IP address 203.0.113.9"),
            Sample("Administration login into Web Administration from 203.0.113.9 failed: IP address not allowed"),
        ),
    ),
)  # fmt: skip

KERIO = Table(
    "kerio",
    "Kerio Connect (security and mail log)",
    layout="regex",
    before=r"^\[(?P<stamp>[0-9]{2}/[A-Z][a-z]{2}/[0-9]{4} [0-9:]{8})\] ",
    fields={"stamp": Field(("@stamp",))},
    words={
        "protocol": {
            "SMTP": "smtp", "SMTPS": "smtp", "IMAP": "imap", "IMAPS": "imap", "POP3": "pop3", "POP3S": "pop3",
            "*": "http",
        },
        "tls": {"yes": "yes", "no": "none"},
    },
    forms=("%d/%b/%Y %H:%M:%S",),
    patterns=_PATTERNS,
    written_by="Kerio Connect 7 to 10, security.log and mail.log; local time",
    cannot_show=(
        "logins that succeeded, but for mails that their user sent",
        "the user of a failed login where the client chose a method with a challenge (CRAM-MD5, DIGEST-MD5, NTLM)",
        "TLS of refused logins, ports, reply codes, the session",
        "lockouts of accounts or addresses",
    ),
    samples=(
        Excerpt(
            "[17/May/2026 19:43:42] SMTP: User printer@example.com doesn't exist. Attempt from IP address 203.0.113.56.",
            (dict(_PATTERNS[1].samples[0].expect),),
        ),
    ),
)  # fmt: skip
