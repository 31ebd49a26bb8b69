"""Postfix smtp, relay, lmtp, error, retry: deliveries that a relay put off or refused.

Of the replies to mail itself only those are ours that speak of a login, of rights to send, of TLS or of a limit; that
is decided by reply codes and words, which `OURS` spells out. A bounce for an unknown user or a full mailbox is none.
"""

from __future__ import annotations

from typing import Any

from smtplogs.logformats._format import Part, Pattern, Sample
from smtplogs.logformats._postfix_parts import ENHANCED, LIMIT_WORDS, QUEUE_ID
from smtplogs.logformats._postfix_reasons import CLIENTS, DELIVERY, NEXT_HOP, REPLY, client, context, reason

_LOGIN_WORDS = (
    r"[Aa]uthenti(?:cation|fication|sation) (?:is |be |was )?(?:[Rr]equired|requise|unsuccessful|not)"
    r"|[Nn]ot (?:been )?authenticated|AUTH command|[Uu]nauthenticated senders|[Pp]lease (?:authenticate|log ?in|turn on SMTP|use port)"
    r"|SMTP A(?:UTH|uth)|[Ll]og in first|[Nn]ot logged in|before sending|[Cc]redential|[Bb]asic authentication"
    r"|AUTH first|[Aa]uthenticated connection|Server authentication|Client host rejected: Access denied"
)
_RIGHTS_WORDS = (
    r"[Rr]elay(?:ing)? (?:[Aa]ccess )?(?:[Dd]enied|[Pp]rohibited|[Dd]isallowed|not)|[Nn]o relaying"
    r"|(?:[Uu]nable|permitted|allowed|authorized) to relay|send as this|SendAsDenied|not owned by|sender identity|[Ss]ender Identity|[Ss]ender [Ss]ignature"
    r"|is not verified|not verified|Sending Domain|not one of your addresses|from this header address|authorized to perform"
    r"|not allowed to send(?: as|:)|[Bb]ad outbound sender|[Bb]anned sender|exceeded threshold|[Ss]pam abuse"
    r"|[Ss]ender address is not allowed|[Uu]nauthorized [Ss]ender|must (?:equal|be (?:the )?same as|match) auth"
    r"|with login user|conform with auth|not local sender|allowed rcpthosts|authentication when attempting|(?:SMTP|smtp) account|TenantAttribution"
)
_TLS_WORDS = r"STARTTLS|starttls|TLS|[Ee]ncrypt"
_MORE_LIMIT_WORDS = (
    r"[Cc]redits|[Mm]aximum number of (?:concurrent|connections)|QuotaExceeded|[Uu]nexpected volume|[Ss]erver busy"
    r"|whitelist for RCPT|(?:[Ss]ending|messaging) (?:limit|quota)"
)
OURS = rf"(?:{_LOGIN_WORDS}|{_RIGHTS_WORDS}|{_TLS_WORDS}|{LIMIT_WORDS}|{_MORE_LIMIT_WORDS})"

"""Words of a relay that speak of a login, of rights to send, of TLS or of a limit."""

TEXT = r"(?:[^<]|<[^<>]*>)*?"
"""Text in which no word counts that stands in an address."""

CODES = "421|432|523|524|525|530|534|535|538"
"""Codes that are ours whatever the words: those of RFC 4954, and the closing 421."""

_CODE = rf"(?:[ -](?P<enhanced_code>{ENHANCED}))?"
_IN_REPLY = r" \(in reply to (?:end of )?(?P<step>[A-Z]+)(?: [A-Z]+)?(?: command)?\)"
_SAID = rf"host SERVER said: (?P<reply_code>[2-5][0-9]{{2}}){_CODE}[ -]+(?P<detail>{TEXT}{OURS}.*?){_IN_REPLY}"
_SAID_BY_CODE = rf"host SERVER said: (?P<reply_code>{CODES}){_CODE}(?:[ -]+(?P<detail>.*?))?{_IN_REPLY}"

