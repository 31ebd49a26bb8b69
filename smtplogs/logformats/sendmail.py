"""Sendmail, 8.12 to 8.18: server (sendmail, sm-mta ...), and client of a relay."""

from __future__ import annotations

from smtplogs.logformats._format import Lines, Pattern, Sample
from smtplogs.logformats._postfix_parts import always
from smtplogs.logformats._sendmail_server import HEAD, LOGINS, OTHERS, PROGRAM

_RELAY = r"(?:relay=(?:(?P<relay_host>[^ \[\],]*[^ \[\],.])\.? ?)?(?:\[(?P<server_ip>[0-9A-Fa-f:.]+)\])?, )?"
_USERSMTP = "sendmail/usersmtp.c"

client = always(side="client")

CLIENT = (
    Pattern(
        "relay_auth",
        program=PROGRAM,
        literal="AUTH=client, relay=",
        regex=rf"^AUTH=client, {_RELAY}mech=(?P<mechanism>[^,]*), bits=[0-9]+$",
        sets=client(stage="auth", outcome="success", cause="success", basis="line"),
        written_by=f"{_USERSMTP}, LogLevel 10",
        samples=(
            Sample(
                "AUTH=client, relay=smtp.example.net [198.51.100.25], mech=PLAIN, bits=0",
                client(
                    stage="auth",
                    relay_host="smtp.example.net",
                    server_ip="198.51.100.25",
                    mechanism="PLAIN",
                    outcome="success",
                    cause="success",
                    basis="line",
                ),
            ),
            Sample(
                "AUTH=client, relay=smtp.example.net., mech=LOGIN, bits=0",
                client(
                    stage="auth", relay_host="smtp.example.net", mechanism="LOGIN",
                    outcome="success", cause="success", basis="line",
                ),
            ),
        ),
    ),
    Pattern(
        "relay_auth_failed",
        program=PROGRAM,
        literal="AUTH=client, ",
        regex=rf"^AUTH=client, {_RELAY}(?P<detail>temporary failure, connection abort|authinfo (?:temp)?failed"
        r"|available mechanisms=.*)$",
        sets=client(stage="auth"),
        written_by=f"{_USERSMTP}, LogLevel 9; a 535 of the relay is logged nowhere",
        samples=(
            Sample(
                "AUTH=client, relay=smtp.example.net [198.51.100.25], temporary failure, connection abort",
                client(
                    stage="auth",
                    relay_host="smtp.example.net",
                    server_ip="198.51.100.25",
                    detail="temporary failure, connection abort",
                    outcome="deferred",
                    cause="backend_unavailable",
                    basis="line",
                ),
            ),
            Sample(
                "AUTH=client, available mechanisms=GSSAPI do not fulfill requirements",
                client(
                    stage="auth",
                    detail="available mechanisms=GSSAPI do not fulfill requirements",
                    outcome="refused",
                    cause="mechanism_unsupported",
                    basis="line",
                ),
            ),
        ),
    ),
    *(
        Pattern(
            name,
            program=PROGRAM,
            literal=words,
            regex=rf"{HEAD}to=.*, mailer=[^,]*, .*relay=(?P<relay_host>[^ ,]*[^ ,.])\.? \[(?P<server_ip>[0-9A-Fa-f:.]+)\], "
            rf"dsn=(?P<dsn>[0-9.]+), (?:stage=[^,]*, )?reply=(?P<reply_code>{code}) (?:(?P<enhanced_code>[45]\.[0-9]+\.[0-9]+) )?"
            rf"(?P<detail>.*), stat={stat}.*$",
            sets=client(stage="mail", delivery=became, **judged),
            written_by="sendmail/deliver.c, reply= since 8.16: what follows from a login that was refused or never tried",
            samples=(Sample(line, client(stage="mail", delivery=became, **said)),),
        )
        for name, words, code, stat, became, judged, line, said in (
            (
                "relay_refused", "reply=530", "530", "", "bounced", {},
                "6ANJKLvM000217: to=<eve@example.org>, delay=00:00:00, xdelay=00:00:00, mailer=relay, pri=30014, "
                "relay=smtp.example.net [198.51.100.25], dsn=5.0.0, reply=530 5.7.0 Authentication required, "
                "stat=Service unavailable",
                {
                    "queue_id": "6ANJKLvM000217", "relay_host": "smtp.example.net", "server_ip": "198.51.100.25",
                    "dsn": "5.0.0", "reply_code": 530, "enhanced_code": "5.7.0", "detail": "Authentication required",
                    "outcome": "refused", "cause": "auth_required", "basis": "line",
                },
            ),
            (
                "relay_deferred", "Temporary AUTH failure", "4[0-9]{2}", "Deferred: Temporary AUTH failure", "deferred",
                {"outcome": "deferred", "cause": "backend_unavailable", "basis": "line"},
                "6ANJKTsN000217: to=<eve@example.org>, delay=00:00:00, xdelay=00:00:00, mailer=relay, pri=30014, "
                "relay=smtp.example.net [198.51.100.25], dsn=4.3.0, reply=454 4.7.0 Temporary authentication failure, "
                "stat=Deferred: Temporary AUTH failure",
                {
                    "queue_id": "6ANJKTsN000217", "relay_host": "smtp.example.net", "server_ip": "198.51.100.25",
                    "dsn": "4.3.0", "reply_code": 454, "enhanced_code": "4.7.0",
                    "detail": "Temporary authentication failure",
                    "outcome": "deferred", "cause": "backend_unavailable", "basis": "line",
                },
            ),
        )
    ),
)  # fmt: skip

