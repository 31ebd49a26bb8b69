"""Exim's server: commands refused for want of a login, and limits."""

from __future__ import annotations

from smtplogs.logformats._exim_parts import CORE, HEAD, LOCAL, LOGIN, PEER, PROGRAM, TLS, context
from smtplogs.logformats._format import Pattern, Sample
from smtplogs.logformats._postfix_parts import LIMIT_LITERALS, LIMIT_WORDS, always

_SMTP_IN = "exim src/smtp_in.c"
_ACL = f"{_SMTP_IN} acl; main and reject log; the text is the site's, the router's or the ACL's"
_STEP = r"(?:after )?(?P<step>RCPT|MAIL|DATA|EHLO|HELO|STARTTLS|VRFY|EXPN|ETRN|predata|connection)(?: or HELO)?"
_FROM = r"(?: F=(?:<(?P<sender>.*?)>|[^ ]+))?"
_ARG = r'(?: (?:<[^>]*>|[^ :"]*))?(?: in "connect" ACL)?'
_BEFORE = rf"{HEAD}(?:DS )?{PEER}{TLS}{_FROM}"
_AFTER = rf"(?: F=<[^>]*>)?(?: SPF=[^ ]+)?(?: DMARC=[^ ]+)? (?P<level>(?:temporarily )?rejected) {_STEP}{_ARG}"
_WANTS_LOGIN = (
    r"[Rr]elay(?:ing)? (?:not permitted|denied|access denied|not allowed)|[Aa]uthentication (?:is )?required"
    r"|SMTP AUTH is required|must (?:first )?authenticate|[Nn]ot authenticated|authenticate first"
    r"|turn on SMTP Authentication|without authentication"
)

refused = always(side="server", outcome="refused", basis="line")
limited = always(side="server", outcome="throttled")

