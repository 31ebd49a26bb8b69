"""Dovecot's auth and auth-worker processes until 2.3: why a login was refused.

These lines need `auth_verbose=yes`; only errors come without it. A line with a session was asked for by one of Dovecot's
own login processes, a line without by Postfix, Exim or another SMTP server.
"""

from __future__ import annotations

from smtplogs.logformats._dovecot_parts import (
    BAD_NAME,
    NEXT,
    OLD,
    OLD_AT_LEVEL,
    PASSWORD,
    POLICY,
    PROGRAM,
    REASON,
    REASON_NOT_FINAL,
    REASON_OR_FORGERY,
    REST,
    auth,
    broken,
    context,
    denied,
    garbled,
    nameless,
    nobody,
    wrong,
)
from smtplogs.logformats._format import Pattern, Sample

_BY = "dovecot src/auth/auth-request.c, auth-request-fields.c, passdb-*.c, mech-*.c"

_LIMIT = r"(?P<detail>(?:process|client)_limit \([0-9]+\) reached, client connections are being dropped)"

AUTH = (
    Pattern(
        "auth_doubtful",
        program=PROGRAM,
        literal=PASSWORD,
        regex=nameless(OLD, "user", "client_ip", "session") + REASON_OR_FORGERY,
        sets=auth(),
        written_by=f"{_BY}, 1.0 to 2.3 with auth_verbose_passwords=plain: whose address it is cannot be told",
        samples=(
            Sample(
                "auth: sql(bob,203.0.113.9): Password mismatch (given password: x,192.0.2.1): unknown user (given password: y)",
                wrong | {"passdb": "sql", "detail": "Password mismatch (given password: [redacted])"},
            ),
        ),
        not_these=("auth: sql(bob,203.0.113.9): Password mismatch (given password: x,192.0.2.1)",),
    ),
    Pattern(
        "auth_next",
        program=PROGRAM,
        literal=NEXT,
        regex=OLD + REASON_NOT_FINAL,
        sets=auth(),
        role="context",
        keeps_raw=True,
        written_by=f"{_BY}, 2.3: one database said no, another one decides",
        samples=(
            Sample(
                "auth: passwd-file(alice@example.com,203.0.113.9,<l51p7fZgM61/AAAH>): Password mismatch "
                "(SHA1 of given password: a4b48a) - trying the next passdb",
                wrong
                | {
                    "passdb": "passwd-file",
                    "user": "alice@example.com",
                    "client_ip": "203.0.113.9",
                    "session": "l51p7fZgM61/AAAH",
                    "detail": "Password mismatch (SHA1 of given password: [redacted]) - trying the next passdb",
                },
            ),
        ),
    ),
    Pattern(
        "auth_bad_name",
        program=PROGRAM,
        literal="Username character disallowed",
        regex=nameless(OLD, "user") + BAD_NAME,
        sets=auth(),
        written_by=f"{_BY}, 2.1 to 2.3: the name is printed whole; by default only A-Z a-z 0-9 . - _ @ may stand in it",
        samples=(
            Sample(
                "auth: plain(?,203.0.113.9): Username character disallowed by auth_username_chars: 0x2c "
                "(username: ann@x,192.0.2.1): unknown user)",
                garbled
                | {
                    "passdb": "plain",
                    "mechanism": "PLAIN",
                    "user": "ann@x,192.0.2.1): unknown user",
                    "client_ip": "203.0.113.9",
                    "detail": "Username character disallowed by auth_username_chars: 0x2c "
                    "(username: ann@x,192.0.2.1): unknown user)",
                },
            ),
        ),
    ),
    Pattern(
        "auth_refused",
        program=PROGRAM,
        literal=("auth: ", "auth(default): ", "auth-worker"),
        regex=OLD + REASON,
        sets=auth(),
        written_by=f"{_BY}, 1.0 to 2.3: auth(default) in 1.x, <session> since 2.1, conn ...: auth-worker<n>: since 2.3.11",
        samples=(
            Sample(
                "auth: sql(admin,owner@example.com,203.0.113.9,<6rXunFtu493AqJDi>): Password mismatch",
                wrong
                | {
                    "passdb": "sql",
                    "user": "admin,owner@example.com",
                    "client_ip": "203.0.113.9",
                    "session": "6rXunFtu493AqJDi",
                    "detail": "Password mismatch",
                },
            ),
            Sample(
                "auth-worker(10377): conn unix:auth-worker (pid=919,uid=112): auth-worker<1>: "
                "sql(info@example.com,2001:db8::7): unknown user (given password: a) b)",
                nobody
                | {
                    "passdb": "sql",
                    "user": "info@example.com",
                    "client_ip": "2001:db8::7",
                    "detail": "unknown user (given password: [redacted])",
                },
            ),
            Sample(
                "auth(default): pam(ann,::ffff:203.0.113.9): pam_authenticate() failed: Permission denied",
                denied
                | {
                    "passdb": "pam",
                    "user": "ann",
                    "client_ip": "203.0.113.9",
                    "detail": "pam_authenticate() failed: Permission denied",
                },
            ),
        ),
        not_these=("auth: sql(bob,203.0.113.9): Master user logging in as ann",),
    ),
    Pattern(
        "policy_unasked",
        program=PROGRAM,
        literal="olicy server ",
        regex=OLD_AT_LEVEL + POLICY,
        sets=context(),
        role="context",
        written_by="dovecot src/auth/auth-policy.c, 2.2.25 to 2.3: an error, and yet nobody is refused for it",
        samples=(
            Sample(
                "auth: Error: policy(ann@example.com,203.0.113.9,<0qkepyVhc89/AAEh>): Policy server HTTP error: "
                "connect(192.0.2.9:8084) failed: Connection refused",
                context(
                    level="Error",
                    passdb="policy",
                    user="ann@example.com",
                    client_ip="203.0.113.9",
                    session="0qkepyVhc89/AAEh",
                    detail="Policy server HTTP error: connect(192.0.2.9:8084) failed: Connection refused",
                ),
            ),
        ),
    ),
    Pattern(
        "auth_error",
        program=PROGRAM,
        literal=("auth: ", "auth-worker"),
        regex=rf"{OLD_AT_LEVEL}(?P<detail>{REST})$",
        sets=auth(),
        written_by=f"{_BY}, 2.0 to 2.3: logged without auth_verbose; Postfix still answers 535",
        samples=(
            Sample(
                "auth-worker(203): Error: conn unix:auth-worker (pid=201,uid=101): auth-worker<1>: "
                "sql(alice@example.com,203.0.113.9): Password query failed: no such table: users",
                broken
                | {
                    "passdb": "sql",
                    "user": "alice@example.com",
                    "client_ip": "203.0.113.9",
                    "detail": "Password query failed: no such table: users",
                },
            ),
        ),
    ),
)

