"""Postfix: limits (anvil, errors in a session, postscreen) and the statistics about them."""

from __future__ import annotations

from smtplogs.logformats._format import Part, Pattern, Sample
from smtplogs.logformats._postfix_parts import PEER, QUEUE_ID, always

context = always(side="server", outcome="info")
throttled = always(side="server", outcome="throttled", basis="line")


def _limit(name: str, words: str, stage: str, cause: str, written_by: str, service: str) -> Pattern:
    """Return the pattern of one of smtpd's client limits; the number printed is the count reached, not the limit."""
    first = words.split("|", maxsplit=1)[0]
    return Pattern(
        name,
        program="smtpd",
        literal=" limit exceeded: ",
        regex=rf"^warning: (?P<detail>{words}) limit exceeded: (?P<rate_value>[0-9]+) from {PEER} "
        r"for service (?P<limit_service>[^ ]+)$",
        sets={"side": "server", "stage": stage},
        written_by=f"postfix src/smtpd/smtpd.c; {written_by}",
        samples=(
            Sample(
                f"warning: {first} limit exceeded: 31 from unknown[203.0.113.9] for service {service}",
                throttled(
                    stage=stage,
                    cause=cause,
                    detail=first,
                    rate_value=31.0,
                    client_ip="203.0.113.9",
                    limit_service=service,
                ),
            ),
        ),
        not_these=(f"statistics: max auth rate 31/60s for ({service}:203.0.113.9) at Nov  3 09:05:01",),
    )


