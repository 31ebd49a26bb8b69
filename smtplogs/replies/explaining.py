"""What a reply or reason may mean: every row of the catalogue that fits, best first, in words."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import polars as pl

from smtplogs.replies.catalogue import code_class
from smtplogs.replies.loading import rows
from smtplogs.replies.matching import EVIDENCE, candidates
from smtplogs.replies.meanings import cause_table
from smtplogs.replies.wording import parse_reply
from smtplogs.schema import CAUSES, OUTCOMES

if TYPE_CHECKING:
    from smtplogs.replies.catalogue import Row

COLUMNS = {
    "rank": pl.UInt32,
    "cause": pl.Enum(CAUSES),
    "outcome": pl.Enum(OUTCOMES),
    "why": pl.String,
    "explain": pl.String,
    "check": pl.String,
    "fix": pl.String,
    "temporary": pl.Boolean,
    "code_class": pl.String,
    "provider": pl.String,
    "row": pl.String,
    "source": pl.String,
}


def explain(
    text: str | None = None,
    *,
    code: int | None = None,
    enhanced: str | None = None,
    vendor_code: str | None = None,
    level: str | None = None,
    side: str | None = None,
    stage: str | None = None,
    program: str | None = None,
    service: str | None = None,
) -> pl.DataFrame:
    """Explain a reply, or the reason in a log line.

    Parameters
    ----------
    text
        The reply as it stands in a log or a transcript (wrappers and all), or a reason. Codes in it count unless given.
    code, enhanced, vendor_code, level
        Reply code, enhanced status code, the software's own code, word of level.
    side, stage, program, service
        `server` or `client`; SMTP step; software (`postfix`, a tag such as `postfix/smtpd` ...); kind of listener
        (`submission` or `wrapper`). Each that is left out excludes nothing.

    Returns
    -------
    polars.DataFrame
        One row per candidate, best first: `rank, cause, outcome`, `why` it fits, `explain, check, fix`, `temporary`
        (whether it passes by itself) beside `code_class` (what the first digit promises), `provider`, `row` (id in the
        catalogue), `source`. If nothing fits, one row with cause `unknown` and no id.

    Examples
    --------
    >>> explain("454 4.7.1 <a@example.net>: Relay access denied")["cause"].first()
    'relay_denied'
    """
    reply = parse_reply(text or "")
    given = {
        "side": side,
        "stage": stage,
        "program": _family(program),
        "service": service,
        "reply_code": code or reply.code,
        "enhanced_code": enhanced or reply.enhanced,
        "vendor_code": vendor_code,
        "level": level,
        "detail": reply.text,
    }
    hits = candidates(pl.DataFrame([given], schema=EVIDENCE))
    promised = code_class(given["reply_code"])
    found = [
        {
            "rank": rank,
            "cause": row.cause,
            "outcome": row.outcome or cause_table()[row.cause]["outcome"],
            "why": _why(row, literal),
            "explain": row.explain,
            "check": row.check or cause_table()[row.cause]["first_check"],
            "fix": row.fix or cause_table()[row.cause]["fix"],
            "temporary": row.passes,
            "code_class": promised or row.code_class,
            "provider": row.provider,
            "row": row.id,
            "source": row.source,
        }
        for rank, (row, literal) in enumerate(((rows()[n], lit) for n, lit in hits.select("row", "literal").rows()), 1)
    ]
    return pl.DataFrame(found or [_nothing(promised)], schema=COLUMNS)


def _nothing(promised: str | None) -> dict[str, object]:
    """Return the one row of a text that nothing fits."""
    unknown = cause_table()["unknown"]
    return {
        "rank": 1,
        "cause": "unknown",
        "why": "nothing in the catalogue fits",
        "explain": unknown["meaning"],
        "check": unknown["first_check"],
        "fix": unknown["fix"],
        "code_class": promised,
    }


def _why(row: Row, literal: str | None) -> str:
    """Name what the row was recognised by."""
    marks = [
        (f"the text {literal!r}", literal is not None),
        ("the shape of the text", bool(row.pattern) and literal is None),
        (f"code {' or '.join(map(str, row.code))}", bool(row.code)),
        (f"status {' or '.join(row.enhanced)}", bool(row.enhanced)),
        (f"the software's code {' or '.join(row.vendor_code)}", bool(row.vendor_code)),
        (f"level {' or '.join(row.level)}", bool(row.level)),
        (f"on {' or '.join(row.service)}", bool(row.service)),
        (f"at {' or '.join(row.stage)}", bool(row.stage)),
    ]
    return ", ".join(mark for mark, holds in marks if holds)


def _family(program: str | None) -> str | None:
    """Return the word of a tag or name that the catalogue knows as a family of software, else its first word."""
    if program is None:
        return None
    known = {name for row in rows() for name in row.program}
    words = re.split(r"[^a-z0-9]+", program.lower())
    return next((word for word in words if word in known), words[0] or None)
