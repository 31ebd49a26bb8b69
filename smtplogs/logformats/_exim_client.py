"""Exim as client of a smarthost: the words are those of the server side, the shape is not.

Attempt lines come from the transport's process, the fate of the mail (`==`, `**`, `=>`) from the delivery's: the message
id ties them. 4.100 leaves the number of a deferral out (`defer (-42)`). Sources: exim src/transports/smtp.c, src/deliver.c.
"""

from __future__ import annotations

from smtplogs.logformats._exim_parts import DEFER, HEAD, PROGRAM, RELAY, client
from smtplogs.logformats._format import Pattern, Sample
from smtplogs.logformats._postfix_delivery import CODES, OURS, TEXT

_BY = "exim src/transports/smtp.c"
_AUTHENTICATOR = r"(?P<authenticator>[0-9A-Za-z_]+)"
_TIMES = r"(?: [QD]T=[0-9][0-9.dhms]*)*$"
_BETWEEN = r"[ -](?:(?P<enhanced_code>[245]\.[0-9]{1,3}\.[0-9]{1,3}) )?"
_REPLY = rf"(?P<reply_code>[245][0-9]{{2}}){_BETWEEN}(?P<detail>.*?){_TIMES}"
_OURS = rf"(?P<reply_code>[245][0-9]{{2}}){_BETWEEN}(?P<detail>{TEXT}{OURS}.*?){_TIMES}"
_BY_CODE = rf"(?P<reply_code>{CODES}){_BETWEEN}(?P<detail>.*?){_TIMES}"
_TO = r"[^ ].*? R=[^ ]+(?: T=[^ ]+)?"
_TLS = r"(?: X=(?P<tls>[^: ]+)(?::(?P<cipher>[^: ]*))?[^ ]*)?(?: [A-Z]+=.*?)?"
_OLD_RELAY = RELAY.removeprefix("H=")
_STAGES = (
    ("auth", r"AUTH (?P<mechanism>[0-9A-Za-z_-]+)[^:]*"),
    ("mail", r"(?:pipelined )?MAIL FROM:.*?"),
    ("rcpt", r"(?:pipelined )?RCPT TO:.*?"),
    ("data", r"(?:pipelined )?(?:DATA|sending data block|end of data|header|message).*?"),
)
_MASKED = "AUTH PLAIN ****************************"

_relay = {"relay_host": "smtp.example.net", "server_ip": "198.51.100.25"}
_mail = {"queue_id": "1rXaBc-0004uc-2A"}
_to = "user@example.org R=smarthost T=remote_smtp"


def _after(stage: str, command: str, sample: str, said: dict[str, object]) -> tuple[Pattern, ...]:
    """Return the patterns of a reply to one command. To AUTH all replies are ours, else those with a word or code of ours."""
    if stage == "auth":
        return _of_reply(stage, "", command, _REPLY, sample, said)
    unsaid = f"{sample.partition(': ')[0]}: 530 5.5.1 Go away"
    bare = {"reply_code": 530, "enhanced_code": "5.5.1", "detail": "Go away"}
    bare |= {"outcome": "refused", "cause": "auth_required", "basis": "assumed"}
    return (
        *_of_reply(stage, "", command, _OURS, sample, said),
        *_of_reply(stage, "_by_code", command, _BY_CODE, unsaid, bare),
    )


