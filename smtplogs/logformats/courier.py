"""Courier: refused logins of its SMTP server, mails of those who got in, and logins of its IMAP and POP3 servers.

Sources: courier/module.esmtp/courieresmtpd.c, courier/courierd, tcpd/libcouriertls.c, courier-imap's imap/imapd.c and
imap/pop3login.c; samples of fail2ban's tests; measured with 1.0.16 and 1.4.1.

What follows `cmd:` is the last line of the client: of AUTH LOGIN that was the password once, so nothing of it is kept but a
mechanism and a name in clear. Today's versions write the first 20 characters of the answer, and then the name.
"""

from __future__ import annotations

from smtplogs.logformats._format import Lines, Pattern, Sample
from smtplogs.logformats._postfix_parts import always

_SMTP = "courieresmtpd|esmtpd(?:-msa|-ssl)?"
_IMAP, _POP3 = r"imap(?:d|login)(?:-ssl)?", r"pop3(?:d|login)(?:-ssl)?|courierpop3(?:d|login)"
_TAG = f"{_SMTP}|courierd|{_IMAP}|{_POP3}"
_auth = always(stage="auth", side="server")
_wrong = _auth(
    reply_code=535, detail="Authentication failed.", outcome="failure", cause="bad_credentials", basis="assumed"
)

_CLIENT = r'^error,relay=(?P<client_ip>[0-9A-Fa-f:.]+)(?:,port=(?P<client_port>[0-9]+))?(?:,ident="[^"]*")?,'
_RELAY = rf"{_CLIENT}msg="
_FAILED = rf'{_RELAY}"(?P<reply_code>535) (?P<detail>Authentication failed\.?)",cmd:'
_BLOB = r"(?:[A-Za-z0-9+/=]{20}|(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{2}==)|A[A-Za-z0-9+/]{3}(?:[A-Za-z0-9+/]{4})*|(?:[A-Za-z0-9+/]{4}){2,5})"
"""The first 20 characters of an answer in base64, or all of it. A word of four letters is rather the first of a name."""

_BEGIN = "error,relay=::ffff:192.0.2.3,port=43632,msg="
_refused_mail = {"stage": "mail", "side": "server", "outcome": "refused", "cause": "auth_required", "basis": "line"}
_mail = {"stage": "mail", "side": "server", "outcome": "success", "cause": "success", "basis": "line"}
_no_relay = {"stage": "rcpt", "side": "server", "outcome": "refused", "cause": "relay_denied", "basis": "line"}
_HELD = {"client_ip": "192.0.2.3", "client_port": 43632}
_NO_TLS_ERROR = r"The TLS connection was non-properly terminated|Unexpected SSL connection shutdown|Connection (?:reset|timed out)|Error in the pull function"
"""What couriertls says of a client that leaves: no handshake that failed."""

_PEER = r"ip=\[(?P<client_ip>[0-9A-Fa-f:.]*)\](?:, port=\[(?P<client_port>[0-9]+)\])?"


def _tls_failed(name: str, tag: str, program: str, protocol: str = "smtp") -> Pattern:
    """Return the pattern of what couriertls says of a handshake that failed, in the words of GnuTLS or OpenSSL."""
    sets = {"stage": "tls", "side": "server"} | ({"protocol": protocol} if protocol != "smtp" else {})
    told = sets | {"outcome": "aborted", "cause": "wrong_host_or_port", "basis": "assumed", "client_ip": "192.0.2.3"}
    return Pattern(
        name,
        program=tag,
        literal=(
            "An unexpected TLS packet",
            "TLS fatal alert",
            "TLS version packet",
            "SSL routines",
            "negotiate a supported",
        ),
        regex=r"^(?:couriertls: )?ip=\[(?P<client_ip>[0-9A-Fa-f:.]+)\](?:, port=\[(?P<client_port>[0-9]+)\])?, "
        r"(?P<detail>(?:couriertls: )?[^,]*(?:An unexpected TLS packet|TLS fatal alert|TLS version packet|SSL routines|negotiate a supported).*)$",
        sets=sets,
        written_by="courier tcpd/libcouriertls.c, libcouriergnutls.c: `ip=` of the peer since 0.60",
        samples=(
            Sample(
                "ip=[::ffff:192.0.2.3], An unexpected TLS packet was received.",
                told | {"detail": "An unexpected TLS packet was received."},
                program=program,
            ),
        ),
        not_these=("ip=[::ffff:192.0.2.3], Unexpected SSL connection shutdown.",),
    )


