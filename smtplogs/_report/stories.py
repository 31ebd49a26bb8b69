"""Findings as a reader meets them: ranked and numbered, with evidence lines, key moments and the harm done."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

from smtplogs._frames import NOT_ACCEPTED, lazy_columns, plain, unpack
from smtplogs._report import words
from smtplogs._spans import duration
from smtplogs.detect._findings import weightiest_first
from smtplogs.schema import reference

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from smtplogs.schema import Frame

SHOWN = 20
"""Findings told in full; the others are listed."""

EVERYBODYS = ("server", "service", "relay")
"""Kinds of subjects whose trouble is that of everybody who was refused in the same time; they name nobody."""

LONGEST_LINE = 1_200
MOST_MOMENTS = 60
LOGIN_AFTER = "First login after"


@dataclass(frozen=True)
class Story:
    """One finding, as a report tells it."""

    number: int
    id: str
    kind: str
    title: str
    severity: str
    subject: str
    source: str | None
    period: str
    n_events: int | None
    cause: str
    meaning: str | None
    advice: str | None
    refuted_by: str | None
    confidence: str
    because: list[str]
    detector: str
    trigger: str | None
    policy: str | None
    lasted: str | None
    part_of: int | None
    evidence: list[tuple[str, str | None]]
    names_somebody: bool


@dataclass(frozen=True)
class Moment:
    """One line of the timeline: when, what, which finding it belongs to."""

    when: datetime
    what: str
    number: int | None = None
    about: str | None = None


def found(findings: Frame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the ranked findings, and those that could not be assessed with the tables at hand."""
    ranked = weightiest_first(unpack(findings))
    known = pl.col("status").fill_null("found") == "found"
    return ranked.filter(known), ranked.filter(~known)


def stories(
    ranked: pl.DataFrame, lines: Mapping[str, str], meanings: Mapping[str, str], tz: str, *, limit: int = SHOWN
) -> list[Story]:
    """Return the findings as stories, the first `limit` with their evidence lines."""
    numbers = {row: i for i, row in enumerate(ranked["finding_id"].to_list(), 1) if row is not None}
    return [
        _story(i, row, numbers, lines if i <= limit else {}, meanings, tz)
        for i, row in enumerate(ranked.iter_rows(named=True), 1)
    ]


def _story(
    number: int,
    row: dict[str, Any],
    numbers: Mapping[str, int],
    lines: Mapping[str, str],
    meanings: Mapping[str, str],
    tz: str,
) -> Story:
    """Return a finding as the report tells it: names in words, times in the zone."""
    return Story(
        number=number,
        id=row["finding_id"] or "",
        kind=words.kind(row["kind"]),
        title=words.localised(words.sentence(row["title"] or f"{words.kind(row['kind'])}: {row['subject'] or ''}"), tz),
        severity=row["severity"] or "info",
        subject=row["subject"] or row["user"] or row["client_ip"] or row["relay_host"] or "",
        source=row["client_ip"] or row["relay_host"],
        period=words.period(row["start"], row["end"] or row["end_before"], tz),
        n_events=row["n_events"],
        cause=plain(row["cause"]),
        meaning=meanings.get(row["cause"] or ""),
        advice=words.localised(row["advice"] or "", tz) or None,
        refuted_by=words.localised(row["refuted_by"] or "", tz) or None,
        confidence=row["confidence"] or "low",
        because=[words.localised(reason.removesuffix("."), tz) for reason in row["because"] or []],
        detector=row["detector"] or "",
        trigger=_trigger(row),
        policy=row["policy"],
        lasted=_lasted(row),
        part_of=numbers.get(row["part_of"] or ""),
        evidence=[(place, lines.get(place)) for place in row["evidence"] or []],
        names_somebody=row["subject_kind"] not in EVERYBODYS,
    )


def _trigger(row: dict[str, Any]) -> str | None:
    if not row["trigger"]:
        return None
    what = words.TRIGGERS.get(row["trigger_kind"] or "")
    return f"{row['trigger']} ({what})" if what else row["trigger"]


def _spans(row: dict[str, Any]) -> tuple[float, float | None] | None:
    """Return the least and the most seconds that an episode lasted; the most is None if its end was not seen."""
    begun = row["onset_before"] or row["start"]
    known = row["end_after"] or row["end"]
    if begun is None or known is None:
        return None
    least = max((known - begun).total_seconds(), 0)
    over = row["end_before"] or row["end"]
    earliest = row["onset_after"] or begun
    return least, None if over is None else max((over - earliest).total_seconds(), least)


