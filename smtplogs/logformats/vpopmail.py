"""vpopmail: logins that vchkpw checks for qmail's SMTP, POP3 and IMAP servers. Source: vpopmail vchkpw.c, 5.4.

With its option --enable-logging=v the wrong password stands on the line, and with =p every password does.
"""

from __future__ import annotations

from smtplogs.logformats._format import Lines, Pattern, Sample
from smtplogs.logformats._postfix_parts import always

_TAG = "vpopmail|vchkpw"
_WHO = r"(?P<user>.*?):(?P<client_ip>[0-9]{1,3}(?:\.[0-9]{1,3}){3}|[0-9A-Fa-f:]*:[0-9A-Fa-f:]+)$"
_TOLD = r"(?: \(pass: '.*'\))?"
_HERE = {"client_ip": "192.0.2.3"}
_auth = always(stage="auth", side="server")


def _patterns(protocol: str, service: str) -> tuple[Pattern, ...]:
    """Return the patterns of one protocol: vchkpw tells it by the name or the port under which it runs."""
    to = _auth(protocol=protocol) if protocol != "smtp" else _auth()
    wrong = to | {"outcome": "failure", "cause": "bad_credentials", "basis": "line"}
    unknown = to | {"outcome": "failure", "cause": "unknown_user", "basis": "line"}
    denied = to | {"outcome": "failure", "cause": "access_policy_denied", "basis": "line"}
    good = to | {"outcome": "success", "cause": "success", "basis": "line"}
    begin = rf"^vchkpw-(?:{service}): "
    ann = _HERE | {"user": "ann@example.com"}
    return (
        Pattern(
            f"{protocol}_wrong",
            program=_TAG,
            literal=("password fail ", "null password given "),
            regex=rf"{begin}(?:password fail|null password given){_TOLD} {_WHO}",
            sets=wrong,
            written_by="vpopmail vchkpw.c login_check",
            samples=(
                Sample(f"vchkpw-{protocol}: password fail ann@example.com:192.0.2.3", wrong | ann),
                Sample(
                    f"vchkpw-{protocol}: password fail (pass: 'x') bob@example.net:192.0.2.9') ann@example.com:192.0.2.3",
                    wrong | ann,
                ),
                Sample(f"vchkpw-{protocol}: null password given ann@example.com:192.0.2.3", wrong | ann),
            ),
        ),
        Pattern(
            f"{protocol}_unknown",
            program=_TAG,
            literal="vpopmail user not found ",
            regex=rf"{begin}vpopmail user not found {_WHO}",
            sets=unknown,
            written_by="vpopmail vchkpw.c login_check",
            samples=(
                Sample(f"vchkpw-{protocol}: vpopmail user not found ann@example.com:192.0.2.3", unknown | ann),
                Sample(
                    f"vchkpw-{protocol}: vpopmail user not found ann@:2001:db8::7",
                    unknown | {"user": "ann@", "client_ip": "2001:db8::7"},
                ),
            ),
        ),
        Pattern(
            f"{protocol}_denied",
            program=_TAG,
            literal=" access denied ",
            regex=rf"{begin}(?P<detail>[a-z0-9]+ access denied) {_WHO}",
            sets=denied,
            written_by="vpopmail vchkpw.c: the account may not use this service",
            samples=(
                Sample(
                    f"vchkpw-{protocol}: {protocol} access denied ann@example.com:192.0.2.3",
                    denied | ann | {"detail": f"{protocol} access denied"},
                ),
            ),
        ),
        Pattern(
            f"{protocol}_login",
            program=_TAG,
            literal=" login success ",
            regex=rf"{begin}\((?P<mechanism>[0-9A-Za-z-]+)\) login success {_WHO}",
            sets=good,
            written_by="vpopmail vchkpw.c, with logging of successes",
            samples=(
                Sample(
                    f"vchkpw-{protocol}: (PLAIN) login success ann@example.com:192.0.2.3",
                    good | ann | {"mechanism": "PLAIN"},
                ),
            ),
        ),
    )


VPOPMAIL = Lines(
    "vpopmail",
    "vpopmail (qmail)",
    tag=_TAG,
    patterns=(
        *_patterns("smtp", "smtps?|submission"),
        *_patterns("pop3", "pop3s?"),
        *_patterns("imap", "imaps?"),
    ),
    cannot_show=("TLS", "sessions", "logins that succeeded, unless vpopmail was built to log them"),
)