RELAY = (
    Pattern(
        "delivery_suspended",
        program=f"error|retry|{CLIENTS}",
        literal="delivery temporarily suspended: ",
        regex=DELIVERY + r"delivery temporarily suspended: (?P<detail>.*)\)$",
        sets=context(),
        role="context",
        written_by="postfix src/error/error.c: the queue manager repeats an old failure, no server was asked",
        samples=(
            Sample(
                "159F04670A: to=<eve@example.org>, orig_to=<root>, relay=none, delay=0.36, delays=0.12/0.15/0/0.09, "
                "dsn=4.7.1, status=deferred (delivery temporarily suspended: SASL authentication failed; server "
                "smtp.example.net[198.51.100.25] said: 535-5.7.1 Username and Password not accepted)",
                context(
                    queue_id="159F04670A",
                    dsn="4.7.1",
                    delivery="deferred",
                    detail="SASL authentication failed; server smtp.example.net[198.51.100.25] said: 535-5.7.1 "
                    "Username and Password not accepted",
                ),
                program="postfix/error",
            ),
        ),
    ),
    *reason(
        "relay_refused_connection",
        rf"host SERVER refused to talk to me: {REPLY}",
        literal="refused to talk to me: ",
        sets=client(stage="connect"),
        written_by="postfix src/smtp/smtp_proto.c: the greeting was no 220",
        sample=(
            "host smtp.example.net[198.51.100.25] refused to talk to me: 421 4.7.0 smtp.example.net Error: "
            "too many connections from 192.0.2.25",
            {
                "stage": "connect",
                "outcome": "throttled",
                "cause": "throttled_connection",
                "basis": "line",
                "reply_code": 421,
                "enhanced_code": "4.7.0",
                "detail": "smtp.example.net Error: too many connections from 192.0.2.25",
            },
        ),
        also=(
            "host smtp.example.net[198.51.100.25] refused to talk to me: 421 smtp.example.net Service not available",
            {
                "stage": "connect",
                "outcome": "deferred",
                "cause": "service_unavailable",
                "basis": "line",
                "reply_code": 421,
                "detail": "smtp.example.net Service not available",
            },
        ),
    ),
    *reason(
        "relay_said",
        _SAID,
        literal=" said: ",
        sets=client(),
        written_by="postfix src/smtp/smtp_trouble.c; the relay's own words",
        sample=(
            "host smtp.example.net[198.51.100.25] said: 554 5.7.1 <eve@example.org>: Relay access denied "
            "(in reply to RCPT TO command)",
            {
                "step": "RCPT",
                "stage": "rcpt",
                "outcome": "refused",
                "cause": "relay_denied",
                "basis": "line",
                "reply_code": 554,
                "enhanced_code": "5.7.1",
                "detail": "<eve@example.org>: Relay access denied",
            },
        ),
        also=(
            "host smtp.example.net[198.51.100.25] said: 450 4.7.1 Sending rate exceeded (in reply to end of DATA command)",
            {
                "step": "DATA",
                "stage": "data",
                "outcome": "throttled",
                "cause": "throttled_sending",
                "basis": "line",
                "reply_code": 450,
                "enhanced_code": "4.7.1",
                "detail": "Sending rate exceeded",
            },
        ),
        not_these=(
            "4BA3A326901: host smtp.example.net[198.51.100.25] said: 553 5.1.8 <alice@example.com>: Sender address "
            "rejected: Domain not found (in reply to RCPT TO command)",
            "4BA3A326901: host smtp.example.net[198.51.100.25] said: 550 5.1.1 <rate-limit@example.org>: Recipient "
            "address rejected: User unknown in local recipient table (in reply to RCPT TO command)",
            "4BA3A326901: host smtp.example.net[198.51.100.25] said: 452 4.2.2 Mailbox over quota (in reply to RCPT TO "
            "command)",
        ),
    ),
    *reason(
        "relay_said_by_code",
        _SAID_BY_CODE,
        literal=" said: ",
        sets=client(),
        written_by="postfix src/smtp/smtp_trouble.c; codes of RFC 4954 and the closing 421, whatever the words",
        sample=(
            "host smtp.example.net[198.51.100.25] said: 530 5.5.1 Go away (in reply to MAIL FROM command)",
            {
                "step": "MAIL",
                "stage": "mail",
                "outcome": "refused",
                "cause": "auth_required",
                "basis": "assumed",
                "reply_code": 530,
                "enhanced_code": "5.5.1",
                "detail": "Go away",
            },
        ),
        also=(
            "host smtp.example.net[198.51.100.25] said: 421 bye (in reply to RCPT TO command)",
            {
                "step": "RCPT",
                "stage": "rcpt",
                "outcome": "deferred",
                "cause": "service_unavailable",
                "basis": "assumed",
                "reply_code": 421,
                "detail": "bye",
            },
        ),
    ),
    *reason(
        "relay_lost",
        r"(?P<detail>(?:lost connection|conversation) with SERVER (?:timed out )?while performing the [A-Z]+ handshake)",
        literal="O handshake",
        sets=context(stage="helo"),
        role="context",
        written_by="postfix src/smtp/smtp_trouble.c; a drop during AUTH reads the same, so it proves nothing",
        sample=(
            "lost connection with smtp.example.net[198.51.100.25] while performing the EHLO handshake",
            {
                "stage": "helo",
                "outcome": "info",
                "detail": "lost connection with smtp.example.net[198.51.100.25] while performing the EHLO handshake",
            },
        ),
        also=(
            "conversation with smtp.example.net[198.51.100.25] timed out while performing the EHLO handshake",
            {
                "stage": "helo",
                "outcome": "info",
                "detail": "conversation with smtp.example.net[198.51.100.25] timed out while performing the EHLO handshake",
            },
        ),
    ),
)


