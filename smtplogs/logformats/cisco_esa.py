"""Cisco Secure Email (ESA, IronPort): mail_logs, as a file or over syslog. User and address stand on different lines.

They are joined by the connection's number (ICID), which is the appliance's own and starts anew when it restarts. Source:
published extracts of mail_logs; of a refused login only the form that mirrors the accepted one is known.
"""

from __future__ import annotations

from smtplogs.logformats._format import Excerpt, Field, Pattern, Sample, Table
from smtplogs.logformats._postfix_parts import always

_HEAD = r"^(?:(?:(?P<host>[0-9A-Za-z._-]+) )?[0-9A-Za-z_-]+: )?(?:Info|Warning|Critical|Debug|Trace): "
_ICID = r"(?P<session>ICID [0-9]+)"
_LOGIN = r"(?P<user>.*) using AUTH mechanism: (?P<mechanism>[A-Za-z0-9-]+) with profile: [^ ]*"

_auth = always(stage="auth", side="server")
_context = always(side="server", outcome="info")

_PATTERNS = (
    Pattern(
        "connected",
        literal="New SMTP ICID ",
        # the appliance writes a line for every STARTTLS, so that TLS is none until one has come
        regex=rf"{_HEAD}New SMTP {_ICID} interface (?P<service>.+) \((?P<server_ip>[0-9A-Fa-f.:]+)\) address (?P<client_ip>[0-9A-Fa-f.:]+) "
        r"reverse dns host (?P<client_name>[^ ]+) verified [a-z]+$",
        sets=_context(tls="none"),
        role="context",
        written_by="AsyncOS 7 to 15, mail_logs",
        samples=(
            Sample(
                "Info: New SMTP ICID 30 interface Management (192.0.2.100) address 203.0.113.200 reverse dns host unknown verified no"
            ),
        ),
    ),
    Pattern(
        "tls",
        literal=" TLS success ",
        regex=rf"{_HEAD}{_ICID} TLS success protocol (?P<tls>[^ ]+) cipher [^ ]+.*$",
        sets=_context(),
        role="context",
        written_by="AsyncOS 7 to 15, mail_logs",
        samples=(Sample("Info: ICID 30 TLS success protocol TLSv1.2 cipher ECDHE-RSA-AES256-GCM-SHA384"),),
    ),
    Pattern(
        "login",
        literal=" succeeded for user: ",
        regex=rf"{_HEAD}SMTP Auth: \({_ICID}\) succeeded for user: {_LOGIN}$",
        sets=_auth(outcome="success"),
        written_by="AsyncOS 7 to 15, mail_logs",
        samples=(
            Sample(
                "Info: SMTP Auth: (ICID 30) succeeded for user: cisco using AUTH mechanism: LOGIN with profile: ldap_smtp",
                _auth(outcome="success", cause="success", basis="line", user="cisco", mechanism="LOGIN"),
            ),
        ),
    ),
    Pattern(
        "login_refused",
        literal=" failed for user: ",
        regex=rf"{_HEAD}SMTP Auth: \({_ICID}\) failed for user: {_LOGIN}$",
        sets=_auth(outcome="failure", cause="bad_credentials", basis="assumed"),
        written_by="AsyncOS 7 to 15, mail_logs",
        samples=(
            Sample(
                "esa1 mail_logs: Info: SMTP Auth: (ICID 31) failed for user: x using AUTH mechanism: PLAIN with profile: y "
                "using AUTH mechanism: LOGIN with profile: ldap_smtp",
                _auth(
                    outcome="failure", cause="bad_credentials", basis="assumed", mechanism="LOGIN",
                    user="x using AUTH mechanism: PLAIN with profile: y",
                ),
            ),
        ),
    ),
    Pattern(
        "tls_failed",
        literal=" TLS failed: ",
        regex=rf"{_HEAD}{_ICID} TLS failed: (?P<detail>.*)$",
        sets=always(stage="tls", side="server", outcome="aborted", cause="tls_handshake_failed")(),
        written_by="AsyncOS 7 to 15, mail_logs",
        samples=(
            Sample(
                "Info: ICID 32 TLS failed: (336109761, 'error:1408A0C1:SSL routines:SSL3_GET_CLIENT_HELLO:no shared cipher')",
                always(stage="tls", side="server")(
                    outcome="aborted", cause="tls_handshake_failed", basis="line",
                    detail="(336109761, 'error:1408A0C1:SSL routines:SSL3_GET_CLIENT_HELLO:no shared cipher')",
                ),
            ),
        ),
    ),
    Pattern(
        "rejected_by_rat",
        literal=" Rejected by RAT",
        regex=rf"{_HEAD}(?:MID [0-9]+ )?{_ICID} To: <.*> (?P<detail>Rejected by RAT)$",
        sets=always(stage="rcpt", side="server", cause="relay_denied")(),
        written_by="AsyncOS 7 to 15, mail_logs: a recipient outside of the table of accepted domains",
        samples=(
            Sample(
                "Info: MID 6 ICID 33 To: <x@example.net> Rejected by RAT",
                always(stage="rcpt", side="server")(
                    outcome="refused", cause="relay_denied", basis="line", detail="Rejected by RAT",
                ),
            ),
        ),
    ),
    Pattern(
        "ordinary",
        regex=rf"{_HEAD}(?:ICID|MID|DCID|RID|New SMTP|New|Start MID|Message|Bounced|Delayed|Connection|Bounce|SMTP|LDAP|Delivery|Status|"
        r"Begin|End|Logfile|Version|Time|System|Domain|Alert|Reputation|File)(?:[: ].*)?$",
        role="dismiss",
        written_by="AsyncOS: messages, deliveries (DCID), verdicts",
        samples=(
            Sample("Info: MID 6 ICID 5 From: <a@example.com>"),
            Sample("Info: ICID 30 ACCEPT SG SUSPECTLIST match sbrs[none] SBRS None"),
            Sample("Info: New SMTP DCID 8 interface 192.0.2.100 address 198.51.100.25 port 25"),
        ),
    ),
)  # fmt: skip

