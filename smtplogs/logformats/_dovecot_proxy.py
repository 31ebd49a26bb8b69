"""Dovecot's login processes as proxies: what became of a login that another server had to take.

The backend has a line of its own for the same login, in its own log.
"""

from __future__ import annotations

from smtplogs.logformats._dovecot_parts import FIELDS, LOGIN, PROGRAM, auth, context, success
from smtplogs.logformats._format import Pattern, Sample

PROXY = (
    Pattern(
        "login_proxied",
        program=PROGRAM,
        literal="-login: ",
        regex=rf"{LOGIN}proxy(?:\(.*\))?: [Ss]tarted proxying to .*?: {FIELDS}",
        sets=success,
        written_by="dovecot src/login-common/client-common-auth.c: a proxy whose backend took the login, since 1.1",
        samples=(
            Sample(
                "imap-login: proxy(ann,192.0.2.143:143): Started proxying to <192.0.2.143> (0.004 secs): user=<ann>, "
                "method=PLAIN, rip=203.0.113.9, lip=192.0.2.25, TLS, session=<NTI4FiZxcQCSud4G>",
                success
                | {
                    "protocol": "imap",
                    "user": "ann",
                    "mechanism": "PLAIN",
                    "client_ip": "203.0.113.9",
                    "server_ip": "192.0.2.25",
                    "tls": "yes",
                    "session": "NTI4FiZxcQCSud4G",
                },
            ),
        ),
    ),
    Pattern(
        "proxy_failed",
        program=PROGRAM,
        literal="-login: ",
        regex=rf"{LOGIN}(?P<level>Error|Fatal|Panic): proxy(?:\(.*?\))?: (?P<detail>.*?): {FIELDS}",
        sets=auth(),
        written_by="dovecot src/login-common/login-proxy.c: the server behind the proxy could not be used",
        samples=(
            Sample(
                "imap-login: Error: proxy(ann,192.0.2.143:143): connect(192.0.2.143, 143) failed: Connection refused "
                "(after 0 secs): user=<ann>, method=PLAIN, rip=203.0.113.9, lip=192.0.2.25, session=<NTI4FiZxcQCSud4G>",
                auth(
                    protocol="imap",
                    level="Error",
                    outcome="deferred",
                    cause="backend_unavailable",
                    basis="assumed",
                    detail="connect(192.0.2.143, 143) failed: Connection refused (after 0 secs)",
                    user="ann",
                    mechanism="PLAIN",
                    client_ip="203.0.113.9",
                    server_ip="192.0.2.25",
                    session="NTI4FiZxcQCSud4G",
                ),
            ),
        ),
    ),
    Pattern(
        "proxy_refused",
        program=PROGRAM,
        literal="-login: ",
        regex=rf"{LOGIN}proxy(?:\(.*?\))?: Login failed[^:]*: (?P<detail>.*?): {FIELDS}",
        sets=context(),
        role="context",
        keeps_raw=True,
        written_by="dovecot src/login-common/client-common-auth.c with auth_verbose: what the server behind the proxy "
        "answered; the sum at the end of the connection counts it",
        samples=(
            Sample(
                "imap-login: proxy(ann,192.0.2.143:143): Login failed (master master): [AUTHENTICATIONFAILED] "
                "Authentication failed.: user=<ann>, method=PLAIN, rip=203.0.113.9, lip=192.0.2.25",
                context(
                    protocol="imap",
                    detail="[AUTHENTICATIONFAILED] Authentication failed.",
                    user="ann",
                    mechanism="PLAIN",
                    client_ip="203.0.113.9",
                    server_ip="192.0.2.25",
                ),
            ),
        ),
    ),
)