REJECTS = (
    Pattern(
        "rejected_for_login",
        program=PROGRAM,
        literal=(
            "elay not permitted",
            "elaying not permitted",
            "elay denied",
            "elaying denied",
            "elay access denied",
            "elaying access denied",
            "elay not allowed",
            "elaying not allowed",
            "uthentication required",
            "uthentication is required",
            "SMTP AUTH is required",
            "ust authenticate",
            "ust first authenticate",
            "ot authenticated",
            "uthenticate first",
            "urn on SMTP Authentication",
            "ithout authentication",
        ),
        regex=rf"{_BEFORE}(?: {LOGIN})?{_AFTER}: (?P<detail>(?:.*[^0-9A-Za-z])?(?:{_WANTS_LOGIN}).*)$",
        sets={"side": "server"},
        written_by=_ACL,
        samples=(
            Sample(
                "H=(pc-7) [203.0.113.9] F=<alice@example.com> rejected RCPT <eve@example.org>: relay not permitted",
                refused(
                    helo="pc-7",
                    client_ip="203.0.113.9",
                    sender="alice@example.com",
                    level="rejected",
                    step="RCPT",
                    stage="rcpt",
                    detail="relay not permitted",
                    cause="relay_denied",
                ),
            ),
            Sample(
                "H=(pc-7) [203.0.113.9]:17125 X=TLS1.3:TLS_AES_128_GCM_SHA256:128 CV=no F=<alice@example.com> rejected RCPT "
                "<eve@example.org>: SMTP AUTH is required for message submission on port 587",
                refused(
                    helo="pc-7",
                    client_ip="203.0.113.9",
                    client_port=17125,
                    tls="TLSv1.3",
                    cipher="TLS_AES_128_GCM_SHA256",
                    sender="alice@example.com",
                    level="rejected",
                    step="RCPT",
                    stage="rcpt",
                    detail="SMTP AUTH is required for message submission on port 587",
                    cause="auth_required",
                ),
            ),
            Sample(
                "H=(pc-7) [203.0.113.9]:17125 F=<alice@example.com> rejected RCPT <eve@example.org>: Please turn on SMTP "
                "Authentication in your mail client.  (pc-7) [203.0.113.9]:17125 is not permitted to relay through this server "
                "without authentication.",
                refused(
                    helo="pc-7",
                    client_ip="203.0.113.9",
                    client_port=17125,
                    sender="alice@example.com",
                    level="rejected",
                    step="RCPT",
                    stage="rcpt",
                    detail="Please turn on SMTP Authentication in your mail client.  (pc-7) [203.0.113.9]:17125 is not permitted "
                    "to relay through this server without authentication.",
                    cause="auth_required",
                ),
            ),
        ),
        not_these=(
            "H=(pc-7) [203.0.113.9] F=<alice@example.com> rejected RCPT <eve@example.org>: No Such User Here",
            "H=(pc-7) [203.0.113.9] F=<alice@example.com> rejected RCPT <relay denied@example.org>: Unknown user",
        ),
    ),
    Pattern(
        "rejected_by_rate",
        program=PROGRAM,
        literal=("ender rate ", "ost is ratelimited "),
        regex=rf"{_BEFORE}(?: {LOGIN})?{_AFTER}: "
        r'(?P<detail>"?(?:[Ss]ender rate |[Hh]ost is ratelimited \()(?P<rate_value>[0-9.]+) ?/ ?(?P<rate_window_s>[0-9.]+[smhdw]).*)$',
        sets={"side": "server"},
        written_by=f"{_ACL}; the words of Exim's manual and of cPanel for its ratelimit condition",
        samples=(
            Sample(
                "H=(pc-7) [203.0.113.9] temporarily rejected MAIL <a@example.com>: Sender rate 3.5 / 1m",
                limited(
                    helo="pc-7",
                    client_ip="203.0.113.9",
                    level="temporarily rejected",
                    step="MAIL",
                    stage="mail",
                    detail="Sender rate 3.5 / 1m",
                    rate_value=3.5,
                    rate_window_s=60.0,
                    cause="throttled_sending",
                    basis="line",
                ),
            ),
            Sample(
                'H=smtp.example.net [203.0.113.9]:18146 temporarily rejected connection in "connect" ACL: '
                '"Host is ratelimited (1.9/1h max:1.2)"',
                limited(
                    client_name="smtp.example.net",
                    client_ip="203.0.113.9",
                    client_port=18146,
                    level="temporarily rejected",
                    step="connection",
                    stage="connect",
                    detail='"Host is ratelimited (1.9/1h max:1.2)"',
                    rate_value=1.9,
                    rate_window_s=3600.0,
                    cause="throttled_connection",
                    basis="line",
                ),
            ),
        ),
    ),
    Pattern(
        "rejected_by_limit",
        program=PROGRAM,
        literal=LIMIT_LITERALS,
        regex=rf"{_BEFORE}(?: {LOGIN})?{_AFTER}: (?P<detail>(?:.*[^0-9A-Za-z])?{LIMIT_WORDS}.*)$",
        sets={"side": "server"},
        written_by=_ACL,
        samples=(
            Sample(
                "H=(pc-7) [203.0.113.9] F=<a@example.com> rejected RCPT <b@example.org>: too many messages this hour: "
                "rate limit exceeded",
                limited(
                    helo="pc-7",
                    client_ip="203.0.113.9",
                    sender="a@example.com",
                    level="rejected",
                    step="RCPT",
                    stage="rcpt",
                    detail="too many messages this hour: rate limit exceeded",
                    cause="throttled_sending",
                    basis="line",
                ),
            ),
        ),
        not_these=("H=(pc-7) [203.0.113.9] F=<a@example.com> rejected RCPT <b@example.org>: Mailbox over quota",),
    ),
    Pattern(
        "rejected_after_login",
        program=PROGRAM,
        literal=" A=",
        regex=rf"{_BEFORE} {LOGIN}{_AFTER}(?:: (?P<detail>.*))?$",
        sets={"side": "server"},
        written_by=f"{_ACL}; A= proves that the client had logged in",
        samples=(
            Sample(
                "H=(pc-7) [203.0.113.9] F=<boss@example.com> A=plain_server:alice rejected RCPT <eve@example.org>: "
                "Sender verify failed",
                refused(
                    helo="pc-7",
                    client_ip="203.0.113.9",
                    sender="boss@example.com",
                    authenticator="plain_server",
                    mechanism="PLAIN",
                    user="alice",
                    level="rejected",
                    step="RCPT",
                    stage="rcpt",
                    detail="Sender verify failed",
                    cause="unknown",
                ),
            ),
            Sample(
                "H=(pc-7) [203.0.113.9] A=plain_server:alice F=<boss@example.com> rejected after DATA: Sender verify failed",
                refused(
                    helo="pc-7",
                    client_ip="203.0.113.9",
                    authenticator="plain_server",
                    mechanism="PLAIN",
                    user="alice",
                    level="rejected",
                    step="DATA",
                    stage="data",
                    detail="Sender verify failed",
                    cause="unknown",
                ),
            ),
        ),
    ),
    Pattern(
        "rejected_other",
        program=PROGRAM,
        regex=rf"{HEAD}(?:.* )?(?:temporarily )?rejected (?:RCPT|MAIL|DATA|after DATA|EHLO|HELO|STARTTLS|VRFY|EXPN|ETRN|predata"
        r'|connection|by local_scan|").*$',
        role="dismiss",
        written_by=f"{_ACL}: unknown recipients, block lists, spam, early talkers",
        samples=(
            Sample("H=(pc-7) [203.0.113.9] F=<alice@example.com> rejected RCPT <eve@example.org>: No Such User Here"),
        ),
    ),
)

