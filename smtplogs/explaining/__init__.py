"""What is pasted explained: who takes a log line and what it makes of it; what a reply, a reason or a traceback means."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from smtplogs import pasted, replies, unwrapping
from smtplogs.explaining._lines import line_rows
from smtplogs.explaining._replies import trace_rows
from smtplogs.explaining._rows import SCHEMA
from smtplogs.explaining._sessions import format_of, session_rows

if TYPE_CHECKING:
    from os import PathLike

    from smtplogs.explaining._rows import Known

MAX_LINES = 200
"""Lines that are explained at once: each is tried on every pattern by itself."""

_QUOTATION_MARKS = ('""', "''", "``", "\N{LEFT DOUBLE QUOTATION MARK}\N{RIGHT DOUBLE QUOTATION MARK}")


def explain(
    text: str, *, stage: str | None = None, side: str | None = None, catalogue: str | PathLike[str] | None = None
) -> pl.DataFrame:
    """Explain log lines, what a server answered, or the traceback of a program.

    Parameters
    ----------
    text
        One or more log lines (at most 200), wrapped by docker or the journal or not; a reply such as
        ``535 5.7.8 Error: authentication failed``, of one line or several; a reason (``unknown user``); a traceback or
        debug output of a mail library, in which the server's reply is looked for; a whole session (at most 20,000
        lines): a transcript of openssl s_client, swaks, curl -v, telnet, smtplib, nodemailer or msmtp, lines of an
        Exchange protocol log ..., of which each login and refusal is told with what led to it.
    stage, side
        SMTP step (`auth`, `tls`, `mail` ...) and side (`server`, `client`) of a reply or reason. None: what the words
        around it tell; the same words mean different things at different steps.
    catalogue
        TOML file with rows of your own for the reply catalogue; they come before ours.

    Returns
    -------
    DataFrame
        A row per candidate, the likeliest first:

        * `line_no`, `text` (secrets cut), `verdict` (taken, context only, dismissed, looked at, not understood; a reply,
          less likely, could also be; diagnosis: of a session), `format`, `pattern`;
        * `outcome`, `cause`, `basis`, `confidence` (high: the words leave no choice; medium: codes, or the step is not
          known; low: a bare refusal), `why` this, `why_not` rather this than the first;
        * `meaning`, `first_check`, `fix`, `who` must act, `beware` (where the usual advice goes wrong), `temporary` (whether
          it passes by itself) beside `code_class` (what the first digit promises), `provider`, `provider_wants`,
          `references`;
        * `sign` (how behaviour would tell) and `decided_by` (the detectors that look for it), where words alone do not;
        * `fields` (JSON: every column that the line fills), `written_by` (source of the software that writes it) and
          `row` (id in the catalogue).

    Notes
    -----
    A line by itself shows less than the same line among its neighbours: TLS, HELO and the meaning of counters come
    from the other lines of its session.

    Raises
    ------
    ValueError
        If there are too many lines, or the catalogue cannot be used.
    """
    own = None if catalogue is None else replies.checked(catalogue)
    known: Known = {"stage": stage, "side": side, "catalogue": own}
    text = unwrapping.plain(_unquoted(text))
    format_ = format_of(text)
    if format_ is not None and (rows := list(session_rows(text, format_, known))):
        return pl.DataFrame(rows, schema=SCHEMA)
    rows = [
        row
        for number, piece, is_trace in pasted.pieces(text, MAX_LINES)
        for row in (trace_rows if is_trace else line_rows)(number, piece, known)
    ]
    if any(row.get("cause") for row in rows):  # prose around a refusal comes behind it
        rows.sort(key=lambda row: row["verdict"] == "not understood" and row.get("format") is None)
    return pl.DataFrame(rows, schema=SCHEMA)


def _unquoted(text: str) -> str:
    """Take off the quotation marks in which a text was copied."""
    bare = text.strip()
    marks = bare[:1] + bare[-1:]
    return bare[1:-1] if len(bare) > 2 and marks in _QUOTATION_MARKS and bare[0] not in bare[1:-1] else text
