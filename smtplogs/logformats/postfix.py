"""Postfix, 2.0 to 3.12: smtpd, anvil, postscreen, and the smtp client on the way to a relay."""

from __future__ import annotations

from smtplogs.logformats._format import Lines
from smtplogs.logformats._postfix_client import LOGIN
from smtplogs.logformats._postfix_client import TLS as CLIENT_TLS
from smtplogs.logformats._postfix_delivery import RELAY, TRAFFIC
from smtplogs.logformats._postfix_limits import LIMITS
from smtplogs.logformats._postfix_other import ORDINARY, OTHER
from smtplogs.logformats._postfix_rejects import REJECTS
from smtplogs.logformats._postfix_sasl import SASL
from smtplogs.logformats._postfix_smtpd import NOISE, SESSION
from smtplogs.logformats._postfix_tls import TLS

_PATTERNS = (*SESSION, *SASL, *TLS, *LIMITS, *REJECTS, *NOISE, *LOGIN, *CLIENT_TLS, *RELAY, *TRAFFIC, *ORDINARY, *OTHER)
_DAEMONS = "|".join(dict.fromkeys(word for p in _PATTERNS for word in p.program.split("|")))

POSTFIX = Lines(
    "postfix",
    "Postfix mail log",
    # syslog_name may be anything (postfix-in, mail); the daemon is the last part, the service what stands between.
    # rsyslog's RFC 5424 form leaves `postfix` alone: then the words of the message must do
    tag=rf"[^/ ]+(?:/(?P<service>[^ ]+))?/(?P<daemon>{_DAEMONS})|postfix[^ ]*",
    patterns=_PATTERNS,
    cannot_show=(
        "logins that succeeded and sent no mail: only their number, at disconnect (3.0 and later), without a name",
        "AUTH refused by the state of the session (before STARTTLS, not enabled here, twice): only a number at disconnect",
        "the name behind a failed login before 3.5.22, 3.6.12, 3.7.8, 3.8.3 and 3.9",
        "the reply code of a failed login, and with Dovecot whether the password was wrong or its database was down",
        "the port of the server, unless the service has a syslog_name of its own",
        "logins at a relay that succeeded, and the name used there",
    ),
)
