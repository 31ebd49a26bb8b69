"""Postfix smtp, relay, lmtp: what a relay, or our own client before it, said to a login and to TLS."""

from __future__ import annotations

from smtplogs.logformats._format import Pattern, Sample
from smtplogs.logformats._postfix_parts import QUEUE_ID, always
from smtplogs.logformats._postfix_reasons import CLIENTS, REPLY, client, context, reason

unsupported = always(stage="auth", outcome="refused", cause="mechanism_unsupported", basis="line")

_WORDS = (
    "server smtp.example.net[198.51.100.25] offered no compatible authentication mechanisms for this type of "
    "connection security"
)
_NO_MECHANISM = (f"SASL authentication failed: {_WORDS}", unsupported(detail=_WORDS))

LOGIN = (
    *reason(
        "relay_login",
        rf"(?:Authentication failed: )?SASL authentication failed; server SERVER said: {REPLY}",
        literal="SASL authentication failed; server ",
        sets=client(stage="auth"),
        written_by="postfix src/smtp/smtp_sasl_glue.c; smtp_sasl_auth_soft_bounce (2.5) defers what the relay refused "
        "for good; `?` is a line break; `Authentication failed: ` in front until 2.2",
        sample=(
            "SASL authentication failed; server smtp.example.net[198.51.100.25] said: 535-5.7.8 Username and Password "
            "not accepted. For more information, go to?535 5.7.8  https://support.example.net/?p=BadCredentials",
            {
                "stage": "auth",
                "outcome": "failure",
                "cause": "bad_credentials",
                "basis": "line",
                "reply_code": 535,
                "enhanced_code": "5.7.8",
                "detail": "Username and Password not accepted. For more information, go to?535 5.7.8  "
                "https://support.example.net/?p=BadCredentials",
            },
        ),
        also=(
            "SASL authentication failed; server smtp.example.net[198.51.100.25] said: 535",
            {
                "stage": "auth",
                "outcome": "failure",
                "cause": "bad_credentials",
                "basis": "assumed",
                "reply_code": 535,
            },
        ),
    ),
    *reason(
        "relay_login_cached",
        rf"SASL \[CACHED\] authentication failed; server SERVER said: {REPLY}",
        literal="SASL [CACHED]",
        sets=context(stage="auth"),
        role="context",
        written_by="postfix src/smtp/smtp_sasl_auth_cache.c, since 2.5: an old answer is repeated, nobody logged in",
        sample=(
            "SASL [CACHED] authentication failed; server smtp.example.net said: 535 5.7.8 Error: authentication failed",
            {
                "stage": "auth",
                "outcome": "info",
                "reply_code": 535,
                "enhanced_code": "5.7.8",
                "detail": "Error: authentication failed",
            },
        ),
        also=(
            "SASL [CACHED] authentication failed; server smtp.example.net[198.51.100.25] said: 535 5.7.8 no",
            {"stage": "auth", "outcome": "info", "reply_code": 535, "enhanced_code": "5.7.8", "detail": "no"},
        ),
    ),
    *reason(
        "relay_login_local",
        r"SASL authentication failed; cannot authenticate to server SERVER: (?P<detail>.*)",
        literal="cannot authenticate to server ",
        sets=client(stage="auth"),
        written_by="postfix src/smtp/smtp_sasl_glue.c: our own SASL library gave up",
        sample=(
            "SASL authentication failed; cannot authenticate to server smtp.example.net[198.51.100.25]: "
            "no mechanism available",
            unsupported(detail="no mechanism available"),
        ),
        also=(
            "SASL authentication failed; cannot authenticate to server smtp.example.net[198.51.100.25]: "
            "bad protocol / cancel",
            unsupported(detail="bad protocol / cancel"),
        ),
    ),
    *reason(
        "relay_login_loop",
        r"SASL authentication failed; (?P<detail>(?:authentication protocol loop with|non-empty initial [^ ]+ challenge "
        r"from) server SERVER.*)",
        literal=("authentication protocol loop", "non-empty initial "),
        sets=client(stage="auth"),
        written_by="postfix src/smtp/smtp_sasl_glue.c; non-empty challenge since 3.4",
        sample=(
            "SASL authentication failed; authentication protocol loop with server smtp.example.net[198.51.100.25]",
            unsupported(detail="authentication protocol loop with server smtp.example.net[198.51.100.25]"),
        ),
        also=(
            "SASL authentication failed; non-empty initial LOGIN challenge from server smtp.example.net[198.51.100.25]: x",
            unsupported(detail="non-empty initial LOGIN challenge from server smtp.example.net[198.51.100.25]: x"),
        ),
    ),
    *reason(
        "relay_no_mechanism",
        r"SASL authentication failed: (?P<detail>server SERVER offered no compatible authentication mechanisms.*)",
        literal="offered no compatible authentication mechanisms",
        sets=client(stage="auth"),
        written_by="postfix src/smtp/smtp_sasl_proto.c; with a colon; often AUTH is offered under TLS only",
        sample=_NO_MECHANISM,
        also=_NO_MECHANISM,
    ),
    Pattern(
        "relay_mechanisms",
        program=CLIENTS,
        literal=("offered null AUTH mechanism list", "offered no supported AUTH mechanisms"),
        regex=r"^warning: (?P<relay_host>[^ \[]+)\[(?P<server_ip>[^\] ]*)\](?::(?P<server_port>[0-9]+))? "
        r"offered (?P<detail>null AUTH mechanism list|no supported AUTH mechanisms: .*)$",
        sets=context(stage="auth"),
        role="context",
        written_by="postfix src/smtp/smtp_sasl_proto.c; the delivery line about the same attempt follows",
        samples=(
            Sample(
                "warning: smtp.example.net[198.51.100.25]:587 offered null AUTH mechanism list",
                context(
                    stage="auth",
                    relay_host="smtp.example.net",
                    server_ip="198.51.100.25",
                    server_port=587,
                    detail="null AUTH mechanism list",
                ),
            ),
        ),
    ),
    Pattern(
        "relay_no_secret",
        program=CLIENTS,
        literal="_sasl_password_maps lookup error",
        regex=rf"^warning: {QUEUE_ID}: (?P<detail>(?:smtp|lmtp)_sasl_password_maps lookup error)$",
        sets=client(stage="auth"),
        written_by="postfix src/smtp/smtp_sasl_glue.c, since 2.9: our own table of secrets cannot be read (not built with "
        "postmap, rights, database down); the mail waits with `local data error while talking to`",
        samples=(
            Sample(
                "warning: 4BA3A326901: smtp_sasl_password_maps lookup error",
                client(
                    stage="auth",
                    outcome="deferred",
                    cause="server_config_error",
                    basis="line",
                    queue_id="4BA3A326901",
                    detail="smtp_sasl_password_maps lookup error",
                ),
                program="postfix/smtp",
            ),
        ),
    ),
    Pattern(
        "relay_cyrus_detail",
        program=CLIENTS,
        literal=(
            "SASL authentication failure: ",
            "SASL authentication problem: ",
            "SASL authentication failed to server",
        ),
        regex=r"^warning: SASL authentication (?:failure|problem|failed to server [^ ]+): (?P<detail>.*)$",
        sets=context(stage="auth"),
        role="context",
        written_by="postfix src/xsasl/xsasl_cyrus_log.c; src/smtp/smtp_sasl_glue.c until 2.2 (failed to server)",
        samples=(
            Sample(
                "warning: SASL authentication failure: No worthy mechs found",
                context(stage="auth", detail="No worthy mechs found"),
                program="postfix/smtp",
            ),
        ),
    ),
)

