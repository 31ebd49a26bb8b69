"""Oracle Communications Messaging Server (iPlanet): connection log entries of its MTA in XML. Samples: fail2ban's tests."""

from __future__ import annotations

from typing import Any

from smtplogs.logformats._format import Lines, Pattern, Sample
from smtplogs.logformats._postfix_parts import always

_TAG = "oracle-ims"
_AT = (
    r'^pi="(?P<session>[^"]*)"(?: sc="[^"]*")? dr="[^"]*" ac="U" '
    r'tr="TCP\|(?P<server_ip>[0-9A-Fa-f:.]+)\|(?P<server_port>[0-9]+)\|(?P<client_ip>[0-9A-Fa-f:.]+)\|(?P<client_port>[0-9]+)" '
)
_TLS, _PLAIN = r'ap="SMTP/(?P<tls>TLS)[^"]*" ', r'ap="[^"/]*" '
_USER = r' us="(?P<user>[^"]*)"'
_DONE = (
    r'mi="[^"]*"'
    + _USER
    + r' di="(?P<reply_code>235) (?:(?P<enhanced_code>[0-9.]+) )?(?:(?P<mechanism>[A-Z0-9-]+) )?authentication successful\.?"$'
)
_NOT = r'mi="(?P<detail>[^"]*)"' + _USER + r' di="(?P<reply_code>[45][0-9]{2}) (?:(?P<enhanced_code>[0-9.]+) )?[^"]*"$'

_auth = always(stage="auth", side="server")
_done = _auth(outcome="success", cause="success", basis="line")
_known = {
    "session": "72a9.3b4.3774", "server_ip": "192.0.2.25", "client_ip": "203.0.113.9", "client_port": 60766,
    "user": "ann@example.com",
}  # fmt: skip
_HEAD = 'pi="72a9.3b4.3774" sc="tcp_submit" dr="+" ac="U" tr="TCP|192.0.2.25|{}|203.0.113.9|60766" ap="{}" '


def _pattern(name: str, ap: str, tail: str, sets: dict[str, Any], message: str, expect: dict[str, Any]) -> Pattern:
    return Pattern(
        name,
        program=_TAG,
        literal=" us=",
        regex=_AT + ap + tail,
        sets=sets,
        written_by="Messaging Server mail.log_current, LOG_CONNECTION with U entries; XML form",
        samples=(Sample(message, sets | _known | expect, program=_TAG),),
    )


_GOOD = 'mi="Authentication successful - switched to channel tcp_submit" us="ann@example.com" di="235 2.7.0 LOGIN authentication successful."'
_BAD = 'mi="Bad password" us="ann@example.com" di="535 5.7.8 Bad username or password (Authentication failed)."'
_good = {"reply_code": 235, "enhanced_code": "2.7.0", "mechanism": "LOGIN"}
_bad = {
    "outcome": "failure", "cause": "bad_credentials", "basis": "assumed", "reply_code": 535, "enhanced_code": "5.7.8",
    "detail": "Bad password",
}  # fmt: skip
_tls, _plain = {"tls": "yes", "server_port": 465}, {"server_port": 25}

ORACLE = Lines(
    "oracle-ims",
    "Oracle Messaging Server",
    tag=_TAG,
    patterns=(
        _pattern("accepted_tls", _TLS, _DONE, _done, _HEAD.format(465, "SMTP/TLS-128-RC4") + _GOOD, _good | _tls),
        _pattern("accepted", _PLAIN, _DONE, _done | {"tls": "none"}, _HEAD.format(25, "SMTP") + _GOOD, _good | _plain),
        _pattern("refused_tls", _TLS, _NOT, _auth(), _HEAD.format(465, "SMTP/TLS-128-RC4") + _BAD, _bad | _tls),
        _pattern("refused", _PLAIN, _NOT, _auth(tls="none"), _HEAD.format(25, "SMTP") + _BAD, _bad | _plain),
        Pattern(
            "other",
            program=_TAG,
            regex=r'^pi="[^"]*" .*$',
            role="dismiss",
            written_by="Messaging Server: connections, mails",
            samples=(
                Sample(
                    'pi="72a9.3b4.3774" sc="tcp_local" dr="+" ac="O" tr="TCP|192.0.2.25|25|203.0.113.9|60766" ap="SMTP"',
                    program=_TAG,
                ),
            ),
        ),
    ),
    cannot_show=("limits and bans", "AUTH where it is not offered"),
)
