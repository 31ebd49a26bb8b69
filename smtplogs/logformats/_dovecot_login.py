"""Dovecot's login processes (imap, pop3, submission, sieve): who got in, who did not and how often, proxies, limits.

A login process sums the failures of a connection up when it ends; a failure that a success follows in the same
connection is in no sum, only in the lines of the auth process.
"""

from __future__ import annotations

from smtplogs.logformats._dovecot_parts import ADDRESS, FIELDS, LEVEL, LOGIN, PROGRAM, auth, context, success
from smtplogs.logformats._format import Part, Pattern, Sample

_BY = "dovecot src/login-common/client-common.c"
_LITERAL = "-login: "
_CODE = r"(?: \((?P<vendor_code>[a-z0-9]+(?:_[a-z0-9]+)+)\))?"

LOGINS = (
    Pattern(
        "login_success",
        program=PROGRAM,
        literal=("-login: Login: ", "-login: Logged in: ", "-login: Info: Log"),
        # only fields that hold no free text: a name with `>` cannot stretch into them
        parts=(
            Part("", r"(?P<protocol>imap|pop3)-login: (?:Info: )?Log(?:in|ged in)"),
            Part(": user=<", r"(?P<user>[^>]*)", own=True),
            Part(">, method=", r"(?P<mechanism>[A-Za-z0-9_-]+)"),
            Part(", rip=", rf"(?P<client_ip>{ADDRESS})"),
            Part(", lip=", rf"(?P<server_ip>{ADDRESS})"),
            Part(
                ", ",
                r"(?:(?:mpid=[0-9]+|(?P<tls>TLS|TSL|secured)|session=<(?P<session>[^>]*)>)(?:, |$))*",
                optional=True,
            ),
        ),
        sets=success,
        harmless=True,
        written_by=f"{_BY}: Login until 2.3, Logged in since 2.4",
        samples=(
            Sample(
                "imap-login: Login: user=<alice@example.com>, method=PLAIN, rip=203.0.113.9, lip=192.0.2.25, "
                "mpid=207, TLS, session=<V7ra7vZgFYx/AAAH>",
                success
                | {
                    "protocol": "imap",
                    "user": "alice@example.com",
                    "mechanism": "PLAIN",
                    "client_ip": "203.0.113.9",
                    "server_ip": "192.0.2.25",
                    "tls": "yes",
                    "session": "V7ra7vZgFYx/AAAH",
                },
            ),
            Sample(
                "pop3-login: Logged in: user=<bob>, method=LOGIN, rip=2001:db8::7, lip=2001:db8::25, mpid=161, "
                "secured, session=<eW+BjfZgh99/AAAH>",
                success
                | {
                    "protocol": "pop3",
                    "user": "bob",
                    "mechanism": "LOGIN",
                    "client_ip": "2001:db8::7",
                    "server_ip": "2001:db8::25",
                    "session": "eW+BjfZgh99/AAAH",
                },
            ),
        ),
    ),
    Pattern(
        "login_success_odd",
        program=PROGRAM,
        literal=_LITERAL,
        regex=rf"{LOGIN}Log(?:in|ged in): {FIELDS}",
        sets=success,
        written_by=f"{_BY}: other services, log files, additions to login_log_format_elements, 1.0 and later",
        samples=(
            Sample(
                "submission-login: Info: Logged in: user=<alice@example.com>, method=PLAIN, rip=203.0.113.9, "
                "lip=192.0.2.25, mpid=167, TLS, TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits), "
                "session=<jFtSjvZgH6F/AAAH>",
                success
                | {
                    "service": "submission",
                    "user": "alice@example.com",
                    "mechanism": "PLAIN",
                    "client_ip": "203.0.113.9",
                    "server_ip": "192.0.2.25",
                    "tls": "yes",
                    "cipher": "TLS_AES_256_GCM_SHA384",
                    "session": "jFtSjvZgH6F/AAAH",
                },
            ),
            Sample(
                "imap-login: Login: user=<a>, method=PLAIN, rip=192.0.2.1, lip=192.0.2.25>, method=PLAIN, "
                "rip=203.0.113.9, lip=192.0.2.25, mpid=207, TLS, session=<V7ra7vZgFYx/AAAH>",
                success
                | {
                    "protocol": "imap",
                    "user": "a>, method=PLAIN, rip=192.0.2.1, lip=192.0.2.25",
                    "mechanism": "PLAIN",
                    "client_ip": "203.0.113.9",
                    "server_ip": "192.0.2.25",
                    "tls": "yes",
                    "session": "V7ra7vZgFYx/AAAH",
                },
            ),
        ),
    ),
    Pattern(
        "submission_tls_failed",
        program=PROGRAM,
        literal="TLS handshaking: SSL_accept() ",
        regex=r"^(?:dovecot: )?(?:Info: )?(?P<service>submission)-login: (?:Info: )?[^<]*: user=<>, "
        rf"rip=(?P<client_ip>{ADDRESS})(?:, lip=(?P<server_ip>{ADDRESS}))?"
        r"(?:, (?:rport=(?P<client_port>[0-9]+)|lport=(?P<server_port>[0-9]+)|[a-z_]+=[^,<>]*))*, TLS handshaking: "
        r"(?P<detail>SSL_accept\(\) (?:failed: [^<>]*?|syscall failed: (?:Invalid argument|Operation not supported)))"
        r"(?:, session=<(?P<session>[^>]*)>)?$",
        sets={"stage": "tls", "side": "server"},
        written_by=f"{_BY}, src/lib-ssl-iostream/iostream-openssl.c; the session ends before a client can say anything. Of IMAP and POP3 such lines are context. "
        "Submission of 2.3 asks OpenSSL twice and has then lost the reason: only an errno of before is left",
        samples=tuple(
            Sample(
                f"submission-login: {ended}: user=<>, rip=203.0.113.9, lip=192.0.2.25, TLS handshaking: {detail}, "
                "session=<6sDNqixhF+h/AAEX>",
                {
                    "stage": "tls",
                    "side": "server",
                    "service": "submission",
                    "outcome": "aborted",
                    "cause": cause,
                    "basis": "assumed" if cause == "wrong_host_or_port" else "line",
                    "detail": detail,
                    "client_ip": "203.0.113.9",
                    "server_ip": "192.0.2.25",
                    "session": "6sDNqixhF+h/AAEX",
                },
            )
            for ended, detail, cause in (
                (
                    "Disconnected: Connection closed: SSL_accept() failed: error:0A00010B:SSL routines::wrong version "
                    "number (no auth attempts in 0 secs)",
                    "SSL_accept() failed: error:0A00010B:SSL routines::wrong version number",
                    "wrong_host_or_port",
                ),
                (
                    "Login aborted: Connection closed: SSL_accept() failed: error:0A00009C:SSL routines::http request "
                    "(disconnected during TLS handshake) (tls_handshake_not_finished)",
                    "SSL_accept() failed: error:0A00009C:SSL routines::http request",
                    "wrong_host_or_port",
                ),
                (
                    "Disconnected (no auth attempts in 0 secs)",
                    "SSL_accept() failed: error:1408F10B:SSL routines:ssl3_get_record:wrong version number",
                    "wrong_host_or_port",
                ),
                (
                    "Login aborted: Connection closed: SSL_accept() failed: error:0A000102:SSL routines::unsupported "
                    "protocol (disconnected during TLS handshake) (tls_handshake_not_finished)",
                    "SSL_accept() failed: error:0A000102:SSL routines::unsupported protocol",
                    "tls_too_old",
                ),
                (
                    "Disconnected: Connection closed: SSL_accept() failed: error:0A000418:SSL routines::tlsv1 alert unknown "
                    "ca: SSL alert number 48 (no auth attempts in 0 secs)",
                    "SSL_accept() failed: error:0A000418:SSL routines::tlsv1 alert unknown ca: SSL alert number 48",
                    "tls_handshake_failed",
                ),
                (
                    "Disconnected: Connection closed: SSL_accept() syscall failed: Invalid argument (no auth attempts in 0 "
                    "secs)",
                    "SSL_accept() syscall failed: Invalid argument",
                    "tls_handshake_failed",
                ),
            )
        ),
        not_these=(
            "imap-login: Disconnected: Connection closed: SSL_accept() failed: error:0A00010B:SSL routines::wrong version "
            "number (no auth attempts in 0 secs): user=<>, rip=203.0.113.9, lip=192.0.2.25, TLS handshaking: SSL_accept() "
            "failed: error:0A00010B:SSL routines::wrong version number, session=<6sDNqixhF+h/AAEX>",
            "imap-login: Disconnected: Connection closed (no auth attempts in 0 secs): user=<>, rip=203.0.113.9, "
            "lip=192.0.2.25, TLS handshaking: Connection closed, session=<I13Nqixhnad/AAEb>",
            "imap-login: Disconnected (auth failed, 1 attempts in 2 secs): user=<a, TLS handshaking: SSL_accept() failed: x>, "
            "method=PLAIN, rip=203.0.113.9, lip=192.0.2.25, TLS, session=<6sDNqixhF+h/AAEX>",
        ),
    ),
    Pattern(
        "login_not_tried",
        program=PROGRAM,
        literal=_LITERAL,
        regex=rf"{LOGIN}(?P<detail>[^<]*\((?:no auth attempts|disconnected before auth was ready"
        rf"|disconnected during TLS handshake)[^<()]*\){_CODE}): {FIELDS}",
        sets=context(),
        role="context",
        written_by=f"{_BY}, client_get_extra_disconnect_reason(), 1.1 and later",
        samples=(
            Sample(
                "imap-login: Disconnected: Connection closed (no auth attempts in 0 secs): user=<>, rip=203.0.113.9, "
                "lip=192.0.2.25, TLS handshaking: SSL_accept() syscall failed: Success, session=<Cgv8jfZgt+h/AAAH>",
                context(
                    protocol="imap",
                    detail="Disconnected: Connection closed (no auth attempts in 0 secs)",
                    client_ip="203.0.113.9",
                    server_ip="192.0.2.25",
                    session="Cgv8jfZgt+h/AAAH",
                ),
            ),
        ),
    ),
    Pattern(
        "login_failed",
        program=PROGRAM,
        literal=_LITERAL,
        regex=rf"{LOGIN}(?P<detail>(?:Aborted|Disconnected|Login aborted|Remote closed|Client has quit|Maximum"
        r"|Connection|Logged out|Too many|Inactivity|Idle|Shutting)[^<]*?"
        rf"\((?:[^<()]*?(?P<n_attempts>[0-9]+) (?:authentication )?attempts[^<()]*|[^<()]*)\){_CODE}): {FIELDS}",
        sets=auth(),
        written_by=f"{_BY}: Aborted login and Disconnected until 2.3, Login aborted with a code since 2.4",
        samples=(
            Sample(
                "imap-login: Disconnected: Inactivity (auth failed, 7 attempts in 176 secs): user=<info>, "
                "method=PLAIN, rip=203.0.113.9, lip=192.0.2.25, TLS: Disconnected, session=<6brQWt/vCADDhP/+>",
                auth(
                    protocol="imap",
                    tls="yes",
                    outcome="failure",
                    cause="bad_credentials",
                    basis="assumed",
                    count=7,
                    n_attempts=7,
                    detail="Disconnected: Inactivity (auth failed, 7 attempts in 176 secs)",
                    user="info",
                    mechanism="PLAIN",
                    client_ip="203.0.113.9",
                    server_ip="192.0.2.25",
                    session="6brQWt/vCADDhP/+",
                ),
            ),
            Sample(
                "submission-login: Login aborted: Connection closed (unfinished AUTH command) (client didn't finish "
                "SASL auth, 1 attempts in 0 secs) (auth_waiting_client): user=<>, method=LOGIN, rip=203.0.113.9, "
                "lip=192.0.2.25, TLS: Connection closed, session=<70BTjvZg87l/AAAH>",
                auth(
                    service="submission",
                    outcome="aborted",
                    cause="aborted",
                    basis="line",
                    n_attempts=1,
                    detail="Login aborted: Connection closed (unfinished AUTH command) (client didn't finish "
                    "SASL auth, 1 attempts in 0 secs) (auth_waiting_client)",
                    vendor_code="auth_waiting_client",
                    mechanism="LOGIN",
                    client_ip="203.0.113.9",
                    server_ip="192.0.2.25",
                    tls="yes",
                    session="70BTjvZg87l/AAAH",
                ),
            ),
            Sample(
                "pop3-login: Maximum number of connections from user+IP exceeded (mail_max_userip_connections=10): "
                "user=<ann>, method=PLAIN, rip=203.0.113.9, lip=192.0.2.25, TLS",
                auth(
                    protocol="pop3",
                    outcome="throttled",
                    cause="throttled_connection",
                    basis="line",
                    detail="Maximum number of connections from user+IP exceeded (mail_max_userip_connections=10)",
                    user="ann",
                    mechanism="PLAIN",
                    client_ip="203.0.113.9",
                    server_ip="192.0.2.25",
                    tls="yes",
                ),
            ),
        ),
    ),
    Pattern(
        "authenticate_failed",
        program=PROGRAM,
        literal=_LITERAL,
        regex=rf"{LOGIN}(?:Authenticate [^<]*?|APOP|Login) failed: (?P<detail>[^<]*?): {FIELDS}",
        sets=auth(),
        written_by="dovecot src/login-common/sasl-server.c, client-common-auth.c: one attempt, with auth_verbose until "
        "2.3; the sum at the end of the connection counts it again",
        samples=(
            Sample(
                "submission-login: Authenticate NTLM failed: Unsupported authentication mechanism.: user=<>, "
                "method=NTLM, rip=203.0.113.9, lip=192.0.2.25, session=<5h5SjvZg56B/AAAH>",
                auth(
                    service="submission",
                    outcome="refused",
                    cause="mechanism_unsupported",
                    basis="line",
                    detail="Unsupported authentication mechanism.",
                    mechanism="NTLM",
                    client_ip="203.0.113.9",
                    server_ip="192.0.2.25",
                    session="5h5SjvZg56B/AAAH",
                ),
            ),
            Sample(
                "imap-login: Info: Login failed: Plaintext authentication disabled: user=<>, rip=203.0.113.9, "
                "lip=192.0.2.25",
                auth(
                    protocol="imap",
                    outcome="refused",
                    cause="tls_required",
                    basis="line",
                    detail="Plaintext authentication disabled",
                    client_ip="203.0.113.9",
                    server_ip="192.0.2.25",
                ),
            ),
        ),
    ),
    Pattern(
        "auth_unreachable",
        program=PROGRAM,
        literal=_LITERAL,
        regex=rf"{LOGIN}(?:(?P<level>{LEVEL}): )?(?P<detail>(?:Disconnected: )?Auth process (?:broken|not responding)"
        r"[^<]*?|Auth connection closed with [0-9]+ pending requests[^<]*?|Timeout waiting for handshake from auth server[^<]*?"
        rf"|Auth server request timed out [^<]*?)(?:: {FIELDS.removesuffix('$')})?$",
        sets=auth(),
        written_by="dovecot src/login-common/client-common-auth.c, src/lib-auth/auth-client-connection.c",
        samples=(
            Sample(
                "imap-login: Warning: Auth process not responding, delayed sending initial response (greeting): "
                "user=<>, rip=203.0.113.9, lip=192.0.2.25, session=<9uZByfZgra1/AAAH>",
                auth(
                    protocol="imap",
                    level="Warning",
                    outcome="deferred",
                    cause="backend_unavailable",
                    basis="line",
                    detail="Auth process not responding, delayed sending initial response (greeting)",
                    client_ip="203.0.113.9",
                    server_ip="192.0.2.25",
                    session="9uZByfZgra1/AAAH",
                ),
            ),
            Sample(
                "submission-login: Warning: Auth connection closed with 2 pending requests (max 5 secs, pid=201, EOF)",
                auth(
                    service="submission",
                    level="Warning",
                    outcome="deferred",
                    cause="backend_unavailable",
                    basis="line",
                    detail="Auth connection closed with 2 pending requests (max 5 secs, pid=201, EOF)",
                ),
            ),
            Sample(
                "pop3-login: Error: Timeout waiting for handshake from auth server. my pid=211, input bytes=0",
                auth(
                    protocol="pop3",
                    level="Error",
                    outcome="deferred",
                    cause="backend_unavailable",
                    basis="line",
                    detail="Timeout waiting for handshake from auth server. my pid=211, input bytes=0",
                ),
            ),
        ),
    ),
    Pattern(
        "login_ended",
        program=PROGRAM,
        literal=_LITERAL,
        regex=rf"{LOGIN}(?P<detail>(?:Aborted login|Disconnected|Login aborted|Connection closed)[^<()]*?): {FIELDS}",
        sets=context(),
        role="context",
        written_by=f"{_BY}: the end of a connection, without a word on logins (1.0, and after a plug-in)",
        samples=(
            Sample(
                "pop3-login: Aborted login: user=<ann>, method=PLAIN, rip=::ffff:203.0.113.9, lip=::ffff:192.0.2.25",
                context(
                    protocol="pop3",
                    detail="Aborted login",
                    user="ann",
                    mechanism="PLAIN",
                    client_ip="203.0.113.9",
                    server_ip="192.0.2.25",
                ),
            ),
        ),
    ),
)
