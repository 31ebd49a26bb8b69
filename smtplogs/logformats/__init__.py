"""The log formats that smtplogs reads: one word here per format."""

from __future__ import annotations

import re
from pathlib import Path

import polars as pl

from smtplogs.logformats._declared import declared
from smtplogs.logformats._format import PARTS, Dialogue, Excerpt, Field, Lines, Pattern, Sample, Shape, Table, Turn
from smtplogs.logformats.aiosmtpd import AIOSMTPD
from smtplogs.logformats.applications import APPLICATION
from smtplogs.logformats.assp import ASSP
from smtplogs.logformats.bans import CROWDSEC, FAIL2BAN, MAILCOW
from smtplogs.logformats.chasquid import CHASQUID
from smtplogs.logformats.cisco_esa import CISCO_ESA
from smtplogs.logformats.courier import COURIER
from smtplogs.logformats.cyrus import CYRUS, SASLAUTHD
from smtplogs.logformats.desktop import DESKTOP
from smtplogs.logformats.directadmin import DIRECTADMIN
from smtplogs.logformats.domino import DOMINO
from smtplogs.logformats.dovecot import DOVECOT
from smtplogs.logformats.entra import ENTRA, ENTRA_CSV
from smtplogs.logformats.exchange import EXCHANGE, EXCHANGE_EVENT, EXCHANGE_IMAP, EXCHANGE_POP
from smtplogs.logformats.exim import EXIM
from smtplogs.logformats.haraka import HARAKA
from smtplogs.logformats.icewarp import ICEWARP
from smtplogs.logformats.kerio import KERIO
from smtplogs.logformats.libraries import LIBRARIES
from smtplogs.logformats.mailers import MAILERS
from smtplogs.logformats.mailprograms import MAIL_PROGRAMS
from smtplogs.logformats.mailu import MAILU
from smtplogs.logformats.mox import MOX
from smtplogs.logformats.msmtp import MSMTP
from smtplogs.logformats.nginx import NGINX
from smtplogs.logformats.node_smtp_server import SMTP_SERVER
from smtplogs.logformats.opensmtpd import OPENSMTPD
from smtplogs.logformats.oracle import ORACLE
from smtplogs.logformats.pam import PAM
from smtplogs.logformats.perdition import PERDITION
from smtplogs.logformats.plesk import PLESK, SPAMDYKE
from smtplogs.logformats.postfix import POSTFIX
from smtplogs.logformats.rspamd import RSPAMD
from smtplogs.logformats.sendmail import SENDMAIL
from smtplogs.logformats.small_mailers import DMA, NULLMAILER
from smtplogs.logformats.ssmtp import SSMTP
from smtplogs.logformats.stalwart import STALWART, STALWART_JSON
from smtplogs.logformats.traces import TRACES
from smtplogs.logformats.transcripts import TRANSCRIPTS
from smtplogs.logformats.vpopmail import VPOPMAIL
from smtplogs.logformats.windows_servers import HMAILSERVER, IIS, MAILENABLE, MDAEMON, SMARTERMAIL
from smtplogs.logformats.zimbra import ZIMBRA

ALL: tuple[Lines, ...] = (
    POSTFIX, DOVECOT, PAM, EXIM, SENDMAIL, OPENSMTPD, FAIL2BAN, CROWDSEC, MAILCOW, COURIER,
    NGINX, MAILU, ZIMBRA, CYRUS, SASLAUTHD, MSMTP, MOX, VPOPMAIL, PLESK, SPAMDYKE, ASSP, ORACLE, SSMTP, DMA,
    NULLMAILER, PERDITION, CHASQUID)  # fmt: skip
"""Formats of single lines under an envelope: several may share a file."""

EXAMPLE = "example-relay"
"""Shipped definition whose layout is invented: read only where the caller names it."""

DECLARED = tuple(
    declared(path) for path in sorted((Path(__file__).parent / "definitions").glob("*.toml")) if path.stem != EXAMPLE
)
"""Formats that are declared in TOML. That their samples pass is held by the tests."""

DIALOGUES: tuple[Dialogue, ...] = (
    EXCHANGE, HARAKA, AIOSMTPD, SMTP_SERVER, HMAILSERVER, MDAEMON, MAILENABLE, SMARTERMAIL, ICEWARP, IIS, *MAILERS, *LIBRARIES, *MAIL_PROGRAMS, *DESKTOP, *TRACES, *TRANSCRIPTS, APPLICATION,
    *(f for f in DECLARED if isinstance(f, Dialogue)),
)  # fmt: skip
TABLES: tuple[Table, ...] = (
    ENTRA, ENTRA_CSV, EXCHANGE_IMAP, EXCHANGE_POP, EXCHANGE_EVENT, STALWART, STALWART_JSON, KERIO, DOMINO, CISCO_ESA,
    RSPAMD, DIRECTADMIN, *(f for f in DECLARED if isinstance(f, Table)),
)  # fmt: skip
"""Formats of whole files."""

EVERY: tuple[Lines | Dialogue | Table, ...] = (*ALL, *DIALOGUES, *TABLES)

SESSION_PATTERNS = tuple(p.name for p in POSTFIX.patterns if p.role != "dismiss" and re.fullmatch(p.program, "smtpd"))
"""Patterns whose lines belong to the SMTP session of one smtpd process."""

__all__ = [
    "ALL",
    "DIALOGUES",
    "EVERY",
    "PARTS",
    "SESSION_PATTERNS",
    "TABLES",
    "Dialogue",
    "Excerpt",
    "Field",
    "Lines",
    "Pattern",
    "Sample",
    "Shape",
    "Table",
    "Turn",
    "declared",
    "formats",
]


def formats() -> pl.DataFrame:
    """Return every pattern of every format that can be read.

    Returns
    -------
    DataFrame
        `format`, `title`, `pattern`, `role` (event, context, dismiss; `dialogue` and `table`: formats of whole files),
        `program` (regex for the daemon), `written_by` (source file and versions of the software), `sample` (a message
        it takes).
    """
    lines = [
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
    whole = [
        {
            "format": f.name,
            "title": f.title,
            "pattern": "dialogue" if isinstance(f, Dialogue) else f.layout,
            "role": "dialogue" if isinstance(f, Dialogue) else "table",
            "program": None,
            "written_by": f.written_by,
            "sample": f.samples[0].text,
        }
        for f in (*DIALOGUES, *TABLES)
    ]
    return pl.DataFrame(lines + whole)
