"""What became of mails that Exim handed on: limits of its own, a broken handshake, deliveries that are only counted.

Source: exim src/deliver.c, src/tls-openssl.c; replies of a relay and logins there are told by `_exim_client`.
"""

from __future__ import annotations

from smtplogs.logformats._exim_parts import ANY_HEAD, ANY_ID, DEFER, HEAD, PROGRAM, RELAY, client
from smtplogs.logformats._format import Part, Pattern, Sample

_relay = {"relay_host": "smtp.example.net", "server_ip": "198.51.100.25"}
_mail = {"queue_id": "1rXaBc-0004uc-2A"}
_to = "user@example.org R=smarthost T=remote_smtp"

_FIELD = (
    r' (?:H=[^" ]+|\[[^" ]+\](?::[0-9]+)?|(?:S|I|X|CV|PRX|QT|DT|RT)=[^" ]+|DN="[^"]*"|C="[^"]*"|TFO\*?|PRDR|DSN|K|L)'
)
"""A field of a delivery that says nothing of a login."""

FATES = (
    Pattern(
        "hourly_limit",
        program=PROGRAM,
        literal=" has exceeded the max ",
        regex=rf"{HEAD}(?P<delivery>\*\*|==) [^ ].*? R=[^ ]+(?: T=[^ ]+)?(?:{DEFER})?:? ?(?P<detail>Domain .* has exceeded the max .*)$",
        sets=client(stage="mail", outcome="throttled", cause="throttled_sending", basis="line"),
        written_by="cPanel's router enforce_mail_permissions (older: checkspam2); a limit of our own on what goes out",
        samples=(
            Sample(
                "1rXaBc-0004uc-2A ** bob@example.net R=enforce_mail_permissions: Domain example.com has exceeded the max "
                "emails per hour (300/300 (100%)) allowed. Message discarded.",
                client(
                    stage="mail",
                    **_mail,
                    delivery="bounced",
                    detail="Domain example.com has exceeded the max emails per hour (300/300 (100%)) allowed. "
                    "Message discarded.",
                    outcome="throttled",
                    cause="throttled_sending",
                    basis="line",
                ),
            ),
        ),
    ),
    Pattern(
        "sender_suspended",
        program=PROGRAM,
        literal="Outgoing mail from ",
        regex=rf"{HEAD}(?P<delivery>\*\*|==) [^ ].*? R=[^ ]+(?: T=[^ ]+)?(?:{DEFER})?:? ?"
        r"(?P<detail>Outgoing mail from [^ ]+ has been suspended.*)$",
        sets=client(stage="mail"),
        written_by="cPanel's router check_outgoing_mail_suspended; a hold of our own on what an account sends",
        samples=(
            Sample(
                "1rXaBc-0004uc-2A ** bob@example.net R=check_outgoing_mail_suspended: Outgoing mail from "
                '"alice@example.com" has been suspended.',
                client(
                    stage="mail",
                    **_mail,
                    delivery="bounced",
                    detail='Outgoing mail from "alice@example.com" has been suspended.',
                    outcome="refused",
                    cause="account_restricted",
                    basis="line",
                ),
            ),
        ),
    ),
    Pattern(
        "relay_tls_error",
        program=PROGRAM,
        literal="TLS error on connection ",
        regex=rf"{HEAD}{RELAY} TLS error on connection (?P<detail>\((?:SSL_connect|gnutls_handshake|tls_connect|handshake).*)$",
        sets=client(stage="tls", outcome="aborted"),
        written_by="exim src/tls-openssl.c, tls-gnu.c: the handshake that we began",
        samples=(
            Sample(
                "1rXaBc-0004uc-2A H=smtp.example.net [198.51.100.25] TLS error on connection (SSL_connect): "
                "error:0A00010B:SSL routines::wrong version number",
                client(
                    stage="tls",
                    **_mail,
                    **_relay,
                    detail="(SSL_connect): error:0A00010B:SSL routines::wrong version number",
                    outcome="aborted",
                    cause="tls_handshake_failed",
                    basis="line",
                ),
            ),
        ),
    ),
    Pattern(
        "delivery_plain",
        program=PROGRAM,
        literal=" R=",
        parts=(
            Part("", ANY_ID, own=True),
            Part(" ", "(?P<delivery>=>|->)"),
            Part(" ", r'[^" ]+(?: <[^" ]*>)?(?: [FP]=<[^" ]*>)* R=[^" ]+ T=[^" ]+' + f"(?:{_FIELD})*", own=True),
        ),
        role="context",
        traffic=True,
        sets=client(outcome="info"),
        harmless=True,
        written_by="exim src/deliver.c: what became of a recipient; with no login of ours among the fields",
        samples=(
            Sample(
                "1rXaBc-0004uc-2A => ann <ann@example.com> F=<bob@example.net> R=smarthost T=remote_smtp S=123 "
                'H=mx.example.org [198.51.100.9]:25 X=TLS1.3:TLS_AES_256_GCM_SHA384:256 CV=yes K C="250 2.0.0 Ok" QT=1s DT=1s',
                client(outcome="info", delivery="sent"),
            ),
            Sample(
                "1xVZRK-000000007Cc-1hzW -> ann@example.com R=local T=maildir", client(outcome="info", delivery="sent")
            ),
        ),
        not_these=(
            "1rXaBc-0004uc-2A => ann@example.org R=smarthost T=remote_smtp H=smtp.example.net [198.51.100.25]:587 A=cl_plain",
        ),
    ),
    Pattern(
        "delivery",
        program=PROGRAM,
        literal=(" R=",),
        regex=rf"{ANY_HEAD}(?P<delivery>=>|->|==|\*\*) .* R=.*$",
        role="context",
        traffic=True,
        sets=client(outcome="info"),
        written_by="exim src/deliver.c: what became of a recipient",
        samples=(
            Sample(
                f"1rXaBc-0004uc-2A == {_to} defer (110): Connection timed out",
                client(outcome="info", delivery="deferred"),
            ),
        ),
    ),
    Pattern(
        "delivery_other",
        program=PROGRAM,
        regex=rf"{ANY_HEAD}(?:=>|->|>>|==|\*\*|\*>) .*$",
        role="dismiss",
        written_by="exim src/deliver.c: deliveries that say nothing of a login",
        samples=(
            Sample(f"1rXaBc-0004uc-2A == {_to} defer (-54): retry time not reached for any host"),
            Sample(
                f"1rXaBc-0004uc-2A ** {_to} H=mx.example.org [198.51.100.25]: SMTP error from remote mail server after "
                "RCPT TO:<user@example.org>: 550 5.1.1 User unknown"
            ),
        ),
    ),
)