LIMITS = (
    Pattern(
        "dropped",
        program=PROGRAM,
        literal="dropped: too many ",
        regex=rf"{HEAD}SMTP call from (?:{PEER}|{LOCAL}) dropped: (?P<detail>too many (?:nonmail commands"
        r'|syntax or protocol errors|unrecognized commands) \(last (?:command )?was ".*)$',
        sets=limited(stage="session"),
        written_by=f"{_SMTP_IN}; smtp_accept_max_nonmail (10), smtp_max_synprot_errors (3), smtp_max_unknown_commands (3)",
        samples=(
            Sample(
                'SMTP call from (pc-7) [203.0.113.9] dropped: too many nonmail commands (last was "AUTH")',
                limited(
                    stage="session",
                    helo="pc-7",
                    client_ip="203.0.113.9",
                    detail='too many nonmail commands (last was "AUTH")',
                    cause="too_many_errors",
                    basis="line",
                ),
            ),
        ),
    ),
    Pattern(
        "connection_refused",
        program=PROGRAM,
        literal=("refused: too many connections", "refused: load average"),
        regex=rf"{HEAD}Connection from {CORE} refused: (?P<detail>.*)$",
        sets=limited(stage="connect"),
        written_by="exim src/daemon.c; smtp_accept_max, smtp_accept_max_per_host, smtp_load_reserve; main log only",
        samples=(
            Sample(
                "Connection from [203.0.113.9]:37137 I=[192.0.2.1]:25 refused: too many connections from that IP address",
                limited(
                    stage="connect",
                    client_ip="203.0.113.9",
                    client_port=37137,
                    server_ip="192.0.2.1",
                    server_port=25,
                    detail="too many connections from that IP address",
                    cause="throttled_connection",
                    basis="line",
                ),
            ),
        ),
    ),
    Pattern(
        "connection_refused_now",
        program=PROGRAM,
        literal="temporarily refused connection from ",
        regex=rf"{HEAD}temporarily refused connection from {PEER}: (?P<detail>.*)$",
        sets=limited(stage="connect"),
        written_by="exim src/smtp_in.c; smtp_accept_reserve: all that is left is reserved for known hosts",
        samples=(
            Sample(
                "temporarily refused connection from H=(pc-7) [203.0.113.9]: not in reserve list: connected=3 max=4 reserve=2",
                limited(
                    stage="connect",
                    helo="pc-7",
                    client_ip="203.0.113.9",
                    detail="not in reserve list: connected=3 max=4 reserve=2",
                    cause="throttled_connection",
                    basis="line",
                ),
            ),
        ),
    ),
    Pattern(
        "too_many_messages",
        program=PROGRAM,
        literal="too many messages in one connection",
        regex=rf"{HEAD}rejected MAIL command {PEER}: (?P<detail>too many messages in one connection)$",
        sets=limited(stage="mail"),
        written_by=f"{_SMTP_IN}; smtp_accept_max_per_connection",
        samples=(
            Sample(
                "rejected MAIL command H=(pc-7) [203.0.113.9]: too many messages in one connection",
                limited(
                    stage="mail",
                    helo="pc-7",
                    client_ip="203.0.113.9",
                    detail="too many messages in one connection",
                    cause="throttled_sending",
                    basis="line",
                ),
            ),
        ),
    ),
    Pattern(
        "too_many_recipients",
        program=PROGRAM,
        literal="too many recipients: ",
        regex=rf"{HEAD}(?P<detail>too many recipients: (?:message rejected|excess temporarily rejected)): sender=<(?P<sender>.*?)> {PEER}$",
        sets=limited(stage="rcpt", cause="throttled_sending"),
        written_by=f"{_SMTP_IN}; recipients_max",
        samples=(
            Sample(
                "too many recipients: message rejected: sender=<alice@example.com> H=(pc-7) [203.0.113.9]",
                limited(
                    stage="rcpt",
                    detail="too many recipients: message rejected",
                    sender="alice@example.com",
                    helo="pc-7",
                    client_ip="203.0.113.9",
                    cause="throttled_sending",
                    basis="line",
                ),
            ),
        ),
    ),
    Pattern(
        "warning",
        program=PROGRAM,
        literal=" Warning: ",
        regex=rf"{_BEFORE}(?: {LOGIN})? Warning: (?P<detail>.*)$",
        sets=context(),
        role="context",
        written_by="exim src/acl.c, warn with log_message: nothing was refused",
        samples=(
            Sample(
                "H=(pc-7) [203.0.113.9] Warning: Sender rate 5.0 / 1h",
                context(helo="pc-7", client_ip="203.0.113.9", detail="Sender rate 5.0 / 1h"),
            ),
        ),
    ),
)
