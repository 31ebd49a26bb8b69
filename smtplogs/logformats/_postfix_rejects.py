"""Postfix smtpd and cleanup: rejects that concern logins, TLS, rights to send, and limits."""

from __future__ import annotations

from typing import Any

from smtplogs.logformats._format import Pattern, Sample
from smtplogs.logformats._postfix_parts import (
    ADDRESS,
    CONTEXT,
    CONTEXT_OF_MILTER,
    CONTEXT_OF_USER,
    ENHANCED,
    LIMIT_LITERALS,
    LIMIT_WORDS,
    PEER,
    QUEUE_ID,
    always,
)

_CHECK = "postfix src/smtpd/smtpd_check.c; enhanced code since 2.3, login at the end since 3.10"
_STEP = r"(?P<step>[A-Z][A-Za-z-]*)"
_WHAT = rf"(?:<{ADDRESS}>: )?(?:[A-Z][a-z]+(?:[ -][a-z]+)* rejected: )?"
_LIMIT = rf"(?:<{ADDRESS}>: )?[^<]*?{LIMIT_WORDS}[^<]*?"
"""Beyond the address in front no `<`: the words may not come from HELO or an address in the tail of the line."""

_LOGIN_WORDS = (
    r"(?:[Ss]ender login mismatch|[Ss]ender is not same as |SMTP AUTH is required|Authentication (?:is )?required"
    r"|[Pp]lease authenticate|[Nn]ot authenticated|[Aa]uthenticate first|must authenticate"
    r"|not (?:allowed|permitted) to send as|suspended from sending)"
)
"""How policy services and access maps say that a login is missing, or is not the sender's."""

# what the samples have in common
rejected = always(side="server", client_ip="203.0.113.9")
refused = always(outcome="refused", basis="line")
on_rcpt = always(step="RCPT", stage="rcpt", sender="bob@example.com", helo="pc-7")
_TAIL = "from=<bob@example.com> to=<eve@example.org> proto=ESMTP helo=<pc-7>"


def _reject(name: str, text: str, literal: str | tuple[str, ...], *samples: Sample, **differs: Any) -> Pattern:
    """Return the pattern of a `reject:` line whose text is the regex `text`."""
    action, context = differs.pop("action", "reject"), differs.pop("context", CONTEXT)
    return Pattern(
        name,
        program="smtpd",
        literal=literal,
        regex=rf"^{QUEUE_ID}: {action}: {_STEP} from {PEER}: (?P<reply_code>[2-5][0-9]{{2}}) "
        rf"(?:(?P<enhanced_code>{ENHANCED}) )?(?P<detail>{text}){context}$",
        sets=differs.pop("sets", {"side": "server"}),
        written_by=differs.pop("written_by", _CHECK),
        samples=samples,
        **differs,
    )


