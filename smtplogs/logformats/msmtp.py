"""msmtp's log: one line per mail that a program or script gave it to send. Source: msmtp src/msmtp.c, 1.4 to 1.8.

The lines are of the client: what became of its login at the relay. Measured with msmtp 1.8.23.
"""

from __future__ import annotations

from typing import Any

from smtplogs.logformats._format import Lines, Pattern, Sample
from smtplogs.logformats._postfix_parts import always

_TAG = "msmtp"
_HEAD = (
    r"^host=(?P<relay_host>[^ ]+) tls=(?P<tls>on|off) auth=(?:AUTH)(?: user=(?P<user>.*?))?"
    r" from=(?P<sender>[^ ]*) recipients=[^ ]*(?: mailsize=[0-9]+)?"
)
_ANY, _ON, _OFF = (_HEAD.replace("(?:AUTH)", word) for word in ("(?:on|off)", "on", "off"))
_NO_TLS = _ANY.replace("(?P<tls>", "(?:")
"""Where TLS failed or was never reached, `tls=on` is what was wanted."""

_SAID = (
    r" smtpstatus=(?P<reply_code>[0-9]{3}) smtpmsg='[0-9]{3}[ -](?:(?P<enhanced_code>[245]\.[0-9]{1,3}\.[0-9]{1,3}) ?)?"
    r"(?P<detail>.*)'"
)
_EXIT = r" exitcode=EX_[A-Z]+$"

_client = always(side="client")
_LINE = "host=smtp.example.net tls=on auth=on user=ann@example.com from=ann@example.com recipients=bob@example.org,carol@example.org"
_OPEN = "host=smtp.example.net tls=on auth=off from=ann@example.com recipients=bob@example.org"
_known = _client(relay_host="smtp.example.net", tls="yes", sender="ann@example.com", user="ann@example.com")
_wanted = _client(relay_host="smtp.example.net", sender="ann@example.com", user="ann@example.com")
_unknown = _client(relay_host="smtp.example.net", tls="yes", sender="ann@example.com")


def _refused(name: str, stage: str, words: str, line: str, expect: dict[str, Any]) -> Pattern:
    """Return a pattern for a reply of the relay that ended the mail, in the relay's own words."""
    return Pattern(
        name,
        program=_TAG,
        literal=" smtpstatus=",
        regex=rf"{_ANY}{_SAID} errormsg='{words}'{_EXIT}",
        sets=_client(stage=stage),
        written_by="msmtp src/msmtp.c, msmtp_log_info(); smtp.c",
        samples=(Sample(line, expect | {"stage": stage}, program=_TAG),),
    )


def _alone(name: str, literal: str, detail: str, sample: str, stage: str, **verdict: str) -> Pattern:
    """Return a pattern for msmtp's own words, where no reply of the relay stands behind them."""
    head, known = (_ANY, _known) if stage == "auth" else (_NO_TLS, _wanted)
    return Pattern(
        name,
        program=_TAG,
        literal=literal,
        regex=rf"{head} errormsg='(?P<detail>{detail})'{_EXIT}",
        sets=_client(stage=stage, **verdict),
        written_by="msmtp src/msmtp.c, msmtp_log_info(); smtp.c, net.c, mtls.c",
        samples=(
            Sample(
                f"{_LINE} errormsg='{sample}' exitcode=EX_UNAVAILABLE",
                known | {"stage": stage, "detail": sample} | {"basis": "line"} | verdict,
                program=_TAG,
            ),
        ),
    )


