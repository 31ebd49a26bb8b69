"""Plesk with qmail: its smtp_auth, which judges logins, and spamdyke, the filter before qmail's SMTP server.

Behind Postfix it is Plesk's own saslauthd that judges: see `cyrus`.
"""

from __future__ import annotations

from smtplogs.logformats._format import Lines, Pattern, Sample
from smtplogs.logformats._postfix_parts import always

_IP = r"[0-9A-Fa-f:.]+"
_FROM = rf"(?:[^ @\[]*@)?[^ @\[]* ?\[(?P<client_ip>{_IP})\]$"
_auth = always(stage="auth", side="server")
_ann = {"user": "ann@example.com", "client_ip": "203.0.113.9"}

PLESK = Lines(
    "plesk",
    "Plesk smtp_auth (qmail)",
    tag="smtp_auth",
    patterns=(
        Pattern(
            "refused",
            program="smtp_auth",
            literal="FAILED: ",
            regex=rf"^(?:smtp_auth: )?FAILED: (?P<user>.*) - (?P<detail>[A-Za-z ]+) from {_FROM}",
            sets=_auth(outcome="failure"),
            written_by="Plesk smtp_auth, the name stands again in front in older ones",
            samples=(
                Sample(
                    program="smtp_auth",
                    message="FAILED: ann@example.com - password incorrect from unknown@pc.example.net [203.0.113.9]",
                    expect=_auth(
                        **_ann, outcome="failure", cause="bad_credentials", basis="line", detail="password incorrect"
                    ),
                ),
                Sample(
                    program="smtp_auth",
                    message="smtp_auth: FAILED: a - b from [192.0.2.1] - no such user from (null)@(null) [203.0.113.9]",
                    expect=_auth(
                        user="a - b from [192.0.2.1]",
                        client_ip="203.0.113.9",
                        outcome="failure",
                        cause="unknown_user",
                        basis="line",
                        detail="no such user",
                    ),
                ),
            ),
        ),
        Pattern(
            "login",
            program="smtp_auth",
            literal=" logged in from ",
            regex=rf"^(?:smtp_auth: )?SMTP user (?P<user>.*) : [^ ]* logged in from {_FROM}",
            sets=_auth(outcome="success", cause="success", basis="line"),
            written_by="Plesk smtp_auth",
            samples=(
                Sample(
                    program="smtp_auth",
                    message="SMTP user ann@example.com : /var/qmail/mailnames/example.com/ann logged in from "
                    "unknown@pc.example.net [203.0.113.9]",
                    expect=_auth(**_ann, outcome="success", cause="success", basis="line"),
                ),
            ),
        ),
        Pattern(
            "connected",
            program="smtp_auth",
            regex=r"^(?:smtp_auth: )?SMTP connect from .*$",
            role="dismiss",
            written_by="Plesk smtp_auth",
            samples=(Sample("SMTP connect from unknown@pc.example.net [203.0.113.9]"),),
        ),
    ),
    cannot_show=("TLS", "mechanisms", "sessions", "what was sent"),
)

_MAIL = r"from: (?P<sender>[^ ]+) to: [^ ]+ origin_ip: (?P<client_ip>[^ ]+) origin_rdns: (?P<client_name>[^ ]+) auth: "
_ENCRYPTION = r" encryption: (?:(?P<tls>TLS)[^ ]*|SSL|\(none\))(?: reason: (?P<detail>.*))?"
_peer = always(
    side="server", sender="ann@example.com", client_ip="203.0.113.9", client_name="pc.example.net", stage="rcpt"
)
_LINE = "from: ann@example.com to: bob@example.org origin_ip: 203.0.113.9 origin_rdns: pc.example.net auth: "

SPAMDYKE = Lines(
    "spamdyke",
    "spamdyke (before qmail)",
    tag="spamdyke",
    patterns=(
        Pattern(
            "mail_with_login",
            program="spamdyke",
            literal="ALLOWED from: ",
            regex=rf"^ALLOWED {_MAIL}(?P<user>[^ (][^ ]*){_ENCRYPTION}$",
            sets={"side": "server", "stage": "mail", "outcome": "success", "cause": "success", "basis": "line"},
            written_by="spamdyke log_target, since 4.0: a line for each recipient; TLS since 4.1",
            samples=(
                Sample(
                    f"ALLOWED {_LINE}ann encryption: TLS reason: 250_ok_1331_qp_100",
                    _peer(
                        stage="mail",
                        outcome="success",
                        cause="success",
                        basis="line",
                        user="ann",
                        tls="yes",
                        detail="250_ok_1331_qp_100",
                    ),
                ),
            ),
            not_these=(f"ALLOWED {_LINE}(unknown) encryption: (none) reason: 250_ok_1331_qp_100",),
        ),
        Pattern(
            "wants_login",
            program="spamdyke",
            literal="DENIED_AUTH_REQUIRED from: ",
            regex=rf"^DENIED_AUTH_REQUIRED {_MAIL}\(unknown\){_ENCRYPTION}$",
            sets={"side": "server", "stage": "rcpt", "outcome": "refused", "cause": "auth_required", "basis": "line"},
            written_by="spamdyke with smtp-auth-level or filter-level=require-auth",
            samples=(
                Sample(
                    f"DENIED_AUTH_REQUIRED {_LINE}(unknown) encryption: (none)",
                    _peer(outcome="refused", cause="auth_required", basis="line"),
                ),
            ),
        ),
        Pattern(
            "relaying",
            program="spamdyke",
            literal="DENIED_RELAYING from: ",
            regex=rf"^DENIED_RELAYING {_MAIL}\(unknown\){_ENCRYPTION}$",
            sets={"side": "server", "stage": "rcpt", "outcome": "refused", "cause": "relay_denied", "basis": "line"},
            written_by="spamdyke with relay-level",
            samples=(
                Sample(
                    f"DENIED_RELAYING {_LINE}(unknown) encryption: (none)",
                    _peer(outcome="refused", cause="relay_denied", basis="line"),
                ),
            ),
        ),
        Pattern(
            "filtered",
            program="spamdyke",
            regex=r"^(?:(?:ALLOWED|DENIED_[A-Z_]+|TIMEOUT) from: |FILTER_|ERROR|DEBUG|EXCESSIVE|LOG_).*$",
            role="dismiss",
            written_by="spamdyke: mail without a login, and mail stopped as spam",
            samples=(
                Sample(
                    "DENIED_RDNS_MISSING from: a@example.net to: bob@example.org origin_ip: 203.0.113.9 origin_rdns: "
                    "(unknown) auth: (unknown)"
                ),
            ),
        ),
    ),
    cannot_show=("logins that failed: those are in the log of vpopmail or Plesk", "logins that sent no mail"),
)
