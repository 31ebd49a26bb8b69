"""ASSP, a proxy before a mail server: refusals that it passes on, and addresses that it blocks. Samples: fail2ban's tests."""

from __future__ import annotations

from smtplogs.logformats._format import Lines, Pattern, Sample
from smtplogs.logformats._postfix_parts import always

_TAG = "assp"
_HEAD = r"^(?:[A-Za-z0-9_-]+ )?(?:\[Worker_[0-9]+\] )?(?:\[(?:TLS|SSL)-(?:in|out)\] )?(?P<client_ip>[0-9A-Fa-f:.]+) "
_auth = always(stage="auth", side="server")

ASSP = Lines(
    "assp",
    "ASSP",
    tag=_TAG,
    patterns=(
        Pattern(
            "blocked",
            program=_TAG,
            literal=" too much AUTH errors ",
            regex=r"^(?:[A-Za-z0-9_-]+ )?(?:\[Worker_[0-9]+\] )?(?P<detail>Blocking (?P<client_ip>[0-9A-Fa-f:.]+) - "
            r"too much AUTH errors \((?P<rate_value>[0-9]+)\));?$",
            sets=always(stage="session", side="server", outcome="throttled", cause="too_many_errors", basis="line")(),
            written_by="assp.pl: after MaxAUTHErrors refusals, counted in brackets",
            samples=(
                Sample(
                    "Blocking 203.0.113.9 - too much AUTH errors (8);",
                    {
                        "stage": "session", "side": "server", "outcome": "throttled", "cause": "too_many_errors",
                        "basis": "line", "client_ip": "203.0.113.9", "rate_value": 8.0,
                        "detail": "Blocking 203.0.113.9 - too much AUTH errors (8)",
                    },
                    program=_TAG,
                ),
            ),
        ),
        Pattern(
            "refused",
            program=_TAG,
            literal="[SMTP Error] ",
            regex=_HEAD + r"(?:<[^>]*> )?(?:to: [^ ]+ )?\[SMTP Error\] (?P<reply_code>535|454|534|538|504) "
            r"(?:(?P<enhanced_code>[245]\.[0-9]{1,3}\.[0-9]{1,3}) )?(?P<detail>.*?);?$",
            sets=_auth(),
            written_by="assp.pl: a reply of the mail server behind it",
            samples=(
                Sample(
                    "[Worker_1] [TLS-out] 203.0.113.9 [SMTP Error] 535 5.7.8 Error: authentication failed: "
                    "Invalid authentication mechanism",
                    _auth(
                        outcome="refused", cause="mechanism_unsupported", basis="line", client_ip="203.0.113.9",
                        reply_code=535, enhanced_code="5.7.8",
                        detail="Error: authentication failed: Invalid authentication mechanism",
                    ),
                    program=_TAG,
                ),
            ),
            not_these=("[Worker_1] 203.0.113.9 <eve@example.org> [SMTP Error] 550 5.1.1 User unknown: AUTH",),
        ),
        Pattern(
            "tls_failed",
            program=_TAG,
            literal="SSL negotiation with client failed",
            regex=_HEAD + r"(?P<detail>SSL negotiation with client failed: .*?);?$",
            sets=always(stage="tls", side="server")(),
            written_by="assp.pl: on its port with TLS from the first byte, or after STARTTLS",
            samples=(
                Sample(
                    "[SSL-out] 203.0.113.9 SSL negotiation with client failed: SSL accept attempt failed with unknown "
                    "errorerror:140760FC:SSL routines:SSL23_GET_CLIENT_HELLO:unknown protocol;",
                    {
                        "stage": "tls", "side": "server", "outcome": "aborted", "cause": "wrong_host_or_port",
                        "basis": "line", "client_ip": "203.0.113.9",
                        "detail": "SSL negotiation with client failed: SSL accept attempt failed with unknown "
                        "errorerror:140760FC:SSL routines:SSL23_GET_CLIENT_HELLO:unknown protocol",
                    },
                    program=_TAG,
                ),
            ),
        ),
        Pattern(
            "other",
            program=_TAG,
            regex=r"^.*$",
            role="dismiss",
            written_by="assp.pl: its judgement on mails",
            samples=(
                Sample("[Worker_1] 203.0.113.9 <eve@example.org> [SMTP Error] 550 5.1.1 User unknown", program=_TAG),
            ),
        ),
    ),
    cannot_show=("users and mechanisms", "logins that succeeded", "whether TLS was on"),
)  # fmt: skip
