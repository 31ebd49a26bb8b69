"""Perdition: logins through the proxy for IMAP, POP3 and ManageSieve. Source: perdition/perdition.c, 1.17 to 2.2; measured with 2.2.

The name stands on the line as the client sent it: what follows it is read from the end of the line.
"""

from __future__ import annotations

from smtplogs.logformats._format import Lines, Pattern, Sample
from smtplogs.logformats._postfix_parts import always

_TAG = r"perdition(?:\.[a-z0-9]+)?"
_PROGRAM = "perdition.imap4s"
_BY = "perdition/perdition.c"
_PROTOCOLS = {"imap": "IMAP4S?", "pop3": "POP3S?", "sieve": "MANAGESIEVE"}
_auth = always(stage="auth", side="server")

_STATES = {
    "failed: Re-Authentication Failure": ("failure", "bad_credentials", "assumed"),
    "failed: local authentication failure": ("failure", "bad_credentials", "line"),
    "failed: Could not determine server": ("failure", "unknown_user", "assumed"),
    "failed: Could not connect to server": ("deferred", "backend_unavailable", "line"),
    "failed: Connection Negotiation Failure": ("deferred", "backend_unavailable", "line"),
    "failed: TLS not present": ("refused", "tls_required", "line"),
    "failed: Login Disabled": ("refused", "tls_required", "line"),
    "failed: SASL mechanism unavailable": ("refused", "mechanism_unsupported", "line"),
}
"""What it says of refusals: outcome, cause and basis, by the catalogue."""

_FORGED = 'x" server="a" protocol=POP3 server-secure=plaintext status="ok"'


def _pattern(protocol: str, name: str, status: str, *states: str) -> Pattern:
    """Return the pattern of logins of a protocol, or of refusals."""
    word = _PROTOCOLS[protocol].removesuffix("?")
    peer = {
        "client_ip": "203.0.113.9",
        "client_port": 51965,
        "server_ip": "192.0.2.25",
        "server_port": 1993,
        "protocol": protocol,
    }

    def sample(state: str, user: str = "ann@example.com", *, tls: bool = True) -> Sample:
        outcome, cause, basis = _STATES.get(state, ("success", "success", "line"))
        return Sample(
            f"Auth: 203.0.113.9:51965->192.0.2.25:1993 client-secure={'ssl' if tls else 'plaintext'} authorisation_id=NONE "
            f'authentication_id="{user}" server="192.0.2.30:143" protocol={word} server-secure=plaintext status="{state}"',
            _auth(outcome=outcome, cause=cause, basis=basis, user=user)
            | peer
            | ({"detail": state} if state in _STATES else {})
            | ({"tls": "yes"} if tls else {}),
            program=_PROGRAM,
        )

    return Pattern(
        f"{protocol}_{name}",
        program=_TAG,
        literal=" authentication_id=",
        regex=r"^Auth: +(?P<client_ip>[0-9A-Fa-f.:]+):(?P<client_port>[0-9]+)->(?P<server_ip>[0-9A-Fa-f.:]+):(?P<server_port>[0-9]+) "
        r"client-secure=(?:plaintext|(?P<tls>[a-z]+)) authorisation_id=.* ?authentication_id=\"(?P<user>.*)\" "
        rf'server="[^"]*" protocol={_PROTOCOLS[protocol]} server-secure=[a-z]+ status="{status}"$',
        sets=_auth(protocol=protocol) | ({} if states else {"outcome": "success", "cause": "success", "basis": "line"}),
        written_by=_BY,
        samples=(*map(sample, states or ("ok",)), sample((states or ("ok",))[0], _FORGED, tls=False)),
    )


PERDITION = Lines(
    "perdition",
    "Perdition, proxy for mailboxes",
    tag=_TAG,
    patterns=(
        *(
            pattern
            for protocol in _PROTOCOLS
            for pattern in (
                _pattern(protocol, "login", "ok"),
                _pattern(protocol, "failed", "(?P<detail>failed: [A-Za-z -]+)", *_STATES),
            )
        ),
        Pattern(
            "other",
            program=_TAG,
            regex=r"^(?:Connect: |Closing |Fatal error |Exiting |Exit|could not |Could not |[Ww]arning: |[A-Za-z_]+: |Starting|Re-?starting).*$",
            role="dismiss",
            written_by=f"{_BY}: the course of sessions, trouble of its own",
            samples=(
                Sample("Connect:  203.0.113.9:51965->192.0.2.25:1993", program=_PROGRAM),
                Sample("Fatal error establishing SSL connection to client", program=_PROGRAM),
                Sample(
                    'Closing NULL session: 203.0.113.9:51965->192.0.2.25:1993 authorisation_id=NONE authentication_id="(null)"',
                    program=_PROGRAM,
                ),
            ),
        ),
    ),
    cannot_show=(
        "mechanisms and the words of the server behind",
        "handshakes that failed with the address, unless connection_logging is on",
    ),
)
