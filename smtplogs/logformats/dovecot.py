"""Dovecot, 1.0 to 2.4: auth and login processes, in syslog or in its own log file."""

from __future__ import annotations

from smtplogs.logformats._dovecot_auth import AUTH, TROUBLE
from smtplogs.logformats._dovecot_auth24 import AUTH24
from smtplogs.logformats._dovecot_debug import DEBUG, STRANGERS
from smtplogs.logformats._dovecot_login import LOGINS
from smtplogs.logformats._dovecot_parts import PROGRAM
from smtplogs.logformats._dovecot_plain import PLAIN
from smtplogs.logformats._dovecot_proxy import PROXY
from smtplogs.logformats._format import Lines
from smtplogs.logformats.pam import MODULES

DOVECOT = Lines(
    "dovecot",
    "Dovecot mail log",
    # PAM writes under the tag of the process that asked it: those lines are told apart by their words
    tag=rf"{PROGRAM}|(?:imap|pop3|submission|managesieve|sieve)-login",
    patterns=(*PLAIN, *LOGINS, *PROXY, *DEBUG, *AUTH, *AUTH24, *TROUBLE, *MODULES, *STRANGERS),
    cannot_show=(
        "refused logins, unless auth_verbose=yes: by default only errors and the sums of its own login processes",
        "logins through Postfix or Exim that succeeded, unless auth_debug=yes",
        "the reply that the client of Postfix or Exim got: an error here is often 535 there",
        "the penalty delay that it lays on addresses with failures",
        "the port of the server",
    ),
)
