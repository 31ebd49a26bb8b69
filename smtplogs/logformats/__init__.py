"""The log formats that smtplogs reads: one word here per format."""

from __future__ import annotations

import re

import polars as pl

from smtplogs.logformats._format import Lines, Pattern, Sample
from smtplogs.logformats.bans import CROWDSEC, FAIL2BAN, MAILCOW
from smtplogs.logformats.courier import COURIER
from smtplogs.logformats.dovecot import DOVECOT
from smtplogs.logformats.exim import EXIM
from smtplogs.logformats.opensmtpd import OPENSMTPD
from smtplogs.logformats.pam import PAM
from smtplogs.logformats.postfix import POSTFIX
from smtplogs.logformats.sendmail import SENDMAIL

ALL: tuple[Lines, ...] = (POSTFIX, DOVECOT, PAM, EXIM, SENDMAIL, OPENSMTPD, FAIL2BAN, CROWDSEC, MAILCOW, COURIER)

SESSION_PATTERNS = tuple(p.name for p in POSTFIX.patterns if p.role != "dismiss" and re.fullmatch(p.program, "smtpd"))
"""Patterns whose lines belong to the SMTP session of one smtpd process."""

__all__ = ["ALL", "SESSION_PATTERNS", "Lines", "Pattern", "Sample", "formats"]


def formats() -> pl.DataFrame:
    """Return every pattern of every format that can be read.

    Returns
    -------
    DataFrame
        `format`, `title`, `pattern`, `role` (event, context, dismiss), `program` (regex for the daemon), `written_by`
        (source file and versions of the software), `sample` (a message it takes).
    """
    return pl.DataFrame(
        [
            {
                "format": f.name,
                "title": f.title,
                "pattern": p.name,
                "role": p.role,
                "program": p.program,
                "written_by": p.written_by,
                "sample": p.samples[0].message,
            }
            for f in ALL
            for p in f.patterns
        ]
    )
