"""Postfix smtpd: the frame of a session, mail without a login, and protocol noise."""

from __future__ import annotations

from smtplogs.logformats._format import Part, Pattern, Sample
from smtplogs.logformats._postfix_parts import PEER, QUEUE_ID, always

context = always(side="server", outcome="info")

SESSION = (
    Pattern(
        "disconnect",  # before `connect`, whose literal it holds
        program="smtpd",
        literal="disconnect from ",
        parts=(Part("disconnect from ", PEER), Part(" ", r"(?:(?P<stats>[a-z].*)|[0-9]+)", optional=True)),
        sets=context(stage="session"),
        role="context",
        harmless=True,
        keeps_raw=True,
        written_by="postfix src/smtpd/smtpd.c; counters since 3.0, notes= since 3.9; some collectors add a byte count",
        samples=(
            Sample(
                "disconnect from unknown[203.0.113.9] ehlo=2 starttls=1 auth=0/1 quit=1 commands=4/5",
                context(
                    stage="session", client_ip="203.0.113.9", stats="ehlo=2 starttls=1 auth=0/1 quit=1 commands=4/5"
                ),
            ),
            Sample(
                "disconnect from mx.example.org[2001:DB8::25]:40112 ehlo=1 commands=1 notes=bare_lf 137",
                context(
                    stage="session",
                    client_name="mx.example.org",
                    client_ip="2001:db8::25",
                    client_port=40112,
                    stats="ehlo=1 commands=1 notes=bare_lf 137",
                ),
            ),
            Sample("disconnect from unknown[unknown]", context(stage="session")),
        ),
        not_these=("lost connection after AUTH from unknown[203.0.113.9]",),
    ),
    Pattern(
        "connect",
        program="smtpd",
        literal="connect from ",
        parts=(Part("connect from ", r"[^\[\] ]*\[(?P<client_ip>[^\] ]*)\](?::[0-9]+)?"),),
        sets=context(stage="connect"),
        role="context",
        harmless=True,
        written_by="postfix src/smtpd/smtpd.c, all versions; behind a proxy (haproxy) it names the real client",
        samples=(
            Sample("connect from unknown[::ffff:203.0.113.9]", context(stage="connect", client_ip="203.0.113.9")),
            Sample(
                "connect from pc.example.net[203.0.113.9]:51234",
                context(stage="connect", client_ip="203.0.113.9"),
            ),
        ),
        not_these=("disconnect from unknown[203.0.113.9]", "CONNECT from [203.0.113.9]:4711 to [192.0.2.25]:25"),
    ),
    Pattern(
        "abnormal_end",
        program="smtpd",
        literal=("lost connection after ", "timeout after "),
        parts=(
            Part("", rf"(?:{QUEUE_ID}: )?(?P<detail>lost connection|timeout)"),
            Part(" after ", r"(?P<step>[A-Z][A-Za-z-]*(?: content)?)(?: \([0-9]+ bytes\))?"),
            Part(" from ", PEER),
        ),
        sets=context(),
        role="context",
        keeps_raw=True,
        harmless=True,
        written_by="postfix src/smtpd/smtpd.c; queue id or NOQUEUE in front since 3.10",
        samples=(
            Sample(
                "NOQUEUE: lost connection after AUTH from unknown[203.0.113.9]",
                context(stage="auth", step="AUTH", client_ip="203.0.113.9", detail="lost connection"),
            ),
            Sample(
                "timeout after DATA (7774 bytes) from mx.example.org[203.0.113.9]:4711",
                context(
                    stage="data",
                    step="DATA",
                    client_name="mx.example.org",
                    client_ip="203.0.113.9",
                    client_port=4711,
                    detail="timeout",
                ),
            ),
            Sample(
                "4YzX1h2k3Jz1: lost connection after END-OF-MESSAGE from unknown[203.0.113.9]",
                context(
                    stage="data",
                    step="END-OF-MESSAGE",
                    client_ip="203.0.113.9",
                    detail="lost connection",
                    queue_id="4YzX1h2k3Jz1",
                ),
            ),
        ),
        not_these=("too many errors after AUTH from unknown[203.0.113.9]",),
    ),
)

# what clients sent out of turn may be a password: it is not taken
NOISE = (
    Pattern(
        "proxy_header",
        program="smtpd",
        literal="haproxy read: ",
        regex=r"^warning: (?P<detail>haproxy read: [A-Za-z ]+)(?::.*)?$",
        sets=context(stage="connect"),
        role="context",
        written_by="postfix src/smtpd/smtpd_haproxy.c; stands before any connect line, so it names no client",
        samples=(
            Sample(
                "warning: haproxy read: short protocol header: EHLO pc.example.net\\r\\n",
                context(stage="connect", detail="haproxy read: short protocol header"),
            ),
            Sample(
                "warning: haproxy read: timeout error",
                context(stage="connect", detail="haproxy read: timeout error"),
            ),
        ),
    ),
    Pattern(
        "pipelining",
        program="smtpd",
        literal="improper command pipelining after ",
        regex=rf"^(?P<detail>improper command pipelining) after (?P<step>[A-Z][A-Za-z-]*(?: content)?) from {PEER}"
        r"(?::(?: (?:[^\\]|\\(?:[^0]|0(?:[^2]|2[^6]))).*)?)?$",
        sets=context(),
        role="context",
        written_by="postfix src/smtpd/smtpd.c, since 2.6; then up to 100 bytes of what came, escaped; a TLS hello (\\026) is "
        "another pattern's",
        samples=(
            Sample(
                "improper command pipelining after AUTH from unknown[203.0.113.9]: c2VjcmV0\\r\\n",
                context(step="AUTH", stage="auth", client_ip="203.0.113.9", detail="improper command pipelining"),
            ),
            Sample(
                "improper command pipelining after DATA from unknown[203.0.113.9]:",
                context(step="DATA", stage="data", client_ip="203.0.113.9", detail="improper command pipelining"),
            ),
        ),
    ),
    Pattern(
        "non_smtp",
        program="smtpd",
        literal="non-SMTP command from ",
        regex=rf"^warning: (?P<detail>non-SMTP command) from {PEER}: (?:[^\\]|\\(?:[^0]|0(?:[^2]|2[^6]))).*$",
        sets=context(stage="session"),
        role="context",
        written_by="postfix src/smtpd/smtpd.c, smtpd_forbidden_commands, since 2.3",
        samples=(
            Sample(
                "warning: non-SMTP command from unknown[203.0.113.9]: GET / HTTP/1.1",
                context(stage="session", client_ip="203.0.113.9", detail="non-SMTP command"),
            ),
        ),
    ),
    Pattern(
        "client",
        program="smtpd",
        literal=": client=",
        parts=(
            Part("", QUEUE_ID, own=True),
            Part(": client=", rf"{PEER}(?:, orig_queue_id=[0-9A-Za-z]+)?(?:, orig_client=[^ ]+)?"),
        ),
        sets=context(stage="mail"),
        role="context",
        traffic=True,
        harmless=True,
        written_by="postfix src/smtpd/smtpd.c: a message from a client that has not logged in",
        samples=(
            Sample(
                "4AA091855DA0: client=mx.example.org[203.0.113.9]",
                context(
                    stage="mail",
                    queue_id="4AA091855DA0",
                    client_name="mx.example.org",
                    client_ip="203.0.113.9",
                ),
            ),
        ),
        not_these=("4AA091855DA0: client=mx.example.org[203.0.113.9], sasl_method=PLAIN, sasl_username=alice",),
    ),
)