MSMTP = Lines(
    "msmtp-log",
    "msmtp's log (mail that scripts send)",
    tag=_TAG,
    patterns=(
        Pattern(
            "sent",
            program=_TAG,
            literal=" exitcode=EX_OK",
            regex=rf"{_ON}(?: smtpstatus=(?P<reply_code>[0-9]{{3}}) smtpmsg='.*')? exitcode=EX_OK$",
            sets=_client(stage="auth", outcome="success", cause="success", basis="context", delivery="sent"),
            written_by="msmtp src/msmtp.c: with auth=on no mail is sent without a login",
            samples=(
                Sample(
                    f"{_LINE} mailsize=138 smtpstatus=250 smtpmsg='250 ok queued' exitcode=EX_OK",
                    _known
                    | {"stage": "auth", "outcome": "success", "cause": "success", "basis": "context"}
                    | {"delivery": "sent", "reply_code": 250},
                    program=_TAG,
                ),
            ),
        ),
        Pattern(
            "sent_without_login",
            program=_TAG,
            literal=" exitcode=EX_OK",
            regex=rf"{_OFF}(?: smtpstatus=(?P<reply_code>[0-9]{{3}}) smtpmsg='.*')? exitcode=EX_OK$",
            sets=_client(stage="mail", outcome="info", delivery="sent"),
            role="context",
            written_by="msmtp src/msmtp.c: the relay wants no login",
            samples=(
                Sample(
                    f"{_OPEN} mailsize=138 smtpstatus=250 smtpmsg='250 ok queued' exitcode=EX_OK",
                    _unknown | {"stage": "mail", "outcome": "info", "delivery": "sent", "reply_code": 250},
                    program=_TAG,
                ),
            ),
        ),
        _refused(
            "auth_failed",
            "auth",
            r"authentication failed \(method (?P<mechanism>[A-Z0-9-]+)\)",
            f"{_LINE} smtpstatus=535 smtpmsg='535 5.7.8 Error: authentication failed: (reason unavailable)' "
            "errormsg='authentication failed (method PLAIN)' exitcode=EX_NOPERM",
            _known
            | {"outcome": "failure", "cause": "bad_credentials", "basis": "assumed", "mechanism": "PLAIN"}
            | {"reply_code": 535, "enhanced_code": "5.7.8"}
            | {"detail": "Error: authentication failed: (reason unavailable)"},
        ),
        _refused(
            "sender_refused",
            "mail",
            r"envelope from address .* not accepted by the server",
            f"{_OPEN} smtpstatus=530 smtpmsg='530 5.7.1 Authentication required' errormsg='envelope from address "
            "ann@example.com not accepted by the server' exitcode=EX_DATAERR",
            _unknown
            | {"outcome": "refused", "cause": "auth_required", "basis": "line"}
            | {"reply_code": 530, "enhanced_code": "5.7.1", "detail": "Authentication required"},
        ),
        _refused(
            "recipient_refused",
            "rcpt",
            r"recipient address .* not accepted by the server",
            f"{_OPEN} smtpstatus=554 smtpmsg='554 5.7.1 <bob@example.org>: Relay access denied' errormsg='recipient "
            "address bob@example.org not accepted by the server' exitcode=EX_DATAERR",
            _unknown
            | {"outcome": "refused", "cause": "relay_denied", "basis": "line"}
            | {"reply_code": 554, "enhanced_code": "5.7.1", "detail": "<bob@example.org>: Relay access denied"},
        ),
        _refused(
            "mail_refused",
            "data",
            r"(?:the server does not accept mail data|the server did not accept the mail)",
            f"{_OPEN} smtpstatus=452 smtpmsg='452 4.7.0 Too many messages, slow down' errormsg='the server did not "
            "accept the mail' exitcode=EX_TEMPFAIL",
            _unknown
            | {"outcome": "throttled", "cause": "throttled_sending", "basis": "line"}
            | {"reply_code": 452, "enhanced_code": "4.7.0", "detail": "Too many messages, slow down"},
        ),
        _refused(
            "greeting_refused",
            "connect",
            r"(?:cannot get initial OK message from server|SMTP server does not accept EHLO or HELO commands)",
            f"{_OPEN} smtpstatus=421 smtpmsg='421 4.7.0 too many connections' errormsg='cannot get initial OK message "
            "from server' exitcode=EX_PROTOCOL",
            _unknown
            | {"outcome": "throttled", "cause": "throttled_connection", "basis": "line"}
            | {"reply_code": 421, "enhanced_code": "4.7.0", "detail": "too many connections"},
        ),
        _alone(
            "auth_not_offered",
            "errormsg=",
            "the server does not support authentication",
            "the server does not support authentication",
            "auth",
            outcome="refused",
            cause="auth_not_offered",
        ),
        _alone(
            "mechanism",
            "errormsg=",
            r"the server does not support authentication method [A-Z0-9-]+|GNU SASL: authentication method .* not supported"
            r"|cannot use a secure authentication method|cannot find a usable authentication method",
            "the server does not support authentication method CRAM-MD5",
            "auth",
            outcome="refused",
            cause="mechanism_unsupported",
        ),
        _alone(
            "no_starttls",
            "errormsg=",
            "the server does not support TLS via the STARTTLS command",
            "the server does not support TLS via the STARTTLS command",
            "tls",
            outcome="refused",
            cause="tls_unavailable",
        ),
        Pattern(
            "tls_failed",
            program=_TAG,
            literal="errormsg=",
            regex=rf"{_NO_TLS} errormsg='(?P<detail>TLS .*?|cannot (?:read from|write to) TLS connection.*?) ?'{_EXIT}",
            sets=_client(stage="tls"),
            written_by="msmtp src/mtls-gnutls.c, mtls-openssl.c",
            samples=(
                Sample(
                    f"{_LINE} errormsg='TLS certificate verification failed: The certificate is NOT trusted. "
                    "The certificate issuer is unknown. ' exitcode=EX_UNAVAILABLE",
                    _wanted
                    | {"stage": "tls", "outcome": "aborted", "cause": "tls_handshake_failed", "basis": "line"}
                    | {
                        "detail": "TLS certificate verification failed: The certificate is NOT trusted. "
                        "The certificate issuer is unknown."
                    },
                    program=_TAG,
                ),
            ),
        ),
        _alone(
            "no_connection",
            "errormsg=",
            r"(?:network|cannot (?:connect to|locate host|create socket)|the server sent an (?:empty|invalid) reply).*?",
            "cannot connect to smtp.example.net, port 587: Connection refused",
            "connect",
            outcome="deferred",
            cause="service_unavailable",
        ),
        Pattern(
            "other",
            program=_TAG,
            regex=rf"{_ANY}.*{_EXIT}",
            role="dismiss",
            written_by="msmtp: mails that ended for reasons of the client's own (no password at hand, a full disk)",
            samples=(
                Sample(
                    f"{_LINE} errormsg='authentication method PLAIN needs a password' exitcode=EX_CONFIG", program=_TAG
                ),
            ),
        ),
    ),
    cannot_show=(
        "mechanisms of logins that succeeded, versions of TLS",
        "ports, unless the connection was refused",
        "the year",
        "anything but mail that was sent through msmtp with a logfile set",
    ),
)
