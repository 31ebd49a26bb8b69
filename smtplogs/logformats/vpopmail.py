"""vpopmail, which judges logins for qmail: vchkpw's lines. Sources: vpopmail vchkpw.c, 5.4; samples of wazuh's tests.

Built with a certain switch it writes the password that was tried, in clear: that is cut.
"""

from __future__ import annotations

from typing import Any

from smtplogs.logformats._format import Lines, Pattern, Sample
from smtplogs.logformats._postfix_parts import always

_TAG = "vpopmail"
_SMTP = r"^vchkpw-(?:smtps?|submissions?|25|465|587): (?:\((?P<mechanism>[A-Z0-9-]+)\) )?"
_STORE = r"^vchkpw-(?P<protocol>imap|pop3)s?: (?:\((?P<mechanism>[A-Z0-9-]+)\) )?"
_WHO = r" (?:\(pass: '.*'\) )?(?P<user>.*):(?P<client_ip>[0-9A-Fa-f.:]*[0-9A-Fa-f.])$"

_auth = always(stage="auth", side="server")
_client = {"user": "ann@example.com", "client_ip": "203.0.113.9"}
_WORDS = (
    ("wrong_password", "password fail", "failure", "bad_credentials"),
    ("unknown_user", "vpopmail user not found", "failure", "unknown_user"),
    ("no_password", "null password given", "aborted", "malformed_response"),
)


def _patterns(suffix: str, head: str, service: str, extra: dict[str, Any]) -> tuple[Pattern, ...]:
    """Return what vchkpw says for one kind of service."""
    done = _auth(outcome="success", cause="success", basis="line")
    refused = (
        Pattern(
            f"{name}{suffix}",
            program=_TAG,
            literal="vchkpw-",
            regex=rf"{head}(?P<detail>{words}){_WHO}",
            sets=_auth(outcome=outcome, cause=cause, basis="line"),
            written_by="vpopmail vchkpw.c",
            samples=(
                Sample(
                    f"vchkpw-{service}: {words} (pass: 'secret1') ann@example.com:203.0.113.9",
                    _auth(outcome=outcome, cause=cause, basis="line", detail=words) | _client | extra,
                    program=_TAG,
                ),
            ),
        )
        for name, words, outcome, cause in _WORDS
    )
    return (
        *refused,
        Pattern(
            f"accepted{suffix}",
            program=_TAG,
            literal="vchkpw-",
            regex=rf"{head}login success {_WHO.removeprefix(' ')}",
            sets=done,
            written_by="vpopmail vchkpw.c",
            samples=(
                Sample(
                    f"vchkpw-{service}: (PLAIN) login success ann@example.com:203.0.113.9",
                    done | _client | extra | {"mechanism": "PLAIN"},
                    program=_TAG,
                ),
            ),
        ),
    )


VPOPMAIL = Lines(
    "vpopmail",
    "vpopmail (judges for qmail)",
    tag=_TAG,
    patterns=(
        *_patterns("", _SMTP, "smtp", {}),
        *_patterns("_store", _STORE, "pop3", {"protocol": "pop3"}),
        Pattern(
            "other",
            program=_TAG,
            regex=r"^vchkpw-.*$",
            role="dismiss",
            written_by="vpopmail vchkpw.c: services that are no mail, faults of its database",
            samples=(Sample("vchkpw-ftp: password fail ann@example.com:203.0.113.9", program=_TAG),),
        ),
    ),
    cannot_show=("TLS, ports and reply codes", "AUTH that qmail refuses itself, before asking"),
)
