"""Exim, Sendmail, OpenSMTPD, Courier: records of one session or message are tied by what ids they have; doubles become one.

Unlike Postfix, these write no line at which a session surely begins or ends, and what belongs together may stand in
other files. So nothing is finished before all files are read: `link` sees all records of these formats at once.
"""

from __future__ import annotations

import polars as pl

from smtplogs.linking import _courier, _exim, _opensmtpd
from smtplogs.linking._clocks import ASKED, clock_told
from smtplogs.linking._doubles import without_file_doubles, without_syslog_doubles
from smtplogs.linking._sessions import lent, with_sessions
from smtplogs.schema import RECORDS
from smtplogs.unsettled import by_file

__all__ = ["ASKED", "CONTEXT", "FORMATS", "clock_told", "link", "wanted"]

FORMATS = ("exim", "sendmail", "opensmtpd", "courier")
"""Formats whose records are linked here."""

CONTEXT = (
    "session_lost", "no_mail",
    "tls", "starttls", "message", "connected", "connected_53", "connected_57", "relay_connecting", "relay_tls",
    "authdaemon_down", "imap_authdaemon_down", "pop3_authdaemon_down",
)  # fmt: skip
"""Context patterns of these formats that tell something about other lines."""

_USED = (
    "host", "pid", "user", "client_ip", "client_port", "client_name", "helo", "server_ip", "server_port", "relay_host",
    "mechanism", "authenticator", "tls", "cipher", "reply_code", "enhanced_code", "vendor_code", "detail", "queue_id",
    "delivery", "session", "also", "stats", "raw", "program", "redacted", "sender", "n_recipients",
)  # fmt: skip


def wanted() -> pl.Expr:
    """Records that `link` needs: events, and the context that tells about them."""
    return (pl.col("_role") == "event") | pl.col("pattern").is_in(list(CONTEXT))


def link(records: pl.DataFrame) -> pl.DataFrame:
    """Turn the records of all files into events.

    Parameters
    ----------
    records
        Classified records with `time` and `source`, of the formats named above; those of the oldest file first.

    Returns
    -------
    DataFrame
        Rows with event columns: one per attempt, mail, limit or refusal. Session known, what other lines of it tell
        filled in; the second line about an attempt is in `also`; logins that only mails prove are added (basis
        context), as are AUTH commands that only Exim's list of commands tells (basis counter).
    """
    rows = _in_order(records)
    rows = rows.with_columns(pl.lit(None, RECORDS[c].dtype).alias(c) for c in _USED if c not in rows.columns)
    parts = []
    for name in FORMATS:
        mine = rows.filter(pl.col("format") == name)
        if mine.is_empty():
            continue
        if name == "exim":
            mine = without_file_doubles(without_syslog_doubles(mine))
        if name != "courier":  # it writes no ids
            mine = with_sessions(mine)
        how = {"exim": _exim.linked, "sendmail": lent, "opensmtpd": _opensmtpd.linked, "courier": _courier.linked}
        parts.append(how[name](mine))
    done = pl.concat(parts, how="diagonal_relaxed")
    return done.filter(pl.col("_role") == "event")


def _in_order(records: pl.DataFrame) -> pl.DataFrame:
    """Return records in order of time, file and line, without the columns of `_USED` that hold nothing.

    Files stand in the order in which they were written, which their names (`mail.log.1`, `mail.log`) do not tell.
    """
    order = records.select(
        pl.arg_sort_by("time", by_file(records), "line_no", nulls_last=True, maintain_order=True)
    ).to_series()
    filled = records.select(c for c in records.columns if c not in _USED or records[c].null_count() < records.height)
    return filled if order.is_sorted() else filled[order]
