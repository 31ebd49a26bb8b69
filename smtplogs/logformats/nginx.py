"""nginx as a mail proxy: what its error log says of logins. Source: nginx src/mail, 1.0 to 1.27; measured with 1.22.1.

Logins stand on the line as the client sent them: nginx escapes neither quotes nor line breaks. What follows a login is
read from the end, so that a name like `x", client: 192.0.2.1` proves nothing.
"""

from __future__ import annotations

from typing import Any

from smtplogs.logformats._format import Lines, Pattern, Sample
from smtplogs.logformats._postfix_parts import always

_TAG = "nginx"
_HEAD = (
    r"^(?:[0-9]{4}/[0-9]{2}/[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2} )?\[[a-z]+\] "
    r"(?P<session>[0-9]+#[0-9]+: \*[0-9]+) "
)
"""Level, `pid#thread: *connection`; over syslog nginx repeats its own stamp."""

_CLIENT = r", client: (?P<client_ip>[0-9A-Fa-f:.]+)(?: using (?P<tls>starttls))?, server: "
_ADDRESS = r"(?:0\.0\.0\.0|\[::\]|\[(?:[0-9A-Fa-f:.]+)\]|(?P<server_ip>[0-9.]+)):"
"""Our listener; `0.0.0.0` and `[::]` are no address of it."""

_PORTS = {"smtp": r"[0-9]+", "imap": "[0-9]*(?:143|993)", "pop3": "[0-9]*(?:110|995)"}
"""Ports by protocol, with any digits before the usual ones (10143): nginx names no protocol."""

_LOGIN = r', login: "(?P<user>.*)"'

_auth = always(stage="auth", side="server")
_server = {"client_ip": "203.0.113.9", "server_ip": "192.0.2.25", "server_port": 587}
_SESSION = {"session": "12335#12335: *4"}
_AT = "client: 203.0.113.9, server: 192.0.2.25:587"
_BEGIN = "[info] 12335#12335: *4 "


def _port(protocol: str) -> str:
    return rf"{_ADDRESS}(?P<server_port>{_PORTS[protocol]})"


def _also(protocol: str) -> dict[str, Any]:
    """Return the protocol where it is not the default."""
    return {"protocol": protocol} if protocol != "smtp" else {}


def _logged_in(protocol: str, port: str) -> Pattern:
    """Return the pattern of a login that auth_http allowed; which protocol it was, the port of the backend tells."""
    name = "logged_in" if protocol == "smtp" else f"logged_in_{protocol}"
    done = _auth(outcome="success", cause="success", basis="line") | _also(protocol)
    return Pattern(
        name,
        program=_TAG,
        literal="client logged in, client: ",
        regex=rf"{_HEAD}client logged in{_CLIENT}{_ADDRESS}(?P<server_port>[0-9]+){_LOGIN}"
        rf", upstream: [^ ]+:(?:{_PORTS[protocol]})$",
        sets=done,
        written_by="nginx src/mail/ngx_mail_auth_http_module.c, ngx_mail_proxy_module.c",
        samples=(
            Sample(
                f'{_BEGIN}client logged in, {_AT}, login: "ann@example.com", upstream: 192.0.2.30:{port}',
                done | _server | _SESSION | {"user": "ann@example.com"},
                program=_TAG,
            ),
        ),
        not_these=(f"{_BEGIN}client logged in, {_AT}",),
    )


def _login_failed(protocol: str, port: int) -> Pattern:
    """Return the pattern of a refusal by auth_http, in its own words."""
    name = "login_failed" if protocol == "smtp" else f"login_failed_{protocol}"
    return Pattern(
        name,
        program=_TAG,
        literal="client login failed: ",
        regex=rf'{_HEAD}client login failed: "(?P<detail>.*?)" while in http auth state{_CLIENT}{_port(protocol)}(?:{_LOGIN})?$',
        sets=_auth() | _also(protocol),
        written_by="nginx src/mail/ngx_mail_auth_http_module.c: what the auth_http service answers in Auth-Status",
        samples=(
            Sample(
                f'{_BEGIN}client login failed: "Authentication credentials invalid" while in http auth state, '
                f"client: 203.0.113.9 using starttls, server: 192.0.2.25:{port}, "
                'login: "x", client: 192.0.2.66, server: 192.0.2.67:25, login: "root"',
                _auth(outcome="failure", cause="bad_credentials", basis="line", tls="yes")
                | _also(protocol)
                | _server
                | _SESSION
                | {"server_port": port, "detail": "Authentication credentials invalid"}
                | {"user": 'x", client: 192.0.2.66, server: 192.0.2.67:25, login: "root'},
                program=_TAG,
            ),
            Sample(  # an empty name
                f'{_BEGIN}client login failed: "Invalid login or password" while in http auth state, '
                f"client: 203.0.113.9, server: 192.0.2.25:{port}",
                _auth(outcome="failure", cause="bad_credentials", basis="line")
                | _also(protocol)
                | _server
                | _SESSION
                | {"server_port": port, "detail": "Invalid login or password"},
                program=_TAG,
            ),
        ),
    )


