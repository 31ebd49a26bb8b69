"""HCL (Lotus) Domino: refused SMTP logins on its console (console.log, notes log). Source: samples of fail2ban's tests.

The console writes date and time as the server's locale has them; where day and month can be told apart by no stamp, the
time is marked ambiguous.
"""

from __future__ import annotations

from smtplogs.logformats._format import Excerpt, Field, Pattern, Sample, Table
from smtplogs.logformats._postfix_parts import always

_IP = r"\[?(?P<client_ip>[0-9A-Fa-f:.]+)\]?"
_THREAD = r"(?: ?\[[0-9A-F]+:[0-9A-F]+-[0-9A-F]+\])?"

_auth = always(stage="auth", side="server")
_assumed = _auth(outcome="failure", cause="bad_credentials", basis="assumed")

_PATTERNS = (
    Pattern(
        "internet_password",
        literal=" authentication failure using internet password",
        regex=rf"^(?P<protocol>[A-Za-z0-9]+): (?P<user>.*) {_IP} (?P<detail>authentication failure using internet password)$",
        sets=_auth(),
        written_by="Domino 8.5 and later, any server task",
        samples=(
            Sample(
                "smtp: postmaster [203.0.113.4] authentication failure using internet password",
                _auth(
                    outcome="failure", cause="bad_credentials", basis="line", user="postmaster", client_ip="203.0.113.4",
                    detail="authentication failure using internet password",
                ),
            ),
            Sample(
                "http: x [198.51.100.1] authentication failure using internet password [203.0.113.4] authentication failure using internet password",
                _auth(
                    outcome="failure", cause="bad_credentials", basis="line", protocol="http", client_ip="203.0.113.4",
                    user="x [198.51.100.1] authentication failure using internet password",
                    detail="authentication failure using internet password",
                ),
            ),
        ),
    ),
    Pattern(
        "smtp_server",
        literal=" Authentication failed for user ",
        regex=rf"^SMTP Server{_THREAD}:? (?P<detail>Authentication failed) for user (?P<user>.*) ; connecting host {_IP}$",
        sets=_assumed,
        written_by="Domino 7 and later, SMTP listener task",
        samples=(
            Sample(
                "SMTP Server [0D14:0027-1334] Authentication failed for user Bad Guy ; connecting host [192.0.2.1]",
                _assumed | {"user": "Bad Guy", "client_ip": "192.0.2.1", "detail": "Authentication failed"},
            ),
            Sample(
                "SMTP Server: Authentication failed for user x ; connecting host 198.51.100.1 ; connecting host 192.0.2.1",
                _assumed
                | {"user": "x ; connecting host 198.51.100.1", "client_ip": "192.0.2.1", "detail": "Authentication failed"},
            ),
        ),
    ),
    Pattern(
        "ordinary",
        regex=r"^(?:[A-Z][A-Za-z0-9 /]+(?: Server| Process| Manager| Monitor| Handler| Replicator| Indexer)?"
        rf"{_THREAD}: |Opened session for |Closed session for |Searching Administration Requests|Database |SMTP Server ).*$",
        role="dismiss",
        written_by="Domino: the ordinary course of its tasks (`Router: ...`, `SMTP Server: ... connected`)",
        samples=(
            Sample("SMTP Server: mail.example.net (203.0.113.4) connected"),
            Sample("Router: Message 00412A9C delivered to ann/Example"),
            Sample("Opened session for ann/Example (Release 12.0.2)"),
        ),
    ),
)  # fmt: skip

DOMINO = Table(
    "domino",
    "HCL Domino console log",
    layout="regex",
    before=r"^(?:\[[0-9A-F]+:[0-9A-F]+-[0-9A-F]+\] )?"
    r"(?P<stamp>(?:[0-9]{1,2}[/.-][0-9]{1,2}[/.-][0-9]{4}|[0-9]{4}-[0-9]{2}-[0-9]{2}) [0-9]{1,2}:[0-9]{2}:[0-9]{2}(?: [AP]M)?) {2,}",
    fields={"stamp": Field(("@stamp",))},
    words={"protocol": {"smtp": "smtp", "imap": "imap", "pop3": "pop3", "*": "http"}},
    forms=("iso8601", "numeric"),
    patterns=_PATTERNS,
    written_by="Lotus/HCL Domino 7 to 14; local time",
    cannot_show=(
        "logins that succeeded",
        "whether a password was wrong or a name unknown",
        "the mechanism, TLS, ports, reply codes, the session",
        "lockouts by Domino's internet password lockout: they stand in a database of their own",
    ),
    samples=(
        Excerpt(
            "[28325:00010-3735542592] 22-06-2026 09:56:12   smtp: postmaster [203.0.113.4] authentication failure using internet password",
            (dict(_PATTERNS[0].samples[0].expect),),
        ),
        Excerpt(
            "2026-09-19 17:25:50   SMTP Server [0D14:0027-1334] Authentication failed for user Bad Guy ; connecting host [192.0.2.1]",
            (dict(_PATTERNS[1].samples[0].expect),),
        ),
    ),
)  # fmt: skip