LIMITS = (
    _limit(
        "auth_rate_limit",
        "AUTH command rate",
        "auth",
        "throttled_auth",
        "smtpd_client_auth_rate_limit, since 3.1; AUTH is not looked at, so a right password is refused too",
        "submission",
    ),
    _limit(
        "connection_limit",
        "Connection concurrency|Connection rate",
        "connect",
        "throttled_connection",
        "smtpd_client_connection_count_limit, _rate_limit, since 2.2; the session ends",
        "127.0.0.1:10025",
    ),
    _limit(
        "tls_rate_limit",
        "New TLS session rate",
        "tls",
        "throttled_connection",
        "smtpd_client_new_tls_session_rate_limit, since 2.3; the session ends",
        "465",
    ),
    _limit(
        "message_rate_limit",
        "Message delivery request rate",
        "mail",
        "throttled_sending",
        "smtpd_client_message_rate_limit, since 2.2",
        "submission",
    ),
    _limit(
        "recipient_rate_limit",
        "Recipient address rate",
        "rcpt",
        "throttled_sending",
        "smtpd_client_recipient_rate_limit, since 2.2",
        "submission",
    ),
    Pattern(
        "refuse_tls",
        program="smtpd",
        literal="Refusing ",
        regex=rf"^warning: (?P<detail>Refusing (?:STARTTLS|TLS service) request) from {PEER} "
        r"for service (?P<limit_service>[^ ]+)$",
        sets={"side": "server", "stage": "tls"},
        written_by="postfix src/smtpd/smtpd.c, smtpd_client_new_tls_session_rate_limit, since 2.3",
        samples=(
            Sample(
                "warning: Refusing STARTTLS request from pc.example.net[2001:db8::7]:40001 for service submission",
                throttled(
                    stage="tls",
                    cause="throttled_connection",
                    detail="Refusing STARTTLS request",
                    client_name="pc.example.net",
                    client_ip="2001:db8::7",
                    client_port=40001,
                    limit_service="submission",
                ),
            ),
        ),
    ),
    Pattern(
        "too_many_errors",
        program="smtpd",
        literal="too many errors after ",
        parts=(
            Part(
                "",
                rf"(?:{QUEUE_ID}: )?(?P<detail>too many errors after (?P<step>[A-Z][A-Za-z-]*(?: content)?)"
                r"(?: \([0-9]+ bytes\))?)",
            ),
            Part(" from ", PEER),
        ),
        sets={"side": "server", "stage": "session"},
        harmless=True,
        written_by="postfix src/smtpd/smtpd.c, smtpd_hard_error_limit; queue id or NOQUEUE in front since 3.10",
        samples=(
            Sample(
                "too many errors after AUTH from unknown[203.0.113.9]",
                throttled(
                    stage="session",
                    step="AUTH",
                    cause="too_many_errors",
                    detail="too many errors after AUTH",
                    client_ip="203.0.113.9",
                ),
            ),
            Sample(
                "NOQUEUE: too many errors after RCPT from mx.example.org[203.0.113.9]",
                throttled(
                    stage="session",
                    step="RCPT",
                    cause="too_many_errors",
                    detail="too many errors after RCPT",
                    client_name="mx.example.org",
                    client_ip="203.0.113.9",
                ),
            ),
        ),
    ),
    Pattern(
        "screen_busy",
        program="postscreen",
        literal=("too many connections", "ports busy"),
        regex=r"^(?:NOQUEUE: )?reject: (?:CONNECT|connect) from \[(?P<client_ip>[^\] ]*)\]:(?P<client_port>[0-9]+): "
        r"(?P<detail>too many connections|all (?:server|screening) ports busy)$",
        sets={"side": "server", "stage": "connect"},
        written_by="postfix src/postscreen/postscreen.c, since 2.8; the client is told 421",
        samples=(
            Sample(
                "NOQUEUE: reject: CONNECT from [203.0.113.9]:1337: too many connections",
                throttled(
                    stage="connect",
                    cause="throttled_connection",
                    detail="too many connections",
                    client_ip="203.0.113.9",
                    client_port=1337,
                ),
            ),
            Sample(
                "reject: connect from [2001:db8::7]:1337: all screening ports busy",
                throttled(
                    stage="connect",
                    cause="throttled_connection",
                    detail="all screening ports busy",
                    client_ip="2001:db8::7",
                    client_port=1337,
                ),
            ),
        ),
        not_these=("NOQUEUE: reject: RCPT from [203.0.113.9]:1337: 550 5.7.1 Service unavailable",),
    ),
    Pattern(
        "screen_command_limit",
        program="postscreen",
        literal=" LIMIT from [",
        regex=r"^(?P<detail>COMMAND (?:TIME|COUNT|LENGTH) LIMIT) from \[(?P<client_ip>[^\] ]*)\]:"
        r"(?P<client_port>[0-9]+) after (?P<step>[A-Z][A-Za-z-]*)$",
        sets=context(stage="session"),
        role="context",
        written_by="postfix src/postscreen/postscreen_smtpd.c; its dummy engine never tries a login",
        samples=(
            Sample(
                "COMMAND TIME LIMIT from [203.0.113.9]:3608 after AUTH",
                context(
                    stage="session",
                    step="AUTH",
                    detail="COMMAND TIME LIMIT",
                    client_ip="203.0.113.9",
                    client_port=3608,
                ),
            ),
        ),
    ),
    Pattern(
        "statistics",
        program="anvil",
        literal=tuple(f"statistics: max {what} " for what in ("connection", "message", "recipient", "newtls", "auth")),
        parts=(
            Part(
                "statistics: max ",
                r"(?P<detail>(?:connection|message|recipient|newtls|auth) (?:rate|count)) "
                r"(?P<rate_value>[0-9]+)(?:/(?:(?P<rate_window_s>[0-9]+)s|[0-9]+[mhdw]))?",
            ),
            Part(
                " for (",
                r"(?P<limit_service>\[[^\]]*\]:[^:()]+|[^:()]*\.[^:()]*:[^:()]+|[^:()]+|[^:()]+:[^:()]+):"
                r"(?P<client_ip>unknown|[0-9]+(?:\.[0-9]+){3}|[0-9A-Fa-f]*:[0-9A-Fa-f]*:[0-9A-Fa-f:.]*)"
                r"(?:/[0-9]+)?",
            ),
            Part(") at ", r"[A-Z][a-z]{2} [ 0-9]?[0-9] [0-9]{2}:[0-9]{2}:[0-9]{2}", own=True),
        ),
        harmless=True,
        sets=context(),
        role="context",
        written_by="postfix src/anvil/anvil.c, message and recipient since 2.2, newtls 2.3, auth 3.1; a peak, no limit",
        samples=(
            Sample(
                "statistics: max auth rate 6/60s for (submission:203.0.113.9) at Nov  3 09:05:01",
                context(
                    detail="auth rate",
                    rate_value=6.0,
                    rate_window_s=60.0,
                    limit_service="submission",
                    client_ip="203.0.113.9",
                ),
            ),
            Sample(
                "statistics: max connection count 1 for (192.0.2.25:2525:2001:db8:0:1::3) at Nov  3 09:05:01",
                context(
                    detail="connection count",
                    rate_value=1.0,
                    limit_service="192.0.2.25:2525",
                    client_ip="2001:db8:0:1::3",
                ),
            ),
            Sample(  # smtpd_client_ipv6_prefix_length, since 3.8
                "statistics: max connection rate 2/60s for (10500:::/84) at Nov 26 21:12:05",
                context(
                    detail="connection rate",
                    rate_value=2.0,
                    rate_window_s=60.0,
                    limit_service="10500",
                    client_ip="::",
                ),
            ),
            Sample(
                "statistics: max connection rate 1/7d for (smtp:unknown) at Nov  3 09:05:01",
                context(detail="connection rate", rate_value=1.0, limit_service="smtp"),
            ),
        ),
        not_these=("statistics: max cache size 3 at Nov  3 09:05:01",),
    ),
)
