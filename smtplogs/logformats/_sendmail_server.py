"""Sendmail's server: logins, refusals, limits, TLS.

A login that succeeded has no queue id, one that failed has: host and pid tie them, a child per connection. Sources:
sendmail/srvrsmtp.c, sasl.c, sfsasl.c, tls.c, 8.12 to 8.18.
"""

from __future__ import annotations

from smtplogs.logformats._format import Pattern, Sample
from smtplogs.logformats._postfix_parts import always

PROGRAM = "sendmail|sm-[a-z-]+"
HEAD = r"^(?:(?P<queue_id>[0-9A-Za-z]{12,20}|NOQUEUE)(?:\[[0-9]+\])?: )?"
PEER = r"(?:[^ @\[\]]+@)?(?:(?P<client_name>[^ \[\]@,]+) )?\[(?P<client_ip>(?:IPv6:)?[0-9A-Fa-f:.]+)\](?: \(may be forged\))?"
"""`ident@name [address] (may be forged)`: no port; IPv6 in its long form."""

_SRVRSMTP = "sendmail/srvrsmtp.c"
_SAID = r"[^(]* \((?P<vendor_code>-?[0-9]+)\)(?: (?P<detail>.*?))?"
_NAMELESS = r"[^(]* \((?P<vendor_code>-?[0-9]+)\) (?P<detail>.*?All-whitespace username\.)"

auth = always(stage="auth", side="server")
context = always(side="server", outcome="info")
limited = always(side="server", outcome="throttled")
_mail = always(stage="mail", side="server", outcome="success", cause="success", basis="line")

LOGINS = (
    Pattern(
        "auth_nameless",
        program=PROGRAM,
        literal="AUTH failure (",
        regex=rf"{HEAD}AUTH failure \((?P<mechanism>[^)]*)\): {_NAMELESS}, user=.*, relay={PEER}$",
        sets=auth(),
        written_by=f"{_SRVRSMTP}, LogLevel 9: the name was empty, and what stands for it is the password",
        samples=(
            Sample(
                "6ANJIrQK000237: AUTH failure (LOGIN): generic failure (-1) SASL(-1): generic failure: All-whitespace "
                "username., user=wrong, relay=[203.0.113.9]",
                auth(
                    queue_id="6ANJIrQK000237",
                    mechanism="LOGIN",
                    vendor_code="-1",
                    detail="SASL(-1): generic failure: All-whitespace username.",
                    client_ip="203.0.113.9",
                    outcome="aborted",
                    cause="malformed_response",
                    basis="line",
                ),
            ),
        ),
    ),
    Pattern(
        "auth_failure",
        program=PROGRAM,
        literal="AUTH failure (",
        regex=rf"{HEAD}AUTH failure \((?P<mechanism>[^)]*)\): {_SAID}(?:, user=(?P<user>.*))?, relay={PEER}$",
        sets=auth(),
        written_by=f"{_SRVRSMTP}, LogLevel 9; user= since 8.16; the client is told 535 5.7.0 whatever the cause",
        samples=(
            Sample(
                "6ANJIoHZ000217: AUTH failure (LOGIN): authentication failure (-13) SASL(-13): authentication failure: "
                "checkpass failed, user=alice, relay=pc.example.net [203.0.113.9] (may be forged)",
                auth(
                    queue_id="6ANJIoHZ000217",
                    mechanism="LOGIN",
                    vendor_code="-13",
                    detail="SASL(-13): authentication failure: checkpass failed",
                    user="alice",
                    client_name="pc.example.net",
                    client_ip="203.0.113.9",
                    outcome="failure",
                    cause="bad_credentials",
                    basis="line",
                ),
            ),
            Sample(
                "6AQLALH9000063: AUTH failure (PLAIN): authentication failure (-13) SASL(-13): authentication failure: "
                "Password verification failed, user=bob@example.com/bob@example.com, relay=[203.0.113.24]",
                auth(
                    queue_id="6AQLALH9000063",
                    mechanism="PLAIN",
                    vendor_code="-13",
                    detail="SASL(-13): authentication failure: Password verification failed",
                    user="bob@example.com",
                    client_ip="203.0.113.24",
                    outcome="failure",
                    cause="bad_credentials",
                    basis="line",
                ),
            ),
            Sample(
                "6ANJIrNx000231: AUTH failure (LOGIN): user not found (-20) SASL(-13): user not found: checkpass failed, "
                "user=a, relay=[192.0.2.1], relay=[IPv6:2001:db8:0:0:0:0:0:7]",
                auth(
                    queue_id="6ANJIrNx000231",
                    mechanism="LOGIN",
                    vendor_code="-20",
                    detail="SASL(-13): user not found: checkpass failed",
                    user="a, relay=[192.0.2.1]",
                    client_ip="2001:db8::7",
                    outcome="failure",
                    cause="unknown_user",
                    basis="line",
                ),
            ),
        ),
    ),
    Pattern(
        "auth_success",
        program=PROGRAM,
        literal="AUTH=server, relay=",
        regex=rf"^AUTH=server, relay={PEER}, authid=(?P<user>.*), mech=(?P<mechanism>[^,]*), bits=[0-9]+$",
        sets=auth(outcome="success", cause="success", basis="line"),
        written_by=f"{_SRVRSMTP}, LogLevel 9",
        samples=(
            Sample(
                "AUTH=server, relay=pc.example.net [203.0.113.9], authid=alice@example.com, mech=PLAIN, bits=0",
                auth(
                    client_name="pc.example.net",
                    client_ip="203.0.113.9",
                    user="alice@example.com",
                    mechanism="PLAIN",
                    outcome="success",
                    cause="success",
                    basis="line",
                ),
            ),
        ),
    ),
    Pattern(
        "auth_decode",
        program=PROGRAM,
        literal="AUTH decode64 error",
        regex=rf'{HEAD}(?P<detail>AUTH decode64 error) \[-?[0-9]+ for ".*"\], relay={PEER}$',
        sets=auth(),
        written_by=f"{_SRVRSMTP}; what stands between the quotes came from the client",
        samples=(
            Sample(
                '6ANJIqmx000226: AUTH decode64 error [1 for "%%%"], relay=[203.0.113.9]',
                auth(
                    queue_id="6ANJIqmx000226",
                    detail="AUTH decode64 error",
                    client_ip="203.0.113.9",
                    outcome="aborted",
                    cause="malformed_response",
                    basis="line",
                ),
            ),
        ),
    ),
    Pattern(
        "mail_login",
        program=PROGRAM,
        literal=("SMTPA, daemon=", "SMTPSA, daemon="),
        regex=rf"{HEAD}from=<?(?P<sender>.*?)>?, size=[0-9]+, (?:.*, )?nrcpts=(?P<n_recipients>[0-9]+), (?:.*, )?"
        rf"proto=(?:UTF8)?E?SMTPS?A, daemon=(?P<service>[^,]*), relay={PEER}$",
        sets=_mail(),
        written_by="sendmail/envelope.c; the A says that the client had logged in, the name stands on its AUTH=server line",
        samples=(
            Sample(
                "6ANJJ12C000243: from=<alice@example.com>, size=14, class=0, nrcpts=1, msgid=<1@example.com>, proto=ESMTPSA, "
                "daemon=MSA, relay=[203.0.113.9]",
                _mail(
                    queue_id="6ANJJ12C000243",
                    sender="alice@example.com",
                    n_recipients=1,
                    client_ip="203.0.113.9",
                ),
            ),
        ),
    ),
)