CISCO_ESA = Table(
    "cisco-esa",
    "Cisco Secure Email mail_logs",
    layout="regex",
    before=r"^(?:<[0-9]{1,3}>)?(?:[A-Z][a-z]{2} )?(?P<stamp>[A-Z][a-z]{2} +[0-9]{1,2} [0-9:]{8}(?: [0-9]{4})?|"
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}(?:\.[0-9]+)?(?:Z|[+-][0-9:]{5})) ",
    fields={"stamp": Field(("@stamp",))},
    carry=("client_ip", "client_name", "server_ip", "service", "tls"),
    patterns=_PATTERNS,
    written_by="AsyncOS 7 to 15, mail_logs at level Information or more; local time",
    cannot_show=(
        "why a login was refused, and the reply",
        "ports, HELO",
        "address and TLS of a login whose connection began in an earlier file",
        "the year, where mail_logs come over syslog",
    ),
    samples=(
        Excerpt(
            "Mon Mar 17 18:24:00 2025 Info: New SMTP ICID 30 interface Management (192.0.2.100) address 203.0.113.200 reverse dns host unknown verified no\n"
            "Mon Mar 17 18:24:01 2025 Info: ICID 30 ACCEPT SG SUSPECTLIST match sbrs[none] SBRS None\n"
            "Mon Mar 17 18:24:02 2025 Info: ICID 30 TLS success protocol TLSv1.2 cipher ECDHE-RSA-AES256-GCM-SHA384\n"
            "Mon Mar 17 18:24:03 2025 Info: SMTP Auth: (ICID 30) succeeded for user: cisco using AUTH mechanism: LOGIN with profile: ldap_smtp",
            (
                {
                    "stage": "auth", "outcome": "success", "cause": "success", "basis": "line", "side": "server", "user": "cisco",
                    "mechanism": "LOGIN", "client_ip": "203.0.113.200", "server_ip": "192.0.2.100", "tls": "TLSv1.2",
                },
            ),
        ),
        Excerpt("<166>Mar 17 18:24:37 mail_logs: Info: New SMTP ICID 5 interface Management (192.0.2.4) address 203.0.113.4 reverse dns host mail.example.com verified yes"),
    ),
)  # fmt: skip