ORDINARY = (
    Pattern(
        "transcript",
        program=PROGRAM,
        regex=rf"{HEAD}(?:<--|---) .*$",
        role="dismiss",
        written_by="sendmail, LogLevel 15: the dialogue, which the lines above tell as well",
        samples=(Sample("6ANJLLX1000217: --- 535 5.7.0 authentication failed"),),
    ),
    Pattern(
        "ruleset_other",
        program=PROGRAM,
        regex=rf"{HEAD}ruleset=.*$",
        role="dismiss",
        written_by="sendmail rule sets: unknown recipients, block lists, domains that do not resolve",
        samples=(
            Sample(
                "s1NED81M017126: ruleset=check_rcpt, arg1=<a@example.org>, relay=[203.0.113.9], reject=550 5.1.1 No"
            ),
        ),
    ),
    Pattern(
        "ordinary",
        program=PROGRAM,
        regex=rf"{HEAD}(?:AUTH: |AUTH=|AUTH warning|STARTTLS[=:]|to=|from=|tls_clt_features|.* did not issue |.*(?:\[rejected\]|rejecting "
        r"commands|possible SMTP attack)|lost input channel|NOQUEUE|Milter|collect: |done; |.* DSN: |connect from|<[^>]*>\.\.\. "
        r"|alias |starting daemon|[0-9A-Za-z]{12,20}: |timeout waiting for input).*$",
        role="dismiss",
        written_by="sendmail: the ordinary course of mails and sessions",
        samples=(
            Sample("AUTH: available mech=LOGIN PLAIN, allowed mech=LOGIN PLAIN"),
            Sample("6ANJIoHZ000217: [203.0.113.9] did not issue MAIL/EXPN/VRFY/ETRN during connection to MTA"),
        ),
    ),
)

SENDMAIL = Lines(
    "sendmail",
    "Sendmail mail log",
    tag=PROGRAM,
    patterns=(*LOGINS, *OTHERS, *CLIENT, *ORDINARY),
    cannot_show=(
        "AUTH refused by the state of the session, with an unknown mechanism, or cancelled by the client",
        "530 Authentication required: such a session leaves no line",
        "a wrong password at a relay: its 535 is logged nowhere, only the bounce that follows",
        "the name behind a failed login before 8.16",
        "logins at a relay that succeeded, below LogLevel 10",
        "port of the client, its HELO, our own port",
    ),
)