REJECTS = (
    _reject(
        "reject_relay",
        rf"(?:<{ADDRESS}>: )?Relay access denied",
        "Relay access denied",
        Sample(
            "NOQUEUE: reject: RCPT from unknown[203.0.113.9]: 554 5.7.1 <eve@example.org>: Relay access denied; "
            'from=<"x> to=<y"@example.com> to=<eve@example.org> proto=ESMTP helo=<[192.0.2.1]:>',
            rejected(
                outcome="refused",
                cause="relay_denied",
                basis="line",
                step="RCPT",
                stage="rcpt",
                reply_code=554,
                enhanced_code="5.7.1",
                detail="<eve@example.org>: Relay access denied",
                sender='"x> to=<y"@example.com',
                helo="[192.0.2.1]:",
            ),
        ),
        Sample(
            f"NOQUEUE: reject: RCPT from unknown[203.0.113.9]: 554 <eve@example.org>: Relay access denied; {_TAIL}",
            rejected(
                **refused(cause="relay_denied"),
                **on_rcpt(reply_code=554, detail="<eve@example.org>: Relay access denied"),
            ),
        ),
    ),
    _reject(
        "reject_not_logged_in",
        rf"<{ADDRESS}>: Sender address rejected: not logged in",
        "not logged in",
        Sample(
            "NOQUEUE: reject: RCPT from unknown[203.0.113.9]: 553 5.7.1 <bob@example.com>: Sender address rejected: "
            f"not logged in; {_TAIL}",
            rejected(
                **refused(cause="auth_required"),
                **on_rcpt(
                    reply_code=553,
                    enhanced_code="5.7.1",
                    detail="<bob@example.com>: Sender address rejected: not logged in",
                ),
            ),
        ),
    ),
    _reject(
        "reject_not_owned",
        rf"<{ADDRESS}>: Sender address rejected: not owned by user (?P<user>.*?)",
        "not owned by user",
        Sample(
            "NOQUEUE: reject: RCPT from unknown[203.0.113.9]: 553 5.7.1 <bob@example.com>: Sender address rejected: "
            f"not owned by user al;ice; {_TAIL} sasl_method=PLAIN sasl_username=al;ice",
            rejected(
                **refused(cause="sender_not_owned"),
                **on_rcpt(
                    reply_code=553,
                    enhanced_code="5.7.1",
                    detail="<bob@example.com>: Sender address rejected: not owned by user al;ice",
                    user="al;ice",
                    mechanism="PLAIN",
                ),
            ),
        ),
        context=CONTEXT_OF_USER,
    ),
    _reject(
        "reject_by_policy",
        rf"(?:<{ADDRESS}>: )?[^<]*?{_LOGIN_WORDS}[^<]*?",
        (
            "ender login mismatch",
            "is not same as ",
            "SMTP AUTH is required",
            "Authentication required",
            "Authentication is required",
            "lease authenticate",
            "ot authenticated",
            "uthenticate first",
            "must authenticate",
            "not allowed to send as",
            "not permitted to send as",
            "suspended from sending",
        ),
        Sample(
            "NOQUEUE: reject: RCPT from unknown[203.0.113.9]: 554 5.7.1 <eve@example.org>: Recipient address rejected: Sender "
            f"login mismatch; {_TAIL}",
            rejected(
                **refused(cause="sender_not_owned"),
                **on_rcpt(
                    reply_code=554,
                    enhanced_code="5.7.1",
                    detail="<eve@example.org>: Recipient address rejected: Sender login mismatch",
                ),
            ),
        ),
        Sample(
            "NOQUEUE: reject: RCPT from unknown[203.0.113.9]: 554 5.7.1 <bob@example.com>: Sender address rejected: SMTP AUTH "
            f"is required, or it is a spam with forged sender domain; {_TAIL}",
            rejected(
                **refused(cause="auth_required"),
                **on_rcpt(
                    reply_code=554,
                    enhanced_code="5.7.1",
                    detail="<bob@example.com>: Sender address rejected: SMTP AUTH is required, or it is a spam with forged "
                    "sender domain",
                ),
            ),
        ),
        not_these=(
            "NOQUEUE: reject: RCPT from unknown[203.0.113.9]: 550 5.1.1 <authentication required@example.org>: Recipient "
            f"address rejected: User unknown in local recipient table; {_TAIL}",
            "NOQUEUE: reject: RCPT from unknown[203.0.113.9]: 550 5.7.1 <bob@example.com>: Recipient address rejected: sender domain "
            f"failed authentication required by DMARC policy; {_TAIL}",
        ),
        written_by="policy services (iRedAPD, policyd) and access maps, in their own words, through smtpd_check.c",
    ),
    _reject(
        "reject_access",
        rf"<{ADDRESS}>: (?:Client host|Recipient address) rejected: Access denied",
        ("Client host rejected: Access denied", "Recipient address rejected: Access denied"),
        Sample(
            "NOQUEUE: reject: RCPT from unknown[203.0.113.9]: 554 5.7.1 <unknown[203.0.113.9]>: Client host rejected: "
            f"Access denied; {_TAIL}",
            rejected(
                **refused(cause="auth_required"),
                **on_rcpt(
                    reply_code=554,
                    enhanced_code="5.7.1",
                    detail="<unknown[203.0.113.9]>: Client host rejected: Access denied",
                ),
            ),
            program="postfix/submission/smtpd",
        ),
        Sample(
            "NOQUEUE: reject: CONNECT from unknown[203.0.113.9]: 554 5.7.1 <unknown[203.0.113.9]>: Client host rejected: "
            "Access denied; proto=SMTP",
            rejected(
                outcome="refused",
                cause="access_policy_denied",
                basis="assumed",
                step="CONNECT",
                stage="connect",
                reply_code=554,
                enhanced_code="5.7.1",
                detail="<unknown[203.0.113.9]>: Client host rejected: Access denied",
            ),
            program="postfix/smtpd",
        ),
        not_these=(
            "NOQUEUE: reject: RCPT from unknown[203.0.113.9]: 554 5.7.1 <pc-7>: Helo command rejected: Access denied; "
            + _TAIL,
        ),
    ),
    _reject(
        "reject_plaintext",
        rf"{_WHAT}Session encryption is required",
        "Session encryption is required",
        Sample(
            f"NOQUEUE: reject: RCPT from unknown[203.0.113.9]: 450 4.7.1 Session encryption is required; {_TAIL}",
            rejected(
                **refused(cause="tls_required"),
                **on_rcpt(reply_code=450, enhanced_code="4.7.1", detail="Session encryption is required"),
            ),
        ),
    ),
    _reject(
        "reject_server_trouble",
        rf"{_WHAT}(?:Temporary lookup failure|Server configuration (?:error|problem))|[^ ]+ Server local data error",
        ("Temporary lookup failure", "Server configuration error", "Server configuration problem", "Server local data"),
        Sample(
            "NOQUEUE: reject: RCPT from unknown[203.0.113.9]: 451 4.3.5 <eve@example.org>: Recipient address rejected: "
            f"Server configuration error; {_TAIL}",
            rejected(
                outcome="deferred",
                cause="server_config_error",
                basis="line",
                **on_rcpt(
                    reply_code=451,
                    enhanced_code="4.3.5",
                    detail="<eve@example.org>: Recipient address rejected: Server configuration error",
                ),
            ),
        ),
        Sample(
            "NOQUEUE: reject: RCPT from unknown[203.0.113.9]: 451 4.3.0 <eve@example.org>: Temporary lookup failure; "
            + _TAIL,
            rejected(
                outcome="deferred",
                cause="backend_unavailable",
                basis="line",
                **on_rcpt(reply_code=451, enhanced_code="4.3.0", detail="<eve@example.org>: Temporary lookup failure"),
            ),
        ),
    ),
    _reject(
        "reject_limit",
        _LIMIT,
        LIMIT_LITERALS,
        Sample(
            "NOQUEUE: reject: RCPT from unknown[203.0.113.9]: 450 4.7.1 <eve@example.org>: Recipient address rejected: "
            f"Policy rejection; Message count quota exceeded; {_TAIL} sasl_method=LOGIN sasl_username=al>ice",
            rejected(
                outcome="throttled",
                cause="throttled_sending",
                basis="line",
                mechanism="LOGIN",
                user="al>ice",
                **on_rcpt(
                    reply_code=450,
                    enhanced_code="4.7.1",
                    detail="<eve@example.org>: Recipient address rejected: Policy rejection; Message count quota exceeded",
                ),
            ),
        ),
        not_these=(
            "NOQUEUE: reject: RCPT from unknown[203.0.113.9]: 552 5.2.2 <eve@example.org>: Recipient address rejected: "
            f"Quota exceeded (mailbox for user is full); {_TAIL}",
            "NOQUEUE: reject: RCPT from unknown[203.0.113.9]: 550 5.1.1 <rate-limit@example.org>: Recipient address "
            f"rejected: User unknown in local recipient table; {_TAIL}",
        ),
        written_by="policy services and access maps, in their own words, through postfix src/smtpd/smtpd_check.c",
    ),
    _reject(
        "milter_limit",
        _LIMIT,
        LIMIT_LITERALS,
        Sample(
            f"NOQUEUE: milter-reject: RCPT from unknown[203.0.113.9]: 451 4.7.1 Rate limit exceeded; {_TAIL}",
            rejected(
                outcome="throttled",
                cause="throttled_sending",
                basis="line",
                **on_rcpt(reply_code=451, enhanced_code="4.7.1", detail="Rate limit exceeded"),
            ),
        ),
        action="(?:milter|proxy)-reject",
        context=CONTEXT_OF_MILTER,
        written_by="rspamd and other milters, in their own words, through postfix src/smtpd/smtpd_milter.c",
    ),
    Pattern(
        "milter_limit_at_end",
        program="cleanup",
        literal=LIMIT_LITERALS,
        regex=rf"^{QUEUE_ID}: milter-reject: {_STEP} from {PEER}: (?P<enhanced_code>{ENHANCED}) "
        rf"(?P<detail>{_LIMIT}){CONTEXT_OF_MILTER}$",
        sets={"side": "server"},
        written_by="rspamd and other milters through postfix src/cleanup/cleanup_milter.c, which prints no reply code",
        samples=(
            Sample(
                '4YzX1h2k3Jz1: milter-reject: END-OF-MESSAGE from unknown[203.0.113.9]: 4.7.1 Ratelimit "user" exceeded; '
                "from=<bob@example.com> to=<eve@example.org> proto=ESMTP helo=<pc-7> sasl_username=<alice>",
                rejected(
                    outcome="throttled",
                    cause="throttled_sending",
                    basis="line",
                    step="END-OF-MESSAGE",
                    stage="data",
                    queue_id="4YzX1h2k3Jz1",
                    enhanced_code="4.7.1",
                    detail='Ratelimit "user" exceeded',
                    sender="bob@example.com",
                    helo="pc-7",
                ),
            ),
        ),
        not_these=(
            "4104E3D: milter-reject: END-OF-MESSAGE from unknown[203.0.113.9]: 5.7.1 Blocked by SpamAssassin; " + _TAIL,
        ),
    ),
    _reject(
        "reject_warning",
        r".*?",
        (),
        Sample(
            "NOQUEUE: reject_warning: RCPT from unknown[203.0.113.9]: 553 5.7.1 <bob@example.com>: Sender address "
            f"rejected: not owned by user alice; {_TAIL}",
            rejected(
                outcome="info",
                **on_rcpt(
                    reply_code=553,
                    enhanced_code="5.7.1",
                    detail="<bob@example.com>: Sender address rejected: not owned by user alice",
                ),
            ),
        ),
        action="reject_warning",
        role="context",
        sets={"side": "server", "outcome": "info"},
        written_by="postfix src/smtpd/smtpd_check.c, warn_if_reject: the client was told nothing",
    ),
)
