"""dma and nullmailer: what became of mails that a host without a mail server of its own handed to its relay.

The lines are of the client. Recorded with dma 0.13 and nullmailer 2.2 against relays that refuse in many ways
(`docs/live.md`).
"""

from __future__ import annotations

from smtplogs.logformats._format import Lines, Pattern, Sample
from smtplogs.logformats._postfix_parts import ENHANCED, always

_client = always(side="client")
_REPLY = rf"(?P<reply_code>[45][0-9]{{2}})[ -](?:(?P<enhanced_code>{ENHANCED}) )?(?P<detail>.*)"
_RELAY = r"(?P<relay_host>[^ ]+) \[(?P<server_ip>[0-9A-Fa-f.:]+)\]"
_DMA, _NULL = "dma", r"nullmailer(?:-send)?"
_bad = _client(
    stage="auth",
    reply_code=535,
    enhanced_code="5.7.8",
    detail="Error: authentication failed: (reason unavailable)",
    outcome="failure",
    cause="bad_credentials",
    basis="assumed",
)
_at = always(relay_host="relay.example.org", server_ip="192.0.2.25", side="client", basis="line")


def _after(name: str, step: str, stage: str, sample: str, **expect: object) -> Pattern:
    """Return a pattern for a reply of the relay to another command than AUTH."""
    return Pattern(
        name,
        program=_DMA,
        literal="remote delivery ",
        regex=rf"^remote delivery (?:deferred:|to) {_RELAY} failed after {step}: {_REPLY}$",
        sets=_client(stage=stage),
        written_by="dma net.c, READ_REMOTE_CHECK",
        samples=(Sample(sample, _at(stage=stage, **expect), program=_DMA),),
    )


