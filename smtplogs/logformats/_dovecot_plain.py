"""The refusals that Dovecot's auth and login processes write most, in their plain form: fast, and nothing to be misread.

A name without comma, bracket or angle bracket leaves no doubt where it ends; all others take the careful patterns.
"""

from __future__ import annotations

from smtplogs.logformats._dovecot_parts import ADDRESS, MECHANISMS, PROGRAM, auth
from smtplogs.logformats._format import Part, Pattern, Sample

_NAME = r"(?P<user>[^,()<>\[\]]*)"
_ADDRESS = r"(?P<client_ip>[0-9A-Fa-f.:]+)"
_DATABASES = "passwd-file|sql|ldap"
_DATABASE = f"(?P<passdb>{_DATABASES})"
_ASKED = f"(?P<passdb>(?P<mechanism>{MECHANISMS})|{_DATABASES})"
_SAID = r"(?P<detail>Password mismatch|unknown user)"
_BY = "dovecot src/auth/auth-request.c"

PLAIN = (
    Pattern(
        "auth_refused_plain",
        program=PROGRAM,
        literal=("): Password mismatch", "): unknown user"),
        parts=(
            Part("auth", r"(?:-worker\([0-9]+\))?"),
            Part(": ", _ASKED),
            Part("(", _NAME, own=True),
            Part(",", rf"{_ADDRESS}(?:,<(?P<session>[^>]+)>)?"),
            Part("): ", _SAID),
        ),
        sets=auth(),
        harmless=True,
        written_by=f"{_BY}, 2.1 to 2.3",
        samples=(
            Sample(
                "auth: passwd-file(alice@example.com,203.0.113.9): Password mismatch",
                auth(
                    passdb="passwd-file",
                    user="alice@example.com",
                    client_ip="203.0.113.9",
                    detail="Password mismatch",
                    outcome="failure",
                    cause="bad_credentials",
                    basis="line",
                ),
            ),
            Sample(
                "auth-worker(14877): sql(nobody@example.com,2001:db8::7,<vZ+/yPZg5b1/AAAH>): unknown user",
                auth(
                    passdb="sql",
                    user="nobody@example.com",
                    client_ip="2001:db8::7",
                    session="vZ+/yPZg5b1/AAAH",
                    detail="unknown user",
                    outcome="failure",
                    cause="unknown_user",
                    basis="line",
                ),
            ),
            Sample(
                "auth: cram-md5(alice@example.com,203.0.113.9): Password mismatch",
                auth(
                    passdb="cram-md5",
                    mechanism="CRAM-MD5",
                    user="alice@example.com",
                    client_ip="203.0.113.9",
                    detail="Password mismatch",
                    outcome="failure",
                    cause="bad_credentials",
                    basis="line",
                ),
            ),
        ),
        not_these=(
            "auth: passwd-file(root,192.0.2.1): unknown user,203.0.113.9): Password mismatch",
            "auth: sql(bob,203.0.113.9): Password mismatch - trying the next passdb",
        ),
    ),
    Pattern(
        "auth_refused_plain_24",
        program=PROGRAM,
        literal=(": Password mismatch", ": unknown user"),
        parts=(
            Part("auth(", _NAME, own=True),
            Part(",", _ADDRESS),
            Part(",sasl:", r"(?P<mechanism>[^,()]+)"),
            Part("): ", _DATABASE),
            Part(": ", _SAID),
        ),
        sets=auth(),
        harmless=True,
        written_by=f"{_BY}, since 2.4",
        samples=(
            Sample(
                "auth(alice@example.com,203.0.113.9,sasl:plain): passwd-file: Password mismatch",
                auth(
                    passdb="passwd-file",
                    mechanism="PLAIN",
                    user="alice@example.com",
                    client_ip="203.0.113.9",
                    detail="Password mismatch",
                    outcome="failure",
                    cause="bad_credentials",
                    basis="line",
                ),
            ),
        ),
        not_these=("auth(root,192.0.2.1,sasl:login): sql: x,203.0.113.9,sasl:plain): sql: unknown user (x)",),
    ),
    Pattern(
        "login_failed_plain",
        program=PROGRAM,
        literal="(auth failed, ",
        parts=(
            Part(
                "",
                r"(?P<protocol>imap|pop3)-login: (?P<detail>(?:Aborted login|Login aborted|Disconnected)[^<()]*"
                r" \(auth failed, (?P<n_attempts>[0-9]+) attempts in [0-9]+ secs\)(?: \((?P<vendor_code>auth_failed)\))?)",
            ),
            Part(": user=<", _NAME, own=True),
            Part(">, method=", r"(?P<mechanism>[A-Za-z0-9_-]+)"),
            Part(", rip=", rf"(?P<client_ip>{ADDRESS})"),
            Part(", lip=", rf"(?P<server_ip>{ADDRESS})"),
            Part(", ", r"(?:(?:(?P<tls>TLS)|session=<(?P<session>[^>]*)>)(?:, |$))*", optional=True),
        ),
        sets=auth(),
        harmless=True,
        written_by="dovecot src/login-common/client-common.c: Aborted login and Disconnected until 2.3, Login aborted with a "
        "code since 2.4",
        samples=(
            Sample(
                "imap-login: Disconnected (auth failed, 3 attempts in 9 secs): user=<info>, method=PLAIN, "
                "rip=203.0.113.9, lip=192.0.2.25, TLS, session=<6brQWt/vCADDhP/+>",
                auth(
                    protocol="imap",
                    outcome="failure",
                    cause="bad_credentials",
                    basis="assumed",
                    count=3,
                    n_attempts=3,
                    detail="Disconnected (auth failed, 3 attempts in 9 secs)",
                    user="info",
                    mechanism="PLAIN",
                    client_ip="203.0.113.9",
                    server_ip="192.0.2.25",
                    tls="yes",
                    session="6brQWt/vCADDhP/+",
                ),
            ),
            Sample(
                "pop3-login: Login aborted: Connection closed (auth failed, 1 attempts in 2 secs) (auth_failed): "
                "user=<bob@example.com>, method=LOGIN, rip=2001:db8::7, lip=2001:db8::25",
                auth(
                    protocol="pop3",
                    outcome="failure",
                    cause="bad_credentials",
                    basis="assumed",
                    n_attempts=1,
                    detail="Login aborted: Connection closed (auth failed, 1 attempts in 2 secs) (auth_failed)",
                    vendor_code="auth_failed",
                    user="bob@example.com",
                    mechanism="LOGIN",
                    client_ip="2001:db8::7",
                    server_ip="2001:db8::25",
                ),
            ),
        ),
        not_these=(
            "imap-login: Disconnected (auth failed, 1 attempts in 2 secs): user=<a>, method=PLAIN, rip=192.0.2.1, "
            "lip=192.0.2.25>, method=PLAIN, rip=203.0.113.9, lip=192.0.2.25",
            "imap-login: Disconnected (no auth attempts in 2 secs): user=<>, rip=203.0.113.9, lip=192.0.2.25",
        ),
    ),
)
