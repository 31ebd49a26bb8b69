"""chasquid: its mail log, and refusals that only its trace log tells. Source: internal/maillog, internal/smtpsrv/conn.go; measured with 1.15."""

from __future__ import annotations

from typing import Any

from smtplogs.logformats._format import Lines, Pattern, Sample
from smtplogs.logformats._postfix_parts import always

_TAG = "chasquid"
_PEER = r"\[?(?P<client_ip>[0-9A-Fa-f.:]+)\]?:(?P<client_port>[0-9]+)"
_TRACE = rf"^(?:[^ ] )?conn\.go:[0-9]+ +SMTP\.Conn {_PEER}: error: "
_auth = always(stage="auth", side="server")
_HERE = {"client_ip": "203.0.113.9", "client_port": 46821}
_good = _auth(outcome="success", cause="success", basis="line")
_wrong = _auth(outcome="failure", cause="bad_credentials", basis="assumed")


def _refused(code: int, enhanced: str, detail: str, outcome: str, cause: str) -> Sample:
    told: dict[str, Any] = {"reply_code": code, "enhanced_code": enhanced, "detail": detail}
    return Sample(
        f"_ conn.go:318        SMTP.Conn 203.0.113.9:46821: error: AUTH failed: {code}  {enhanced} {detail}",
        _auth(outcome=outcome, cause=cause, basis="line") | _HERE | told,
    )


CHASQUID = Lines(
    "chasquid",
    "chasquid",
    tag=_TAG,
    patterns=(
        Pattern(
            "auth_succeeded",
            program=_TAG,
            literal=" auth succeeded for ",
            regex=rf"^{_PEER} auth succeeded for (?P<user>.*?)@?$",
            sets=_good,
            written_by="chasquid internal/maillog/maillog.go",
            samples=(
                Sample(
                    "203.0.113.9:46821 auth succeeded for ann@example.com", _good | _HERE | {"user": "ann@example.com"}
                ),
            ),
        ),
        Pattern(
            "auth_failed",
            program=_TAG,
            literal=" auth failed for ",
            regex=rf"^{_PEER} auth failed for (?P<user>.*?)@?$",
            sets=_wrong,
            written_by="chasquid internal/maillog/maillog.go: a name without a domain ends in @",
            samples=(
                Sample("203.0.113.9:46821 auth failed for ann@", _wrong | _HERE | {"user": "ann"}),
                Sample(
                    "[2001:db8::9]:46821 auth failed for x: 192.0.2.1:25 auth succeeded for root@example.com",
                    _wrong
                    | {"client_ip": "2001:db8::9", "client_port": 46821}
                    | {"user": "x: 192.0.2.1:25 auth succeeded for root@example.com"},
                ),
            ),
        ),
        Pattern(
            "auth_refused",
            program=_TAG,
            literal=": error: AUTH failed: 5",
            regex=rf"{_TRACE}AUTH failed: (?P<reply_code>50[0-9]|53[0-46-9]) +(?P<enhanced_code>5\.[0-9]+\.[0-9]+) (?P<detail>.*)$",
            sets=_auth(),
            written_by="chasquid internal/smtpsrv/conn.go: what never came to a password; 535 stands in the mail log",
            samples=(
                _refused(503, "5.7.10", "You feel vulnerable", "refused", "tls_required"),
                _refused(503, "5.5.1", "You are already wearing that!", "refused", "bad_sequence"),
                _refused(
                    534, "5.7.9", "Asmodeus demands 534 zorkmids for safe passage", "refused", "mechanism_unsupported"
                ),
                _refused(
                    501,
                    "5.5.2",
                    "Error decoding AUTH response: illegal base64 data at input byte 0",
                    "aborted",
                    "malformed_response",
                ),
            ),
            not_these=(
                "_ conn.go:318        SMTP.Conn 203.0.113.9:46821: error: AUTH failed: 535  5.7.8 Incorrect user or password",
            ),
        ),
        Pattern(
            "tls_failed",
            program=_TAG,
            literal="TLS handshake: ",
            regex=rf"{_TRACE}(?:STARTTLS failed: )?.*?(?P<detail>(?:error completing )?TLS handshake: tls: .*)$",
            sets={"stage": "tls", "side": "server"},
            written_by="chasquid internal/smtpsrv/conn.go, Go's crypto/tls",
            samples=(
                Sample(
                    "_ conn.go:209        SMTP.Conn 203.0.113.9:46821: error: error completing TLS handshake: tls: first "
                    "record does not look like a TLS handshake",
                    {
                        "stage": "tls",
                        "side": "server",
                        "outcome": "aborted",
                        "cause": "tls_handshake_failed",
                        "basis": "line",
                        "detail": "error completing TLS handshake: tls: first record does not look like a TLS handshake",
                    }
                    | _HERE,
                ),
            ),
        ),
        Pattern(
            "other",
            program=_TAG,
            regex=r"^.*$",
            role="dismiss",
            written_by="chasquid: mails, its configuration, its queue",
            samples=(
                Sample("203.0.113.9:46821 rejected from=ann@example.com to=[bob@example.org] - relay not allowed"),
                Sample("_ chasquid.go:53     chasquid starting (version 1.15.0)"),
            ),
        ),
    ),
    cannot_show=(
        "whether a password was wrong or a name unknown",
        "TLS, mechanisms, and clients that hang up in AUTH",
        "AUTH that is refused by the state of the session, unless its trace log is read as well",
    ),
)
