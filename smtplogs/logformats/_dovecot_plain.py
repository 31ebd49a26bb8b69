"""The two refusals that Dovecot's auth processes write most, in their plain form: fast, and nothing to be misread.

A name without comma, bracket or angle bracket leaves no doubt where it ends; all others take the careful patterns.
"""

from __future__ import annotations

from smtplogs.logformats._dovecot_parts import MECHANISMS, PROGRAM, auth
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
)