_REFUSALS = (
    r"Relaying (?:temporarily )?denied|[Aa]uthentication required|Connection rate limit exceeded|Too many open connections"
    r"|[Aa]uth(?:entication|orization)? .*(?:denied|not allowed)|[Rr]ate limit|Too many (?:recipients|messages)"
)

OTHERS = (
    Pattern(
        "attack",
        program=PROGRAM,
        literal="possible SMTP attack: command=AUTH",
        regex=rf"{HEAD}{PEER}: (?P<detail>possible SMTP attack: command=AUTH, count=(?P<rate_value>[0-9]+))$",
        sets=limited(stage="session", cause="throttled_auth", basis="line"),
        written_by=f"{_SRVRSMTP}: once, beside the refusals it counts; every further AUTH of the session waits, twice as long each time",
        samples=(
            Sample(
                "6ANJIsR1000239: [203.0.113.9]: possible SMTP attack: command=AUTH, count=5",
                limited(
                    stage="session",
                    queue_id="6ANJIsR1000239",
                    client_ip="203.0.113.9",
                    detail="possible SMTP attack: command=AUTH, count=5",
                    rate_value=5.0,
                    cause="throttled_auth",
                    basis="line",
                ),
            ),
        ),
    ),
    Pattern(
        "load_limit",
        program=PROGRAM,
        literal="rejecting connections on daemon ",
        regex=r"^rejecting connections on daemon (?P<service>[^: ]+): "
        r"(?P<detail>load average: .*|[0-9]+ children, max [0-9]+|min free: .*)$",
        sets=limited(stage="connect", cause="throttled_connection", basis="line"),
        written_by="sendmail/daemon.c: RefuseLA, MaxDaemonChildren; of everybody, so no client is named",
        samples=(
            Sample(
                "rejecting connections on daemon MSA: load average: 15",
                limited(
                    stage="connect",
                    cause="throttled_connection",
                    basis="line",
                    service="MSA",
                    detail="load average: 15",
                ),
            ),
        ),
    ),
    Pattern(
        "connection_limit",
        program=PROGRAM,
        literal="ruleset=check_relay",
        regex=rf"{HEAD}ruleset=check_relay, arg1=.*?, arg2=[^,]*, relay={PEER}, reject=(?P<reply_code>[0-9]{{3}}) "
        r"(?:(?P<enhanced_code>[45]\.[0-9]+\.[0-9]+) )?(?P<detail>(?:Connection rate limit exceeded|Too many open connections).*)$",
        sets=limited(stage="connect", cause="throttled_connection", basis="line"),
        written_by="sendmail/conf.c with FEATURE ratecontrol, conncontrol (cf/feature)",
        samples=(
            Sample(
                "ruleset=check_relay, arg1=[203.0.113.9], arg2=203.0.113.9, relay=[203.0.113.9], "
                "reject=421 4.3.2 Connection rate limit exceeded.",
                limited(
                    stage="connect",
                    client_ip="203.0.113.9",
                    reply_code=421,
                    enhanced_code="4.3.2",
                    detail="Connection rate limit exceeded.",
                    cause="throttled_connection",
                    basis="line",
                ),
            ),
        ),
    ),
    *(
        Pattern(
            f"refused_{stage}",
            program=PROGRAM,
            literal=f"ruleset={rule}",
            regex=rf"{HEAD}ruleset={rule}, arg1=.*?(?:, arg2=[^,]*)?, relay={PEER}, reject=(?P<reply_code>[0-9]{{3}}) "
            rf"(?:(?P<enhanced_code>[45]\.[0-9]+\.[0-9]+) )?(?P<detail>.*(?:{_REFUSALS}).*)$",
            sets={"stage": stage, "side": "server"},
            written_by="sendmail/srvrsmtp.c and the rule sets of cf/m4/proto.m4",
            samples=(
                Sample(
                    f"6ANJJ1RS000242: ruleset={rule}, arg1=<eve@example.org>, relay=[203.0.113.9], reject=550 5.7.1 "
                    "<eve@example.org>... Relaying denied. Proper authentication required.",
                    {
                        "stage": stage,
                        "side": "server",
                        "queue_id": "6ANJJ1RS000242",
                        "client_ip": "203.0.113.9",
                        "reply_code": 550,
                        "enhanced_code": "5.7.1",
                        "detail": "<eve@example.org>... Relaying denied. Proper authentication required.",
                        "outcome": "refused",
                        "cause": "auth_required",
                        "basis": "line",
                    },
                ),
            ),
            not_these=(
                f"6ANJJ1RS000242: ruleset={rule}, arg1=<eve@example.org>, relay=[203.0.113.9], reject=550 5.1.1 "
                "<eve@example.org>... User unknown",
            ),
        )
        for stage, rule in (("rcpt", "check_rcpt"), ("mail", "check_mail"), ("auth", "trust_auth"))
    ),
    Pattern(
        "tls",
        program=PROGRAM,
        literal="STARTTLS=server, relay=",
        regex=rf"^STARTTLS=server, relay={PEER}, version=(?P<tls>[^,]*), verify=[^,]*, cipher=(?P<cipher>[^,]*), bits=.*$",
        sets=context(),
        role="context",
        written_by="sendmail/tls.c, LogLevel 9",
        samples=(
            Sample(
                "STARTTLS=server, relay=[203.0.113.9], version=TLSv1.3, verify=NO, cipher=TLS_AES_256_GCM_SHA384, bits=256/256",
                context(client_ip="203.0.113.9", tls="TLSv1.3", cipher="TLS_AES_256_GCM_SHA384"),
            ),
        ),
    ),
    Pattern(
        "tls_error",
        program=PROGRAM,
        literal="STARTTLS=server, error",
        regex=rf"^STARTTLS=server, error: (?P<detail>.*), relay={PEER}$",
        sets={"stage": "tls", "side": "server"},
        written_by="sendmail/srvrsmtp.c",
        samples=(
            Sample(
                "STARTTLS=server, error: accept failed=-1, reason=unsupported protocol, SSL_error=1, errno=0, retry=-1, "
                "relay=[203.0.113.9]",
                {
                    "stage": "tls",
                    "side": "server",
                    "client_ip": "203.0.113.9",
                    "detail": "accept failed=-1, reason=unsupported protocol, SSL_error=1, errno=0, retry=-1",
                    "outcome": "aborted",
                    "cause": "tls_too_old",
                    "basis": "line",
                },
            ),
        ),
    ),
)