DMA = Lines(
    "dma",
    "DragonFly mail agent (mail of a host to its relay)",
    tag=_DMA,
    patterns=(
        Pattern(
            "refused_login",
            program=_DMA,
            literal="remote delivery ",
            regex=rf"^remote delivery (?:failed|deferred): (?:Authentication failed|AUTH (?:login|(?P<mechanism>cram-md5)) (?:failed|not available)): {_REPLY}$",
            sets=_client(stage="auth"),
            written_by="dma net.c smtp_auth(), crypto.c smtp_auth_md5()",
            samples=(
                Sample(
                    "remote delivery failed: Authentication failed: 535 5.7.8 Error: authentication failed: (reason unavailable)",
                    _bad,
                    program=_DMA,
                ),
                Sample(
                    "remote delivery deferred: AUTH cram-md5 failed: 535 5.7.8 Error: authentication failed: (reason unavailable)",
                    _bad | {"mechanism": "CRAM-MD5"},
                    program=_DMA,
                ),
                Sample(
                    "remote delivery deferred: AUTH login not available: 530 5.7.0 Must issue a STARTTLS command first",
                    _client(
                        stage="auth",
                        reply_code=530,
                        enhanced_code="5.7.0",
                        detail="Must issue a STARTTLS command first",
                        outcome="refused",
                        cause="tls_required",
                        basis="line",
                    ),
                    program=_DMA,
                ),
            ),
        ),
        Pattern(
            "login_skipped",
            program=_DMA,
            literal="non-encrypted SMTP login is disabled in config",
            regex=r"^(?P<detail>non-encrypted SMTP login is disabled in config, so skipping it\.) ?$",
            sets=_client(stage="auth", outcome="refused", cause="tls_required", basis="line"),
            written_by="dma net.c smtp_auth(): its own doing, without SECURETRANSFER or INSECURE",
            samples=(
                Sample(
                    "non-encrypted SMTP login is disabled in config, so skipping it. ",
                    _client(
                        stage="auth",
                        outcome="refused",
                        cause="tls_required",
                        basis="line",
                        detail="non-encrypted SMTP login is disabled in config, so skipping it.",
                    ),
                    program=_DMA,
                ),
            ),
        ),
        Pattern(
            "no_starttls",
            program=_DMA,
            literal="remote delivery ",
            regex=rf"^remote delivery (?:failed|deferred): STARTTLS not available: {_REPLY}$",
            sets=_client(stage="tls", outcome="refused", cause="tls_unavailable", basis="line"),
            written_by="dma crypto.c smtp_init_crypto()",
            samples=(
                Sample(
                    "remote delivery deferred: STARTTLS not available: 502 5.5.1 Error: command not implemented",
                    _client(
                        stage="tls",
                        reply_code=502,
                        enhanced_code="5.5.1",
                        detail="Error: command not implemented",
                        outcome="refused",
                        cause="tls_unavailable",
                        basis="line",
                    ),
                    program=_DMA,
                ),
            ),
        ),
        Pattern(
            "tls_failed",
            program=_DMA,
            literal="remote delivery ",
            regex=r"^remote delivery (?:failed|deferred): (?P<detail>SSL (?:handshake|initialization) failed.*)$",
            sets=_client(stage="tls", outcome="aborted", cause="tls_handshake_failed", basis="line"),
            written_by="dma crypto.c smtp_init_crypto()",
            samples=(
                Sample(
                    "remote delivery deferred: SSL handshake failed fatally: error:0A000126:SSL routines::unexpected eof while reading",
                    _client(
                        stage="tls",
                        outcome="aborted",
                        cause="tls_handshake_failed",
                        basis="line",
                        detail="SSL handshake failed fatally: error:0A000126:SSL routines::unexpected eof while reading",
                    ),
                    program=_DMA,
                ),
            ),
        ),
        Pattern(
            "no_connection",
            program=_DMA,
            literal="] failed: ",
            regex=rf"^(?P<detail>connect to {_RELAY} failed: .*)$",
            sets=_client(stage="connect", outcome="deferred", cause="service_unavailable", basis="line"),
            written_by="dma net.c open_connection()",
            samples=(
                Sample(
                    "connect to relay.example.org [192.0.2.25] failed: Connection refused",
                    _at(
                        stage="connect",
                        outcome="deferred",
                        cause="service_unavailable",
                        detail="connect to relay.example.org [192.0.2.25] failed: Connection refused",
                    ),
                    program=_DMA,
                ),
            ),
        ),
        _after(
            "greeting_refused",
            "connect",
            "connect",
            "remote delivery deferred: relay.example.org [192.0.2.25] failed after connect: 421 4.3.2 Service not available, "
            "too many connections",
            reply_code=421,
            enhanced_code="4.3.2",
            detail="Service not available, too many connections",
            outcome="throttled",
            cause="throttled_connection",
        ),
        _after(
            "sender_refused",
            "MAIL FROM",
            "mail",
            "remote delivery to relay.example.org [192.0.2.25] failed after MAIL FROM: 530 5.7.1 Authentication required",
            reply_code=530,
            enhanced_code="5.7.1",
            detail="Authentication required",
            outcome="refused",
            cause="auth_required",
        ),
        _after(
            "recipient_refused",
            "RCPT TO",
            "rcpt",
            "remote delivery to relay.example.org [192.0.2.25] failed after RCPT TO: 554 5.7.1 <bob@example.org>: Relay access denied",
            reply_code=554,
            enhanced_code="5.7.1",
            detail="<bob@example.org>: Relay access denied",
            outcome="refused",
            cause="relay_denied",
        ),
        Pattern(
            "other",
            program=_DMA,
            regex=r"^.*$",
            role="dismiss",
            written_by="dma: mails as they come and go, what the relay offers, that a login was tried; `SMTP login failed` repeats a "
            "refusal with the system's last error",
            samples=(
                Sample("using SMTP authentication for user ann@example.com", program=_DMA),
                Sample("remote delivery failed: SMTP login failed: Success", program=_DMA),
                Sample("SMTP login not available. Trying without.", program=_DMA),
                Sample("<bob@example.org> delivery successful", program=_DMA),
            ),
        ),
    ),
    cannot_show=("logins that succeeded", "the relay and the user of a refused login: lines before it name them"),
)