def _of_reply(
    stage: str, suffix: str, command: str, reply: str, sample: str, said: dict[str, object]
) -> tuple[Pattern, ...]:
    """Return the patterns of one kind of reply: told of a server (`said`), as the fate of a recipient, and what it waits for."""
    words = "SMTP error from remote mail server after"
    before, _, after = sample.partition(": ")
    known = client(stage=stage, **_mail, **_relay, **said)
    shapes = (
        ("relay_said", rf"{HEAD}{RELAY}{_TLS} ?: {words} {command}: {reply}", _BY, {},
         ((f"H=smtp.example.net [198.51.100.25]: {words} {sample}", {}),)),
        ("relay_refused", rf"{HEAD}\*\* {_TO} {RELAY}{_TLS} ?: {words} {command}: {reply}", _BY, {"delivery": "bounced"},
         ((f"** {_to} H=smtp.example.net [198.51.100.25]: {words} {sample}", {"delivery": "bounced"}),)),
        ("relay_deferred", rf"{HEAD}== {_TO}{DEFER} {RELAY}{_TLS} ?: {words} {command}: {reply}",
         f"{_BY}; the number in brackets up to 4.99", {"delivery": "deferred"},
         ((f"== {_to} defer (0) H=smtp.example.net [198.51.100.25]: {words} {sample}", {"delivery": "deferred"}),)),
        ("relay_told_of_old", rf"{HEAD}(?P<delivery>\*\*|==) {_TO}(?:{DEFER})?:? {words} {command}: host {_OLD_RELAY}: {reply}",
         f"{_BY}, until 4.82: the server stands behind the command", {},
         ((f"** {_to}: {words} {before}: host smtp.example.net [198.51.100.25]: {after}", {"delivery": "bounced"}),
          (f"== {_to} defer (0): {words} {before}: host smtp.example.net [198.51.100.25]: {after}", {"delivery": "deferred"}))),
    )  # fmt: skip
    return tuple(
        Pattern(
            f"{name}_{stage}{suffix}",
            program=PROGRAM,
            literal=f"{words} ",
            regex=regex,
            sets=client(stage=stage, **became),
            written_by=by,
            samples=tuple(Sample(f"1rXaBc-0004uc-2A {line}", known | differs) for line, differs in lines),
        )
        for name, regex, by, became, lines in shapes
    )


_REPLIES = {
    "auth": (
        f"{_MASKED}: 454 4.7.0 Temporary authentication failure",
        {
            "mechanism": "PLAIN",
            "reply_code": 454,
            "enhanced_code": "4.7.0",
            "detail": "Temporary authentication failure",
            "outcome": "deferred",
            "cause": "backend_unavailable",
            "basis": "line",
        },
    ),
    "mail": (
        "MAIL FROM:<alice@example.com>: 530 5.7.0 Authentication required",
        {
            "reply_code": 530,
            "enhanced_code": "5.7.0",
            "detail": "Authentication required",
            "outcome": "refused",
            "cause": "auth_required",
            "basis": "line",
        },
    ),
    "rcpt": (
        "RCPT TO:<eve@example.org>: 550 relay not permitted",
        {
            "reply_code": 550,
            "detail": "relay not permitted",
            "outcome": "refused",
            "cause": "relay_denied",
            "basis": "line",
        },
    ),
    "data": (
        "pipelined sending data block: 530-5.7.0 Authentication Required.",
        {
            "reply_code": 530,
            "enhanced_code": "5.7.0",
            "detail": "Authentication Required.",
            "outcome": "refused",
            "cause": "auth_required",
            "basis": "line",
        },
    ),
}