def _told(name: str, text: str, sample: str, expect: dict[str, Any], written_by: str, **more: Any) -> Pattern:
    """Return a pattern for `TEXT while in ... state, client: ...` with or without a login and a backend."""
    sets = more.pop("sets", _auth())
    return Pattern(
        name,
        program=_TAG,
        regex=rf"{_HEAD}{text}{_CLIENT}{_port('smtp')}(?:{_LOGIN})?(?:, upstream: [^ ]+)?$",
        sets=sets,
        written_by=written_by,
        samples=(Sample(f"{_BEGIN}{sample}", expect | _server | _SESSION, program=_TAG),),
        **more,
    )


_down = _auth(outcome="deferred", cause="backend_unavailable", basis="line")
_wrong = _auth(outcome="deferred", cause="server_config_error", basis="line")

NGINX = Lines(
    "nginx",
    "nginx mail proxy (error log)",
    tag=_TAG,
    patterns=(
        _logged_in("imap", "143"),
        _logged_in("pop3", "110"),
        _logged_in("smtp", "10025"),
        _login_failed("imap", 993),
        _login_failed("pop3", 995),
        _login_failed("smtp", 587),
        _told(
            "auth_http_down",
            r"(?P<detail>(?:recv|send|connect|writev?)\(\)[^\"]* failed \([0-9]+: [^)]*\)|auth http server [^ ]+ timed out) "
            "while in http auth state",
            f'recv() failed (111: Connection refused) while in http auth state, {_AT}, login: "ann@example.com"',
            _down | {"user": "ann@example.com", "detail": "recv() failed (111: Connection refused)"},
            "nginx src/mail/ngx_mail_auth_http_module.c: the auth_http service does not answer",
            literal="while in http auth state",
            sets=_down,
        ),
        _told(
            "auth_http_wrong",
            r"(?P<detail>auth http server [^ ]+ (?:did not send|sent invalid) [^\"]*?) while in http auth state",
            "auth http server 192.0.2.26:80 did not send server or port while in http auth state, "
            f'{_AT}, login: "ann@example.com"',
            _wrong
            | {"user": "ann@example.com", "detail": "auth http server 192.0.2.26:80 did not send server or port"},
            "nginx src/mail/ngx_mail_auth_http_module.c: its answer makes no sense",
            literal="while in http auth state",
            sets=_wrong,
        ),
        _told(
            "upstream_refused",
            r"upstream sent invalid response: \"(?P<reply_code>[45][0-9]{2})[ -](?:(?P<enhanced_code>[245]\.[0-9]+\.[0-9]+) )?"
            r"(?P<detail>.*?)\" while [a-zA-Z/ ]*upstream",
            'upstream sent invalid response: "535 5.7.8 Error: authentication failed: authentication failure" while '
            f'reading response from upstream, {_AT}, login: "ann@example.com", upstream: 192.0.2.30:25',
            _auth(
                outcome="failure",
                cause="bad_credentials",
                basis="line",
                user="ann@example.com",
                reply_code=535,
                enhanced_code="5.7.8",
                detail="Error: authentication failed: authentication failure",
            ),
            "nginx src/mail/ngx_mail_proxy_module.c: auth_http allowed the login, the backend did not",
            literal="upstream sent invalid response: ",
        ),
        _told(
            "upstream_down",
            r"(?P<detail>(?:recv|send|connect|writev?)\(\)[^\"]* failed \([0-9]+: [^)]*\)|upstream timed out[^\"]*?) "
            "while [a-zA-Z/ ]*upstream",
            "recv() failed (111: Connection refused) while reading response from upstream, "
            f'{_AT}, login: "ann@example.com", upstream: 192.0.2.30:25',
            _down | {"user": "ann@example.com", "detail": "recv() failed (111: Connection refused)"},
            "nginx src/mail/ngx_mail_proxy_module.c: auth_http allowed the login, the backend does not answer",
            literal=" upstream, client: ",
            sets=_down,
        ),
        _told(
            "not_logged_in",
            r"client was rejected: \"(?P<step>MAIL|RCPT) (?i:FROM|TO):[ _]*(?:<(?P<sender>[^<>\"]*)>)?.*\" while in auth state",
            f'client was rejected: "MAIL FROM:<eve@example.org>__" while in auth state, {_AT}',
            {
                "stage": "mail",
                "side": "server",
                "step": "MAIL",
                "outcome": "refused",
                "cause": "auth_required",
                "basis": "line",
                "sender": "eve@example.org",
            },
            "nginx src/mail/ngx_mail_smtp_handler.c: the client had 530 5.7.1 Authentication required",
            literal="client was rejected: ",
            sets=always(side="server", outcome="refused", cause="auth_required", basis="line")(),
        ),
        _told(
            "malformed",
            r"(?P<detail>client sent invalid (?:base64 encoding|login|password|CRAM-MD5 hash) in AUTH "
            r"(?P<mechanism>[A-Z0-9-]+) command) while in auth state",
            f"client sent invalid base64 encoding in AUTH PLAIN command while in auth state, {_AT}",
            _auth(
                outcome="aborted",
                cause="malformed_response",
                basis="line",
                mechanism="PLAIN",
                detail="client sent invalid base64 encoding in AUTH PLAIN command",
            ),
            "nginx src/mail/ngx_mail_handler.c",
            literal="client sent invalid ",
            harmless=True,
            sets=_auth(outcome="aborted", cause="malformed_response", basis="line"),
        ),
        Pattern(
            "tls_failed",
            program=_TAG,
            literal="SSL_do_handshake() failed",
            regex=rf"{_HEAD}(?P<detail>SSL_do_handshake\(\) failed \(.*\)) while "
            rf"(?:SSL handshaking|in starttls state){_CLIENT}{_ADDRESS}(?P<server_port>[0-9]*(?:25|465|587))$",
            sets=always(stage="tls", side="server")(),
            written_by="nginx src/event/ngx_event_openssl.c; the web server writes the same of its own ports",
            samples=(
                Sample(
                    f"{_BEGIN}SSL_do_handshake() failed (SSL: error:0A00010B:SSL routines::wrong version number) while "
                    "SSL handshaking, client: 203.0.113.9, server: 192.0.2.25:465",
                    {
                        "stage": "tls",
                        "side": "server",
                        "outcome": "aborted",
                        "cause": "wrong_host_or_port",
                        "basis": "line",
                        "detail": "SSL_do_handshake() failed (SSL: error:0A00010B:SSL routines::wrong version number)",
                    }
                    | _server
                    | _SESSION
                    | {"server_port": 465},
                    program=_TAG,
                ),
            ),
            not_these=(
                f"{_BEGIN}SSL_do_handshake() failed (SSL: error:0A000418:SSL routines::tlsv1 alert unknown ca) while "
                "SSL handshaking, client: 203.0.113.9, server: 192.0.2.25:443",
            ),
        ),
        Pattern(
            "other",
            program=_TAG,
            regex=r"^(?:[0-9/]{10} [0-9:]{8} )?\[[a-z]+\] [0-9]+#[0-9]+: .*$",
            role="dismiss",
            written_by="nginx: sessions without a login (smtp_auth none), connects, ends, noise of a shutdown, the web server",
            samples=(
                Sample(f"{_BEGIN}client logged in, {_AT}", program=_TAG),
                Sample(
                    "[crit] 12335#12335: *4 SSL_shutdown() failed (SSL: error:0A000123:SSL routines::application data "
                    f'after close notify) while in http auth state, {_AT}, login: "ann@example.com"',
                    program=_TAG,
                ),
            ),
        ),
    ),
    cannot_show=(
        "mechanisms and reply codes",
        "AUTH before STARTTLS, AUTH where it is not offered, and mechanisms that are not: nothing is written",
        "anything at all, unless error_log is set to info",
        "which protocol an odd port serves, on refusals: read as SMTP",
        "TLS from the first byte (465)",
    ),
)