TLS = (
    *reason(
        "relay_tls",
        r"(?P<detail>TLS is required, but (?:(?:was not offered by )?host SERVER.*|our TLS engine is unavailable)"
        r"|Cannot start TLS: .*|Server certificate not (?:verified|trusted).*)",
        literal=("TLS is required, but ", "Cannot start TLS: ", "Server certificate not "),
        sets=client(stage="tls"),
        written_by="postfix src/smtp/smtp_proto.c, smtp_tls_security_level encrypt and above, since 2.3",
        sample=(
            "TLS is required, but was not offered by host smtp.example.net[198.51.100.25]",
            {
                "stage": "tls",
                "outcome": "refused",
                "cause": "tls_unavailable",
                "basis": "line",
                "detail": "TLS is required, but was not offered by host smtp.example.net[198.51.100.25]",
            },
        ),
        also=(
            "TLS is required, but host smtp.example.net[198.51.100.25] refused to start TLS: 454 4.7.0 TLS not available",
            {
                "stage": "tls",
                "outcome": "refused",
                "cause": "tls_unavailable",
                "basis": "line",
                "detail": "TLS is required, but host smtp.example.net[198.51.100.25] refused to start TLS: 454 4.7.0 "
                "TLS not available",
            },
        ),
    ),
    Pattern(
        "relay_unreachable",
        program=CLIENTS,
        literal=("]:587: Connection ", "]:465: Connection "),
        regex=r"^connect to (?P<relay_host>[^ \[]+)\[(?P<server_ip>[^\] ]*)\]:(?P<server_port>587|465): "
        r"(?P<detail>Connection (?:refused|timed out))$",
        sets=client(stage="connect"),
        written_by="postfix src/smtp/smtp_connect.c; only ports at which one logs in, and no missing route: a server without "
        "IPv6 says so all day. The delivery line that follows repeats it for each recipient",
        samples=(
            Sample(
                "connect to smtp.example.net[198.51.100.25]:587: Connection timed out",
                client(
                    stage="connect",
                    outcome="deferred",
                    cause="service_unavailable",
                    basis="line",
                    relay_host="smtp.example.net",
                    server_ip="198.51.100.25",
                    server_port=587,
                    detail="Connection timed out",
                ),
            ),
        ),
        not_these=(
            "connect to mx.example.org[198.51.100.26]:25: Connection timed out",
            "connect to smtp.example.net[2001:db8::25]:587: Network is unreachable",
        ),
    ),
    Pattern(
        "relay_tls_error",
        program=CLIENTS,
        literal="SSL_connect error to ",
        regex=r"^SSL_connect error to (?P<relay_host>[^ \[]+)\[(?P<server_ip>[^\] ]*)\](?::(?P<server_port>[0-9]+))?: "
        r"(?P<detail>.*)$",
        sets=context(stage="tls"),
        role="context",
        written_by="postfix src/tls/tls_client.c, since 2.9; what became of the mail is on the delivery line",
        samples=(
            Sample(
                "SSL_connect error to smtp.example.net[198.51.100.25]:587: -1",
                context(
                    stage="tls",
                    relay_host="smtp.example.net",
                    server_ip="198.51.100.25",
                    server_port=587,
                    detail="-1",
                ),
            ),
        ),
    ),
    Pattern(
        "relay_tls_library",
        program=CLIENTS,
        literal="TLS library problem: ",
        regex=r"^warning: TLS library problem: (?P<detail>.*)$",
        sets=context(stage="tls"),
        role="context",
        written_by="postfix src/tls/tls_misc.c; text of OpenSSL",
        samples=(
            Sample(
                "warning: TLS library problem: error:0A000102:SSL routines::unsupported protocol:s.c:1657:",
                context(stage="tls", detail="error:0A000102:SSL routines::unsupported protocol:s.c:1657:"),
                program="postfix/smtp",
            ),
        ),
    ),
)
