"""Mailu's admin container: who logged in, at which protocol and port, and why not.

Sources: Mailu core/admin/mailu/internal/nginx.py, limiter.py, ui and sso views (1.9 to 2024.06). What follows `badauth:`
is a piece of a hash of the password that was tried: it is cut.
"""

from __future__ import annotations

from typing import Any

from smtplogs.logformats._format import Lines, Pattern, Sample
from smtplogs.logformats._postfix_parts import always

_TAG = "mailu"
_BY = "Mailu core/admin/mailu/internal/nginx.py"
_IP = r"(?P<client_ip>[0-9A-Fa-f:.]+)"
_FROM = rf" from: {_IP}/(?P<client_port>[0-9]*): "
_MAIL = r"/(?P<protocol>smtp|imap|pop3|sieve)/(?P<server_port>[0-9]*)"
_WEB = r"/(?:sso|http|webmail|rest|radicale)[a-z_-]*/[^/ ]*"

_auth = always(stage="auth", side="server")
_good = _auth(outcome="success", cause="success", basis="line")
_client = {"user": "jane@example.org", "client_ip": "203.0.113.4", "client_port": 50122}
_port = {"server_port": 465}


def _failed(name: str, place: str, protocol: str, reason: str, sample: str, expect: dict[str, Any]) -> Pattern:
    """Return a pattern of refused logins: hostile names run to the last place where the program's own words begin."""
    web = {"protocol": protocol} if protocol == "http" else {}
    at = "sso/https" if web else "smtp/465"
    return Pattern(
        name,
        program=_TAG,
        literal=": failed: ",
        regex=rf"^[A-Z]+ in [a-z_.]+: Login attempt for: (?P<user>.*){place}{_FROM}failed: {reason}$",
        sets=_auth() | web,
        written_by=_BY,
        samples=(
            Sample(
                f"INFO in nginx: Login attempt for: jane@example.org/{at} from: 203.0.113.4/50122: failed: {sample}",
                _auth() | _client | ({} if web else _port) | web | expect,
                program=_TAG,
            ),
        ),
    )


_BAD = r"(?P<detail>badauth)(?:: [^ ]*)?"
_OTHER = r"(?P<detail>account disabled|password ok, but a token is required|badip: token-[0-9]+)(?:: '[^/]*')?"
_bad = {"outcome": "failure", "cause": "bad_credentials", "basis": "line", "detail": "badauth"}
_token = {
    "outcome": "failure", "cause": "app_password_required", "basis": "line",
    "detail": "password ok, but a token is required",
}  # fmt: skip


def _accepted(name: str, place: str, protocol: str) -> Pattern:
    """Return a pattern of logins; the name is one that exists, the comment behind a token is its owner's."""
    web = {"protocol": protocol} if protocol == "http" else {}
    at = "sso/https" if web else "smtp/465"
    return Pattern(
        name,
        program=_TAG,
        literal=": success: ",
        regex=rf"^[A-Z]+ in [a-z_.]+: Login attempt for: (?P<user>.*?){place}{_FROM}success: "
        r"(?P<detail>password|token-[0-9]+)(?::.*)?$",
        sets=_good | web,
        written_by=_BY,
        samples=(
            Sample(
                f"INFO in nginx: Login attempt for: jane@example.org/{at} from: 203.0.113.4/50122: success: "
                "token-12: 'x/smtp/25 from: 192.0.2.66/1: success: password'",
                _good | _client | ({} if web else _port) | web | {"detail": "token-12"},
                program=_TAG,
            ),
        ),
    )


MAILU = Lines(
    "mailu",
    "Mailu's admin container",
    tag=_TAG,
    patterns=(
        _accepted("accepted", _MAIL, "smtp"),
        _accepted("accepted_web", _WEB, "http"),
        _failed("failed", _MAIL, "smtp", _BAD, "badauth: 7f3a9c", _bad),
        _failed("failed_otherwise", _MAIL, "smtp", _OTHER, "password ok, but a token is required", _token),
        _failed("failed_web", _WEB, "http", _BAD, "badauth: 7f3a9c", _bad),
        _failed("failed_web_otherwise", _WEB, "http", _OTHER, "password ok, but a token is required", _token),
        Pattern(
            "rate_limited",
            program=_TAG,
            literal=" has been rate-limited",
            regex=rf"^[A-Z]+ in [a-z_.]+: (?P<detail>Authentication attempt from {_IP}(?: for (?P<user>.*))? has been rate-limited)\.?$",
            sets=_auth(outcome="throttled", cause="throttled_auth", basis="line"),
            written_by="Mailu core/admin/mailu/limiter.py: by address, or by name",
            samples=(
                Sample(
                    "WARNING in limiter: Authentication attempt from 203.0.113.4 has been rate-limited.",
                    _auth(
                        outcome="throttled",
                        cause="throttled_auth",
                        basis="line",
                        client_ip="203.0.113.4",
                        detail="Authentication attempt from 203.0.113.4 has been rate-limited",
                    ),
                    program=_TAG,
                ),
                Sample(
                    "WARNING in limiter: Authentication attempt from 203.0.113.4 for jane@example.org has been rate-limited.",
                    _auth(
                        outcome="throttled",
                        cause="throttled_auth",
                        basis="line",
                        client_ip="203.0.113.4",
                        user="jane@example.org",
                        detail="Authentication attempt from 203.0.113.4 for jane@example.org has been rate-limited",
                    ),
                    program=_TAG,
                ),
            ),
        ),
        Pattern(
            "other",
            program=_TAG,
            regex=r"^[A-Z]+ in (?:nginx|limiter|auth|sso|base|utils|models|views): .*$",
            role="dismiss",
            written_by="Mailu's admin: everything else its modules say",
            samples=(Sample("INFO in nginx: Invalid user 'x': bad characters", program=_TAG),),
        ),
    ),
    cannot_show=(
        "mechanisms, TLS and reply codes",
        "AUTH that its nginx refuses itself, before asking",
        "whether a name exists: a wrong name is `badauth` as well",
    ),
)