TROUBLE = (
    Pattern(
        "auth_denied_bare",
        program=PROGRAM,
        literal="User found from deny passdb",
        regex=r"^auth: (?P<detail>User found from deny passdb)$",
        sets=auth(outcome="info"),
        role="context",
        written_by="dovecot src/auth/auth-request.c, 2.3: the line lost its prefix, so it names nobody",
        samples=(
            Sample("auth: User found from deny passdb", auth(outcome="info", detail="User found from deny passdb")),
        ),
    ),
    Pattern(
        "auth_trouble",
        program=PROGRAM,
        literal=("auth: ", "auth-worker", "auth("),
        regex=r"^auth(?:-worker)?(?:\(.*\))?(?:<[^>]*>)*: (?:request \[[0-9]+\]: )?(?P<level>Error|Fatal|Panic): (?P<detail>.*)$",
        sets=auth(),
        written_by="dovecot src/auth: databases, workers and clients of the auth process, 2.0 and later; nobody's login",
        samples=(
            Sample(
                "auth: Error: auth client 0 disconnected with 5 pending requests: EOF",
                broken | {"detail": "auth client 0 disconnected with 5 pending requests: EOF"},
            ),
        ),
    ),
    Pattern(
        "limit_of_logins",
        program=PROGRAM,
        literal="_limit (",
        regex=r"^master: (?P<level>Warning): service\((?:(?P<protocol>imap|pop3)|(?P<service>submission|managesieve))-login\): "
        rf"{_LIMIT}$",
        sets=auth(stage="connect"),
        written_by="dovecot src/master/service-monitor.c, since 2.0",
        samples=(
            Sample(
                "master: Warning: service(submission-login): process_limit (100) reached, client connections are being dropped",
                auth(
                    stage="connect",
                    level="Warning",
                    service="submission",
                    outcome="deferred",
                    cause="service_unavailable",
                    basis="line",
                    detail="process_limit (100) reached, client connections are being dropped",
                ),
            ),
        ),
        not_these=(
            "master: Warning: service(imap): process_limit (1024) reached, client connections are being dropped",
        ),
    ),
    Pattern(
        "limit_of_auth",
        program=PROGRAM,
        literal="_limit (",
        regex=rf"^master: (?P<level>Warning): service\(auth(?:-worker)?\): {_LIMIT}$",
        sets=auth(),
        written_by="dovecot src/master/service-monitor.c, since 2.0: Postfix hears nothing from the auth service then",
        samples=(
            Sample(
                "master: Warning: service(auth): client_limit (1000) reached, client connections are being dropped",
                auth(
                    level="Warning",
                    outcome="deferred",
                    cause="service_unavailable",
                    basis="line",
                    detail="client_limit (1000) reached, client connections are being dropped",
                ),
            ),
        ),
    ),
    Pattern(
        "auth_queue",
        program=PROGRAM,
        literal=("Auth request was queued", "pending requests"),
        regex=r"^auth(?:-worker)?(?:\([0-9]+\))?: (?P<level>Warning): (?:[^:]*: )*"
        r"(?P<detail>Auth request was queued for .*|auth client [0-9]+ disconnected with [0-9]+ pending requests.*)$",
        sets=auth(),
        written_by="dovecot src/auth/auth-worker-server.c, since 2.0 (a warning until 2.2 and since 2.4, an error in 2.3)",
        samples=(
            Sample(
                "auth: Warning: auth-worker: Auth request was queued for 9 seconds, 3 left in queue "
                "(see auth_worker_max_count)",
                broken
                | {
                    "level": "Warning",
                    "detail": "Auth request was queued for 9 seconds, 3 left in queue (see auth_worker_max_count)",
                },
            ),
            Sample(
                "auth: Warning: auth client 0 disconnected with 1 pending requests: EOF",
                broken | {"level": "Warning", "detail": "auth client 0 disconnected with 1 pending requests: EOF"},
            ),
        ),
    ),
)
"""Nobody's login; tried after the lines that name one, of all versions."""
