"""Dovecot's auth and auth-worker processes since 2.4: the same lines in a new shape, tried after the old one.

`auth-worker(304): pam(ann,192.0.2.1): ` of 2.2 would pass for a worker that speaks of a user 304.
"""

from __future__ import annotations

from smtplogs.logformats._dovecot_parts import (
    BAD_NAME,
    NEW,
    NEW_AT_LEVEL,
    NEXT,
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

_BY = "dovecot src/auth/auth-request.c (one prefix for name, address, mechanism and session), passdb-*.c, mech-*.c"

AUTH24 = (
    Pattern(
        "auth_doubtful_24",
        program=PROGRAM,
        literal=PASSWORD,
        regex=nameless(NEW, "user", "client_ip", "session") + REASON_OR_FORGERY,
        sets=auth(),
        written_by=f"{_BY}, since 2.4 with auth_verbose_passwords=plain: whose address it is cannot be told",
        samples=(
            Sample(
                "auth(bob,203.0.113.9,sasl:plain): sql: Password mismatch (given password: x,192.0.2.1,sasl:login): "
                "sql: unknown user (given password: y)",
                wrong
                | {"passdb": "sql", "mechanism": "PLAIN", "detail": "Password mismatch (given password: [redacted])"},
            ),
        ),
    ),
    Pattern(
        "auth_next_24",
        program=PROGRAM,
        literal=NEXT,
        regex=NEW + REASON_NOT_FINAL,
        sets=auth(),
        role="context",
        keeps_raw=True,
        written_by=f"{_BY}, since 2.4",
        samples=(
            Sample(
                "auth-worker(alice@example.com,203.0.113.9)<571>: request [1]: passwd-file: unknown user "
                "- trying the next passdb",
                nobody
                | {
                    "passdb": "passwd-file",
                    "user": "alice@example.com",
                    "client_ip": "203.0.113.9",
                    "detail": "unknown user - trying the next passdb",
                },
            ),
        ),
    ),
    Pattern(
        "auth_bad_name_24",
        program=PROGRAM,
        literal="Username character disallowed",
        regex=nameless(NEW, "user") + BAD_NAME,
        sets=auth(),
        written_by=f"{_BY}, since 2.4",
        samples=(
            Sample(
                "auth(?,2001:db8::7,sasl:plain): plain: Username character disallowed by auth_username_chars: 0x20 "
                "(username: john doe, sasl_username=root)",
                garbled
                | {
                    "passdb": "plain",
                    "mechanism": "PLAIN",
                    "user": "john doe, sasl_username=root",
                    "client_ip": "2001:db8::7",
                    "detail": "Username character disallowed by auth_username_chars: 0x20 "
                    "(username: john doe, sasl_username=root)",
                },
            ),
        ),
    ),
    Pattern(
        "auth_refused_24",
        program=PROGRAM,
        literal=("auth(", "auth-worker("),
        regex=NEW + REASON,
        sets=auth(),
        written_by=f"{_BY}, since 2.4: one prefix for name, address, mechanism and session",
        samples=(
            Sample(
                "auth(alice@example.com,203.0.113.9,sasl:login)<CvN+E95Uf4e7eEnj>: Info: sql: Password mismatch",
                wrong
                | {
                    "passdb": "sql",
                    "user": "alice@example.com",
                    "client_ip": "203.0.113.9",
                    "mechanism": "LOGIN",
                    "session": "CvN+E95Uf4e7eEnj",
                    "detail": "Password mismatch",
                },
            ),
            Sample(
                "auth(?,203.0.113.29,sasl:cram-md5): cram-md5: missing digest",
                garbled
                | {
                    "passdb": "cram-md5",
                    "client_ip": "203.0.113.29",
                    "mechanism": "CRAM-MD5",
                    "detail": "missing digest",
                },
            ),
            Sample(
                "auth(nets@example.com,203.0.113.9,sasl:plain): passwd-file: allow_nets check failed: "
                "IP 203.0.113.9 not in allowed networks",
                denied
                | {
                    "passdb": "passwd-file",
                    "user": "nets@example.com",
                    "client_ip": "203.0.113.9",
                    "mechanism": "PLAIN",
                    "detail": "allow_nets check failed: IP 203.0.113.9 not in allowed networks",
                },
            ),
        ),
        not_these=(
            "auth-worker(304): pam(ann,203.0.113.9): unknown user",
            "auth(ann,203.0.113.9,sasl:plain): Debug: Auth request finished",
        ),
    ),
    Pattern(
        "policy_unasked_24",
        program=PROGRAM,
        literal="olicy server ",
        regex=NEW_AT_LEVEL + POLICY,
        sets=context(),
        role="context",
        written_by="dovecot src/auth/auth-policy.c, since 2.4: an error, and yet nobody is refused for it",
        samples=(
            Sample(
                "auth(ann@example.com,203.0.113.9,sasl:plain)<q44lpyVhP7p/AAEh>: Error: policy: Policy server HTTP error: "
                "connect(192.0.2.9:8084) failed: Connection refused",
                context(
                    level="Error",
                    passdb="policy",
                    user="ann@example.com",
                    client_ip="203.0.113.9",
                    mechanism="PLAIN",
                    session="q44lpyVhP7p/AAEh",
                    detail="Policy server HTTP error: connect(192.0.2.9:8084) failed: Connection refused",
                ),
            ),
        ),
    ),
    Pattern(
        "auth_error_24",
        program=PROGRAM,
        literal=("auth(", "auth-worker("),
        regex=rf"{NEW_AT_LEVEL}(?P<detail>{REST})$",
        sets=auth(),
        written_by=f"{_BY}, since 2.4",
        samples=(
            Sample(
                "auth(alice@example.com,203.0.113.9,sasl:xoauth2): Error: xoauth2: oauth2 failed: Introspection failed: "
                "connect(192.0.2.9:443) failed: Connection refused",
                broken
                | {
                    "passdb": "xoauth2",
                    "user": "alice@example.com",
                    "client_ip": "203.0.113.9",
                    "mechanism": "XOAUTH2",
                    "detail": "oauth2 failed: Introspection failed: connect(192.0.2.9:443) failed: Connection refused",
                },
            ),
        ),
    ),
)
