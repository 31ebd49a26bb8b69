"""sSMTP: what became of mails that scripts, cron and containers gave it. Source: ssmtp.c 2.61 to 2.64.

The lines are of the client, over syslog; the server's reply stands in brackets or alone.
"""

from __future__ import annotations

from smtplogs.logformats._format import Lines, Pattern, Sample
from smtplogs.logformats._postfix_parts import ENHANCED, always

_TAG = "sSMTP"
_REPLY = rf"(?P<reply_code>[45][0-9]{{2}})[ -](?:(?P<enhanced_code>{ENHANCED}) )?(?P<detail>.*)"
_client = always(side="client")

SSMTP = Lines(
    "ssmtp",
    "sSMTP (mail that scripts send)",
    tag=_TAG,
    patterns=(
        Pattern(
            "refused_login",
            program=_TAG,
            literal=("Authorization failed (", "Server didn't like our AUTH LOGIN ("),
            regex=rf"^(?:Authorization failed|Server didn't like our AUTH LOGIN) \({_REPLY}\)$",
            sets=_client(stage="auth"),
            written_by="ssmtp.c, ssmtp(): AUTH LOGIN and CRAM-MD5",
            samples=(
                Sample(
                    "Authorization failed (535 5.7.8 Error: authentication failed: UGFzc3dvcmQ6)",
                    _client(
                        stage="auth",
                        reply_code=535,
                        enhanced_code="5.7.8",
                        detail="Error: authentication failed: UGFzc3dvcmQ6",
                        outcome="failure",
                        cause="bad_credentials",
                        basis="assumed",
                    ),
                    program=_TAG,
                ),
            ),
        ),
        Pattern(
            "lost",
            program=_TAG,
            literal="Authorization failed (",
            regex=r"^(?P<detail>Authorization failed \(\))$",
            sets=_client(stage="auth", outcome="aborted", cause="connection_lost", basis="line"),
            written_by="ssmtp.c 2.64, ssmtp(): the server hung up, so that there is no reply",
            samples=(
                Sample(
                    "Authorization failed ()",
                    _client(
                        stage="auth",
                        outcome="aborted",
                        cause="connection_lost",
                        basis="line",
                        detail="Authorization failed ()",
                    ),
                    program=_TAG,
                ),
            ),
        ),
        Pattern(
            "no_starttls",
            program=_TAG,
            literal="STARTTLS not working",
            regex=r"^(?P<detail>STARTTLS not working)$",
            sets=_client(stage="tls", outcome="refused", cause="tls_unavailable", basis="line"),
            written_by="ssmtp.c 2.64, smtp_open()",
            samples=(
                Sample(
                    "STARTTLS not working",
                    _client(
                        stage="tls",
                        outcome="refused",
                        cause="tls_unavailable",
                        basis="line",
                        detail="STARTTLS not working",
                    ),
                    program=_TAG,
                ),
            ),
        ),
        Pattern(
            "no_connection",
            program=_TAG,
            literal="Cannot open ",
            regex=r"^(?P<detail>Cannot open (?P<relay_host>[^ :]+):(?P<server_port>[0-9]+))$",
            sets=_client(stage="connect", outcome="deferred", cause="service_unavailable", basis="line"),
            written_by="ssmtp.c, ssmtp(); sSMTP has no queue: the mail is lost",
            samples=(
                Sample(
                    "Cannot open mail.example.com:587",
                    _client(
                        stage="connect",
                        relay_host="mail.example.com",
                        server_port=587,
                        detail="Cannot open mail.example.com:587",
                        outcome="deferred",
                        cause="service_unavailable",
                        basis="line",
                    ),
                    program=_TAG,
                ),
            ),
        ),
        Pattern(
            "other",
            program=_TAG,
            regex=r"^.*$",
            role="dismiss",
            written_by="ssmtp.c: mails that were sent, with a login or without; the reason before `Cannot open`; bare replies to "
            "other commands, which cannot be told from text",
            samples=(
                Sample(
                    "Sent mail for ann@example.com (221 2.0.0 Bye) uid=1000 username=ann outbytes=512", program=_TAG
                ),
                Sample('Unable to connect to "mail.example.com" port 587.', program=_TAG),
            ),
        ),
    ),
    cannot_show=(
        "logins that succeeded",
        "the relay that refused: it stands in ssmtp.conf",
        "the user and the mechanism",
    ),
)
