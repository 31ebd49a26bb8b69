"""Postfix smtpd: logins (SASL), and what stands behind a failed one."""

from __future__ import annotations

from smtplogs.logformats._format import Part, Pattern, Sample
from smtplogs.logformats._postfix_parts import PEER, QUEUE_ID, always

_GLUE = "postfix src/smtpd/smtpd_sasl_glue.c"

auth = always(side="server", stage="auth")
context = always(side="server", stage="auth", outcome="info")
mail = always(side="server", stage="mail", outcome="success", cause="success", basis="line")

_NAME = "(?:[A-Z]?[a-z0-9_-]{0,20}|[A-Z0-9_-]{0,20})"
"""Name of a mechanism; base64, which a client may send in its place, mixes its letters."""

SASL = (
    Pattern(
        "sasl_failure",
        program="smtpd",
        literal="authentication failed",
        parts=(
            Part("warning: ", PEER),
            Part(": SASL ", rf"(?P<mechanism>{_NAME}) authentication failed(?::(?: (?P<detail>[^,]*))?)?"),
            Part(", sasl_username=", r"(?P<user>.*)", optional=True, own=True),
        ),
        sets=auth(),
        harmless=True,
        written_by=f"{_GLUE}; reason since 2.3, sasl_username= since 3.5.22, 3.6.12, 3.7.8, 3.8.3, 3.9; "
        "the last challenge in place of a reason until 3.5.24, 3.6.14, 3.7.10, 3.8.5",
        samples=(
            Sample(
                "warning: unknown[203.0.113.9]: SASL login authentication failed: (reason unavailable), "
                "sasl_username=john doe, sasl_username=root",
                auth(
                    client_ip="203.0.113.9",
                    mechanism="LOGIN",
                    user="john doe, sasl_username=root",
                    detail="(reason unavailable)",
                    outcome="failure",
                    cause="bad_credentials",
                    basis="assumed",
                ),
            ),
            Sample(
                "warning: pc.example.net[2001:db8::7]:40001: SASL PLAIN authentication failed: authentication failure",
                auth(
                    client_name="pc.example.net",
                    client_ip="2001:db8::7",
                    client_port=40001,
                    mechanism="PLAIN",
                    detail="authentication failure",
                    outcome="failure",
                    cause="bad_credentials",
                    basis="line",
                ),
            ),
            Sample(
                "warning: unknown[203.0.113.9]: SASL PLAIN authentication failed: "
                "Connection lost to authentication server, sasl_username=alice@example.com",
                auth(
                    client_ip="203.0.113.9",
                    mechanism="PLAIN",
                    detail="Connection lost to authentication server",
                    outcome="deferred",
                    cause="unknown",
                    basis="assumed",
                ),
            ),
        ),
        not_these=(
            "4CFD832692A: SASL authentication failed; server smtp.example.net[198.51.100.25] said: 535 5.7.8 Error",
            "warning: SASL authentication failure: Password verification failed",
        ),
    ),
    Pattern(
        "client_sasl",
        program="smtpd",
        literal=", sasl_method=",
        parts=(
            Part("", QUEUE_ID, own=True),
            Part(": client=", PEER),
            Part(", sasl_method=", r"(?P<mechanism>[^ ,]+)"),
            Part(", sasl_username=", r"(?P<user>[^,]*)", own=True),
        ),
        sets=mail(),
        harmless=True,
        written_by="postfix src/smtpd/smtpd.c, a line per message",
        samples=(
            Sample(
                "4AA091855DA0: client=pc.example.net[203.0.113.9], sasl_method=plain, sasl_username=alice@example.com",
                mail(
                    queue_id="4AA091855DA0",
                    client_name="pc.example.net",
                    client_ip="203.0.113.9",
                    mechanism="PLAIN",
                    user="alice@example.com",
                ),
            ),
        ),
        not_these=("4AA091855DA0: client=pc.example.net[203.0.113.9]",),
    ),
    Pattern(
        "client_sasl_odd",
        program="smtpd",
        literal=", sasl_method=",
        regex=rf"^{QUEUE_ID}: client={PEER}, sasl_method=(?P<mechanism>[^ ,]+)(?:, sasl_username=(?P<user>.*?))?"
        r"(?:, sasl_sender=(?P<sasl_sender>[^ ,]*))?(?:, orig_queue_id=[0-9A-Za-z]+)?(?:, orig_client=[^ ]+)?$",
        sets=mail(),
        written_by="postfix src/smtpd/smtpd.c, a line per message; orig_* since 2.8 (before: the forwarded client)",
        samples=(
            Sample(
                "4AA091855DA0: client=pc.example.net[203.0.113.9], sasl_method=PLAIN, sasl_username=Doe, Alice, "
                "sasl_sender=<alice@example.com>",
                mail(
                    queue_id="4AA091855DA0",
                    client_name="pc.example.net",
                    client_ip="203.0.113.9",
                    mechanism="PLAIN",
                    user="Doe, Alice",
                    sasl_sender="<alice@example.com>",
                ),
            ),
            Sample(
                "NOQUEUE: client=unknown[203.0.113.9], sasl_method=XCLIENT, sasl_username=alice@example.com, "
                "orig_queue_id=4DdK3k1zzz, orig_client=origin.example.org[198.51.100.9]",
                mail(client_ip="203.0.113.9", mechanism="XCLIENT", user="alice@example.com"),
            ),
        ),
        not_these=("4AA091855DA0: client=pc.example.net[203.0.113.9]",),
    ),
    Pattern(
        "sasl_failure_odd",
        program="smtpd",
        literal="authentication failed",
        regex=rf"^warning: {PEER}: SASL (?P<mechanism>[^ ]*) authentication failed: (?P<detail>.*?)"
        r"(?:, sasl_username=(?P<user>.*))?$",
        sets=auth(),
        written_by=f"{_GLUE}; reasons that hold a comma are the site's own (Dovecot's passdb, policy server)",
        samples=(
            Sample(
                "warning: unknown[203.0.113.9]: SASL PLAIN authentication failed: passphrase expired, has to be reset, "
                "sasl_username=alice",
                auth(
                    client_ip="203.0.113.9",
                    mechanism="PLAIN",
                    detail="passphrase expired, has to be reset",
                    user="alice",
                    outcome="failure",
                    cause="password_expired",
                    basis="line",
                ),
            ),
        ),
    ),
    Pattern(
        "verbose_auth",
        program="smtpd",
        literal=": AUTH ",
        regex=rf"^< {PEER}: (?P<detail>AUTH .*)$",
        sets=context(),
        written_by="postfix src/smtpd/smtpd_chat.c with -v or debug_peer_list: the command as it came, secret and all",
        samples=(
            Sample(
                "< pc.example.net[203.0.113.9]: AUTH PLAIN AGFubgBzM2NyZXQ=",
                context(
                    client_ip="203.0.113.9",
                    client_name="pc.example.net",
                    detail="AUTH PLAIN [redacted]",
                    redacted="sasl response",
                ),
            ),
            Sample(
                "< unknown[2001:db8::7]:40001: AUTH LOGIN",
                context(client_ip="2001:db8::7", client_port=40001, detail="AUTH LOGIN"),
            ),
        ),
        not_these=("> pc.example.net[203.0.113.9]: 250-AUTH PLAIN LOGIN",),
    ),
    Pattern(
        "sasl_aborted",
        program="smtpd",
        literal="authentication aborted",
        regex=rf"^warning: {PEER}: SASL (?P<mechanism>[^ ]*) (?P<detail>authentication aborted)$",
        sets=auth(),
        written_by=f"{_GLUE}, since 2.3: the client sent `*`",
        samples=(
            Sample(
                "warning: unknown[203.0.113.9]: SASL LOGIN authentication aborted",
                auth(
                    client_ip="203.0.113.9",
                    mechanism="LOGIN",
                    detail="authentication aborted",
                    outcome="aborted",
                    cause="aborted",
                    basis="line",
                ),
            ),
        ),
    ),
    Pattern(
        "cyrus_detail",
        program="smtpd",
        literal=("SASL authentication failure: ", "SASL authentication problem: "),
        regex=r"^warning: SASL authentication (?:failure|problem): (?P<detail>.*)$",
        sets=context(),
        role="context",
        written_by="postfix src/xsasl/xsasl_cyrus_log.c; stands before the failure it explains, not one to one",
        samples=(
            Sample(
                "warning: SASL authentication failure: cannot connect to saslauthd server: Connection refused",
                context(detail="cannot connect to saslauthd server: Connection refused"),
            ),
        ),
    ),
    Pattern(
        "sasl_backend",
        program="smtpd",
        literal="warning: SASL: ",
        regex=r"^warning: SASL: (?P<detail>Connect to .*|Couldn't send handshake.*|Protocol version mismatch.*"
        r"|Connected to wrong auth socket.*)$",
        sets=auth(),
        written_by="postfix src/xsasl/xsasl_dovecot_server.c, since 2.3; `Dovecot auth socket` in 3.7 and later",
        samples=(
            Sample(
                "warning: SASL: Connect to Dovecot auth socket 'private/auth' failed: Connection refused",
                auth(
                    detail="Connect to Dovecot auth socket 'private/auth' failed: Connection refused",
                    outcome="deferred",
                    cause="backend_unavailable",
                    basis="line",
                ),
            ),
            Sample(
                "warning: SASL: Connect to private/auth failed: No such file or directory",
                auth(
                    detail="Connect to private/auth failed: No such file or directory",
                    outcome="deferred",
                    cause="backend_unavailable",
                    basis="line",
                ),
            ),
            Sample(
                "warning: SASL: Connected to wrong auth socket (auth-master instead of auth-client)",
                auth(
                    detail="Connected to wrong auth socket (auth-master instead of auth-client)",
                    outcome="deferred",
                    cause="server_config_error",
                    basis="line",
                ),
            ),
        ),
    ),
    Pattern(
        "sasl_fatal",
        program="smtpd",
        literal=("no SASL authentication mechanisms", "fatal: SASL per-", "discards all mechanisms"),
        regex=r"^fatal: (?P<detail>no SASL authentication mechanisms|SASL per-(?:process|connection) initialization "
        r"failed.*|smtpd_sasl_mechanism_filter discards all mechanisms.*)$",
        sets=auth(),
        written_by="postfix src/smtpd/smtpd_sasl_glue.c; the session ends here, without a disconnect line",
        samples=(
            Sample(
                "fatal: no SASL authentication mechanisms",
                auth(
                    detail="no SASL authentication mechanisms",
                    outcome="deferred",
                    cause="server_config_error",
                    basis="line",
                ),
            ),
        ),
    ),
    Pattern(
        "sasl_misconfigured",
        program="smtpd",
        literal=("no applicable SASL mechanisms", "unsupported SASL server implementation"),
        regex=r"^warning: (?P<detail>xsasl_cyrus_server_get_mechanism_list: no applicable SASL mechanisms"
        r"|unsupported SASL server implementation: .*)$",
        sets=auth(),
        written_by="postfix src/xsasl/xsasl_cyrus_server.c, xsasl_server.c; stands before the fatal line",
        samples=(
            Sample(
                "warning: unsupported SASL server implementation: dovecot",
                auth(
                    detail="unsupported SASL server implementation: dovecot",
                    outcome="deferred",
                    cause="server_config_error",
                    basis="line",
                ),
            ),
        ),
    ),
)
