"""mox: its line about each attempt to log in. Source: mox store/loginattempt.go, mlog/log.go (0.0.14 and later).

Values with a blank, a quote or an equals sign are quoted, empty ones are bare; `count` counts attempts alike.
"""

from __future__ import annotations

from typing import Any

from smtplogs.logformats._format import Lines, Pattern, Sample
from smtplogs.logformats._postfix_parts import always

_TAG = "mox"
_PLAIN, _QUOTED = r"address=(?P<user>[^ \"]*)", r"address=\"(?P<user>(?:[^\"\\]|\\.)*)\""
_VALUE = r"(?:[^ \"]*|\"(?:[^\"\\]|\\.)*\")"
_PROTOCOLS = {
    "smtp": r"(?:smtp|submissions?)",
    "imap": r"imaps?",
    "http": r"(?:web[a-z]*|account|admin|api|http)[a-z]*",
}
_auth = always(stage="auth", side="server")


def _attempt(name: str, user: str, protocol: str, *, ok: bool, sample: str, expect: dict[str, Any]) -> Pattern:
    """Return the pattern of attempts at one protocol, that succeeded or did not."""
    result = "ok" if ok else r"(?P<vendor_code>[a-z]+)"
    sets = _auth(outcome="success", cause="success", basis="line") if ok else _auth()
    other = {"protocol": protocol} if protocol != "smtp" else {}
    return Pattern(
        name,
        program=_TAG,
        literal="login attempt",
        regex=rf"^l=[a-z]+ m=\"login attempt\"(?: pkg=[^ ]*)? {user} account={_VALUE} protocol={_PROTOCOLS[protocol]} "
        rf"authmech=(?P<mechanism>[a-z0-9-]*) result={result} clientip=(?P<client_ip>[0-9A-Fa-f:.]*) "
        rf"localip=(?P<server_ip>[0-9A-Fa-f:.]*) tls=(?:\"version=(?P<tls>[a-z0-9.]+) ciphersuite=(?P<cipher>[^ \"]*)"
        rf"(?:[^\"\\]|\\.)*\"|{_VALUE}) useragent={_VALUE} tlspubkeyfp={_VALUE} count=(?P<count>[0-9]+)"
        r"(?: cid=(?P<session>[0-9a-f]+))?(?: [a-z]+=.*)?$",
        sets=sets | other,
        written_by="mox store/loginattempt.go: lines alike within a time are counted on one",
        samples=(Sample(sample, sets | other | expect, program=_TAG),),
    )


def _line(address: str, protocol: str, mechanism: str, result: str, tls: str, count: int) -> str:
    return (
        f'l=info m="login attempt" pkg=smtpserver address={address} account=jane protocol={protocol} '
        f"authmech={mechanism} result={result} clientip=203.0.113.5 localip=192.0.2.1 tls={tls} useragent= tlspubkeyfp= "
        f"count={count} cid=18f2a"
    )


_TLS = '"version=tls1.3 ciphersuite=tls_aes_128_gcm_sha256 sni=mx.example.org resumed=false alpn="'
_at = {"client_ip": "203.0.113.5", "server_ip": "192.0.2.1", "session": "18f2a"}
_tls = {"tls": "TLSv1.3", "cipher": "tls_aes_128_gcm_sha256"}
_wrong = {"outcome": "failure", "cause": "bad_credentials", "basis": "line", "vendor_code": "badcreds"}

MOX = Lines(
    "mox",
    "mox",
    tag=_TAG,
    patterns=(
        _attempt(
            "accepted",
            _PLAIN,
            "smtp",
            ok=True,
            sample=_line("jane@example.org", "submission", "scram-sha-256", "ok", _TLS, 1),
            expect=_at | _tls | {"user": "jane@example.org", "mechanism": "SCRAM-SHA-256"},
        ),
        _attempt(
            "accepted_imap",
            _PLAIN,
            "imap",
            ok=True,
            sample=_line("jane@example.org", "imap", "plain", "ok", _TLS, 1),
            expect=_at | _tls | {"user": "jane@example.org", "mechanism": "PLAIN"},
        ),
        _attempt(
            "accepted_web",
            _PLAIN,
            "http",
            ok=True,
            sample=_line("jane@example.org", "webmail", "weblogin", "ok", _TLS, 1),
            expect=_at | _tls | {"user": "jane@example.org", "mechanism": "WEBLOGIN"},
        ),
        _attempt(
            "refused",
            _PLAIN,
            "smtp",
            ok=False,
            sample=_line("jane@example.org", "submission", "plain", "badcreds", _TLS, 3),
            expect=_at | _tls | _wrong | {"user": "jane@example.org", "mechanism": "PLAIN", "count": 3},
        ),
        _attempt(
            "refused_odd_name",
            _QUOTED,
            "smtp",
            ok=False,
            sample=_line('"x result=ok clientip=192.0.2.66"', "submission", "login", "badcreds", '""', 1),
            expect=_at | _wrong | {"user": "x result=ok clientip=192.0.2.66", "mechanism": "LOGIN"},
        ),
        _attempt(
            "refused_imap",
            _PLAIN,
            "imap",
            ok=False,
            sample=_line("jane@example.org", "imap", "plain", "badcreds", _TLS, 1),
            expect=_at | _tls | _wrong | {"user": "jane@example.org", "mechanism": "PLAIN"},
        ),
        _attempt(
            "refused_web",
            _PLAIN,
            "http",
            ok=False,
            sample=_line("jane@example.org", "webmail", "weblogin", "badcreds", _TLS, 1),
            expect=_at | _tls | _wrong | {"user": "jane@example.org", "mechanism": "WEBLOGIN"},
        ),
        Pattern(
            "other",
            program=_TAG,
            regex=r"^l=[a-z]+ m=.*$",
            role="dismiss",
            written_by="mox: everything else it does",
            samples=(Sample('l=print m="starting up" version=v0.0.15 pid=1', program=_TAG),),
        ),
    ),
    cannot_show=(
        "ports",
        "reply codes",
        "AUTH before TLS, AUTH where it is not offered",
        "time, unless journald, syslog or docker add one",
    ),
)