NULLMAILER = Lines(
    "nullmailer",
    "nullmailer (mail of a host to its relay)",
    tag=_NULL,
    patterns=(
        Pattern(
            "refused_login",
            program=_NULL,
            literal="smtp: Failed: ",
            regex=rf"^smtp: Failed: (?P<reply_code>432|454|525|53[458])[ -](?:(?P<enhanced_code>{ENHANCED}) )?(?P<detail>.*)$",
            sets=_client(stage="auth"),
            written_by="nullmailer protocols/smtp.cc: replies are written with no word of what they answer; these codes answer AUTH",
            samples=(
                Sample(
                    "smtp: Failed: 535 5.7.8 Error: authentication failed: (reason unavailable)",
                    _bad,
                    program="nullmailer-send",
                ),
            ),
        ),
        Pattern(
            "auth_required",
            program=_NULL,
            literal="smtp: Failed: ",
            regex=rf"^smtp: Failed: (?P<reply_code>530)[ -](?:(?P<enhanced_code>{ENHANCED}) )?(?P<detail>.*)$",
            sets=_client(stage="mail"),
            written_by="nullmailer protocols/smtp.cc: 530 answers MAIL, or AUTH where TLS is wanted first",
            samples=(
                Sample(
                    "smtp: Failed: 530 5.7.1 Authentication required",
                    _client(
                        stage="mail",
                        reply_code=530,
                        enhanced_code="5.7.1",
                        detail="Authentication required",
                        outcome="refused",
                        cause="auth_required",
                        basis="line",
                    ),
                    program="nullmailer-send",
                ),
            ),
        ),
        Pattern(
            "no_mechanism",
            program=_NULL,
            literal="smtp: Failed: ",
            regex=r"^smtp: Failed: (?P<detail>Server does not advertise any supported authentication methods)$",
            sets=_client(stage="auth", outcome="refused", cause="auth_not_offered", basis="assumed"),
            written_by="nullmailer protocols/smtp.cc: no AUTH, or no mechanism that it knows",
            samples=(
                Sample(
                    "smtp: Failed: Server does not advertise any supported authentication methods",
                    _client(
                        stage="auth",
                        outcome="refused",
                        cause="auth_not_offered",
                        basis="assumed",
                        detail="Server does not advertise any supported authentication methods",
                    ),
                    program="nullmailer-send",
                ),
            ),
        ),
        Pattern(
            "tls_failed",
            program=_NULL,
            literal="smtp: Failed: ",
            regex=r"^smtp: Failed: (?P<detail>Error (?:completing|starting|initializing|negotiating) TLS.*)$",
            sets=_client(stage="tls", outcome="aborted", cause="tls_handshake_failed", basis="line"),
            written_by="nullmailer protocols/tls_gnutls.cc",
            samples=(
                Sample(
                    "smtp: Failed: Error completing TLS handshake: The TLS connection was non-properly terminated.",
                    _client(
                        stage="tls",
                        outcome="aborted",
                        cause="tls_handshake_failed",
                        basis="line",
                        detail="Error completing TLS handshake: The TLS connection was non-properly terminated.",
                    ),
                    program="nullmailer-send",
                ),
            ),
        ),
        Pattern(
            "no_connection",
            program=_NULL,
            literal="smtp: Failed: ",
            regex=r"^smtp: Failed: (?P<detail>Connect failed)$",
            sets=_client(stage="connect", outcome="deferred", cause="service_unavailable", basis="line"),
            written_by="nullmailer protocols/protocol.cc",
            samples=(
                Sample(
                    "smtp: Failed: Connect failed",
                    _client(
                        stage="connect",
                        outcome="deferred",
                        cause="service_unavailable",
                        basis="line",
                        detail="Connect failed",
                    ),
                    program="nullmailer-send",
                ),
            ),
        ),
        Pattern(
            "other",
            program=_NULL,
            regex=r"^.*$",
            role="dismiss",
            written_by="nullmailer src/send.cc: mails as they come and go; replies that may answer any command",
            samples=(
                Sample(
                    "Starting delivery: host: relay.example.org protocol: smtp file: 1795680000.1",
                    program="nullmailer-send",
                ),
                Sample("smtp: Succeeded: 250 2.0.0 taken", program="nullmailer-send"),
                Sample("Sending failed: Failed to authenticate to server", program="nullmailer-send"),
            ),
        ),
    ),
    cannot_show=(
        "logins that succeeded",
        "the relay and the user: the relay stands in the line before, the user in the file `remotes`",
        "refused logins with codes that may answer other commands as well (421, 503, 550)",
    ),
)