def _down(name: str, tag: str, program: str, protocol: str = "smtp") -> Pattern:
    """Return the pattern of an authdaemond that does not answer; whose login that was, the line before it tells."""
    sets = _auth(outcome="info") | ({"protocol": protocol} if protocol != "smtp" else {})
    return Pattern(
        name,
        program=tag,
        literal="authdaemon: ",
        regex=r"^(?:ERR: )?(?P<detail>authdaemon: s_connect\(\) failed: .*)$",
        sets=sets,
        role="context",
        written_by="courier-authlib authdaemon.c: the login before it was refused for that",
        samples=(
            Sample(
                "authdaemon: s_connect() failed: Connection refused",
                sets | {"detail": "authdaemon: s_connect() failed: Connection refused"},
                program=program,
            ),
        ),
    )


def _mailbox(protocol: str, tag: str) -> tuple[Pattern, ...]:
    """Return the patterns of the IMAP or the POP3 server, which word their lines alike."""
    login = always(stage="auth", side="server", protocol=protocol)
    program = "imapd-ssl" if protocol == "imap" else "pop3d"
    good = login(outcome="success", cause="success", basis="line")
    bad = login(detail="LOGIN FAILED", outcome="failure", cause="bad_credentials", basis="assumed")
    peer = {"client_ip": "192.0.2.3"}
    return (
        Pattern(
            f"{protocol}_failed",
            program=tag,
            literal="LOGIN FAILED, ",
            regex=rf"^(?P<detail>LOGIN FAILED), (?:user=(?P<user>.*)|method=(?P<mechanism>[0-9A-Z-]+)), {_PEER}$",
            sets=bad,
            written_by="courier-imap imap/imapd.c, imap/pop3login.c; method= and port= since 4.8",
            samples=(
                Sample("LOGIN FAILED, user=ann, ip=[::ffff:192.0.2.3]", bad | peer | {"user": "ann"}, program=program),
                Sample(
                    "LOGIN FAILED, user=ann, ip=[192.0.2.9]@example.com, ip=[::ffff:192.0.2.3]",
                    bad | peer | {"user": "ann, ip=[192.0.2.9]@example.com"},
                    program=program,
                ),
                Sample(
                    "LOGIN FAILED, method=PLAIN, ip=[::ffff:192.0.2.3], port=[50123]",
                    bad | peer | {"mechanism": "PLAIN", "client_port": 50123},
                    program=program,
                ),
            ),
            not_these=("LOGIN FAILED, user=ann, ip=[192.0.2.3] and more",),
        ),
        Pattern(
            f"{protocol}_login",
            program=tag,
            literal="LOGIN, user=",
            regex=rf"^LOGIN, user=(?P<user>.*), {_PEER}(?:, protocol=[A-Z0-9]+)?(?:, (?P<tls>starttls|stls)=1)?$",
            sets=good,
            written_by="courier-imap imap/imapd.c, imap/pop3dserver.c; starttls= and stls= also of ports that begin with TLS",
            samples=(
                Sample(
                    "LOGIN, user=ann@example.com, ip=[::ffff:192.0.2.3], port=[50124], protocol=IMAP",
                    good | peer | {"user": "ann@example.com", "client_port": 50124},
                    program=program,
                ),
                Sample(
                    "LOGIN, user=ann@example.com, ip=[::ffff:192.0.2.3], port=[50124], "
                    f"{'protocol=IMAP, starttls' if protocol == 'imap' else 'stls'}=1",
                    good | peer | {"user": "ann@example.com", "client_port": 50124, "tls": "yes"},
                    program=program,
                ),
            ),
        ),
        _tls_failed(f"{protocol}_tls_failed", tag, program, protocol),
        _down(f"{protocol}_authdaemon_down", tag, program, protocol),
        Pattern(
            f"{protocol}_session",
            program=tag,
            regex=rf"^(?:ip=\\[[^\\]]*\\], (?:{_NO_TLS_ERROR})|authdaemon: |Connection|Disconnected|DISCONNECTED|LOGOUT|TIMEOUT|Unexpected|couriertls)\b.*$",
            role="dismiss",
            written_by="courier-imap: the course of sessions",
            samples=(
                Sample("Connection, ip=[::ffff:192.0.2.3]", program=program),
                Sample(
                    "LOGOUT, user=ann, ip=[::ffff:192.0.2.3], headers=0, body=0, rcvd=30, sent=360, time=1",
                    program=program,
                ),
            ),
        ),
    )


