"""Postfix smtpd: TLS on the way to a login."""

from __future__ import annotations

from smtplogs.logformats._format import Part, Pattern, Sample
from smtplogs.logformats._postfix_parts import PEER, QUEUE_ID, always

tls = always(side="server", stage="tls")
context = always(side="server", stage="tls", outcome="info")

TLS = (
    Pattern(
        "tls_established",
        program="smtpd",
        literal="TLS connection established from ",
        # whose connection it is, the session knows
        parts=(
            Part(
                "",
                r"(?:(?:Anonymous|Untrusted|Trusted|Verified) )?TLS connection established from "
                r"[^\[\] ]*\[[^\] ]*\](?::[0-9]+)?(?: to [^ :]+)?",
            ),
            Part(": ", r"(?P<tls>[^ ]+) with cipher (?P<cipher>[^ ]+) .*"),
        ),
        sets=context(),
        role="context",
        harmless=True,
        written_by="postfix src/tls/tls_misc.c, smtpd_tls_loglevel >= 1; trust word since 2.5, ` to SNI` since 3.4",
        samples=(
            Sample(
                "Anonymous TLS connection established from unknown[203.0.113.9] to mail.example.com: TLSv1.3 with cipher "
                "TLS_AES_256_GCM_SHA384 (256/256 bits) key-exchange X25519 server-signature RSA-PSS (2048 bits)",
                context(tls="TLSv1.3", cipher="TLS_AES_256_GCM_SHA384"),
            ),
            Sample(
                "TLS connection established from unknown[203.0.113.9]: TLSv1 with cipher AES256-SHA (256/256 bits)",
                context(tls="TLSv1", cipher="AES256-SHA"),
            ),
        ),
        not_these=(
            "Verified TLS connection established to mx.example.org[198.51.100.25]:25: TLSv1.3 with cipher X (256/256 bits)",
        ),
    ),
    Pattern(
        "tls_off",
        program="smtpd",
        literal=": disabling TLS support",
        regex=r"^warning: (?P<detail>cannot (?:get|load) .*: disabling TLS support)$",
        sets=tls(),
        written_by="postfix src/tls/tls_server.c, tls_certkey.c: every session of this process does without TLS; of everybody, so "
        "no client is named",
        samples=(
            Sample(
                'warning: cannot get RSA private key from file "/etc/ssl/private/mail.key": disabling TLS support',
                tls(
                    detail='cannot get RSA private key from file "/etc/ssl/private/mail.key": disabling TLS support',
                    outcome="deferred",
                    cause="server_config_error",
                    basis="line",
                ),
            ),
        ),
    ),
    Pattern(
        "tls_hello",
        program="smtpd",
        literal="improper command pipelining after CONNECT from ",
        regex=rf"^improper command pipelining after CONNECT from {PEER}: "
        r"(?P<detail>\\026(?:\\003)?).*$",
        sets=tls(),
        written_by="postfix src/smtpd/smtpd.c, since 2.6: the first bytes of a TLS record where a client should wait for the "
        "greeting; no line of the TLS library follows, since Postfix speaks no TLS there yet",
        samples=(
            Sample(
                r"improper command pipelining after CONNECT from unknown[203.0.113.9]: \026\003\001\002\000\001\000\001\374\003\003\335"
                r"\361\346\342\315\326\255\235\2347'\311\307$\294\261",
                tls(
                    client_ip="203.0.113.9",
                    detail=r"\026\003",
                    outcome="aborted",
                    cause="wrong_host_or_port",
                    basis="line",
                ),
            ),
        ),
        not_these=("improper command pipelining after CONNECT from unknown[203.0.113.9]: EHLO pc.example.net\\r\\n",),
    ),
    Pattern(
        "tls_error",
        program="smtpd",
        literal="SSL_accept error from ",
        regex=rf"^SSL_accept error from {PEER}: (?P<detail>.*)$",
        sets=tls(),
        written_by="postfix src/tls/tls_server.c, since 2.9; the library lines that follow tell why",
        samples=(
            Sample(
                "SSL_accept error from unknown[203.0.113.9]: -1",
                tls(
                    client_ip="203.0.113.9",
                    detail="-1",
                    outcome="aborted",
                    cause="tls_handshake_failed",
                    basis="line",
                ),
            ),
            Sample(
                "SSL_accept error from pc.example.net[203.0.113.9]:50222: lost connection",
                tls(
                    client_name="pc.example.net",
                    client_ip="203.0.113.9",
                    client_port=50222,
                    detail="lost connection",
                    outcome="aborted",
                    cause="tls_handshake_failed",
                    basis="line",
                ),
            ),
        ),
    ),
    Pattern(
        "tls_library",
        program="smtpd",
        literal="TLS library problem: ",
        regex=r"^warning: TLS library problem: (?P<detail>.*)$",
        sets=context(),
        role="context",
        written_by="postfix src/tls/tls_misc.c; text of OpenSSL; names no client, belongs to the SSL_accept line before",
        samples=(
            Sample(
                "warning: TLS library problem: error:0A00010B:SSL routines::wrong version number:"
                "../ssl/record/ssl3_record.c:350:",
                context(
                    detail="error:0A00010B:SSL routines::wrong version number:../ssl/record/ssl3_record.c:350:",
                ),
            ),
        ),
    ),
    Pattern(
        "tls_client_certificate",
        program="smtpd",
        literal="abort: TLS from ",
        regex=rf"^{QUEUE_ID}: abort: TLS from {PEER}: (?P<detail>.*)$",
        sets=tls(),
        written_by="postfix src/smtpd/smtpd.c, smtpd_tls_req_ccert",
        samples=(
            Sample(
                "NOQUEUE: abort: TLS from unknown[203.0.113.9]: No client certificate presented",
                tls(
                    client_ip="203.0.113.9",
                    detail="No client certificate presented",
                    outcome="refused",
                    cause="access_policy_denied",
                    basis="line",
                ),
            ),
        ),
    ),
    Pattern(
        "tls_wrapper_dropped",
        program="smtpd",
        literal="Wrapper-mode request dropped",
        regex=rf"^warning: (?P<detail>Wrapper-mode request dropped) from {PEER} for service (?P<limit_service>[^ ]+)\. "
        r"TLS context initialization failed.*$",
        sets=tls(),
        written_by="postfix src/smtpd/smtpd.c, smtpd_tls_wrappermode without a working TLS engine",
        samples=(
            Sample(
                "warning: Wrapper-mode request dropped from unknown[203.0.113.9] for service smtps. "
                "TLS context initialization failed. For details see earlier warnings in your logs.",
                tls(
                    client_ip="203.0.113.9",
                    limit_service="smtps",
                    detail="Wrapper-mode request dropped",
                    outcome="refused",
                    cause="tls_unavailable",
                    basis="line",
                ),
            ),
        ),
    ),
)