def _lasted(row: dict[str, Any]) -> str | None:
    """Return how long a lockout lasted: the least, and the most where that is known."""
    spans = _spans(row)
    if spans is None:
        return None
    least, most = spans
    if most == 0:
        return None  # all in one second
    if most is None:
        return f"over {duration(least)}; its end was not seen"
    return duration(least) if duration(least) == duration(most) else f"{duration(least)} to {duration(most)}"


def evidence_lines(
    events: Frame, ranked: pl.DataFrame, *, limit: int = SHOWN, refusals: bool = False
) -> dict[str, str]:
    """Return the redacted log line behind each `source:line_no` of the first findings, where the events hold it.

    `refusals`: only the lines of attempts that were not accepted.
    """
    wanted = ranked.head(limit)["evidence"].explode(empty_as_null=True).drop_nulls().unique()
    if wanted.is_empty():
        return {}
    lazy = lazy_columns(events, "source", "line_no", "raw", "detail", "outcome")
    names = lazy.collect_schema().names()
    if refusals and "outcome" in names:
        lazy = lazy.filter(pl.col("outcome").is_in(NOT_ACCEPTED))
    if not {"source", "line_no"} <= set(names):
        return {}
    text = pl.coalesce([c for c in ("raw", "detail") if c in names] or [pl.lit(None, pl.String)])
    numbers = wanted.str.extract(r":([0-9]+)$", 1).cast(pl.UInt64, strict=False).drop_nulls().unique()
    rows = lazy.filter(pl.col("line_no").is_in(numbers.implode())).select(
        reference().alias("place"), text.alias("text")
    )
    seen = rows.filter(pl.col("place").is_in(wanted.implode()), pl.col("text").is_not_null()).unique("place")
    return dict(seen.collect().iter_rows())


def moments(ranked: pl.DataFrame, first: datetime | None, last: datetime | None) -> list[Moment]:
    """Return when the first findings began, ended and were over, in order of time."""
    told: list[Moment] = []
    for number, row in enumerate(ranked.head(SHOWN).iter_rows(named=True), 1):
        told.extend(_moments(number, row))
    told.sort(key=lambda m: (m.when, m.number or 0))
    told = told[:MOST_MOMENTS]
    ends = [
        Moment(when, what)
        for when, what in ((first, "First attempt in the logs"), (last, "Last attempt in the logs"))
        if when
    ]
    return sorted([*told, *ends], key=lambda m: m.when)


def _moments(number: int, row: dict[str, Any]) -> list[Moment]:
    """Return the moments of a finding: brackets of its beginning and end where it has such."""
    if row["onset_before"] or row["onset_after"]:
        steps = [
            (row["onset_after"], "may have begun from here on"),
            (row["onset_before"] or row["start"], "has begun by now"),
            (row["end_after"], "was still on"),
            (row["end_before"], "is over by now"),
            (row["recovered_at"] if row["recovered_at"] != row["end_before"] else None, LOGIN_AFTER),
        ]
    else:
        steps = [(row["start"], "first seen"), (row["end"], "last seen"), (row["recovered_at"], LOGIN_AFTER)]
        if row["end"] == row["start"]:
            steps = [(row["start"], "seen")]
    kind = words.kind(row["kind"])
    return [
        Moment(when, f"{what} {words.inner(kind)}" if what == LOGIN_AFTER else f"{kind} {what}", number, row["subject"])
        for when, what in steps
        if when
    ]


@dataclass(frozen=True)
class Harm:
    """What the findings cost: accounts, time, attempts with the right password."""

    n_accounts_locked: int
    n_lockouts: int
    least_s: float
    most_s: float
    n_open: int
    n_right_refused: int


def harm(ranked: pl.DataFrame) -> Harm:
    """Return what the lockouts among the findings cost."""
    locks = ranked.filter(pl.col("kind") == "lockout")
    spans = [s for s in map(_spans, locks.iter_rows(named=True)) if s]
    return Harm(
        n_accounts_locked=locks["subject"].n_unique(),
        n_lockouts=locks.height,
        least_s=sum(least for least, _ in spans),
        most_s=sum(most if most is not None else least for least, most in spans),
        n_open=sum(most is None for _, most in spans),
        n_right_refused=int(locks["n_trusted_refused"].sum()),
    )