def _delivered(name: str, literal: str, status: str, sample: str, **told: Any) -> Pattern:
    """Return the pattern of deliveries that only the traffic table counts."""
    return Pattern(
        name,
        program=CLIENTS,
        literal=literal,
        regex=DELIVERY.replace("(?P<delivery>[a-z]+)", rf"(?P<delivery>{status})") + r".*\)$",
        sets=context(),
        role="context",
        traffic=True,
        written_by="postfix src/global/log_adhoc.c",
        samples=(
            Sample(
                sample,
                context(
                    queue_id="46F6B326930",
                    relay_host="smtp.example.net",
                    server_ip="198.51.100.25",
                    server_port=587,
                    **told,
                ),
            ),
        ),
    )


TRAFFIC = (
    Pattern(
        "delivery_sent_plain",
        program=CLIENTS,
        literal="status=sent",
        parts=(
            Part("", QUEUE_ID, own=True),
            Part(": to=<", r"[^\">]*>(?:, orig_to=<[^\">]*>)?", own=True),
            Part(", relay=", NEXT_HOP),
            Part(", ", r"(?:conn_use=[0-9]+, )?delay=[0-9.]+(?:, delays=[0-9./]+)?(?:, tls=[^, ]*)?", own=True),
            Part(", dsn=", rf"(?P<dsn>{ENHANCED})"),
            Part(", status=sent", r" \(.*\)", own=True),
        ),
        sets=context(delivery="sent"),
        role="context",
        traffic=True,
        harmless=True,
        written_by="postfix src/global/log_adhoc.c, since 2.3; addresses without quotes",
        samples=(
            Sample(
                "46F6B326930: to=<eve@example.org>, orig_to=<eva@example.org>, relay=smtp.example.net[2001:db8::5]:587, "
                "delay=0.05, delays=0/0/0.05/0, tls=may:encrypt, dsn=2.0.0, status=sent (250 2.0.0 queued)",
                context(
                    queue_id="46F6B326930",
                    relay_host="smtp.example.net",
                    server_ip="2001:db8::5",
                    server_port=587,
                    dsn="2.0.0",
                    delivery="sent",
                ),
            ),
            Sample(
                "46F6B326930: to=<bob@example.com>, relay=local, delay=0.1, dsn=2.0.0, status=sent (delivered to mailbox)",
                context(queue_id="46F6B326930", dsn="2.0.0", delivery="sent"),
            ),
        ),
        not_these=(
            "46F6B326930: to=<eve@example.org>, relay=smtp.example.net[198.51.100.25]:587, delay=5, dsn=5.1.1, "
            "status=bounced (status=sent)",
        ),
    ),
    _delivered(
        "delivery_sent",
        "status=sent",
        "sent",
        '46F6B326930: to=<"a> b, relay=x"@example.org>, relay=smtp.example.net[198.51.100.25]:587, delay=0.05, '
        "delays=0/0/0.05/0, tls=may:encrypt, dsn=2.0.0, status=sent (250 2.0.0 queued)",
        dsn="2.0.0",
        delivery="sent",
    ),
    _delivered(
        "delivery_deferred",
        "status=deferred",
        "deferred",
        "46F6B326930: to=<eve@example.org>, relay=smtp.example.net[198.51.100.25]:587, conn_use=2, delay=315, "
        "dsn=4.2.2, status=deferred (host smtp.example.net[198.51.100.25] said: 452 4.2.2 Mailbox over quota (in reply "
        "to RCPT TO command))",
        dsn="4.2.2",
        delivery="deferred",
    ),
)
