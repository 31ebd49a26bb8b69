"""What every detector ends with: identifiers, chosen lines of evidence, rows that become one table of findings."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import polars as pl

from smtplogs.schema import FINDINGS, SEVERITIES, dtypes, reference

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from smtplogs.schema import Column

MOST_LINES = 20
"""Lines of evidence that a finding shows at most."""

WHO_NAMES_LOGINS = (
    "Postfix names the login in failures from 3.9 on (sasl_username=); a log of Dovecot or saslauthd has it too."
)
"""Advice where failures carry no user name."""


def finding_id(detector: str, subject_kind: str, subject: str | None, start: datetime | None) -> str:
    """Return the name of a finding: 16 hex digits from detector, subject and start, the same in every run."""
    text = "\x1f".join((detector, subject_kind, subject or "", start.isoformat() if start else ""))
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def spread(rows: pl.DataFrame, by: str, most: int = MOST_LINES) -> pl.DataFrame:
    """Keep at most this many rows of each group, evenly spread, the first and the last always among them."""
    last = (pl.len() - 1).over(by)
    place = pl.int_range(pl.len()).over(by)
    step = place * (most - 1) // pl.max_horizontal(last, pl.lit(1))
    return rows.filter((last < most) | (place == 0) | (step != (place - 1) * (most - 1) // last))


def lines(rows: pl.DataFrame, by: str) -> dict[Any, list[str]]:
    """Return the evidence of each group as ``source:line_no`` in order of time; rows without a line are passed over."""
    if rows.is_empty():
        return {}
    known = rows.filter(pl.col("source").is_not_null(), pl.col("line_no").is_not_null())
    known = spread(known.sort(by, "time", "line_no", "source"), by)
    named = known.select(by, reference().alias("line")).unique(maintain_order=True)
    return dict(named.group_by(by, maintain_order=True).agg("line").iter_rows())


def as_findings(rows: Iterable[Mapping[str, Any]], detector: str, columns: Mapping[str, Column]) -> pl.DataFrame:
    """Return finished rows as findings: the common columns, then the detector's own, the weightiest first.

    Each row brings `subject_kind`, `subject` and `start`, from which the identifier follows (and from `kind`, if a row
    before it has the same three); a column that it does not mention is null, `status` is ``found`` unless it says
    otherwise.
    """
    schema = dtypes(FINDINGS) | dtypes(columns)
    named: dict[str, dict[str, Any]] = {}
    for row in rows:
        about = row["subject_kind"], row["subject"], row["start"]
        own = finding_id(detector, *about)
        while own in named:  # two kinds may be told of one subject from one moment on
            own = finding_id(f"{own} {row['kind']}", *about)
        named[own] = {"status": "found", **row, "detector": detector, "finding_id": own}
    return weightiest_first(pl.DataFrame(list(named.values()), schema=schema))


def not_assessable(
    kind: str,
    about: str,
    start: datetime,
    end: datetime,
    n_events: int | None,
    *,
    title: str,
    advice: str,
    because: Sequence[str],
    refuted_by: str,
) -> dict[str, Any]:
    """Return the row that says that something cannot be told with these tables.

    Parameters
    ----------
    kind
        What would be found.
    about
        What it would be about: all accounts, all clients ...
    start, end, n_events
        The stretch of the log that was looked at, and the attempts in it.
    title, advice, because, refuted_by
        As in every finding: what cannot be told, what to read in addition, why, and what would show it.
    """
    return {
        "kind": kind,
        "status": "not_assessable",
        "severity": "info",
        "subject_kind": "server",
        "subject": about,
        "start": start,
        "end": end,
        "n_events": n_events,
        "title": title,
        "advice": advice,
        "confidence": "high",
        "because": list(because),
        "refuted_by": refuted_by,
    }


def weightiest_first(findings: pl.DataFrame) -> pl.DataFrame:
    """Sort findings by severity, then number of events, then start; ties by subject and identifier."""
    if findings.height < 2:
        return findings
    weight = {word: i for i, word in enumerate(SEVERITIES)}
    return findings.sort(
        pl.col("severity").cast(pl.String).replace_strict(weight, default=-1, return_dtype=pl.Int8),
        "n_events",
        "start",
        "subject",
        "finding_id",
        descending=[True, True, False, False, False],
        nulls_last=True,
    )