ATTEMPTS = (
    Pattern(
        "relay_auth_failed",
        program=PROGRAM,
        literal="authenticator failed H=",
        regex=rf"{HEAD}{_AUTHENTICATOR} authenticator failed {RELAY} {_REPLY}",
        sets=client(stage="auth"),
        written_by=f"{_BY}, any 5xx; no `for`, no colon before the code",
        samples=(
            Sample(
                "1rXaBc-0004uc-2A cl_plain authenticator failed H=smtp.example.net [198.51.100.25] 535 5.7.8 Error: "
                "authentication failed: bad password",
                client(
                    stage="auth",
                    **_mail,
                    **_relay,
                    authenticator="cl_plain",
                    mechanism="PLAIN",
                    reply_code=535,
                    enhanced_code="5.7.8",
                    detail="Error: authentication failed: bad password",
                    outcome="failure",
                    cause="bad_credentials",
                    basis="assumed",
                ),
            ),
        ),
        not_these=("login authenticator failed for H=(pc-7) [203.0.113.9]: 535 Incorrect authentication data",),
    ),
    Pattern(
        "relay_auth_cancelled",
        program=PROGRAM,
        literal="authenticator cancelled authentication H=",
        regex=rf"{HEAD}{_AUTHENTICATOR} authenticator cancelled authentication {RELAY} (?P<detail>.*)$",
        sets=client(stage="auth", outcome="aborted", cause="aborted", basis="line"),
        written_by=f"{_BY}: our side stopped",
        samples=(
            Sample(
                "1rXaBc-0004uc-2A login authenticator cancelled authentication H=smtp.example.net [198.51.100.25] "
                'Invalid base64 string in server response "334 User?"',
                client(
                    stage="auth",
                    **_mail,
                    **_relay,
                    authenticator="login",
                    mechanism="LOGIN",
                    detail='Invalid base64 string in server response "334 User?"',
                    outcome="aborted",
                    cause="aborted",
                    basis="line",
                ),
            ),
        ),
    ),
    Pattern(
        "relay_gone",
        program=PROGRAM,
        literal="Remote host closed connection in response to ",
        regex=rf"{HEAD}(?:(?P<delivery>\*\*|==) {_TO}(?:{DEFER})? )?{RELAY}{_TLS} ?: "
        r"(?P<detail>Remote host closed connection in response to AUTH (?P<mechanism>[0-9A-Za-z_-]+).*)$",
        sets=client(stage="auth", outcome="deferred", cause="connection_lost", basis="line"),
        written_by=f"{_BY}: hung up after AUTH, in clear; over TLS only the TLS error shows",
        samples=(
            Sample(
                "1rXaBc-0004uc-2A H=smtp.example.net [198.51.100.25]: Remote host closed connection in response to AUTH LOGIN",
                client(
                    stage="auth",
                    **_mail,
                    **_relay,
                    mechanism="LOGIN",
                    detail="Remote host closed connection in response to AUTH LOGIN",
                    outcome="deferred",
                    cause="connection_lost",
                    basis="line",
                ),
            ),
        ),
    ),
    Pattern(
        "relay_auth_required",
        program=PROGRAM,
        literal="authentication required but ",
        regex=rf"{HEAD}== {_TO}{DEFER} (?P<detail>authentication required but .*)$",
        sets=client(stage="auth", delivery="deferred"),
        written_by=f"{_BY}; hosts_require_auth: what follows from the attempts, or why there was none",
        samples=(
            Sample(
                f"1rXaBc-0004uc-2A == {_to} defer (-42): authentication required but server did not advertise AUTH support",
                client(
                    stage="auth",
                    **_mail,
                    delivery="deferred",
                    detail="authentication required but server did not advertise AUTH support",
                    outcome="refused",
                    cause="auth_not_offered",
                    basis="line",
                ),
            ),
        ),
    ),
)

DELIVERIES = (
    Pattern(
        "relay_delivered",
        program=PROGRAM,
        literal=" A=",
        regex=rf"{HEAD}(?:=>|->|>>) {_TO}(?: S=[0-9]+)? {RELAY}\*?{_TLS} A={_AUTHENTICATOR}(?::(?P<user>[^ :]*))?"
        r"(?::(?P<sasl_sender>[^ ]*))?(?: .*)?$",
        sets=client(stage="mail", delivery="sent", outcome="success", cause="success", basis="line"),
        written_by="exim src/deliver.c, since 4.82: a mail delivered after a login of ours",
        samples=(
            Sample(
                f"1rXaBc-0004uc-2A => {_to} H=smtp.example.net [198.51.100.25]:587 X=TLS1.3:TLS_AES_256_GCM_SHA384:256 "
                'CV=yes A=cl_plain:relayuser C="250 2.0.0 queued as ABC"',
                client(
                    stage="mail",
                    **_mail,
                    **_relay,
                    server_port=587,
                    tls="TLSv1.3",
                    cipher="TLS_AES_256_GCM_SHA384",
                    authenticator="cl_plain",
                    mechanism="PLAIN",
                    user="relayuser",
                    delivery="sent",
                    outcome="success",
                    cause="success",
                    basis="line",
                ),
            ),
        ),
    ),
    *(p for stage, command in _STAGES for p in _after(stage, command, *_REPLIES[stage])),
)