COURIER = Lines(
    "courier",
    "Courier's SMTP, IMAP and POP3 servers",
    tag=f"(?P<daemon>{_TAG})",
    patterns=(
        Pattern(
            "auth_failed_blob",
            program=_SMTP,
            literal="535 Authentication failed",
            regex=rf"{_FAILED} AUTH (?P<mechanism>[0-9A-Za-z-]+) {_BLOB} (?P<user>.+)$",
            sets=_auth(),
            written_by="courier/module.esmtp/courieresmtpd.c, 1.0 and later: the beginning of the answer, and the name in it",
            samples=(
                Sample(
                    f'{_BEGIN}"535 Authentication failed.",cmd: AUTH PLAIN AGFubkBleGFtcGxlLmNv ann@example.com',
                    _wrong | _HELD | {"mechanism": "PLAIN", "user": "ann@example.com"},
                    program="courieresmtpd",
                ),
                Sample(
                    f'{_BEGIN}"535 Authentication failed.",cmd: AUTH LOGIN am9lLCByb290 joe, root',
                    _wrong | _HELD | {"mechanism": "LOGIN", "user": "joe, root"},
                    program="courieresmtpd",
                ),
            ),
        ),
        Pattern(
            "auth_failed_asked",
            program=_SMTP,
            literal="535 Authentication failed",
            regex=rf"{_FAILED} AUTH (?P<mechanism>(?i:LOGIN|CRAM-[A-Z0-9]+)) (?P<user>.*[^=])$",
            sets=_auth(),
            written_by="courier/module.esmtp/courieresmtpd.c: the name that the client gave when it was asked",
            samples=(
                Sample(
                    f'{_BEGIN}"535 Authentication failed.",cmd: AUTH LOGIN ann@example.com',
                    _wrong | _HELD | {"mechanism": "LOGIN", "user": "ann@example.com"},
                    program="courieresmtpd",
                ),
                Sample(
                    f'{_BEGIN}"535 Authentication failed.",cmd: AUTH CRAM-MD5 john doe',
                    _wrong | _HELD | {"mechanism": "CRAM-MD5", "user": "john doe"},
                    program="courieresmtpd",
                ),
            ),
        ),
        Pattern(
            "auth_failed",
            program=_SMTP,
            literal="535 Authentication failed",
            regex=rf"{_FAILED}(?: AUTH (?P<mechanism>[0-9A-Za-z-]+)(?: (?P<user>[^ @]+(?:@[^ @]+)*@[^ @]+\.[^ @]+))?)?.*$",
            sets=_auth(),
            written_by="courier/module.esmtp/courieresmtpd.c; port= since 1.0",
            samples=(
                Sample(
                    f'{_BEGIN}"535 Authentication failed.",cmd: AUTH PLAIN ann@example.com',
                    _wrong | _HELD | {"mechanism": "PLAIN", "user": "ann@example.com"},
                    program="courieresmtpd",
                ),
                Sample(
                    f'{_BEGIN}"535 Authentication failed.",cmd: AUTH PLAIN ann@example.com@example.net',
                    _wrong | _HELD | {"mechanism": "PLAIN", "user": "ann@example.com@example.net"},
                    program="courieresmtpd",
                ),
                Sample(
                    'error,relay=::ffff:192.0.2.3,msg="535 Authentication failed.",cmd: AUTH LOGIN YWRvYg==',
                    _wrong | {"client_ip": "192.0.2.3", "mechanism": "LOGIN"},
                    program="courieresmtpd",
                ),
                Sample(
                    'error,relay=::ffff:192.0.2.3,msg="535 Authentication failed.",cmd: YWRvYmVhZG9iZQ==',
                    _wrong | {"client_ip": "192.0.2.3"},
                    program="courieresmtpd",
                ),
                Sample(
                    'error,relay=::ffff:192.0.2.3,ident="unknown",msg="535 Authentication failed.",cmd: AUTH LOGIN YWRvYmVhZG9iZQ==',
                    _wrong | {"client_ip": "192.0.2.3", "mechanism": "LOGIN"},
                    program="courieresmtpd",
                ),
                Sample(
                    f'{_BEGIN}"535 Authentication failed.",cmd: AUTH PLAIN AAB3cm9uZy1Qdy05 ',
                    _wrong | _HELD | {"mechanism": "PLAIN"},
                    program="courieresmtpd",
                ),
            ),
            not_these=("error,relay=::ffff:192.0.2.3,from=<a@example.com>,to=<b@example.com>: 550 User unknown.",),
        ),
        Pattern(
            "auth_refused",
            program=_SMTP,
            literal=",cmd: AUTH",
            regex=rf'{_RELAY}"(?P<reply_code>[45][0-9]{{2}}) (?P<detail>STARTTLS is required first\.|ESMTP command error|Authentication rejected)'
            r'",cmd: AUTH(?: (?P<mechanism>[0-9A-Za-z-]+)(?: .*)?)?$',
            sets=_auth(),
            written_by="courier/module.esmtp/courieresmtpd.c: in clear, in a mail or twice or without a mechanism, without ESMTPAUTH",
            samples=tuple(
                Sample(
                    f'{_BEGIN}"{code} {text}",cmd: AUTH PLAIN AGFubgBzZWNyZXQ=',
                    _auth(outcome="refused", cause=cause, basis=basis, reply_code=code, detail=text, mechanism="PLAIN")
                    | _HELD,
                    program="courieresmtpd",
                )
                for code, text, cause, basis in (
                    (400, "STARTTLS is required first.", "tls_required", "line"),
                    (502, "ESMTP command error", "bad_sequence", "assumed"),
                    (535, "Authentication rejected", "auth_not_offered", "line"),
                )
            ),
        ),
        Pattern(
            "not_logged_in",
            program=_SMTP,
            literal="535 Authentication required.",
            regex=rf'{_RELAY}"(?P<reply_code>535) (?P<detail>Authentication required\.)",cmd: *(?i:MAIL FROM):[ ]*<?(?P<sender>[^<> ]*).*$',
            sets=_refused_mail,
            written_by="courier/module.esmtp/courieresmtpd.c: AUTH_REQUIRED=1",
            samples=(
                Sample(
                    f'{_BEGIN}"535 Authentication required.",cmd: MAIL FROM:<eve@example.org>',
                    _refused_mail
                    | _HELD
                    | {"reply_code": 535, "detail": "Authentication required.", "sender": "eve@example.org"},
                    program="courieresmtpd",
                ),
            ),
        ),
        Pattern(
            "relaying_denied",
            program=_SMTP,
            literal="Relaying denied",
            regex=rf"{_CLIENT}from=<(?P<sender>[^<>]*)>,to=<[^<>]*>: (?P<reply_code>513) (?P<detail>Relaying denied\.?)$",
            sets=_no_relay,
            written_by="courier/module.esmtp/courieresmtpd.c: a recipient elsewhere, of a client that may not relay",
            samples=(
                Sample(
                    "error,relay=::ffff:192.0.2.3,port=43632,from=<eve@example.org>,to=<bob@example.net>: 513 Relaying denied.",
                    _no_relay | _HELD | {"reply_code": 513, "detail": "Relaying denied.", "sender": "eve@example.org"},
                    program="courieresmtpd",
                ),
            ),
            not_these=("error,relay=::ffff:192.0.2.3,from=<a@example.com>,to=<b@example.com>: 550 User unknown.",),
        ),
        Pattern(
            "mail",
            program="courierd",
            literal=", auth=",
            regex=r"^newmsg,id=(?P<queue_id>[0-9A-Fa-f.]+), auth=(?P<user>.+): dns; (?P<helo>.*) "
            r"\((?:(?P<client_name>[^ ()\[\]]+) )?\[(?P<client_ip>[0-9A-Fa-f:.]+)\]\)$",
            sets=_mail,
            written_by="courier/courierd.C: a mail of a client that had logged in, which is all that tells of its login",
            samples=(
                Sample(
                    "newmsg,id=0000000000332B81.000000006B082650.0000005A, auth=ann@example.com: dns; pc-7 ([::ffff:192.0.2.3])",
                    _mail
                    | {"queue_id": "0000000000332B81.000000006B082650.0000005A", "user": "ann@example.com"}
                    | {"helo": "pc-7", "client_ip": "192.0.2.3"},
                    program="courierd",
                ),
                Sample(
                    "newmsg,id=332B81.6B082650.5A, auth=ann: dns; x ([192.0.2.9]): dns; pc-7 (pc.example.net [::ffff:192.0.2.3])",
                    _mail
                    | {"queue_id": "332B81.6B082650.5A", "user": "ann: dns; x ([192.0.2.9])"}
                    | {"helo": "pc-7", "client_name": "pc.example.net", "client_ip": "192.0.2.3"},
                    program="courierd",
                ),
            ),
            not_these=("newmsg,id=332B81.6B082650.5A: dns; pc-7 ([::ffff:192.0.2.3])",),
        ),
        _tls_failed("smtp_tls_failed", _SMTP, "esmtpd-ssl"),
        _down("authdaemon_down", _SMTP, "courieresmtpd"),
        Pattern(
            "other",
            program=f"{_SMTP}|courierd",
            regex=r"^.*$",
            role="dismiss",
            written_by="courieresmtpd, courierd: refused recipients, clients that leave, the course of sessions and of mails",
            samples=(
                Sample(
                    "error,relay=::ffff:192.0.2.3,from=<a@example.com>,to=<b@example.com>: 550 User unknown.",
                    program="courieresmtpd",
                ),
                Sample("ip=[::ffff:192.0.2.3], Unexpected SSL connection shutdown.", program="esmtpd-msa"),
                Sample("newmsg,id=332B81.6B082650.5A: dns; pc-7 ([::ffff:192.0.2.3])", program="courierd"),
            ),
        ),
        *(pattern for protocol, tag in (("imap", _IMAP), ("pop3", _POP3)) for pattern in _mailbox(protocol, tag)),
    ),
    cannot_show=(
        "logins at the SMTP server that succeeded, but by the mails that follow",
        "whether a password was wrong or a name unknown, and whether an answer was no base64 or taken back",
        "clients that hang up in AUTH",
        "TLS of sessions at the SMTP server",
    ),
)
