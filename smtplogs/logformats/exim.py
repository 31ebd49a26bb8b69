"""Exim, 4.69 to 4.100: main, reject and panic log, in their own files or over syslog; server, and client of a relay."""

from __future__ import annotations

from smtplogs.logformats._exim_auth import FAILED, REFUSED
from smtplogs.logformats._exim_client import ATTEMPTS, DELIVERIES
from smtplogs.logformats._exim_fates import FATES
from smtplogs.logformats._exim_mail import MAIL, SESSION
from smtplogs.logformats._exim_other import OTHER
from smtplogs.logformats._exim_rejects import LIMITS, REJECTS
from smtplogs.logformats._exim_tls import BROKEN_TLS
from smtplogs.logformats._format import Lines

EXIM = Lines(
    "exim",
    "Exim main log and reject log",
    tag=r"exim[^ /]*",
    patterns=(
        *FAILED,
        *MAIL,
        *ATTEMPTS,
        *DELIVERIES,
        *FATES,
        *REFUSED,
        *SESSION,
        *LIMITS,
        *BROKEN_TLS,
        *REJECTS,
        *OTHER,
    ),
    cannot_show=(
        "logins that succeeded and sent no mail, unless log_selector has +smtp_no_mail",
        "AUTH refused by the state of the session (not offered, twice, unknown mechanism), unless log_selector has "
        "+smtp_protocol_error and +smtp_syntax_error",
        "whether a refused login was a wrong password, an unknown name, or (with Dovecot) a backend that was down",
        "the mechanism of a login: it is told from the name that the administrator gave the authenticator",
        "delays by smtp_ratelimit_mail and smtp_ratelimit_rcpt",
        "TLS of a login that failed",
        "which host wrote a line, in its own log files: read() takes their folder for one host, unless it is told host=",
    ),
)
