"""A log line explained: the pattern that takes it and what it makes of it, or what was looked at in vain."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import polars as pl

from smtplogs import framing, matching, parsing, planning, redacting, replies, stamps, unwrapping
from smtplogs.accounting import Tally
from smtplogs.explaining._replies import reply_rows
from smtplogs.explaining._rows import BY_WORDS, columns_of, make_row, other_candidates
from smtplogs.logformats import EVERY, Lines
from smtplogs.schema import RECORDS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from smtplogs.explaining._rows import Known, Row

_APART = ("raw", "line_no", "source", "key", "also", "auth_offered", "pattern", "format", "outcome", "cause", "basis")
"""Columns of a record that have a column of their own in the answer, or say nothing about a single line."""

_FIELDS = [name for name in RECORDS if name not in _APART]


def line_rows(number: int, line: str, known: Known) -> list[Row]:
    """Explain a line: of a log, or else as a reply."""
    batch = _unwrapped(number, line)
    if batch.is_empty():
        return []
    shown = redacting.without_secrets(batch, "line")["line"][0]
    framed = framing.unframed(batch)
    if framed.is_empty():
        return reply_rows(number, line, redacting.without_suspects(shown), known)
    message, program = framed["message"][0], framed["program"][0] or ""
    taken = _parsed(batch, known["catalogue"])
    # a line that became an event has already lost a password typed as user name
    shown = (taken["raw"][0] if taken.height else None) or redacting.without_suspects(shown)
    rows = [row for event in taken.to_dicts() for row in event_rows(number, shown, event, known)]
    patterns = {(row.get("format"), row.get("pattern")) for row in rows}
    tried = _tried(number, shown, program, message, taken=bool(rows))
    rows += [row for row in tried if (row["format"], row["pattern"]) not in patterns]
    if any(row["verdict"] != "looked at" for row in rows):
        return rows
    claimed = matching.claimed(program, traffic=True)
    if claimed is None:
        return [*_of_unknown_program(number, shown, program, message, known), *rows]
    why = "the words of these patterns are there, but none fits" if rows else "no pattern of this program comes near"
    return [make_row(number, shown, "not understood", format=claimed.name, why=why), *rows]


def event_rows(number: int, shown: str, event: dict[str, object], known: Known) -> Iterator[Row]:
    """Yield what a pattern made of a line, in the words of the catalogue, and what else may stand behind them.

    Parameters
    ----------
    number, shown
        Number and text of the line.
    event
        A row of the record or event table, with `_role` (event or context) and `pattern`.
    known
        What the caller knows.
    """
    verdict = "context only" if event["_role"] == "context" else "taken"
    cause = str(event["cause"]) if event.get("cause") else None
    fields = {name: str(event[name]) for name in _FIELDS if event.get(name) is not None}
    names = ("outcome", "cause", "basis", "format", "pattern")
    proven: Row = {name: None if event.get(name) is None else str(event[name]) for name in names}
    proven["fields"] = json.dumps(fields, ensure_ascii=False)
    proven["written_by"] = _written_by(str(event["format"]), str(event["pattern"]))
    candidates = replies.explain_record(event, catalogue=known["catalogue"]).to_dicts() if cause else []
    if candidates and candidates[0]["cause"] != cause:
        candidates = []
    if cause and not candidates:  # the pattern itself names the cause, or the line's neighbours do
        yield make_row(number, shown, verdict, **proven, **_columns_of_cause(cause))
        return
    first = columns_of(candidates[0]) if candidates else {}
    yield make_row(number, shown, verdict, **{**first, **proven})
    yield from (make_row(number, shown, less, **columns) for less, columns in other_candidates(candidates))


def _unwrapped(number: int, line: str) -> pl.DataFrame:
    """Return the line as a batch without its wrapper; empty if it only repeats another one."""
    batch = pl.DataFrame({"line_no": [number], "line": [line]}, schema=parsing.LINES)
    wrapper = unwrapping.detect([line])
    if wrapper is not None and wrapper.peel is not None:
        batch, _ = unwrapping.unwrap(batch, wrapper, last=True)
    batch, _ = unwrapping.repeats(batch)
    return batch


def _parsed(batch: pl.DataFrame, catalogue: str | None) -> pl.DataFrame:
    """Return the records of a line; the time only if the stamp states the year, since there are no neighbours to tell it."""
    plan = planning.Plan("", None, None, traffic=True, catalogue=catalogue)
    parsed = parsing.records(batch, plan, Tally())
    if not parsed.height:
        return pl.DataFrame()
    records = pl.concat(parsed.parts, how="diagonal")
    times, clock = stamps.resolve(parsed.stamps, stamps.anchor(year=2000))
    if clock.year_evidence != stamps.STATED:
        return records
    return records.hstack(times.select(pl.all().gather(records["_stamp"])))


def _tried(number: int, shown: str, program: str, message: str, *, taken: bool) -> Iterator[Row]:
    """Yield the patterns whose words stand in the message, and whether they fit; of those that dismiss, the first that does."""
    text = pl.Series([message])
    for format_, pattern in matching.patterns_for(program, traffic=True):
        fits = bool(text.str.contains(pattern.regex)[0])
        dismisses = fits and pattern.role == "dismiss"
        if not dismisses and not any(words in message for words in pattern.literals):
            continue
        names = {"format": format_.name, "pattern": pattern.name}
        if dismisses and not taken:
            taken = True
            why = "this kind of line says nothing about logins"
            yield make_row(number, shown, "dismissed", **names, written_by=pattern.written_by, why=why)
        elif fits:
            yield make_row(number, shown, "looked at", **names, why="it would fit too, but another pattern comes first")
        else:
            yield make_row(number, shown, "looked at", **names, why="its words are there, its shape is not")


def _of_unknown_program(number: int, shown: str, program: str, message: str, known: Known) -> list[Row]:
    """Explain a line of a program that no format claims: a refusal may be quoted in it."""
    tag = redacting.without_secrets(pl.DataFrame({"tag": [program]}), "tag")["tag"][0]
    dismissed = make_row(number, shown, "dismissed", why=f"no format claims lines of {tag!r}")
    return [*(reply_rows(number, message, shown, known) if _quotes_a_reply(message) else ()), dismissed]


def _quotes_a_reply(message: str) -> bool:
    """Tell whether a message holds a refusal: by its two codes, or by its words."""
    reply = replies.parse_reply(message)
    if (reply.code or 0) < 400:
        return False
    return reply.enhanced is not None or replies.explain(message)["why"][0].startswith(BY_WORDS)


def _columns_of_cause(cause: str) -> Row:
    """Return the columns that the table of causes fills."""
    meaning = next(row for row in replies.causes().iter_rows(named=True) if row["cause"] == cause)
    same = ("first_check", "fix", "who", "references", "meaning")
    why = "the pattern that takes the line names the cause"
    return {"why": why, "temporary": meaning["waiting_helps"], **{name: meaning[name] for name in same}}


def _written_by(format_: str, pattern: str) -> str:
    """Return who writes such a line, as the pattern or the format states it."""
    for known in EVERY:
        if known.name == format_:
            if isinstance(known, Lines):
                return next(p.written_by for p in known.patterns if p.name == pattern)
            return known.written_by
    return "declared"
